"""The compiled modules: choice of instruction set, threads."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from splat import native
from splat.errors import SplatError


@pytest.fixture
def fresh_choice() -> object:
    native.kernels.cache_clear()
    yield None
    native.kernels.cache_clear()
    native.usable_sets.cache_clear()


def test_best_usable_set_is_chosen(fresh_choice: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPLAT_ISA", raising=False)
    assert native.kernels().isa == native.usable_sets()[0]
    assert native.info()["isa"] == native.kernels().isa
    assert native.info()["available"] is True


@pytest.mark.parametrize("isa", native.usable_sets())
def test_the_environment_overrides(isa: str, fresh_choice: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPLAT_ISA", isa)
    assert native.kernels().isa == isa


def test_an_unusable_set_is_refused(fresh_choice: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPLAT_ISA", "avx9000")
    with pytest.raises(SplatError, match="choose one of"):
        native.kernels()
    assert native.info()["available"] is False


def test_a_set_that_this_processor_does_not_run_is_not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would end the process: some of its instructions come while it is loaded."""
    more = [isa for isa in native.built_sets() if isa not in native.BASELINES]
    monkeypatch.setattr(native, "usable_sets", lambda: ["sse2"])
    for isa in more:
        with pytest.raises(SplatError, match=f"does not run the kernels for {isa}; choose one of: sse2"):
            native.load_set(isa)


def test_kernels_of_other_sources_are_refused(fresh_choice: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an update without a new build every call would fail in its own way."""
    monkeypatch.setattr(native, "INTERFACE", native.INTERFACE + 1)
    with pytest.raises(SplatError, match="pip install"):
        native.kernels()
    native.usable_sets.cache_clear()
    assert native.info()["available"] is False


def test_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPLAT_NUM_THREADS", "3")
    assert native.default_threads() == 3
    for wrong in ("many", "0", "-2", "1.5", "1025", "9" * 40):
        monkeypatch.setenv("SPLAT_NUM_THREADS", wrong)
        with pytest.raises(SplatError, match="is not a whole number from 1 to 1024"):
            native.default_threads()
    monkeypatch.delenv("SPLAT_NUM_THREADS")
    assert native.default_threads() >= 1


@pytest.mark.parametrize("isa", native.usable_sets())
@pytest.mark.parametrize("threads", [1, 2, 7])
def test_pool_does_every_chunk_once(isa: str, threads: int) -> None:
    count = 10_001
    assert native.load_set(isa).parallel_check(count, threads) == count * (count - 1) * (2 * count - 1) // 6


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_pool_survives_a_fork() -> None:
    """A forked child has none of the parent's threads; data loaders fork."""
    program = (
        "import os, sys\n"
        "from splat import native\n"
        "k = native.kernels()\n"
        "k.parallel_check(1000, 4)\n"
        "child = os.fork()\n"
        "if child == 0: os._exit(0 if k.parallel_check(1000, 4) == 332833500 else 1)\n"
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    assert subprocess.run([sys.executable, "-c", program], timeout=600).returncode == 0

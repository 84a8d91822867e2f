"""Settings files that others wrote: they set keys, and nothing in them is run."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from splat.cli import load, main
from splat.commands.app import launch
from splat.commands.settings_files import FileConfigSource, package_of, watch_files
from splat.errors import SplatError
from tests.fuzz import damaged, odd_records

OPENED: list[str] = []  # what was called


def opened(path: str = "?", **_: object) -> None:
    """Stands for code of a stranger: a public function that a settings file may name."""
    OPENED.append(path)


TARGET = f"{__name__}.opened"
CALLBACK = {"hydra": {"callbacks": {"x": {"_target_": TARGET, "path": "callback"}}}}
LOGGER = {"version": 1, "root": {"handlers": ["x"]}, "handlers": {"x": {"()": TARGET, "path": "logger"}}}


@pytest.fixture
def bring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Writes mine/experiment/NAME.yaml; the working folder is beside."""
    monkeypatch.chdir(tmp_path)
    OPENED.clear()

    def write(content: object, name: str = "evil", group: str = "experiment", header: str = "_global_") -> Path:
        file = tmp_path / "mine" / group / f"{name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"# @package {header}\n" + (content if isinstance(content, str) else yaml.safe_dump(content)))
        return file

    return write


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["train", "photos", *words]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and len(captured.err.splitlines()) == 1, captured.err
    assert OPENED == []
    return captured.err


@pytest.mark.parametrize(
    ("content", "key"),
    [
        (CALLBACK, "hydra.callbacks"),
        ({"hydra": {"job_logging": LOGGER}}, "hydra.job_logging"),
        ({"hydra": {"hydra_logging": LOGGER}}, "hydra.hydra_logging"),
        ({"hydra": {"launcher": {"_target_": TARGET}}}, "hydra.launcher"),
        ({"hydra": {"sweeper": {"_target_": TARGET}}}, "hydra.sweeper"),
        ({"hydra": {"launcher": {"setup": ["touch x"]}}}, "hydra.launcher"),
        ({"hydra": {"job": {"env_set": {"PATH": "."}}}}, "hydra.job"),
        ({"hydra": {"searchpath": ["file:///tmp"]}}, "hydra.searchpath"),
        ({"hydra": {"callbacks": "${oc.decode:'{x: {_target_: os.getcwd}}'}"}}, "hydra.callbacks"),
        ({"hydra": "${oc.create:{callbacks: {x: {_target_: os.getcwd}}}}"}, "hydra"),
        ({"hydra": {"sweeper": {"params": {"+hydra.callbacks.x._target_": TARGET}}}}, "hydra.sweeper"),
        ({"hydra": {"sweeper": {"params": "${oc.decode:'{a: 1}'}"}}}, "hydra.sweeper"),
        ({"loss": {"ssim_lambda": 0.1, "_target_": TARGET}}, "loss._target_"),
        ({"defaults": [{"/strategy@hydra.callbacks": "mcmc"}]}, "/strategy@hydra.callbacks"),
        ("a: &x {callbacks: {y: {_target_: os.getcwd}}}\nhydra: *x\n", "a.callbacks.y._target_"),
    ],
)
def test_what_could_run_code_is_refused_in_one_line(
    content: object, key: str, bring: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    file = bring(content)
    assert refused(capsys, "+experiment=evil", "--config-dir", "mine").startswith(f"error: {file}: {key} could")


def test_wherever_the_file_comes_from(bring: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    file = bring(CALLBACK)
    bring("max_steps: 1\n", "fine")
    bring(CALLBACK, "evil", "preset")
    bring({"x": {"_target_": TARGET}}, "evil", "hydra/callbacks", "_group_")
    bring({"x": {"path": "header"}}, "header", header="hydra.callbacks")
    bring({"defaults": ["evil"]}, "inner")
    bring({"defaults": ["schema/train", {"strategy": "mcmc"}, "_self_"], **CALLBACK}, "main", "")
    ours = Path(*[".."] * 30, *file.parts[1:]).with_suffix("")  # out of the folder that comes with splat
    for words in (
        ["+experiment=evil", "--config-dir", "mine", "--cfg", "job"],
        ["+experiment=evil", "--config-dir", "mine", "seed=1,2", "--multirun"],
        ["hydra.searchpath=[mine]", "+experiment=evil"],
        ["preset=evil", "--config-dir", "mine"],
        ["+experiment=fine,evil", "--config-dir", "mine", "-m"],
        ["+experiment=inner", "--config-dir", "mine"],
        ["+experiment=header", "--config-dir", "mine"],
        [f"+experiment={ours}"],
        ["--config-path", str(file.parents[1]), "--config-name", "main"],
    ):
        assert "could run code, which no settings file may" in refused(capsys, *words)


@pytest.mark.parametrize(
    "word",
    [
        f"+hydra.callbacks.x._target_={TARGET}",
        f"++hydra.callbacks={{x:{{_target_:{TARGET}}}}}",
        f"hydra={{callbacks:{{x:{{_target_:{TARGET}}}}}}}",
        f"hydra.launcher._target_={TARGET}",
        f"hydra.sweeper={{_target_:{TARGET}}}",
        "hydra.job_logging.root.handlers=[x]",
        "+experiment@hydra.callbacks=published_mcmc",
        "+experiment@_global_.hydra.callbacks=published_mcmc",
        "hydra/callbacks=evil",
    ],
)
def test_copied_words_that_could_run_code_are_refused(
    word: str, bring: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    bring({"x": {"_target_": TARGET}}, "evil", "hydra/callbacks", "_group_")
    assert "splat takes no callbacks, loggers or _target_" in refused(capsys, word)


def test_a_pickled_configuration_is_no_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert "there is no option --experimental-rerun" in refused(capsys, "--experimental-rerun=job.pickle")


def test_what_is_no_code_still_works(bring: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    bring(
        {
            "defaults": [{"override /strategy": "mcmc"}, {"override /hydra/launcher": "basic"}],
            "name": "${strategy.cap_max}",
            "hydra": {"sweep": {"dir": "elsewhere"}, "sweeper": {"params": {"seed": "1,2"}}, "mode": "RUN"},
        }
    )
    words = ["train", "photos", "+experiment=evil", "--config-dir", "mine", "--cfg", "job"]
    assert main(words) == 0
    found = yaml.safe_load(capsys.readouterr().out)
    assert "noise_lr" in found["strategy"] and found["name"] == "${strategy.cap_max}"
    for word in ("hydra/launcher=basic", "hydra/job_logging=stdout", "hydra.verbose=true", "hydra.sweep.dir=x"):
        assert main(["train", "photos", word, "--cfg", "job"]) == 0
    assert main(["query", "photos", "_target_", "--cfg", "job"]) == 0


def test_a_launchers_worker_reads_through_the_same_source(bring: Callable[..., Path]) -> None:
    file = bring(CALLBACK)
    source = pickle.loads(pickle.dumps(FileConfigSource("command-line", f"file://{file.parents[1]}")))
    with pytest.raises(SplatError, match="could run code"):
        source.load_config("experiment/evil")
    watch_files()
    watch_files()  # Hydra registers its own again in every process


@pytest.mark.parametrize(
    ("path", "header", "package"),
    [
        ("experiment/a", None, "experiment"),
        ("experiment/a", "_global_", ""),
        ("experiment/a", "_global_.hydra.callbacks", "hydra.callbacks"),
        ("hydra/launcher/a", "_group_", "hydra.launcher"),
        ("a/b/c", "x._group_._name_", "x.a.b.c"),
        ("main", None, ""),
    ],
)
def test_where_the_content_of_a_file_goes(path: str, header: str | None, package: str) -> None:
    assert package_of(path, header) == package


def test_damaged_settings_files_are_one_line(bring: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever the file holds: it composes, or one line says what is wrong with it."""
    content = {
        "defaults": [{"override /strategy": "mcmc"}],
        "max_steps": 100,
        "loss": {"ssim_lambda": 0.2},
        "hydra": {"sweep": {"dir": "x"}},
    }
    good = yaml.safe_dump(content)
    texts = [text.decode("latin-1") for text in damaged(good.encode(), seed=2, count=12)]
    texts += [json.dumps(value) for value in odd_records(content, seed=3, count=12)]
    texts += [
        "[" * 3000,
        "a: " + "9" * 5000,
        "- 1\n",
        "",
        "defaults: 5\n",
        "defaults:\n- {}\n",
        "a: !!python/name:os\n",
    ]
    command = load("train")
    for text in texts:
        file = bring("")
        file.write_bytes(b"# @package _global_\n" + text.encode("latin-1"))
        try:
            launch(command, ["photos", "+experiment=evil", "--config-dir", "mine", "--cfg", "job"])
        except SplatError as refusal:
            assert str(refusal).strip(), text
        except BaseException as failure:
            raise AssertionError(f"{failure!r} for {text!r}") from failure

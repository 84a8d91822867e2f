"""tools/gpu_check.py: its parts, and a rehearsal of all of it on the CPU."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tools import gpu_check

SCRIPT = Path(gpu_check.__file__)


def entry(trainer: str, psnr: float, curve: list[list[float]]) -> dict[str, Any]:
    return {
        "case": "demo", "trainer": trainer, "strategy": "default", "seconds": 20.0, "steps_per_second": 350.0,
        "psnr": psnr, "curve": curve, "gaussians": 12345, "peak_device_mb": 678.9,
    }  # fmt: skip


def test_seconds_to_a_psnr_lie_between_two_measurements() -> None:
    curve = [[10.0, 20.0], [20.0, 24.0], [30.0, 25.0]]
    assert gpu_check.seconds_to(curve, 22.0) == pytest.approx(15.0)
    assert gpu_check.seconds_to(curve, 19.0) == pytest.approx(10.0)
    assert gpu_check.seconds_to(curve, 25.5) is None


def test_the_table_compares_at_a_psnr_that_both_reach() -> None:
    bench = [entry("splat", 30.1, [[10.0, 29.0], [20.0, 30.1]]), entry("gsplat", 29.6, [[20.0, 29.0], [40.0, 29.6]])]
    found = {"date": "2026-01-02", "steps": 7000, "dry_run": False, "machine": {"device": "Card", "torch": "2.11"}}
    text = gpu_check.table({**found, "bench": bench, "tests": {"passed": 40, "skipped": 1, "failed": []}})
    assert "Card, 2026-01-02; torch 2.11" in text and "40 passed, 0 failed, 1 skipped" in text
    rows = [line for line in text.splitlines() if line.startswith("| demo")]
    assert "14.5 to 29.5 dB | 30.10 | 12,345 | 679 MB" in rows[0]
    assert "36.7 to 29.5 dB | 29.60" in rows[1]


def test_a_training_that_failed_is_shown_as_that() -> None:
    bench = [{"case": "demo", "trainer": "gsplat", "strategy": "mcmc", "failed": "Traceback\nOutOfMemoryError: no"}]
    assert "failed: OutOfMemoryError: no" in gpu_check.row(bench[0], bench)


def test_junit_reports_are_counted(tmp_path: Path) -> None:
    report = tmp_path / "tests.xml"
    report.write_text(
        '<testsuites><testsuite><testcase classname="a" name="one"/><testcase classname="a" name="two"><skipped/>'
        '</testcase><testcase classname="b" name="three"><failure/></testcase></testsuite></testsuites>'
    )
    assert gpu_check.counted(report) == {"passed": 1, "skipped": 1, "failed": ["b::three"]}
    assert gpu_check.counted(tmp_path / "none.xml")["failed"]


def test_the_docs_keep_what_is_around_the_table(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n\n{gpu_check.BEGIN}\nold\n{gpu_check.END}\n\nafter\n")
    for text in ("first\n", "second\n"):
        gpu_check.write_docs(text, page)
    assert page.read_text() == f"before\n\n{gpu_check.BEGIN}\n\nsecond\n\n{gpu_check.END}\n\nafter\n"


def test_the_page_of_benchmarks_has_a_place_for_the_table() -> None:
    text = (SCRIPT.parents[1] / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert text.count(gpu_check.BEGIN) == 1 and text.index(gpu_check.BEGIN) < text.index(gpu_check.END)


def test_packages_come_from_the_folder_of_wheels_alone(tmp_path: Path) -> None:
    options = gpu_check.parsed(["--wheels", str(tmp_path), "--site", str(tmp_path / "site")])
    first, second = gpu_check.install_commands(["jaxtyping"], options)
    assert first[-4:] == ["--no-index", "--find-links", str(tmp_path), "jaxtyping"]
    assert second[-2:] == ["--no-build-isolation", str(SCRIPT.parents[1])] and "--no-deps" in second


def test_the_list_of_wheels_names_what_is_declared_and_needed() -> None:
    listed = subprocess.run([sys.executable, str(SCRIPT), "--list-wheels"], capture_output=True, text=True, timeout=60)
    names = listed.stdout.split()
    assert "jaxtyping" in names and any(name.startswith("gsplat") for name in names)
    assert "torch" not in names


@pytest.mark.slow
def test_rehearsal(tmp_path: Path) -> None:
    """Everything that runs without CUDA: doctor, the tests marked gpu, both trainers, JSON and table."""
    command = [
        sys.executable,
        str(SCRIPT),
        "--dry-run",
        "--out",
        str(tmp_path / "out"),
        "--site",
        str(tmp_path / "site"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads((tmp_path / "out" / "gpu_check.json").read_text())
    assert found["dry_run"] and found["doctor"]["can_train"]
    assert found["tests"]["failed"] == [] and found["tests"]["passed"] > 20
    assert [(e["trainer"], e["strategy"]) for e in found["bench"]] == [("splat", "default"), ("gsplat", "default")]
    for training in found["bench"]:
        assert "failed" not in training, training["failed"]
        assert training["steps_per_second"] > 0 and training["psnr"] > 5
    assert "REHEARSAL" in (tmp_path / "out" / "gpu_check.md").read_text()
    assert not (tmp_path / "site").exists()

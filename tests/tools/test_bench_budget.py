"""The table of budgets: what was measured stands where it belongs, and a measurement that was cut off goes on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from tools import bench_budget
from tools.bench_budget import END, START, BudgetJob, BudgetRun, cell, page_text, read_runs, run_all, table
from tools.marked import write_between

RUN = BudgetRun(
    BudgetJob("fox", 30.0), psnr=30.127, train_psnr=31.0, trained_seconds=29.4, steps=1234, gaussians=20_000,
    size="288x512", others=0.1, machine="two cores", date="2026-11-27", commit="abc",
)  # fmt: skip


def test_rows_are_captures_and_columns_are_budgets() -> None:
    runs = [RUN, replace(RUN, job=BudgetJob("demo", 60.0), psnr=33.0, trained_seconds=61.0, size="480x360")]
    assert table(runs).splitlines() == [
        "| capture | photos at | 30 s | 60 s |",
        "| --- | --- | --- | --- |",
        "| fox | 288x512 | 30.13 dB (1,234 steps) | – |",
        "| demo | 480x360 | – | 33.00 dB (1,234 steps) |",
    ]


def test_what_spoils_a_figure_stands_beside_it() -> None:
    assert cell(replace(RUN, trained_seconds=34.0)) == "30.13 dB (1,234 steps, took 34 s)"
    assert cell(replace(RUN, others=0.421)) == "30.13 dB (1,234 steps, others took 42%)"


def test_what_was_measured_is_not_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "out" / "runs.jsonl"
    asked: list[BudgetJob] = []

    def trained(job: BudgetJob) -> dict[str, Any]:
        asked.append(job)
        if job.capture == "lego":
            return {"error": "no such capture"}
        kept = ("psnr", "train_psnr", "trained_seconds", "steps", "gaussians", "size")
        return {name: value for name, value in asdict(RUN).items() if name in kept}

    monkeypatch.setattr(bench_budget, "in_own_process", trained)
    jobs = [BudgetJob(name, 30.0) for name in ("fox", "lego", "demo")]
    run_all(jobs[:2], path)
    with path.open("a") as file:
        file.write('{"job": {"capture": "de')  # cut off
    with path.open("a") as file:
        file.write("\n")
    run_all(jobs, path)
    assert [job.capture for job in asked] == ["fox", "lego", "lego", "demo"]
    assert "failed: no such capture" in capsys.readouterr().out
    assert set(read_runs(path)) == {jobs[0], jobs[2]} and len(path.read_text().splitlines()) == 3
    assert json.loads(path.read_text().splitlines()[0])["job"] == asdict(jobs[0])


def test_the_table_goes_between_its_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{START}\nold\n{END}\nafter\n")
    write_between(page, START, END, page_text([RUN]))
    text = page.read_text()
    assert text.startswith(f"before\n{START}\ntwo cores; 2026-11-27; commit abc:\n\n| capture") and "old" not in text
    assert text.endswith(f"{END}\nafter\n")
    page.write_text("no marks")
    with pytest.raises(SystemExit, match="lacks the lines"):
        write_between(page, START, END, "x")


def test_the_training_itself_is_not_others() -> None:
    """A child that uses two seconds of a processor adds them to what is used, and not to what others use."""
    burn = "import time\nwhile time.process_time() < 2: pass"
    used, others = sum(os.times()[2:4]), bench_budget._busy()
    whole = psutil.cpu_times()
    subprocess.run([sys.executable, "-c", burn], check=True)
    after = psutil.cpu_times()
    own = sum(os.times()[2:4]) - used
    rest = sum(after) - after.idle - (sum(whole) - whole.idle) - own
    assert own > 1.9 and bench_budget._busy() - others == pytest.approx(rest, abs=0.5)

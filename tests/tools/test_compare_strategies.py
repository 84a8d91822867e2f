"""tools/compare_strategies.py: what is trained, what is kept of an interrupted comparison, and what its table says."""

from __future__ import annotations

import json
import subprocess
import sys
from argparse import Namespace
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from tools import compare_strategies, strategy_tables
from tools.compare_strategies import Job


def run(scene: str, strategy: str, seed: int, psnr: float, seconds: float, cap: int = 9000) -> dict[str, Any]:
    """A finished training that reads 20 dB after a quarter, 24 dB after half and `psnr` at the end of its time."""
    curve = [[250.0, seconds / 4, 20.0, 4000.0], [500.0, seconds / 2, 24.0, 8000.0], [1000.0, seconds, psnr, 8900.0]]
    return {
        "job": asdict(Job(scene, strategy, seed, 1000, cap, 8.0)), "psnr": psnr, "ssim": 0.9, "lpips": None,
        "gaussians": 8900, "seconds": seconds, "floating": None, "curve": curve,
    }  # fmt: skip


RUNS = [
    run("fox", "default", 0, 28.0, 40.0), run("fox", "improved", 0, 30.0, 60.0), run("fox", "fast", 0, 27.0, 30.0),
    run("fox", "default", 1, 29.0, 50.0), run("fox", "improved", 1, 30.5, 50.0), run("fox", "fast", 1, 28.0, 100.0),
    run("fox", "improved", 0, 27.5, 20.0, cap=4500),
]  # fmt: skip


def test_jobs_cover_all_and_a_smaller_cap_of_the_first_seed() -> None:
    arguments = Namespace(
        scenes=["fox", "demo"], strategies=["default", "geotex-capture"], seeds=[3, 4], steps=50, cap=800, smaller=2
    )
    jobs = compare_strategies.jobs_of(arguments)
    assert len(jobs) == len({job.key for job in jobs}) == 3 * 3  # only the demo has depth maps
    assert {(job.seed, job.cap_max) for job in jobs} == {(3, 800), (3, 400), (4, 800)}
    assert jobs[0].data_factor == 16.0
    words = compare_strategies.words_of(jobs[2])
    assert {"strategy=geotex", "strategy.depth=capture", "cap_max=800", "initial.seeds=400"} <= set(words)


def test_psnr_in_the_time_of_default_is_the_last_reading_before_it() -> None:
    assert strategy_tables.psnr_in_time(RUNS, RUNS[0]) == 28.0
    assert strategy_tables.psnr_in_time(RUNS, RUNS[1]) == 24.0  # 40 of 60 seconds: it had been read at 30
    assert strategy_tables.psnr_in_time(RUNS, RUNS[2]) == 27.0  # done before
    assert strategy_tables.psnr_in_time(RUNS, RUNS[5]) == 24.0
    assert strategy_tables.psnr_in_time(RUNS, RUNS[6]) is None  # no default at this cap
    assert strategy_tables.psnr_at([[1, 10.0, 20.0, 5]], 9.0) is None


def test_table_has_mean_spread_and_gain() -> None:
    text = strategy_tables.table(RUNS, 9000)
    rows = {line.split(" | ")[1]: line for line in text.splitlines() if line.startswith("| fox")}
    assert "| 2 | 30.25 ± 0.35 | 27.25 ± 4.60 | 0.9000 ± 0.0000 | – | 8,900 ± 0 | 55 ± 7 | – |" in rows["improved"]
    assert "| improved | +1.75 | +1.75 |" in text and "| fast | -1.00 | -1.00 |" in text


def test_a_line_cut_off_is_left_out_and_failures_are_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "runs.jsonl"
    path.write_text(json.dumps(RUNS[0]) + "\n" + json.dumps(RUNS[1])[:40] + "\n")
    jobs = [Job(**found["job"]) for found in RUNS[:3]]
    asked = []

    def train(job: Job) -> dict[str, Any]:
        asked.append(job.strategy)
        if job.strategy == "fast":
            return {"error": "no room"}
        return {key: value for key, value in RUNS[1].items() if key != "job"}

    monkeypatch.setattr(compare_strategies, "in_own_process", train)
    assert compare_strategies.run_all(jobs, path) == RUNS[:2]
    assert compare_strategies.run_all(jobs, path) == RUNS[:2]
    assert asked == ["improved", "fast", "fast"]
    assert "failed: no room" in capsys.readouterr().out


def test_docs_get_the_table_between_the_marks(tmp_path: Path) -> None:
    out, docs = tmp_path / "out", tmp_path / "docs"
    out.mkdir(), (docs / "images").mkdir(parents=True)
    page = docs / "densification.md"
    page.write_text(f"# Page\n\n{strategy_tables.BEGIN}\nold\n{strategy_tables.END}\n\nLast words.\n")
    strategy_tables.write_tables(RUNS, 9000, out)
    strategy_tables.put_into_docs(out, docs, "python tools/compare_strategies.py ")
    text = page.read_text()
    assert text.startswith("# Page\n") and text.endswith("\n\nLast words.\n") and "old" not in text
    assert "`python tools/compare_strategies.py`" in text and "30.25 ± 0.35" in text
    assert all((docs / "images" / f"strategies_{name}").stat().st_size > 5000 for name in strategy_tables.PLOTS)


@pytest.mark.slow
def test_a_tiny_comparison_runs_and_goes_on(tmp_path: Path) -> None:
    script = str(Path(compare_strategies.__file__).resolve())
    small = ["--quick", "--scenes", "demo-10", "--strategies", "default", "--steps", "20", "--cap", "1500"]
    command = [sys.executable, script, *small, "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "2 trainings, 0 of them done before" in done.stdout
    runs = [json.loads(line) for line in (tmp_path / "runs.jsonl").read_text().splitlines()]
    assert [found["job"]["cap_max"] for found in runs] == [1500, 750]
    assert all(found["psnr"] > 10 and len(found["curve"]) == 10 and 0 <= found["floating"] <= 1 for found in runs)
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "2 trainings, 2 of them done before" in again.stdout
    assert (tmp_path / "table.md").read_text().count("| demo-10 |") >= 1

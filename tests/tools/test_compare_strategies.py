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


def run(
    scene: str, strategy: str, seed: int, psnr: float, seconds: float, cap: int = 9000, steps: int = 1000, of: int = 0
) -> dict[str, Any]:
    """A finished training that reads 20 dB after a quarter, 24 dB after half and `psnr` at the end of its time."""
    curve = [[250.0, seconds / 4, 20.0, 4000.0], [500.0, seconds / 2, 24.0, 8000.0], [1000.0, seconds, psnr, 8900.0]]
    return {
        "job": asdict(Job(scene, strategy, seed, steps, cap, 8.0, of)), "psnr": psnr, "ssim": 0.9, "lpips": None,
        "gaussians": 8900, "seconds": seconds, "floating": None, "curve": curve,
    }  # fmt: skip


RUNS = [
    run("fox", "default", 0, 28.0, 40.0),
    run("fox", "improved", 0, 30.0, 60.0),
    run("fox", "fast", 0, 27.0, 30.0),
    run("fox", "default", 1, 29.0, 50.0),
    run("fox", "improved", 1, 30.5, 50.0),
    run("fox", "fast", 1, 28.0, 100.0),
    run("fox", "improved", 0, 27.5, 20.0, cap=4500),
]
PLANNED = [  # 45 seconds, the mean of `default`, for 55 and 65
    run("fox", "improved", 0, 29.0, 49.0, steps=820, of=1000),
    run("fox", "improved", 1, 29.5, 41.0, steps=820, of=1000),
    run("fox", "fast", 0, 26.0, 21.0, steps=690, of=1000),
    run("fox", "fast", 1, 27.0, 69.0, steps=690, of=1000),
]


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


def test_each_strategy_is_planned_for_the_time_of_default() -> None:
    """By mean seconds over the seeds; `default` needs no other training, and a smaller cap gets none."""
    planned = compare_strategies.planned_jobs(RUNS, 9000)
    assert planned == [Job(**found["job"]) for found in (PLANNED[0], PLANNED[2], PLANNED[1], PLANNED[3])]
    assert "max_steps=820" in compare_strategies.words_of(planned[0])
    assert compare_strategies.planned_jobs([*RUNS, *PLANNED], 9000) == planned
    assert compare_strategies.planned_jobs(RUNS[1:3], 9000) == []


def test_table_has_mean_spread_and_gain() -> None:
    text = strategy_tables.table([*RUNS, *PLANNED], 9000)
    rows = {line.split(" | ")[1]: line for line in text.splitlines() if line.startswith("| fox")}
    same = "| 2 | 30.25 ± 0.35 | 0.9000 ± 0.0000 | – | 8,900 ± 0 | 55 ± 7 | – |"
    assert f"{same} 820 | 45 ± 6 | 29.25 ± 0.35 |" in rows["improved"]
    assert rows["default"].endswith("| 45 ± 7 | – | 1,000 | 45 ± 7 | 28.50 ± 0.71 |")
    assert "| improved | +1.75 | +1.75 |" in text and "| fast | -1.00 | -1.00 |" in text
    assert "| improved | +0.75 | +0.75 |" in text and "| fast | -2.00 | -2.00 |" in text  # in its time
    assert strategy_tables.table(RUNS, 9000).count("| – | – | – |") == 2  # nothing planned yet


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
    small = ["--quick", "--scenes", "demo-10", "--strategies", "default", "mcmc", "--steps", "20", "--cap", "1500"]
    command = [sys.executable, script, *small, "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "4 trainings, 0 of them done before" in done.stdout and "1 trainings, 0 of them" in done.stdout
    runs = [json.loads(line) for line in (tmp_path / "runs.jsonl").read_text().splitlines()]
    assert [found["job"]["cap_max"] for found in runs] == [1500, 1500, 750, 750, 1500]
    assert (
        all(found["psnr"] > 10 for found in runs[:-1]) and runs[-1]["psnr"] > 0
    )  # how many steps the last has, time says
    assert all(0 <= found["floating"] <= 1 for found in runs)
    planned = runs[-1]["job"]
    assert (planned["strategy"], planned["in_time_of"]) == ("mcmc", 20) and planned["steps"] >= 10
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "4 trainings, 4 of them done before" in again.stdout and "1 trainings, 1 of them" in again.stdout
    assert (tmp_path / "table.md").read_text().count("| demo-10 |") >= 1

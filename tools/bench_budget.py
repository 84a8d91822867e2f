#!/usr/bin/env python3
"""What a budget of time gives: held-out PSNR of `max_seconds=` 30, 60, 180 and 360 on several captures.

    python tools/bench_budget.py                                 whatever is missing (an hour on two cores)
    python tools/bench_budget.py --captures fox demo --seconds 30 60
    python tools/bench_budget.py --tables --write docs/plan.md README.md     the table, into pages that have its marks

Every training is one of all defaults but `max_seconds`, in a process of its own on a machine that should have nothing
else to do: how much of the processors other work took meanwhile is kept, and shown where it was over a quarter. Budgets
do not change the photos' size, so a capture's scores are of the same pixels in all columns. What was found is one line
of OUT/runs.jsonl (runs/bench_budget), so that an interrupted measurement goes on where it stopped.
Photos are looked for in $SPLAT_TEST_DATA, else in ../shared/data.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tools.marked import write_between  # noqa: E402

CAPTURES = {
    "fox": "fox",
    "lego": "lego",
    "demo": "demo",
    "mouse": "captures/mouse",
    "statuette": "captures/statuette",
}
SECONDS = (30.0, 60.0, 180.0, 360.0)
START = "<!-- budget table: written by tools/bench_budget.py --write -->"
END = "<!-- end of the budget table -->"
BUSY = 0.25  # part of the processors that other work took, from which the machine was not quiet


@dataclass(frozen=True)
class BudgetJob:
    """One training."""

    capture: str
    seconds: float
    seed: int = 42


@dataclass(frozen=True)
class BudgetRun:
    """What one training gave."""

    job: BudgetJob
    psnr: float
    train_psnr: float
    trained_seconds: float
    steps: int
    gaussians: int
    size: str  # of the photos, WxH
    others: float  # processors that other work took meanwhile, as a part of all
    machine: str
    date: str
    commit: str


def measured(job: BudgetJob) -> dict[str, Any]:
    """Train and score one job, in this process."""
    from splat.evaluate.evaluate import evaluate_views
    from splat.evaluate.run_evaluation import spread
    from splat.presets import training_config
    from splat.training import train
    from tools.bench import data

    with tempfile.TemporaryDirectory() as folder:
        config = training_config()
        config.data, config.out = str(data(CAPTURES[job.capture])), f"{folder}/run"
        config.max_seconds, config.seed = job.seconds, job.seed
        config.schedule.eval_every = config.schedule.save_every = 0
        result = train(config)
    capture = result.capture
    views = {"test": capture.indices("test"), "train": spread(capture.indices("train"), 12)}
    scores = {
        split: evaluate_views(
            result.gaussians, capture, chosen, split=split, options=result.render, lpips_net="none", with_flip=False
        ).psnr
        for split, chosen in views.items()
    }
    camera = capture.frames[0].camera
    return {
        "psnr": scores["test"],
        "train_psnr": scores["train"],
        "trained_seconds": round(result.train_seconds, 2),
        "steps": result.max_steps,
        "gaussians": len(result.gaussians),
        "size": f"{camera.width}x{camera.height}",
    }


def in_own_process(job: BudgetJob) -> dict[str, Any]:
    """The measurements of a job, or {"error": the last line it said}."""
    command = [sys.executable, str(Path(__file__).resolve()), "--job", json.dumps(asdict(job))]
    done = subprocess.run(command, capture_output=True, text=True)
    lines = done.stdout.strip().splitlines()
    if done.returncode == 0 and lines:
        return dict(json.loads(lines[-1]))
    return {"error": (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]}


def read_runs(path: Path) -> dict[BudgetJob, BudgetRun]:
    """Finished trainings; a line that an interruption has cut is left out, the last of several of a job counts."""
    found: dict[BudgetJob, BudgetRun] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            held = json.loads(line)
        except json.JSONDecodeError:
            continue
        run = BudgetRun(**{**held, "job": BudgetJob(**held["job"])})
        found[run.job] = run
    return found


def _busy() -> float:
    """Seconds of all processors that were used by all but what this process began and saw the end of."""
    import psutil

    used, own = psutil.cpu_times(), os.times()
    return sum(used) - used.idle - getattr(used, "iowait", 0.0) - own.children_user - own.children_system


def run_all(jobs: list[BudgetJob], path: Path) -> None:
    """Train what is missing."""
    from tools.bench import commit, machine

    done = read_runs(path)
    missing = [job for job in jobs if job not in done]
    print(f"{len(jobs)} trainings, {len(jobs) - len(missing)} of them done before", flush=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    for number, job in enumerate(missing, 1):
        begin, before = time.monotonic(), _busy()
        found = in_own_process(job)
        others = (_busy() - before) / (time.monotonic() - begin) / (os.cpu_count() or 1)
        label = f"[{number}/{len(missing)}] {job.capture} {job.seconds:g} s"
        if "error" in found:
            print(f"{label}: failed: {found['error']}", flush=True)
            continue
        run = BudgetRun(
            job,
            **found,
            others=round(max(0.0, others), 2),
            machine=machine(),
            date=time.strftime("%F"),
            commit=commit(),
        )
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(run)) + "\n")
        took = f"{run.trained_seconds:.1f} s, {run.steps:,} steps, {run.gaussians:,} Gaussians"
        print(f"{label}: {run.psnr:.2f} dB, {took}, {run.others:.0%} of the processors taken by others", flush=True)


def table(runs: list[BudgetRun]) -> str:
    """A row for each capture, a column for each budget: held-out PSNR and the steps that fitted."""
    budgets = sorted({run.job.seconds for run in runs})
    by_job = {(run.job.capture, run.job.seconds): run for run in runs}
    lines = [
        "| capture | photos at | " + " | ".join(f"{budget:g} s" for budget in budgets) + " |",
        "| --- | --- |" + " --- |" * len(budgets),
    ]
    for capture in dict.fromkeys(run.job.capture for run in runs):
        row = [by_job.get((capture, budget)) for budget in budgets]
        sizes = dict.fromkeys(run.size for run in row if run is not None)
        lines.append(f"| {capture} | {', '.join(sizes)} | " + " | ".join(map(cell, row)) + " |")
    return "\n".join(lines)


def cell(run: BudgetRun | None) -> str:
    """Score and steps of one training; how long it really took where that is not the budget within a tenth."""
    if run is None:
        return "–"
    off = abs(run.trained_seconds / run.job.seconds - 1) > 0.1
    notes = [f"{run.steps:,} steps", *([f"took {run.trained_seconds:.0f} s"] if off else [])]
    notes += [f"others took {run.others:.0%}"] if run.others > BUSY else []
    return f"{run.psnr:.2f} dB ({', '.join(notes)})"


def page_text(runs: list[BudgetRun]) -> str:
    """The table with the machine, the dates and the commits above it."""
    rows = sorted(runs, key=lambda run: list(CAPTURES).index(run.job.capture))
    parts = [
        "; ".join(dict.fromkeys(run.machine for run in rows)),
        ", ".join(sorted({run.date for run in rows})),
        "commit " + ", ".join(sorted({run.commit for run in rows} - {""})),
    ]
    return f"{'; '.join(parts)}:\n\n{table(rows)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captures", nargs="+", choices=list(CAPTURES), default=list(CAPTURES))
    parser.add_argument("--seconds", nargs="+", type=float, default=list(SECONDS))
    parser.add_argument("--tables", action="store_true", help="train nothing")
    parser.add_argument("--write", nargs="+", type=Path, default=[], metavar="PAGE", help="pages to put the table into")
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "bench_budget")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.job:
        print(json.dumps(measured(BudgetJob(**json.loads(arguments.job)))))
        return
    jobs = [BudgetJob(capture, seconds) for seconds in arguments.seconds for capture in arguments.captures]
    path = arguments.out / "runs.jsonl"
    if not arguments.tables:
        run_all(jobs, path)
    done = read_runs(path)
    if runs := [done[job] for job in jobs if job in done]:
        print(page_text(runs))
        for page in arguments.write:
            write_between(page, START, END, page_text(runs))


if __name__ == "__main__":
    main()

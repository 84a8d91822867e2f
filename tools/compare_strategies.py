#!/usr/bin/env python3
"""Densification strategies compared: same scenes, same cap, same steps and same time, several seeds.

    python tools/compare_strategies.py                       everything
    python tools/compare_strategies.py --quick               one seed, few steps, small pictures, fox and the demo
    python tools/compare_strategies.py --scenes fox --strategies default improved --steps 1500 --seeds 0 1 2
    python tools/compare_strategies.py --tables              only the table and plots of what is there

One training at a time, each in a process of its own with two threads. What it found is one line of OUT/runs.jsonl, so
that an interrupted comparison goes on where it stopped; a training that failed is said and tried again next time. All
strategies train for the same number of steps first. Then each is trained again, with every schedule planned for it, for
as many steps as fit into the time that `default` took: by the mean seconds of both over the seeds. Scores are over all
test views. Without a GPU seconds are those of the processors, of all threads together, so that other work on the
machine counts little. All start from half of the cap, as `splat train` does on a CPU. With the first seed half of the
cap is trained too, for the plot against the number of Gaussians. The plot against seconds shows the test PSNR that is
measured ten times along the first seed's trainings, over up to eight test views.

On the demo, whose true surface is known, the share of opacity that floats more than 3 % of the scene away from it is
measured. demo-10 has 10 of its training views. geotex-capture is geotex with the demo's true depth. OUT
(runs/compare_strategies) then holds table.md, psnr_by_count.png and psnr_by_time.png; `--docs` puts them into
docs/densification.md too. Photos are looked for in $SPLAT_TEST_DATA, else in ../shared/data, weights for LPIPS in
$TORCH_HOME, else in their `weights` folder.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

FACTORS = {"fox": 8.0, "desk": 4.0, "lego": 1.0, "demo": 2.0, "demo-10": 2.0}
STRATEGIES = ("default", "absgrad", "mcmc", "improved", "geotex", "geotex-capture", "fast")
SPARSE_VIEWS = 10
READINGS = 10  # test PSNRs along each training
THREADS = 2


@dataclass(frozen=True)
class Job:
    """One training."""

    scene: str
    strategy: str  # a name of STRATEGIES, and behind a dash the depth prior
    seed: int
    steps: int
    cap_max: int
    data_factor: float
    in_time_of: int = 0  # steps of `default` in whose time this training's steps fit; 0: steps as they were asked for

    @property
    def key(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)


def jobs_of(arguments: argparse.Namespace) -> list[Job]:
    """The trainings, those that all comparisons need first: a whole seed at the cap, the smaller cap, other seeds."""
    first, *others = arguments.seeds
    found = []
    for seed, cap in [(first, arguments.cap), (first, arguments.cap // 2), *[(seed, arguments.cap) for seed in others]]:
        for scene in arguments.scenes:
            for strategy in arguments.strategies:
                if strategy.endswith("-capture") and not scene.startswith("demo"):
                    continue  # only the demo has depth maps
                found.append(Job(scene, strategy, seed, arguments.steps, cap, FACTORS[scene] * arguments.smaller))
    return found


def planned_jobs(runs: list[dict[str, Any]], cap: int) -> list[Job]:
    """For each finished training at the cap, but `default`'s own, one of the steps that fit into `default`'s time."""
    at_cap = [run for run in runs if run["job"]["cap_max"] == cap and not run["job"].get("in_time_of")]
    found = []
    for run in at_cap:
        job = Job(**run["job"])
        same = [other for other in at_cap if Job(**other["job"]).scene == job.scene]
        seconds = {
            strategy: [other["seconds"] for other in same if other["job"]["strategy"] == strategy]
            for strategy in ("default", job.strategy)
        }
        if job.strategy == "default" or not seconds["default"]:
            continue
        steps = job.steps * statistics.fmean(seconds["default"]) / statistics.fmean(seconds[job.strategy])
        found.append(replace(job, steps=max(10, round(steps / 10) * 10), in_time_of=job.steps))
    return found


def words_of(job: Job) -> list[str]:
    """What `splat train` would be told."""
    name, _, depth = job.strategy.partition("-")
    return [
        f"strategy={name}", *([f"strategy.depth={depth}"] if depth else []), f"seed={job.seed}",
        f"max_steps={job.steps}", f"cap_max={job.cap_max}", f"initial.seeds={job.cap_max // 2}",
        f"data_factor={job.data_factor:g}", f"schedule.eval_every={max(1, job.steps // READINGS)}",
        "schedule.save_every=0", f"render.num_threads={THREADS}",
    ]  # fmt: skip


def measured(job: Job, scratch: Path) -> dict[str, Any]:
    """Train and score one job, in this process."""
    from hydra import compose, initialize_config_dir

    from splat.commands.app import register, to_config
    from splat.commands.conf import conf_folder
    from splat.commands.train import COMMAND
    from splat.evaluate.evaluate import evaluate_views
    from splat.training import train

    register(COMMAND)
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        config = to_config(compose("train", words_of(job)), COMMAND.config)
    config.data, config.out = str(scene_folder(job.scene, scratch)), str(scratch / "run")
    wall, busy = time.perf_counter(), time.process_time()
    result = train(config)
    busy, wall = time.process_time() - busy, time.perf_counter() - wall
    share = busy / wall if result.backend == "cpu" else 1.0
    views = result.capture.indices("test")
    scores = evaluate_views(result.gaussians, result.capture, views, lpips_net="squeeze", with_flip=False)
    return {
        "psnr": scores.psnr,
        "ssim": scores.ssim,
        "lpips": scores.lpips,
        "gaussians": len(result.gaussians),
        "seconds": round(result.train_seconds * share, 2),
        "floating": floating(result.gaussians) if job.scene.startswith("demo") else None,
        "curve": curve_of(result.folder / "metrics.csv", share),
    }


def scene_folder(scene: str, scratch: Path) -> Path:
    """Where the photos are; the demo is written into `scratch`, with its true depth named so that it is read."""
    from tools.bench import data

    if scene == "demo":
        (scratch / scene).mkdir()
        for name, place in (("images", "images"), ("sparse", "sparse"), ("depth", "truth/depth")):
            (scratch / scene / name).symlink_to(data(scene) / place, target_is_directory=True)
        return scratch / scene
    if scene != f"demo-{SPARSE_VIEWS}":
        return data(scene)
    from splat.capture import load_capture
    from tools.demo_truth import write_sparse_capture

    write_sparse_capture(load_capture(data("demo")), scratch / scene, SPARSE_VIEWS)
    return scratch / scene


def floating(gaussians: Any) -> float:
    from splat.capture import load_capture
    from tools.bench import data
    from tools.demo_truth import floating_share, surface_points

    return floating_share(gaussians, surface_points(load_capture(data("demo"))))


def curve_of(metrics: Path, share: float) -> list[list[float]]:
    """Rows of step, seconds (times `share`), test PSNR and number of Gaussians from a run's metrics.csv."""
    with metrics.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["test_psnr"]]
    names = ("step", "seconds", "test_psnr", "num_gaussians")
    return [[float(row[name]) * (share if name == "seconds" else 1) for name in names] for row in rows]


def in_own_process(job: Job) -> dict[str, Any]:
    """The measurements of a job, or {"error": the last line it said}."""
    weights = Path(os.environ.get("SPLAT_TEST_DATA", ROOT.parent / "shared" / "data")) / "weights"
    environment = {**os.environ, "OMP_NUM_THREADS": str(THREADS)}
    if weights.is_dir():
        environment.setdefault("TORCH_HOME", str(weights.resolve()))
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, str(Path(__file__).resolve()), "--job", job.key, "--scratch", scratch]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        found = Path(scratch) / "found.json"
        if done.returncode == 0 and found.exists():
            return dict(json.loads(found.read_text(encoding="utf-8")))
    said = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()
    return {"error": said[-1] if said else f"exit code {done.returncode}"}


def read_runs(path: Path) -> dict[str, dict[str, Any]]:
    """Finished trainings by their job's key; a line that was cut off by an interruption is left out."""
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            run = json.loads(line)
        except json.JSONDecodeError:
            continue
        found[Job(**run["job"]).key] = run
    return found


def finished(jobs: list[Job], path: Path) -> list[dict[str, Any]]:
    """The runs of these jobs that are done, in their order."""
    done = read_runs(path)
    return [done[job.key] for job in jobs if job.key in done]


def run_all(jobs: list[Job], path: Path) -> list[dict[str, Any]]:
    """Train what is missing; returns the finished runs in the order of `jobs`."""
    done = read_runs(path)
    missing = [job for job in jobs if job.key not in done]
    print(f"{len(jobs)} trainings, {len(jobs) - len(missing)} of them done before", flush=True)
    for number, job in enumerate(missing, 1):
        found = in_own_process(job)
        label = f"[{number}/{len(missing)}] {job.scene} {job.strategy} seed {job.seed} cap {job.cap_max:,}"
        label += f" {job.steps:,} steps" if job.in_time_of else ""
        if "error" in found:
            print(f"{label}: failed: {found['error']}", flush=True)
            continue
        done[job.key] = {"job": asdict(job), **found}
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(done[job.key]) + "\n")
        print(f"{label}: {found['psnr']:.2f} dB, {found['gaussians']:,}, {found['seconds']:.0f} s", flush=True)
    return finished(jobs, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", nargs="+", choices=list(FACTORS))
    parser.add_argument("--strategies", nargs="+", default=list(STRATEGIES), metavar="NAME[-DEPTH]")
    parser.add_argument("--seeds", nargs="+", type=int, help="0 1 2 (0 with --quick)")
    parser.add_argument("--steps", type=int, help="training steps (3000; 200 with --quick)")
    parser.add_argument("--cap", type=int, help="cap_max (30,000; 6,000 with --quick)")
    parser.add_argument("--quick", action="store_true", help="one seed, few steps, pictures half as wide, two scenes")
    parser.add_argument("--tables", action="store_true", help="train nothing")
    parser.add_argument("--docs", action="store_true", help="also put table and plots into docs/densification.md")
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "compare_strategies")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    parser.add_argument("--scratch", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.job:
        found = measured(Job(**json.loads(arguments.job)), arguments.scratch)
        (arguments.scratch / "found.json").write_text(json.dumps(found), encoding="utf-8")
        return
    quick = arguments.quick
    arguments.scenes = arguments.scenes or (["fox", "demo"] if quick else list(FACTORS))
    arguments.seeds = arguments.seeds or ([0] if quick else [0, 1, 2])
    arguments.steps = arguments.steps or (200 if quick else 3000)
    arguments.cap = arguments.cap or (6_000 if quick else 30_000)
    arguments.smaller = 2 if quick else 1
    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / "runs.jsonl"
    jobs = jobs_of(arguments)
    runs = finished(jobs, path) if arguments.tables else run_all(jobs, path)
    planned = planned_jobs(runs, arguments.cap)
    runs += finished(planned, path) if arguments.tables else run_all(planned, path)
    from tools.strategy_tables import put_into_docs, write_tables

    if runs:
        print(write_tables(runs, arguments.cap, arguments.out))
    if arguments.docs and runs:
        put_into_docs(arguments.out, ROOT / "docs", "python tools/compare_strategies.py " + " ".join(sys.argv[1:]))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Densification strategies compared: same captures, same cap, same steps or same time, several seeds.

    python tools/compare_strategies.py                       everything (hours on two cores)
    python tools/compare_strategies.py --quick               one seed, few steps, small pictures, the demo and fox
    python tools/compare_strategies.py --captures fox --strategies default improved --steps 1500 --seeds 1 2 3

Writes compare_strategies.json after every training, then a table compare_strategies.md and plots of PSNR against the
number of Gaussians and against seconds into --out (docs/images). Trainings that the JSON file already has are not
repeated. All start with a third of the cap, so that a strategy has something to decide. `--time` adds trainings
that get as many steps as fit into the time that `default` took. On the demo, whose true surface is known, the share of
opacity that floats more than 3 % of the scene away from it is measured; demo-10 has 10 of its training views.
Photos are looked for in $SPLAT_TEST_DATA, else in ../shared/data.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

FACTORS = {"fox": 8.0, "desk": 4.0, "lego": 2.0, "demo": 2.0, "demo-10": 2.0}
STRATEGIES = ("default", "absgrad", "mcmc", "improved", "geotex", "geotex-capture", "fast")
SPARSE_VIEWS = 10
SCORES = ("psnr", "ssim", "lpips", "gaussians", "seconds", "floating")


@dataclass(frozen=True)
class Job:
    """One training."""

    capture: str
    strategy: str
    seed: int
    steps: int
    cap_max: int
    data_factor: float
    same: str = "steps"  # or "time": the steps were chosen to take as long as default's

    @property
    def key(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)


def configured(job: Job, folder: Path) -> Any:
    """The training configuration of a job, with what its strategy's configuration file sets besides."""
    from hydra import compose, initialize_config_dir

    from splat.commands.app import conf_folder, register, to_config
    from splat.commands.train import COMMAND

    name, _, depth = job.strategy.partition("-")
    words = [
        f"strategy={name}", f"seed={job.seed}", f"max_steps={job.steps}", f"cap_max={job.cap_max}",
        f"data_factor={job.data_factor}", f"initial.seeds={job.cap_max // 3}", "schedule.eval_every=0",
        "schedule.save_every=0",
    ]  # fmt: skip
    if depth:
        words.append(f"strategy.depth={depth}")
    register(COMMAND)
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        config = to_config(compose("train", words), COMMAND.config)
    config.data, config.out = str(capture_folder(job.capture, folder)), str(folder / "run")
    return config


def capture_folder(capture: str, scratch: Path) -> Path:
    """Where the photos are; the demo of few views is written into `scratch`."""
    from tools.bench import data

    if capture != f"demo-{SPARSE_VIEWS}":
        return data(capture)
    from splat.capture import load_capture
    from tools.demo_truth import write_sparse_capture

    folder = scratch / capture
    if not folder.exists():
        write_sparse_capture(load_capture(data("demo")), folder, SPARSE_VIEWS)
    return folder


def measured(job: Job) -> dict[str, float | None]:
    """Train and score one job."""
    from splat.evaluate.evaluate import evaluate_views
    from splat.train.session import train

    with tempfile.TemporaryDirectory() as scratch:
        result = train(configured(job, Path(scratch)))
        test = result.capture.indices("test")
        scores = evaluate_views(result.gaussians, result.capture, test, lpips_net="auto")
    return {
        "psnr": scores.psnr,
        "ssim": scores.ssim,
        "lpips": scores.lpips if scores.lpips_net == "squeeze" else None,
        "gaussians": float(len(result.gaussians)),
        "seconds": result.train_seconds,
        "floating": floating(result.gaussians) if job.capture.startswith("demo") else None,
    }


def floating(gaussians: Any) -> float:
    from splat.capture import load_capture
    from tools.bench import data
    from tools.demo_truth import floating_share, surface_points

    return floating_share(gaussians, surface_points(load_capture(data("demo"))))


def jobs_of(arguments: argparse.Namespace) -> list[Job]:
    """The jobs at equal steps, default first for each capture and seed, because its time is the measure."""
    found = []
    for capture in arguments.captures:
        for seed in arguments.seeds:
            for strategy in arguments.strategies:
                if strategy.endswith("-capture") and not capture.startswith("demo"):
                    continue
                factor = FACTORS[capture] * (2 if arguments.quick else 1)
                found.append(Job(capture, strategy, seed, arguments.steps, arguments.cap, factor))
    return found


def run_all(arguments: argparse.Namespace, path: Path) -> list[dict[str, Any]]:
    """Train what is missing; the file holds every result as soon as it is there."""
    from splat.files import read_json, write_json

    rows: list[dict[str, Any]] = read_json(path)["rows"] if path.exists() else []
    done = {Job(**row["job"]).key: row for row in rows}

    def finish(job: Job) -> dict[str, Any]:
        if job.key not in done:
            done[job.key] = {"job": asdict(job), **measured(job)}
            rows.append(done[job.key])
            write_json(path, {"command": "python tools/compare_strategies.py " + " ".join(sys.argv[1:]), "rows": rows})
        return done[job.key]

    wanted = jobs_of(arguments)
    chosen = [finish(job) for job in wanted]
    if arguments.time:
        times = {(row["job"]["capture"], row["job"]["seed"], row["job"]["strategy"]): row["seconds"] for row in chosen}
        for job in wanted:
            reference = times.get((job.capture, job.seed, "default"))
            if reference is None or job.strategy == "default":
                continue
            steps = round(job.steps * reference / times[job.capture, job.seed, job.strategy])
            chosen.append(finish(Job(**{**asdict(job), "steps": steps, "same": "time"})))
    return chosen


def groups(rows: list[dict[str, Any]]) -> dict[tuple[str, str, str], list[dict[str, Any]]]:
    """Rows by (what is equal, capture, strategy): one entry for each seed."""
    found: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for row in rows:
        job = row["job"]
        found.setdefault((job["same"], job["capture"], job["strategy"]), []).append(row)
    return found


def spread(values: list[float | None], digits: int) -> str:
    """Mean and, for several seeds, standard deviation."""
    known = [value for value in values if value is not None]
    if not known:
        return "–"
    mean = f"{statistics.fmean(known):,.{digits}f}"
    return mean if len(known) == 1 else f"{mean} ± {statistics.stdev(known):.{digits}f}"


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown: one line for each capture and strategy."""
    digits = {"psnr": 2, "ssim": 4, "lpips": 4, "gaussians": 0, "seconds": 0, "floating": 4}
    lines = [
        "| equal | capture | strategy | steps | PSNR dB | SSIM | LPIPS squeeze | Gaussians | seconds | floating |",
        "|" + " --- |" * 10,
    ]
    for (same, capture, strategy), members in groups(rows).items():
        steps = "/".join(sorted({str(member["job"]["steps"]) for member in members}))
        cells = [spread([member[name] for member in members], digits[name]) for name in SCORES]
        lines.append(f"| {same} | {capture} | {strategy} | {steps} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def plot(rows: list[dict[str, Any]], x: str, label: str, path: Path) -> None:
    """PSNR against `x`, one panel for each capture, one colour for each strategy."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    captures = list(dict.fromkeys(row["job"]["capture"] for row in rows))
    strategies = list(dict.fromkeys(row["job"]["strategy"] for row in rows))
    figure, axes = pyplot.subplots(1, len(captures), figsize=(3.4 * len(captures) + 1.4, 3.4), squeeze=False)
    for axis, capture in zip(axes[0], captures):
        for number, strategy in enumerate(strategies):
            mine = [row for row in rows if (row["job"]["capture"], row["job"]["strategy"]) == (capture, strategy)]
            points = [(row[x], row["psnr"]) for row in mine if row["psnr"] is not None]
            axis.scatter(*zip(*points), s=28, color=f"C{number}", label=strategy) if points else None
        axis.set(title=capture, xlabel=label, ylabel="PSNR (dB)" if axis is axes[0][0] else "")
        axis.grid(alpha=0.3)
    handles = {text: handle for axis in axes[0] for handle, text in zip(*axis.get_legend_handles_labels())}
    figure.legend(handles.values(), handles.keys(), loc="center right", frameon=False)
    figure.tight_layout(rect=(0, 0, 1 - 1.3 / (3.4 * len(captures) + 1.4), 1))
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captures", nargs="+", choices=list(FACTORS))
    parser.add_argument("--strategies", nargs="+", default=list(STRATEGIES))
    parser.add_argument("--seeds", nargs="+", type=int)
    parser.add_argument("--steps", type=int, help="training steps (3000; 300 with --quick)")
    parser.add_argument("--cap", type=int, help="cap_max (30,000; 6,000 with --quick)")
    parser.add_argument("--time", action="store_true", help="also at the time that default takes")
    parser.add_argument("--quick", action="store_true", help="one seed, few steps, half of the size")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images")
    arguments = parser.parse_args()
    quick = arguments.quick
    arguments.captures = arguments.captures or (["fox", "demo"] if quick else list(FACTORS))
    arguments.seeds = arguments.seeds or ([1] if quick else [1, 2, 3])
    arguments.steps = arguments.steps or (300 if quick else 3000)
    arguments.cap = arguments.cap or (6_000 if quick else 30_000)
    arguments.out.mkdir(parents=True, exist_ok=True)
    rows = run_all(arguments, arguments.out / "compare_strategies.json")
    text = table(rows)
    (arguments.out / "compare_strategies.md").write_text(text, encoding="utf-8")
    plot(rows, "gaussians", "Gaussians", arguments.out / "compare_strategies_count.png")
    plot(rows, "seconds", "seconds of training", arguments.out / "compare_strategies_time.png")
    print(text)


if __name__ == "__main__":
    main()

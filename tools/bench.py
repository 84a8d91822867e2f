#!/usr/bin/env python3
"""The project's benchmark: training, rendering and memory on real captures, one table and one JSON file.

    python tools/bench.py                                every case whose data is there (half an hour on two cores)
    python tools/bench.py fox-1000 fox-5000              some of them; the others keep their figures in the JSON
    python tools/bench.py --write-readme                 puts the table into the README as well
    python tools/bench.py --list                         what there is

Photos are looked for in $SPLAT_TEST_DATA, else in ../shared/data. Every training runs in a process of its own, from the
photos on the disk; structure from motion is cached from the run before where the table does not say otherwise. Seconds
and steps a second include loading the photos and all densification; memory is the process's peak, with all libraries:
of the CUDA build of torch these are 530 MB, of the CPU build 280 MB.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tools.marked import write_between  # noqa: E402


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    what: str
    run: Callable[[], dict[str, float]]
    floor: str = ""
    aim: str = ""


def training(capture: str, strategy: str | None = None, **keys: Any) -> Callable[[], dict[str, float]]:
    """A training in this process, with the defaults of `splat train`; dots in keys are written as two underscores."""

    def run() -> dict[str, float]:
        from splat.evaluate.evaluate import evaluate_views
        from splat.train.config import TrainConfig
        from splat.train.strategies import STRATEGIES
        from splat.training import train

        with tempfile.TemporaryDirectory() as folder:
            config = TrainConfig(data=str(data(capture)), out=f"{folder}/run")
            if strategy is not None:
                config.strategy = STRATEGIES[strategy]()
            config.schedule.eval_every = 0
            for key, value in keys.items():
                *path, name = key.split("__")
                target: Any = config
                for part in path:
                    target = getattr(target, part)
                setattr(target, name, value)
            started = time.perf_counter()
            result = train(config)
            total = time.perf_counter() - started
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            views = result.capture.indices("test")
            scores = evaluate_views(result.gaussians, result.capture, views, lpips_net="none", with_flip=False)
        found = {
            "steps_per_second": result.steps_per_second,
            "train_seconds": result.train_seconds,
            "total_seconds": total,
            "psnr": scores.psnr or 0.0,
            "gaussians": float(len(result.gaussians)),
            "peak_mb": peak,
        }
        others = [view.psnr for view in scores.views if view.psnr is not None and "0001" not in view.name]
        return {**found, "psnr_without_0001": sum(others) / len(others)} if capture == "desk" else found

    return run


def photos_alone() -> dict[str, float]:
    """Fox from its photos alone: structure from motion without a cache, training, scores."""
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder) / "photos"
        link.symlink_to(data("fox") / "images")
        return training(
            str(link), data_factor=8.0, max_steps=3000, cap_max=25_000, capture__cache_dir=f"{folder}/cache"
        )()


def rendering() -> dict[str, float]:
    """Frames a second, forward only, of 100,000 Gaussians that cover a picture of 960x540 evenly."""
    import torch

    from splat.render import render_gaussians
    from tools.bench_rasterizer import make_scene

    gaussians, viewmats, Ks = make_scene(960, 540, 100_000)
    with torch.no_grad():
        best = fastest(lambda: render_gaussians(gaussians, viewmats, Ks, 960, 540, backend="cpu"))
    return {"frames_per_second": 1 / best}


def features() -> dict[str, float]:
    """Forward and backward of 32 channels over those of 3, compositing alone (projection is the same)."""
    import time

    from splat import native
    from tools.bench_rasterizer import Case as RasterCase
    from tools.bench_rasterizer import Stopwatch, measure

    times = {}
    for channels in (3, 32):
        found = measure(
            RasterCase(240, 135, 20_000, channels), native.default_threads(), Stopwatch(time.perf_counter, 1.0)
        )
        times[channels] = found["forward"] + found["backward"]
    return {"times": times[32] / times[3], "ms_3": times[3], "ms_32": times[32]}


def kernels() -> dict[str, float]:
    """Evaluated pixel-Gaussian pairs a second, forward and backward, and their share of matmul speed."""
    import torch

    from splat import native
    from tools.bench_rasterizer import Case as RasterCase
    from tools.bench_rasterizer import Stopwatch, measure

    found = measure(RasterCase(960, 540, 100_000, 3), native.default_threads(), Stopwatch(time.perf_counter, 1.0))
    seconds = (found["forward"] + found["backward"]) / 1e3
    a, b = torch.randn(2048, 2048), torch.randn(2048, 2048)
    peak = 2 * 2048**3 / fastest(lambda: a @ b)
    # about 27 floating point operations a pair forward and 46 backward
    return {
        "mpairs_per_second": found["pairs"] / seconds / 1e6,
        "matmul_gflops": peak / 1e9,
        "share_of_peak": 73 * found["pairs"] / seconds / peak,
    }


def fastest(run: Callable[[], object], seconds: float = 2.0) -> float:
    """Seconds of the fastest run within `seconds`, at least three."""
    run()
    times: list[float] = []
    while len(times) < 3 or sum(times) < seconds:
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return min(times)


def data(capture: str) -> Path:
    """Folder of a capture by name, or by its own path."""
    if capture == "demo":
        return ROOT / "data" / "demo"
    if Path(capture).is_absolute():
        return Path(capture)
    return Path(os.environ.get("SPLAT_TEST_DATA", ROOT.parent / "shared" / "data")) / capture


FOX = {"data_factor": 8.0, "cap_max": 25_000}
CASES = {
    "kernels": Case("rasterizer, 960x540, 100k, forward + backward", kernels),
    "rendering": Case("rendering 960x540, 100k Gaussians", rendering, "20 frames/s", "45 frames/s"),
    "features": Case("32 feature channels against 3", features, "4 times", "2.5 times"),
    "fox-8": Case(
        "fox 1/8, 20k, no densification",
        training("fox", "none", data_factor=8.0, max_steps=1000, initial__seeds=20_000, cap_max=20_000),
        "55 step/s, 700 MB",
        "110 step/s, 500 MB",
    ),
    "fox-8-100k": Case(
        "fox 1/8, 100k, no densification",
        training("fox", "none", data_factor=8.0, max_steps=250, initial__seeds=100_000, cap_max=100_000),
        "17 step/s",
        "35 step/s",
    ),
    "fox-2": Case(
        "fox 1/2 (540x960), 20k, no densification",
        training("fox", "none", data_factor=2.0, max_steps=150, initial__seeds=20_000, cap_max=20_000),
        "9 step/s",
        "20 step/s",
    ),
    "fox-1000": Case("fox 1/8, 1,000 steps", training("fox", max_steps=1000, **FOX), "25.5 dB in 40 s", ""),
    "fox-5000": Case("fox 1/8, 5,000 steps", training("fox", max_steps=5000, **FOX), "30.0 dB", "31 dB in 60 s"),
    "lego-3000": Case("lego 400x400, 3,000 steps", training("lego", data_factor=1.0, max_steps=3000, cap_max=60_000)),
    "desk-3000": Case(
        "desk 480 wide, 3,000 steps", training("desk", data_factor=3.97, max_steps=3000, cap_max=40_000), "32 dB"
    ),
    "demo": Case("demo, all defaults", training("demo")),
    "fox-photos": Case("fox from photos alone, 3,000 steps", photos_alone),
}


def in_a_process(name: str) -> dict[str, float]:
    """Run one case in a fresh process, so that its peak of memory is its own."""
    command = [sys.executable, str(Path(__file__)), "--one", name]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"the case {name} failed; run it alone: {' '.join(command)}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def machine() -> str:
    """Processor, cores, instruction set and torch, for the head of the table."""
    import torch

    from splat import native

    model = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    info = native.info()
    return f"{model}, {info['threads']} cores used, {info['isa']}, torch {torch.__version__}"


def commit() -> str:
    """The commit that is measured, with a plus where the application differs from it; empty outside a repository."""
    try:
        git = ["git", "-C", str(ROOT)]
        name = subprocess.run([*git, "describe", "--always"], capture_output=True, text=True, check=True).stdout.strip()
        differs = subprocess.run([*git, "diff", "--quiet", "HEAD", "--", "splat", "native", "conf"]).returncode
        return name + ("+" if differs else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def text_of(found: dict[str, float]) -> str:
    """The measured numbers of one case in words."""
    words = {
        "steps_per_second": "{:.1f} step/s",
        "train_seconds": "{:.1f} s training",
        "total_seconds": "{:.1f} s in all",
        "psnr": "{:.2f} dB",
        "psnr_without_0001": "{:.2f} dB without 0001",
        "gaussians": "{:,.0f} Gaussians",
        "peak_mb": "{:.0f} MB",
        "frames_per_second": "{:.1f} frames/s",
        "times": "{:.2f} times",
        "mpairs_per_second": "{:.0f} M pairs/s",
        "matmul_gflops": "matmul {:.0f} GFLOP/s",
        "share_of_peak": "{:.2f} of the matmul peak",
    }
    return ", ".join(words[key].format(value) for key, value in found.items() if key in words)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help="cases to run; all where none is named")
    parser.add_argument("--list", action="store_true", help="list the cases")
    parser.add_argument("--json", type=Path, default=ROOT / "docs" / "bench.json", help="where the numbers go")
    parser.add_argument("--write-readme", action="store_true", help="put the table into the README")
    parser.add_argument("--one", metavar="CASE", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(CASES[arguments.one].run()))
        return
    unknown = [name for name in arguments.cases if name not in CASES]
    if unknown:
        parser.error(f"no case {unknown[0]}; there are {', '.join(CASES)}")
    if arguments.list:
        print("\n".join(f"{name:12} {case.what}" for name, case in CASES.items()))
        return
    results = measured(arguments.cases or list(CASES), arguments.json)
    if arguments.write_readme:
        write_readme(results, ROOT / "README.md")


def measured(names: list[str], path: Path) -> dict[str, Any]:
    """Run the cases, print each row as it is known, and write the JSON after each; other cases' figures stay in it."""
    known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if known.get("machine") != machine():
        known = {"machine": machine(), "cases": {}}
    print("\n".join(HEAD))
    for name in names:
        known["cases"][name] = {**in_a_process(name), "date": time.strftime("%Y-%m-%d"), "commit": commit()}
        print(row(name, known["cases"][name]), flush=True)
        path.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
    return known


HEAD = ("| case | floor | aim | measured |", "| --- | --- | --- | --- |")


def row(name: str, found: dict[str, Any]) -> str:
    """One line of the table, in Markdown."""
    case = CASES[name]
    return f"| {case.what} | {case.floor} | {case.aim} | {text_of(found)} |"


def write_readme(results: dict[str, Any], path: Path) -> None:
    """Put the table of all known cases between its marks in the README."""
    cases = {name: results["cases"][name] for name in CASES if name in results["cases"]}
    dates = sorted({found["date"] for found in cases.values()})
    commits = sorted({found["commit"] for found in cases.values()} - {""})
    when = " to ".join(dict.fromkeys([dates[0], dates[-1]]))
    head = f"{results['machine']}; {when}, commit {', '.join(commits)}:"
    table = "\n".join((head, "", *HEAD, *(row(name, found) for name, found in cases.items())))
    write_between(path, START, END, table)


START = "<!-- cpu table: written by tools/bench.py --write-readme -->"
END = "<!-- end of the cpu table -->"


if __name__ == "__main__":
    main()

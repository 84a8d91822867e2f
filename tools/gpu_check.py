#!/usr/bin/env python3
"""Everything that needs a CUDA device, in one go: build, tests marked `gpu`, benchmark against gsplat's own loop.

    python tools/gpu_check.py                                   on a machine with a GPU, torch, nvcc and a C++ compiler
    python tools/gpu_check.py --wheels DIR --data DIR           without internet: packages from DIR; DIR/fox as data
    python tools/gpu_check.py --list-wheels                     what DIR must hold beside what the machine has
    python tools/gpu_check.py --dry-run                         anywhere: all of it that runs without CUDA, small

Writes OUT/gpu_check.json and OUT/gpu_check.md, the logs of the build and the tests beside them, and with --write-docs
the table into docs/benchmarks.md. Only gsplat's kernels for this device are compiled.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]

# Package on the index -> module: what training and the tests import beside torch, numpy, scipy, torchvision and nvcc.
# `pip wheel --no-deps` (on the same Python and kind of processor) makes a wheel of each; gsplat's holds its sources,
# which are compiled on the machine. What a machine has already need not be carried.
# open3d, transformers, lpips, av and matplotlib are imported by other commands only and are not needed.
WHEELS = {
    "gsplat>=1.5.3,<1.7": "gsplat",
    "jaxtyping": "jaxtyping",
    "wadler-lindig": "wadler_lindig",
    "ninja": "ninja",
    "packaging": "packaging",
    "rich": "rich",
    "markdown-it-py": "markdown_it",
    "mdurl": "mdurl",
    "pygments": "pygments",
    "typing-extensions": "typing_extensions",
    "hydra-core>=1.3.2,<1.4": "hydra",
    "omegaconf": "omegaconf",
    "antlr4-python3-runtime==4.9.*": "antlr4",
    "pyyaml": "yaml",
    "plyfile": "plyfile",
    "safetensors": "safetensors",
    "psutil": "psutil",
    "zstandard": "zstandard",
    "imageio": "imageio",
    "pillow": "PIL",
    "opencv-python-headless": "cv2",
    "scikit-image": "skimage",
    "pycolmap>=4.0": "pycolmap",
    "pytest": "pytest",
    "iniconfig": "iniconfig",
    "pluggy": "pluggy",
    "scikit-build-core": "scikit_build_core",
    "pathspec": "pathspec",
    "nanobind": "nanobind",
    "cmake": "cmake",
}
VERSIONS = ("torch", "gsplat", "splat", "numpy", "fused-ssim")
BEGIN, END = "<!-- cuda table: written by tools/gpu_check.py -->", "<!-- end of the cuda table -->"


@dataclass(frozen=True)
class Case:
    """Data at one size."""

    name: str
    folder: Path
    data_factor: float


def main() -> None:
    options = parsed()
    if options.list_wheels:
        print("\n".join(WHEELS))
    elif options.one:
        print(json.dumps(measured(*options.one, options)))
    else:
        check(options)


def parsed(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheels", type=Path, help="folder of wheels to install from, instead of the internet")
    parser.add_argument("--site", type=Path, default=ROOT / "build" / "gpu_site", help="where they are installed")
    parser.add_argument("--data", type=Path, help="folder with more captures (fox)")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "gpu_check", help="where the results go")
    parser.add_argument("--steps", type=int, default=7000, help="training steps of the benchmark")
    parser.add_argument("--strategies", default="default,mcmc", help="strategies of the benchmark")
    parser.add_argument("--cases", help="only these cases, for example demo,fox-2")
    parser.add_argument("--skip-tests", action="store_true")
    parser.add_argument("--skip-bench", action="store_true")
    parser.add_argument("--write-docs", action="store_true", help="put the table into docs/benchmarks.md")
    parser.add_argument("--dry-run", action="store_true", help="rehearse on the CPU; nothing is installed")
    parser.add_argument("--list-wheels", action="store_true", help="print the packages that --wheels must hold")
    parser.add_argument("--one", nargs=3, metavar=("CASE", "TRAINER", "STRATEGY"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.dry_run:
        options.steps, options.strategies, options.cases = min(options.steps, 20), "default", "demo"
        if options.write_docs:
            parser.error("--dry-run measures nothing that belongs into the docs")
    return options


def check(options: argparse.Namespace) -> None:
    """All of it; the JSON is written anew after each part, so that nothing is lost when time runs out."""
    options.out.mkdir(parents=True, exist_ok=True)
    environment = prepared_environment(options)
    found: dict[str, Any] = {"date": time.strftime("%Y-%m-%d"), "dry_run": options.dry_run, "steps": options.steps}
    found["build"] = build(options, environment)
    found["machine"] = in_a_process([sys.executable, "-c", MACHINE], environment)
    found["doctor"] = in_a_process([sys.executable, "-m", "splat", "doctor", "json=true"], environment)
    save(found, options)
    if not options.skip_tests:
        found["tests"] = run_tests(options, environment)
        save(found, options)
    found["bench"] = []
    for case in [] if options.skip_bench else cases(options):
        for strategy in options.strategies.split(","):
            for trainer in ("splat", "gsplat"):
                found["bench"].append(measured_in_a_process(case, trainer, strategy, options, environment))
                save(found, options)
    text = save(found, options)
    print(text)
    if options.write_docs:
        write_docs(text, ROOT / "docs" / "benchmarks.md")
    if found.get("tests", {}).get("failed") or found["build"]["gsplat"] not in ("compiled", "rehearsed"):
        raise SystemExit(1)


# --- build ---------------------------------------------------------------------------------------------------------


def prepared_environment(options: argparse.Namespace) -> dict[str, str]:
    """Variables of every process: our site first, and gsplat compiled for this device alone, on all cores."""
    environment = dict(os.environ)
    path = [str(options.site), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(part for part in path if part)
    environment.setdefault("MAX_JOBS", str(os.cpu_count() or 1))
    capability = compute_capability()
    if capability:
        environment.setdefault("TORCH_CUDA_ARCH_LIST", capability)
        environment.setdefault("TORCH_EXTENSIONS_DIR", str(options.site.resolve().parent / "torch_extensions"))
    if options.dry_run:
        environment["SPLAT_REHEARSE_GPU"] = "1"
    return environment


def compute_capability() -> str:
    """For example 9.0; empty without a device."""
    import torch

    return ".".join(map(str, torch.cuda.get_device_capability())) if torch.cuda.is_available() else ""


def build(options: argparse.Namespace, environment: dict[str, str]) -> dict[str, Any]:
    """Install what is missing and compile gsplat's kernels; how that went, with seconds."""
    log = options.out / "build.log"
    log.write_text("", encoding="utf-8")
    missing = missing_wheels()
    commands = install_commands(missing, options)
    found: dict[str, Any] = {"missing": missing, "commands": [" ".join(command) for command in commands]}
    started = time.perf_counter()
    if not options.dry_run:
        for command in commands:
            logged(command, environment, log, check=True)
    found["install_seconds"] = round(time.perf_counter() - started, 1)
    started = time.perf_counter()
    code = logged([sys.executable, "-c", COMPILE], {**environment, "VERBOSE": "1"}, log)
    found["gsplat"] = {0: "compiled", 3: "rehearsed"}.get(code, f"failed, see {log.name}")
    found["gsplat_seconds"] = round(time.perf_counter() - started, 1)
    return found


# Compiles (or only looks for) gsplat's kernels; 3 where there is no device to compile for.
COMPILE = """
import sys, torch
if not torch.cuda.is_available():
    import gsplat
    sys.exit(3)
from gsplat.cuda._backend import _C
print(_C)
sys.exit(0 if _C is not None else 1)
"""

MACHINE = """
import json, platform, torch
cuda = torch.cuda.is_available()
properties = torch.cuda.get_device_properties(0) if cuda else None
print(json.dumps({
    "device": properties.name if cuda else "no CUDA device",
    "memory_gib": round(properties.total_memory / 2**30) if cuda else 0,
    "capability": list(torch.cuda.get_device_capability()) if cuda else [],
    "cuda": torch.version.cuda, "torch": torch.__version__, "python": platform.python_version(),
}))
"""


def missing_wheels() -> list[str]:
    """Packages of `WHEELS` whose module this Python does not find (cmake and ninja may be plain programs)."""
    programs = {name for name in ("cmake", "ninja") if shutil.which(name)}
    absent = {package for package, module in WHEELS.items() if importlib.util.find_spec(module) is None}
    return [package for package in WHEELS if package in absent - programs]


def install_commands(missing: list[str], options: argparse.Namespace) -> list[list[str]]:
    """pip for the missing packages and for this one; what the machine has already is never replaced."""
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--upgrade", "--target", str(options.site)]
    commands = []
    if missing:
        source = ["--no-index", "--find-links", str(options.wheels)] if options.wheels else []
        commands.append([*pip, *source, *missing])
    commands.append([*pip, "--no-build-isolation", str(ROOT)])
    return commands


def logged(command: list[str], environment: dict[str, str], log: Path, check: bool = False) -> int:
    """Run outside the repository, whose folder `splat` has no compiled kernels; output goes to the log."""
    with log.open("a", encoding="utf-8") as file, tempfile.TemporaryDirectory() as folder:
        file.write(f"$ {' '.join(command)}\n")
        file.flush()
        code = subprocess.run(command, env=environment, stdout=file, stderr=file, cwd=folder, check=False).returncode
    if check and code:
        raise SystemExit(f"this failed, see {log}: {' '.join(command)}")
    return code


def in_a_process(command: list[str], environment: dict[str, str]) -> Any:
    """The JSON that a command prints; its last words where it prints none."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=folder, check=False)
    start = done.stdout.find("{")
    try:
        return json.loads(done.stdout[start:])
    except ValueError:
        return {"failed": (done.stderr or done.stdout).strip()[-2000:]}


# --- tests ---------------------------------------------------------------------------------------------------------

# The package is imported before pytest puts the repository in front of it.
PYTEST = "import sys, pytest, splat; sys.exit(pytest.main(sys.argv[1:]))"


def run_tests(options: argparse.Namespace, environment: dict[str, str]) -> dict[str, Any]:
    """`pytest -m gpu`: numbers of tests and the names of those that failed."""
    report = options.out.resolve() / "tests.xml"
    report.unlink(missing_ok=True)
    arguments = [
        "-m",
        "gpu",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(ROOT),
        "-c",
        str(ROOT / "pyproject.toml"),
    ]
    command = [sys.executable, "-c", PYTEST, *arguments, f"--junitxml={report}", str(ROOT / "tests")]
    logged(command, environment, options.out / "tests.log")
    return counted(report)


def counted(report: Path) -> dict[str, Any]:
    """Numbers of a JUnit file."""
    if not report.exists():
        return {"failed": ["pytest wrote no report, see tests.log"]}
    found: dict[str, Any] = {"passed": 0, "skipped": 0, "failed": []}
    for case in ElementTree.parse(report).iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name')}"
        if case.find("failure") is not None or case.find("error") is not None:
            found["failed"].append(name)
        else:
            found["skipped" if case.find("skipped") is not None else "passed"] += 1
    return found


# --- benchmark -----------------------------------------------------------------------------------------------------


def cases(options: argparse.Namespace) -> list[Case]:
    """The demo at full size, and fox at a half and full size where it is there."""
    demo, fox = ROOT / "data" / "demo", (options.data or ROOT / "none") / "fox"
    found = [Case("demo", demo, 8.0 if options.dry_run else 1.0)]
    if fox.exists():
        found += [Case("fox-2", fox, 2.0), Case("fox-1", fox, 1.0)]
    chosen = options.cases.split(",") if options.cases else [case.name for case in found]
    return [case for case in found if case.name in chosen]


def measured_in_a_process(
    case: Case, trainer: str, strategy: str, options: argparse.Namespace, environment: dict[str, str]
) -> dict[str, Any]:
    """One training in a process of its own, so that its memory is its own."""
    command = [sys.executable, str(Path(__file__).resolve()), "--one", case.name, trainer, strategy]
    command += [
        "--steps",
        str(options.steps),
        "--out",
        str(options.out.resolve()),
        "--site",
        str(options.site.resolve()),
    ]
    command += ["--data", str(options.data.resolve())] if options.data else []
    command += ["--dry-run"] if options.dry_run else []
    return {"case": case.name, "trainer": trainer, "strategy": strategy, **in_a_process(command, environment)}


def measured(name: str, trainer: str, strategy: str, options: argparse.Namespace) -> dict[str, Any]:
    """Train here; seconds, steps a second, PSNR along the way, peak memory of the device."""
    import contextlib

    import torch

    sys.path.append(str(ROOT))
    case = next(case for case in cases(options) if case.name == name)
    run = ours if trainer == "splat" else theirs
    with contextlib.redirect_stdout(sys.stderr):
        found = run(case, strategy, options.steps)
    cuda = torch.cuda.is_available()
    found["steps_per_second"] = options.steps / found["seconds"]
    found["psnr"] = found["curve"][-1][1]
    found["peak_device_mb"] = torch.cuda.max_memory_allocated() / 2**20 if cuda else 0.0
    return found


def ours(case: Case, strategy: str, steps: int) -> dict[str, Any]:
    """Our trainer with its defaults at this size and length."""
    import csv

    from splat.train.config import TrainConfig
    from splat.train.session import train
    from splat.train.strategies import STRATEGIES

    with tempfile.TemporaryDirectory() as folder:
        config = TrainConfig(data=str(case.folder), out=f"{folder}/run", data_factor=case.data_factor, max_steps=steps)
        config.strategy = STRATEGIES[strategy]()
        config.schedule.eval_every = max(1, steps // 10)
        if strategy == "mcmc":
            config.loss.opacity_reg = config.loss.scale_reg = 0.01
            config.initial.opacity, config.initial.scale = 0.5, 0.1
        result = train(config)
        with (result.folder / "metrics.csv").open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row["test_psnr"]]
    curve = [(float(row["seconds"]), float(row["test_psnr"])) for row in rows]
    return {"seconds": result.train_seconds, "curve": curve, "gaussians": len(result.gaussians)}


def theirs(case: Case, strategy: str, steps: int) -> dict[str, Any]:
    """gsplat's documented loop with its example's settings."""
    import torch

    from splat.capture import load_capture
    from tools.gpu_reference import Reference

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    capture = load_capture(str(case.folder), data_factor=case.data_factor)
    return Reference(capture, strategy, steps, device).run()


def seconds_to(curve: list[list[float]], target: float) -> float | None:
    """Seconds at which a curve of (seconds, PSNR) first reaches the target, between two points on a straight line."""
    before = (0.0, -1e9)
    for seconds, value in curve:
        if value >= target:
            part = 1.0 if before[1] < -1e8 else (target - before[1]) / (value - before[1])
            return before[0] + part * (seconds - before[0])
        before = (seconds, value)
    return None


# --- report --------------------------------------------------------------------------------------------------------


def save(found: dict[str, Any], options: argparse.Namespace) -> str:
    """Write the JSON and the Markdown; returns the latter."""
    text = table(found)
    (options.out / "gpu_check.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    (options.out / "gpu_check.md").write_text(text, encoding="utf-8")
    return text


def table(found: dict[str, Any]) -> str:
    """What goes into docs/benchmarks.md."""
    machine, tests = found.get("machine", {}), found.get("tests", {})
    head = f"{machine.get('device', 'unknown device')}, {found['date']}; torch {machine.get('torch')} (CUDA "
    head += f"{machine.get('cuda')}), {', '.join(versions())}; {found['steps']:,} steps."
    if tests:
        head += f" Tests marked gpu: {tests.get('passed', 0)} passed, {len(tests['failed'])} failed, "
        head += f"{tests.get('skipped', 0)} skipped."
    if found["dry_run"]:
        head = "REHEARSAL WITHOUT CUDA: these numbers mean nothing.\n\n" + head
    lines = [
        "| data | strategy | trainer | step/s | seconds | seconds to PSNR | PSNR | Gaussians | peak device memory |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [row(entry, found["bench"]) for entry in found.get("bench", [])]
    return head + "\n\n" + "\n".join(lines) + "\n"


def row(entry: dict[str, Any], entries: list[dict[str, Any]]) -> str:
    """One training; the PSNR to reach is what the weaker of the two trainers ends with, less 0.1 dB."""
    name = f"| {entry['case']} | {entry['strategy']} | {entry['trainer']} |"
    if "failed" in entry:
        return f"{name} failed: {entry['failed'].splitlines()[-1] if entry['failed'] else ''} | | | | | |"
    same = [e for e in entries if (e["case"], e["strategy"]) == (entry["case"], entry["strategy"]) and "psnr" in e]
    target = min(e["psnr"] for e in same) - 0.1
    reached = seconds_to(entry["curve"], target)
    return (
        f"{name} {entry['steps_per_second']:.1f} | {entry['seconds']:.1f} | "
        f"{'-' if reached is None else f'{reached:.1f}'} to {target:.1f} dB | {entry['psnr']:.2f} | "
        f"{entry['gaussians']:,} | {entry['peak_device_mb']:.0f} MB |"
    )


def versions() -> list[str]:
    found = [f"Python {platform.python_version()}"]
    for package in VERSIONS[1:]:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return found


def write_docs(text: str, page: Path) -> None:
    """Put the table between the two marks of the page."""
    old = page.read_text(encoding="utf-8")
    before, rest = old.split(BEGIN)
    page.write_text(before + BEGIN + "\n\n" + text + "\n" + END + rest.split(END)[1], encoding="utf-8")


if __name__ == "__main__":
    main()

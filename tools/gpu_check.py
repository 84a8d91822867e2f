#!/usr/bin/env python3
"""Everything that needs a CUDA device, in one go: kernels, tests marked `gpu`, benchmark against gsplat's own loop.

    python tools/gpu_check.py --pack DIR [--fox FOLDER]    here: collect what a machine without a network still needs
    python tools/gpu_check.py --from-pack DIR              there: all of it, from the repository's root
    python tools/gpu_check.py [--data DIR]                 on a machine with a GPU and a network; DIR/fox as data
    python tools/gpu_check.py --write-docs FILE.json       put the results into docs/benchmarks.md
    python tools/gpu_check.py --dry-run                    anywhere: all of it that runs without CUDA, small

The machine needs torch, nvcc and a C++ compiler. Only gsplat's kernels for its device are compiled. Every part has a
time limit of its own and writes OUT/gpu_check.json and OUT/gpu_check.md when it is done, the most important first;
what takes longer than `--budget` altogether is left out, and said. Logs lie beside the results.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT))  # behind the installed package, which has the compiled kernels

from tools.gpu_bench import Training  # noqa: E402
from tools.gpu_pack import PACKAGES, collect, kernel_sources  # noqa: E402
from tools.gpu_report import counted, save, write_docs  # noqa: E402

LIMITS = {"install": 120, "machine": 60, "kernels": 270, "tests": 100, "bench": 75}  # seconds of a part


def main() -> None:
    options = parsed()
    if options.pack:
        collect(options.pack, options.python, options.interpreter, options.fox)
    elif options.write_docs:
        write_docs(options.write_docs, ROOT / "docs" / "benchmarks.md")
    else:
        Check(options).run()


def parsed(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pack", type=Path, metavar="DIR", help="collect a pack into this folder; nothing is run")
    parser.add_argument("--python", default="3.12", help="version on the machine that the pack is for")
    parser.add_argument("--interpreter", help="a Python of that version here, to compile our kernels for it")
    parser.add_argument("--fox", type=Path, help="the capture fox, for the pack")
    parser.add_argument("--from-pack", type=Path, metavar="DIR", help="take packages and captures from a pack")
    parser.add_argument("--site", type=Path, default=ROOT / "build" / "gpu_site", help="where packages are installed")
    parser.add_argument("--data", type=Path, help="without a pack: a folder with more captures (fox)")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "gpu_check", help="where the results go")
    parser.add_argument("--steps", type=int, default=7000, help="training steps of the benchmark")
    parser.add_argument("--strategies", default="default,mcmc", help="strategies of the benchmark")
    parser.add_argument("--budget", type=float, default=480, help="seconds for everything")
    parser.add_argument("--write-docs", type=Path, metavar="FILE", help="put these results into docs/benchmarks.md")
    parser.add_argument("--dry-run", action="store_true", help="rehearse on the CPU: short, and nothing is compiled")
    options = parser.parse_args(arguments)
    if options.dry_run:
        options.steps, options.strategies = min(options.steps, 20), "default"
    return options


class Check:
    """The parts in their order, and what they found."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.end = time.monotonic() + options.budget
        self.found: dict[str, Any] = {"date": time.strftime("%Y-%m-%d"), "dry_run": options.dry_run}
        self.found |= {"steps": options.steps, "parts": [], "bench": []}
        options.out.mkdir(parents=True, exist_ok=True)
        for name in ("build.log", "tests.log", "bench.log"):
            (options.out / name).unlink(missing_ok=True)
        self.environment = environment(options)

    def run(self) -> None:
        """All parts.

        Raises:
            SystemExit: 1 where a test failed or a part did not end.
        """
        options = self.options
        for number, command in enumerate(install_commands(options), start=1):
            self.part(f"install {number}", command, "build.log", LIMITS["install"])
        self.found["machine"] = self.json_of("machine", [sys.executable, "-c", MACHINE])
        self.environment |= for_the_device(self.found["machine"], options)
        self.found["kernels"] = self.json_of("kernels", [sys.executable, "-c", KERNELS])
        self.found["tests"] = {"passed": 0, "skipped": 0, "failed": [], "unfinished": []}
        for name, files in test_files().items():
            self.tests(name, files)
        self.found["doctor"] = self.json_of("doctor", [sys.executable, "-m", "splat", "doctor", "json=true"])
        for strategy in options.strategies.split(","):
            for case, (folder, factor) in captures(options).items():
                for trainer in ("splat", "gsplat"):
                    self.bench(case, Training(str(folder), factor, trainer, strategy, options.steps))
        print(save(self.found, options.out))
        if any(part["state"] != "done" for part in self.found["parts"] if part["part"] != "doctor"):
            raise SystemExit(1)  # doctor misses packages that the check does without

    def tests(self, name: str, files: list[Path]) -> None:
        """The tests of some files that are marked gpu."""
        pytest = ["-m", "gpu", "-v", "-ra", "-p", "no:cacheprovider", "--rootdir", str(ROOT)]
        pytest += ["-c", str(ROOT / "pyproject.toml"), *map(str, files)]
        printed = self.part(name, [sys.executable, "-c", PYTEST, *pytest], "tests.log", LIMITS["tests"])
        for key, value in counted(printed).items():
            self.found["tests"][key] += value
        save(self.found, self.options.out)

    def bench(self, case: str, training: Training) -> None:
        """One training."""
        name = f"{case} {training.strategy} {training.trainer}"
        found = self.json_of(name, training.command(), "bench.log", LIMITS["bench"])
        entry = {"case": case, "trainer": training.trainer, "strategy": training.strategy, **found}
        self.found["bench"].append(entry)
        save(self.found, self.options.out)

    def json_of(self, name: str, command: list[str], log: str = "build.log", limit: float | None = None) -> Any:
        """The JSON that a part prints last; its last words where it prints none."""
        printed = self.part(name, command, log, limit or LIMITS.get(name, LIMITS["machine"]))
        for start in reversed([match.start() for match in re.finditer(r"^\{", printed, re.MULTILINE)]):
            with contextlib.suppress(ValueError):
                return json.JSONDecoder().raw_decode(printed[start:])[0]
        return {"failed": printed.strip()[-2000:] or self.found["parts"][-1]["state"]}

    def part(self, name: str, command: list[str], log: str, limit: float) -> str:
        """Run a part within its limit; returns what it printed. Its state goes into the results at once."""
        limit = min(limit, self.end - time.monotonic())
        entry: dict[str, Any] = {"part": name, "limit": round(limit), "seconds": 0.0, "state": "no time left"}
        self.found["parts"].append(entry)
        printed = ""
        if limit > 1:
            started = time.monotonic()
            printed, entry["state"] = run_within(command, self.environment, limit)
            entry["seconds"] = round(time.monotonic() - started, 1)
        with (self.options.out / log).open("a", encoding="utf-8") as file:
            file.write(f"$ {' '.join(command)}\n{printed}\n[{name}: {entry['state']}, {entry['seconds']} s]\n")
        print(f"{name}: {entry['state']}, {entry['seconds']} s", file=sys.stderr, flush=True)
        save(self.found, self.options.out)
        return printed


def run_within(command: list[str], environment: dict[str, str], limit: float) -> tuple[str, str]:
    """What a command printed, and its state; with all that it started it is ended at its limit."""
    folder = Path(environment["GPU_CHECK_FOLDER"])  # not the repository, whose package has no compiled kernels
    with (folder / "printed").open("w+", encoding="utf-8", errors="replace") as file:
        process = subprocess.Popen(
            command, env=environment, stdout=file, stderr=subprocess.STDOUT, cwd=folder, start_new_session=True
        )
        try:
            state = "done" if process.wait(limit) == 0 else f"failed, exit code {process.returncode}"
        except subprocess.TimeoutExpired:
            state = f"stopped after {limit:.0f} s"
        finally:
            end_group(process)
        file.seek(0)
        return file.read(), state


def end_group(process: subprocess.Popen[Any]) -> None:
    """End a process and everything that it started, compilers too."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()


# --- the machine ---------------------------------------------------------------------------------------------------


def environment(options: argparse.Namespace) -> dict[str, str]:
    """Variables of every part: our site first, and gsplat compiled on all cores into a folder of ours."""
    site = options.site.resolve()
    folder = site.parent / "gpu_work"
    folder.mkdir(parents=True, exist_ok=True)
    found = {**os.environ, "GPU_CHECK_FOLDER": str(folder), "PYTHONUNBUFFERED": "1", "VERBOSE": "1"}
    found["PYTHONPATH"] = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH", "")]))
    found["PATH"] = os.pathsep.join([str(site / "bin"), os.environ.get("PATH", "")])  # ninja
    found.setdefault("MAX_JOBS", str(os.cpu_count() or 1))
    found.setdefault("TORCH_EXTENSIONS_DIR", str(site.parent / "torch_extensions"))
    if options.dry_run:
        found["SPLAT_REHEARSE_GPU"] = "1"
    return found


def for_the_device(machine: dict[str, Any], options: argparse.Namespace) -> dict[str, str]:
    """Only this device's kind of kernels is compiled."""
    capability = machine.get("capability")
    if not capability or "TORCH_CUDA_ARCH_LIST" in os.environ:
        return {}
    return {"TORCH_CUDA_ARCH_LIST": ".".join(map(str, capability))}


MACHINE = """
import json, platform, torch
from importlib.metadata import PackageNotFoundError, version
def versions():
    yield f"Python {platform.python_version()}"
    for name in ("gsplat", "numpy", "fused-ssim"):
        try:
            yield f"{name} {version(name)}"
        except PackageNotFoundError:
            pass
cuda = torch.cuda.is_available()
properties = torch.cuda.get_device_properties(0) if cuda else None
print(json.dumps({
    "device": properties.name if cuda else "no CUDA device",
    "memory_gib": round(properties.total_memory / 2**30) if cuda else 0,
    "capability": list(torch.cuda.get_device_capability()) if cuda else [],
    "cuda": torch.version.cuda, "torch": torch.__version__, "versions": list(versions()),
}))
"""

# gsplat's kernels, compiled the way that the package itself does it; without a device gsplat is only imported.
KERNELS = """
import json, sys, torch, gsplat
from splat.render.backends import gsplat_problem
cuda = torch.cuda.is_available()
problem = gsplat_problem() if cuda else ""
print(json.dumps({"gsplat": problem or ("compiled" if cuda else "rehearsed")}))
sys.exit(1 if problem else 0)
"""

# The package is imported before pytest puts the repository in front of it.
PYTEST = "import sys, pytest, splat; sys.exit(pytest.main(sys.argv[1:]))"


# --- what is run ---------------------------------------------------------------------------------------------------


def install_commands(options: argparse.Namespace) -> list[list[str]]:
    """pip for the packages and for this one, into a folder of their own; what is installed is never replaced."""
    shutil.rmtree(options.site, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(options.site.resolve())]
    here = [*pip, "--no-build-isolation", str(ROOT)]
    if options.from_pack is None:
        return [] if options.dry_run else [[*pip, *PACKAGES], here]
    pack = options.from_pack.resolve()
    wheels = [*pip, "--no-index", "--no-compile", *map(str, sorted((pack / "wheels").glob("*.whl")))]
    manifest = json.loads((pack / "manifest.json").read_text(encoding="utf-8"))
    same_python = manifest["python"] == f"{sys.version_info[0]}.{sys.version_info[1]}"
    if same_python and manifest["kernels"] == kernel_sources():
        return [wheels, [sys.executable, "-c", PLACE, str(pack / "kernels"), str(options.site.resolve()), *here]]
    return [wheels, here]


# The package of this checkout with the pack's compiled kernels; where these do not load, pip builds it.
PLACE = """
import shutil, subprocess, sys
from pathlib import Path
kernels, site, root = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[-1])
shutil.copytree(root / "splat", site / "splat", ignore=shutil.ignore_patterns("__pycache__", "*.so"))
shutil.copytree(root / "conf", site / "splat" / "conf")
for path in kernels.glob("*.so"):
    shutil.copy(path, site / "splat")
load = "from splat.native import load_set, usable_sets; [load_set(name) for name in usable_sets()] or 1 / 0"
if subprocess.run([sys.executable, "-c", load]).returncode:
    shutil.rmtree(site / "splat")
    sys.exit(subprocess.run(sys.argv[3:]).returncode)
"""


def test_files() -> dict[str, list[Path]]:
    """Files that hold tests marked gpu: no others, since some import what the machine does not have."""
    groups: dict[str, list[Path]] = {"parity tests": [], "training tests": [], "other tests": []}
    names = {"test_parity_gpu.py": "parity tests", "test_training_gpu.py": "training tests"}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        if is_marked(path):
            groups[names.get(path.name, "other tests")].append(path)
    return groups


def is_marked(path: Path) -> bool:
    text = path.read_text(encoding="utf-8")
    return "pytest.mark.gpu" in text or "pytestmark = needs_gpu" in text


def captures(options: argparse.Namespace) -> dict[str, tuple[Path, float]]:
    """Folders to train, and the divisor of their photos' sides."""
    if options.from_pack is not None:
        folder = options.from_pack.resolve() / "captures"
        found = {name: (folder / name, 1.0) for name in ("demo", "fox") if (folder / name).is_dir()}
    else:
        fox = (options.data or ROOT / "none").resolve() / "fox"
        found = {"demo": (ROOT / "data" / "demo", 1.0)} | ({"fox": (fox, 2.0)} if fox.is_dir() else {})
    if options.dry_run:
        return {"demo": (found["demo"][0], 8.0)}
    return found


if __name__ == "__main__":
    main()

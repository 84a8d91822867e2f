"""What works on this machine and how to fix the rest; the libraries are asked in processes of their own."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from splat.doctor_probes import MARK
from splat.lazy import lazy

psutil = lazy("psutil")

State = Literal["good", "note", "bad"]

TIMEOUT = 60  # seconds; importing torch from a cold disk can take twenty
GIB = 2**30

# Which Debian or Ubuntu package brings a shared library that an import misses.
SYSTEM_LIBRARIES = {
    "libGL.so": "libgl1",
    "libEGL.so": "libegl1",
    "libusb-1.0.so": "libusb-1.0-0",
    "libgomp.so": "libgomp1",
    "libX11.so": "libx11-6",
    "libxcb.so": "libxcb1",
    "libglib-2.0.so": "libglib2.0-0",
    "libgthread-2.0.so": "libglib2.0-0",
    "libSM.so": "libsm6",
    "libXext.so": "libxext6",
    "libXrender.so": "libxrender1",
    "libtbb.so": "libtbb12",
    "libc++.so": "libc++1",
}

OPEN3D_LIBRARIES = "libegl1 libgl1 libgomp1 libusb-1.0-0 libx11-6"


@dataclass(frozen=True)
class Check:
    """One line of the report."""

    name: str
    state: State
    text: str  # what there is, or what is wrong
    fix: str = ""  # what to do about it
    required: bool = False  # whether training cannot work without it


@dataclass(frozen=True)
class Probe:
    """A question to a library, see `splat.doctor_probes`."""

    title: str
    name: str
    required: bool = False
    package: str = ""  # what to install when it is missing
    without: str = ""  # what does not work without it


# Each family shares a process, because importing torch once for each of them would take a second each.
FAMILIES = (
    (
        Probe("torch", "torch", True, "torch"),
        Probe("renderer", "renderer", True),
        Probe("CPU kernels", "kernels", False, without="training and rendering without a GPU"),
        Probe("gsplat", "gsplat", False, "gsplat", "rendering on a GPU"),
        Probe("torchvision", "torchvision", False, "torchvision", "LPIPS"),
    ),
    (
        Probe("opencv", "opencv", True, "opencv-python-headless"),
        Probe("open3d", "open3d", False, "open3d", "meshes"),
        Probe("pycolmap", "pycolmap", False, "pycolmap", "photos without poses"),
        Probe("lpips", "lpips", False, "lpips", "LPIPS"),
        Probe("flip", "flip", False, "flip-evaluator", "FLIP"),
        Probe("video", "video", False, "av", "videos"),
        Probe("models", "hub"),
    ),
)


def examine(folder: Path | None = None) -> list[Check]:
    """Ask everything; `folder` is where runs would be written (default: here)."""
    with ThreadPoolExecutor(max_workers=len(FAMILIES)) as pool:
        libraries = [check for checks in pool.map(ask, FAMILIES) for check in checks]
    return [python(), *libraries, memory(), disk(folder or Path.cwd())]


def can_train(checks: list[Check]) -> bool:
    """Whether nothing that training needs is broken."""
    return not any(check.required and check.state == "bad" for check in checks)


def ask(probes: Sequence[Probe]) -> list[Check]:
    """Ask probes in one process; when one takes it down, the ones after it get a new process."""
    if not probes:
        return []
    command = [sys.executable, "-m", "splat.doctor_probes", *(probe.name for probe in probes)]
    root = str(Path(__file__).resolve().parent.parent)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))}
    with tempfile.TemporaryFile() as output:  # a file keeps what was written before a process is killed
        with subprocess.Popen(command, stdout=output, stderr=subprocess.DEVNULL, env=environment) as child:
            try:
                code = child.wait(TIMEOUT)
                problem = f"crashes when it is imported ({_ending(code)})"
            except subprocess.TimeoutExpired:
                child.kill()
                problem = f"no answer within {TIMEOUT} s"
        output.seek(0)
        lines = output.read().decode(errors="replace").splitlines()
    answers = [json.loads(line.removeprefix(MARK)) for line in lines if line.startswith(MARK)]
    checks = [judged(probe, answer) for probe, answer in zip(probes, answers)]
    if len(checks) < len(probes):
        checks.append(failed(probes[len(checks)], problem))
        checks += ask(probes[len(checks) :])
    return checks


def judged(probe: Probe, answer: dict[str, str]) -> Check:
    """The line for what a probe answered."""
    if "problem" in answer:
        return failed(probe, answer["problem"])
    state: State = "good" if answer["state"] == "good" else "note" if answer["state"] == "note" else "bad"
    return Check(probe.title, state, answer["text"], answer["fix"], probe.required)


def failed(probe: Probe, problem: str) -> Check:
    """A probe that gave no answer: what is missing, what does not work without it, and how to fix it."""
    text = re.sub(r"^(ModuleNotFoundError|ImportError|OSError|[\w.]*SplatError): ", "", problem)
    if probe.without and not probe.required:
        text += f" (no {probe.without})"
    return Check(probe.title, "bad" if probe.required else "note", text, remedy(probe, problem), probe.required)


def remedy(probe: Probe, problem: str) -> str:
    """The command that most likely fixes an import."""
    library = re.search(r"(lib[\w.+-]+\.so)[\w.]*: cannot open shared object file", problem)
    if library:
        if probe.name == "open3d":  # all that it needs at once, because each import names one only
            return f"apt-get install {OPEN3D_LIBRARIES}"
        package = SYSTEM_LIBRARIES.get(library[1], f"the package with {library[1]}")
        return f"apt-get install {package}" if library[1] in SYSTEM_LIBRARIES else f"install {package}"
    if probe.name == "torchvision":
        return "install torch and torchvision of one release: pip install --upgrade torch torchvision"
    return f"pip install --upgrade {probe.package}" if probe.package else ""


def python() -> Check:
    """The interpreter."""
    text = f"{platform.python_version()} on {platform.system()} {platform.machine()} ({sys.executable})"
    good = sys.version_info >= (3, 10)
    return Check(
        "Python", "good" if good else "bad", text, "" if good else "install Python 3.10 or newer", required=True
    )


def memory() -> Check:
    """Free main memory."""
    free = psutil.virtual_memory().available / GIB
    text = f"{free:.1f} GiB free, {os.cpu_count()} cores"
    if free < 1:
        return Check("memory", "note", text, "close other programs, or set data_factor and cap_max")
    return Check("memory", "good", text)


def disk(folder: Path) -> Check:
    """Free disk space and whether a run can be written here."""
    free = shutil.disk_usage(folder).free / GIB
    text = f"{free:.1f} GiB free in {folder}"
    if not os.access(folder, os.W_OK):
        return Check("disk", "note", f"{folder} cannot be written", "choose a run folder elsewhere with out=DIR")
    if free < 1:
        return Check("disk", "note", text, "free some space, or choose a run folder elsewhere with out=DIR")
    return Check("disk", "good", text)


def _ending(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"

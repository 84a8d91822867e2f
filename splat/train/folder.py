"""The run folder while training: where it is, what may be overwritten, what is written when."""

from __future__ import annotations

import dataclasses
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml

from splat import __version__
from splat.capture.types import Capture
from splat.console import info
from splat.errors import SplatError
from splat.files import write_text
from splat.train.config import TrainConfig
from splat.train.plan import Plan

PACKAGES = ("torch", "gsplat", "numpy", "pycolmap", "opencv-python-headless")


def prepare_folder(config: TrainConfig, capture_name: str) -> Path:
    """The run folder of this training; an existing run is kept.

    Raises:
        SplatError: when the folder already holds a run and neither resume nor overwrite was asked for.
    """
    folder = Path(config.out) if config.out else Path("runs") / capture_name / config.name
    if config.resume:
        if not (folder / "config.yaml").exists():
            raise SplatError(f"nothing to resume at {folder}; start it without resume=true")
        return folder
    if folder.exists() and not folder.is_dir():
        raise SplatError(f"out={folder} is a file; choose a folder")
    if (folder / "config.yaml").exists():
        if config.overwrite:
            info(f"the earlier run is kept as {_move_aside(folder)}")
        elif (folder / "scene.ply").exists():
            raise SplatError(f"{folder} holds a finished run; choose name=… for a new one, or overwrite=true")
        elif any((folder / "checkpoints").glob("*")):
            raise SplatError(f"{folder} holds an unfinished run; continue it with resume=true, or overwrite=true")
    elif folder.exists() and any(folder.iterdir()):
        raise SplatError(f"{folder} is not empty and holds no run; choose another out=")
    try:
        (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SplatError(f"cannot make the run folder {folder}: {error.strerror}") from error
    return folder


def _move_aside(folder: Path) -> Path:
    number = 1
    while (aside := folder.with_name(f"{folder.name}.old-{number}")).exists():
        number += 1
    folder.rename(aside)
    return aside


def write_config(
    folder: Path,
    config: TrainConfig,
    plan: Plan,
    capture: Capture,
    loaded: dict[str, Any],
    background: list[float],
    backend: str,
) -> None:
    """RUN/config.yaml: what was asked for, what was chosen, and where it ran.

    Args:
        loaded: the arguments of `load_capture`, so that other commands read the same photos.
        background: RGB, 0 to 1, behind the scene in evaluations.
        backend: gsplat or cpu.
    """
    record = {
        "train": dataclasses.asdict(config),
        "plan": dataclasses.asdict(plan),
        "capture": {**loaded, "data": str(capture.root.resolve())},
        "background": background,
        "seed": config.seed,
        "backend": backend,
        "versions": {"splat": __version__, "python": platform.python_version(), **_versions()},
        "git_commit": _git_commit(),
        "command": " ".join(sys.argv),
    }
    write_text(folder / "config.yaml", yaml.safe_dump(record, sort_keys=False, allow_unicode=True))


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _git_commit() -> str | None:
    """Commit of the checkout that splat runs from, None for an installed wheel."""
    here = Path(__file__).resolve().parents[2]
    if not (here / ".git").exists():
        return None
    try:
        found = subprocess.run(["git", "-C", str(here), "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() or None

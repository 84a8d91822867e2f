"""The run folder while training: where it is, what may be overwritten, what is written when."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import platform
import shlex
import subprocess
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from splat import __version__, invocation
from splat.console import info
from splat.errors import SplatError
from splat.files import LONGEST_NAME, first_free, is_name, write_text
from splat.lazy import lazy
from splat.run import POINTS, how_to_finish
from splat.run_records import TRAINING, read_config
from splat.running import Held, held, refuse_running
from splat.temporary import is_temporary
from splat.train.config import TrainConfig
from splat.train.plan import Plan
from splat.train.strategies import STRATEGIES

if TYPE_CHECKING:
    from splat import cameras
    from splat.capture.types import Capture
    from splat.train import priors
else:  # a folder that is taken is refused without torch
    cameras, priors = lazy("splat.cameras"), lazy("splat.train.priors")

PACKAGES = ("torch", "gsplat", "numpy", "pycolmap", "opencv-python-headless")


@contextlib.contextmanager
def run_folder(config: TrainConfig, capture_name: str) -> Iterator[Path]:
    """The run folder while it is trained in; a training that fails before there is anything to keep leaves no trace.

    Raises:
        SplatError: as `prepare_folder`.
    """
    folder = folder_of(config, capture_name)
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    aside = _aside(folder) if config.overwrite and not config.resume and (folder / "config.yaml").exists() else None
    prepare_folder(config, capture_name)
    missing = [folder] if aside is not None else missing
    try:
        with held(folder):
            yield folder
    except Held:
        raise
    except BaseException:
        if not config.resume and _is_bare(folder):
            _remove(folder, missing)
            if aside is not None and not folder.exists():
                aside.rename(folder)
                info(f"the earlier run is back in {folder}")
        raise


def _is_bare(folder: Path) -> bool:
    """Whether a run has neither scene nor checkpoint nor a single row of history."""
    if (folder / "scene.ply").exists() or any((folder / "checkpoints").glob("step_*.safetensors")):
        return False
    history = folder / "metrics.csv"
    return not history.exists() or history.read_bytes().count(b"\n") <= 1


def _remove(folder: Path, missing: list[Path]) -> None:
    """Take away what training wrote before its first step, and the folders that it made."""
    for name in ("config.yaml", "cameras.json", POINTS, "metrics.csv", TRAINING):
        (folder / name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # the user may have put something there meanwhile
        (folder / "checkpoints").rmdir()
        for path in missing:
            path.rmdir()


def folder_of(config: TrainConfig, capture_name: str) -> Path:
    """Where a training's run folder is.

    Raises:
        SplatError: when the name is more than one folder's.
    """
    check_name(config.name)
    return Path(config.out) if config.out else Path("runs") / capture_name / config.name


def check_name(name: str) -> None:
    """Refuse a name of a run that leads elsewhere.

    Raises:
        SplatError: when it is not one folder's name.
    """
    if not is_name(name):
        raise SplatError(
            f"name={name[:80]}: a name is that of one folder, without slashes and no longer than {LONGEST_NAME} bytes; "
            "out=FOLDER puts a run anywhere"
        )


def prepare_folder(config: TrainConfig, capture_name: str) -> Path:
    """The run folder of this training; an existing run is kept.

    Raises:
        SplatError: as `check_folder`, or when the folder cannot be made.
    """
    folder = folder_of(config, capture_name)
    check_folder(config, folder)
    if config.resume:
        return folder
    if (folder / "config.yaml").exists() and config.overwrite:
        info(f"the earlier run is kept as {_move_aside(folder)}")
    try:
        (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SplatError(f"cannot make the run folder {folder}: {error.strerror}") from error
    return folder


def check_folder(config: TrainConfig, folder: Path) -> None:
    """Look, without touching anything, whether a training may use this folder.

    Raises:
        SplatError: when a training runs there, or the folder already holds a run and neither resume nor overwrite was
            asked for.
    """
    refuse_running(folder)
    if config.resume:
        if not (folder / "config.yaml").exists():
            raise SplatError(f"nothing to resume at {folder}; start it without resume=true")
        if (folder / "scene.ply").exists():
            score = shlex.join(["splat", "evaluate", str(folder)])
            raise SplatError(f"{folder} is already finished; score it with: {score}")
        if not any((folder / "checkpoints").glob("step_*.safetensors")):
            raise SplatError(f"nothing to resume at {folder}; {how_to_finish(folder)}")
        return
    if folder.exists() and not folder.is_dir():
        raise SplatError(f"out={folder} is a file; choose a folder")
    if (folder / "config.yaml").exists():
        if config.overwrite:
            return
        if (folder / "scene.ply").exists() and not (folder / "metrics.json").exists():
            score = shlex.join(["splat", "evaluate", str(folder)])
            raise SplatError(f"{folder} is trained but not scored; score it with: {score} (overwrite=true trains anew)")
        if (folder / "scene.ply").exists():
            raise SplatError(f"{folder} holds a finished run; choose name=... for a new one, or overwrite=true")
        if any((folder / "checkpoints").glob("step_*.safetensors")):
            raise SplatError(f"{folder} holds an unfinished run; {how_to_finish(folder)} (overwrite=true starts anew)")
    elif folder.exists() and not _is_empty(folder):
        raise SplatError(f"{folder} is not empty and holds no run; choose another out=")


def _is_empty(folder: Path) -> bool:
    """Whether a folder holds nothing but hidden files, and what a training leaves that is killed as it begins."""
    for path in folder.iterdir():
        ours = is_temporary(path.name) or (path.name == "checkpoints" and path.is_dir() and _is_empty(path))
        if not ours and not (path.name.startswith(".") and path.is_file()):
            return False
    return True


def _move_aside(folder: Path) -> Path:
    aside = _aside(folder)
    folder.rename(aside)
    return aside


def _aside(folder: Path) -> Path:
    """The first free name beside a run folder."""
    return folder.with_name(first_free(f"{folder.name}.old", lambda name: folder.with_name(name).exists(), bare=False))


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
    names = {schema: name for name, schema in STRATEGIES.items()}
    drawn = config.render.scaled(cameras.radius(capture.cameras("train")))
    record = {
        "train": dataclasses.asdict(config),
        "strategy": names.get(type(config.strategy)),
        "plan": plain_plan(plan),
        "render": {name: getattr(drawn, name) for name in ("antialiased", "near_plane", "far_plane", "eps2d")},
        "capture": {**loaded, "data": str(capture.root.resolve())},
        "depth_maps": priors.depth_digest(capture, config.depth_priors),
        "background": background,
        "seed": config.seed,
        "backend": backend,
        "versions": {"splat": __version__, "python": platform.python_version(), **_versions()},
        "git_commit": _git_commit(),
        "command": invocation.command_line(),
    }
    write_text(folder / "config.yaml", yaml.safe_dump(record, sort_keys=False, allow_unicode=True))


def record_plan(folder: Path, plan: Plan) -> None:
    """Write a plan that has changed into RUN/config.yaml, so that `max_steps` there repeats the training."""
    record = read_config(folder)
    record["plan"] = plain_plan(plan)
    write_text(folder / "config.yaml", yaml.safe_dump(record, sort_keys=False, allow_unicode=True))


def plain_plan(plan: Plan) -> dict[str, Any]:
    """The plan as plain data."""
    record: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(plan)))  # lists for tuples
    return record


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

"""`splat demo`: copy the demo capture, to try everything on."""

from __future__ import annotations

import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

from splat import console
from splat.commands import SUMMARIES
from splat.commands.app import Command, user_path
from splat.errors import SplatError
from splat.files import first_free
from splat.options import option
from splat.shipped import demo_folder
from splat.train.config import TrainConfig


@dataclass
class DemoConfig:
    """`splat demo`."""

    dir: str = option("demo", "where the copy goes; must not exist yet")


def run(config: DemoConfig) -> None:
    """Copy the demo capture and say what comes next; prints the folder."""
    target = user_path(config.dir)
    copy_demo(demo_folder(), target)
    console.info(f"the demo capture is in {target}; next: {next_command(target)}")
    print(target)


def next_command(target: Path) -> str:
    """The command that trains the copy, under a name that no run in this folder has."""
    usual = TrainConfig().name
    runs = Path("runs") / target.resolve().name
    name = first_free(usual, lambda name: (runs / name).exists())
    words = ["splat", "train", str(target)]
    return shlex.join(words if name == usual else [*words, f"name={name}"])


def copy_demo(source: Path, target: Path) -> None:
    """Copy the capture; on any failure nothing is left behind.

    Raises:
        SplatError: when the target exists or cannot be written.
    """
    if target.exists():
        raise SplatError(f"{target} exists already and stays as it is; name another folder: splat demo DIR")
    partial = target.with_name(f".{target.name}-partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        for path in [source, *sorted(source.rglob("*"))]:  # unlike shutil.copytree, stops at the first failure
            copy = partial / path.relative_to(source)
            if path.is_dir():
                copy.mkdir(parents=True)
            else:
                shutil.copyfile(path, copy)
        partial.rename(target)
    except OSError as error:
        raise SplatError(f"cannot write {target}: {error.strerror}; free some space or name another folder") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


COMMAND = Command(
    name="demo",
    summary=SUMMARIES["demo"],
    config=DemoConfig,
    run=run,
    sweeps=False,
    words=("dir",),
    examples=("splat demo", "splat demo ~/captures/demo"),
)

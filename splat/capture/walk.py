"""The files below a folder, without what this program wrote there itself."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

MOST_ENTRIES = 300_000  # files and folders; a home folder given by mistake is not searched for hours
RUN_PARTS = ("cameras.json", "checkpoints", "scene.ply", "metrics.csv", "metrics.json")  # beside config.yaml
RUNNING = ".running.json"
CLEANED = ("clean.json", "clean.png")
MARKER = ".rendered-by-splat"  # in folders of pictures that commands write where the user wants them


@dataclass
class Walk:
    """What lies below a folder."""

    root: Path
    files: list[Path] = field(default_factory=list)  # in name order, links to files too, without hidden ones
    own: list[Path] = field(default_factory=list)  # run folders and cleaned copies, which are not entered
    dangling: list[Path] = field(default_factory=list)  # links that lead nowhere
    repeated: list[Path] = field(default_factory=list)  # links to folders that are entered by another way
    closed: list[Path] = field(default_factory=list)  # folders that may not be read
    complete: bool = True


def mark(folder: Path) -> None:
    """Put the mark into a folder of pictures by which it is known that they are no photos."""
    (folder / MARKER).touch()


def walk(root: Path) -> Walk:
    """All files at or below `root`; links to folders are followed, each folder is entered once."""
    found = Walk(root)
    entered = {_real(root), *(str(parent) for parent in Path(_real(root)).parents)}
    budget = MOST_ENTRIES
    waiting, links = [root], list[Path]()
    while waiting or links:
        folder = waiting.pop() if waiting else links.pop(0)  # real folders first: a link to one of them is a repetition
        again = _real(folder) in entered or _inside(_real(folder), _real(root))
        if again and folder.is_symlink() and folder != root:
            found.repeated.append(folder)
            continue
        entered.add(_real(folder))
        for entry in _entries(folder, found):
            budget -= 1
            if budget < 0:
                found.complete = False
                found.files.sort()
                return found
            path = Path(entry.path)
            if entry.name.startswith("."):
                continue
            if entry.is_symlink() and not path.exists():
                found.dangling.append(path)
            elif _is_folder(entry):
                if is_own(path):
                    found.own.append(path)
                elif entry.is_symlink():
                    links.append(path)
                else:
                    waiting.append(path)
            else:
                found.files.append(path)
    found.files.sort()
    return found


def files_in(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """The files directly in a folder that end so (in lower case), in name order; none where there is no folder.

    Without hidden ones: macOS puts a ._NAME beside each file that it copies to another kind of disk or into an archive.
    """
    inside = sorted(folder.iterdir()) if folder.is_dir() else []
    return [
        path for path in inside if path.suffix.lower() in suffixes and not path.name.startswith(".") and path.is_file()
    ]


def is_own(folder: Path) -> bool:
    """Whether a folder is a run of this program, finished or not, or pictures that it wrote."""
    if os.path.lexists(folder / RUNNING) or os.path.lexists(folder / MARKER):
        return True
    if os.path.lexists(folder / "config.yaml"):
        return any(os.path.lexists(folder / name) for name in RUN_PARTS)
    if all(os.path.lexists(folder / name) for name in CLEANED):
        return True
    checkpoints = folder / "checkpoints"
    return checkpoints.is_dir() and any(checkpoints.glob("step_*.safetensors"))


def pictures_in(folder: Path, suffixes: frozenset[str]) -> int:
    """How many files of these kinds lie below a folder of our own."""
    return sum(Path(name).suffix.lower() in suffixes for _, _, names in os.walk(folder) for name in names)


def _entries(folder: Path, found: Walk) -> list[os.DirEntry[str]]:
    """What a folder holds, in name order; one that may not be read is noted."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        found.closed.append(folder)
        return []


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _real(path: Path) -> str:
    return os.path.realpath(path)


def _inside(path: str, root: str) -> bool:
    return path.startswith(root.rstrip(os.sep) + os.sep)

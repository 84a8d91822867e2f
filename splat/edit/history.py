"""The edits of a run: each a folder that is a run of its own, and which of them is the present state.

RUN/edits/NNN-<slug>/ holds scene.ply, cameras.json and config.yaml as any run does, so every command opens it; and
edit.json (what was done) and selection.safetensors (to which Gaussians of the scene before). RUN/edits/history.json
names the current edit and those undone. The trained scene is never written to.
"""

from __future__ import annotations

import datetime
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from splat import __version__
from splat.edit.carry import carry_fields
from splat.edit.operations.base import Edited
from splat.edit.selection import Selection, save_selection
from splat.errors import SplatError
from splat.files import read_json, slug, write_json, write_text
from splat.run import Run, open_run

RECORD = "edit.json"


@dataclass(frozen=True)
class History:
    """Where a run stands among its edits."""

    root: Path  # the run's folder
    current: str | None  # name of the edit that is in force; None: the trained scene
    undone: tuple[str, ...] = ()  # what redo brings back, the next one last

    @property
    def folder(self) -> Path:
        """RUN/edits."""
        return self.root / "edits"

    @property
    def place(self) -> Path:
        """The folder of the scene in force."""
        return self.root if self.current is None else self.folder / self.current

    def edits(self) -> list[dict[str, Any]]:
        """The records of all edits, in the order they were made, each with its `name`."""
        paths = sorted(self.folder.glob(f"[0-9]*/{RECORD}"), key=lambda path: (_number(path.parent.name), path))
        return [{"name": path.parent.name, **read_json(path)} for path in paths]

    def save(self) -> None:
        """Write history.json."""
        write_json(self.folder / "history.json", {"current": self.current, "undone": list(self.undone)})


def root_of(path: Path) -> tuple[Path, str | None]:
    """The run's folder of a path that is a run or one of its edits, and the edit's name if it is one."""
    path = path.resolve()
    if (path / RECORD).is_file() and path.parent.name == "edits":
        return path.parent.parent, path.name
    return path, None


def load_history(path: Path) -> History:
    """The history of a run; of an edit's folder that of its run, standing at that edit.

    Raises:
        SplatError: when history.json is damaged or names an edit that is gone.
    """
    root, edit = root_of(path)
    file = root / "edits" / "history.json"
    record = read_json(file) if file.exists() else {}
    current, undone = record.get("current"), tuple(record.get("undone", ()))
    if edit is not None and edit != current:
        return History(root, edit)
    if current is not None and not (root / "edits" / current / RECORD).is_file():
        raise SplatError(f"the edit {current} is gone from {root / 'edits'}; put it back or delete {file}")
    return History(root, current, undone)


def undo(history: History) -> History:
    """Back to the scene before the current edit.

    Raises:
        SplatError: when there is nothing to undo.
    """
    if history.current is None:
        raise SplatError(f"there is nothing to undo: {history.root} stands at the trained scene")
    before = read_json(history.place / RECORD)["parent"]
    moved = History(history.root, before, (*history.undone, history.current))
    moved.save()
    return moved


def redo(history: History) -> History:
    """Forward to the edit that was undone last.

    Raises:
        SplatError: when there is none.
    """
    if not history.undone:
        raise SplatError(f"there is nothing to redo in {history.root}")
    moved = History(history.root, history.undone[-1], history.undone[:-1])
    moved.save()
    return moved


def commit(
    history: History, base: Run, name: str, record: dict[str, Any], edited: Edited, selection: Selection, digest: str
) -> Path:
    """Write an edit and make it the current one; it is there whole or not at all.

    Args:
        base: the scene that was edited.
        name: words for the folder, `remove red mug`.
        record: what was done, for edit.json.
        edited: the new scene.
        selection: Gaussians of the base; digest: of its scene file.

    Returns:
        the folder of the edit, a run.

    Raises:
        SplatError: when the disk refuses.
    """
    from splat.formats import write_scene

    try:
        history.folder.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".edit-", dir=history.folder))
    except OSError as error:
        raise SplatError(f"cannot write {history.folder}: {error.strerror}") from error
    try:
        temporary.chmod(0o755)  # mkdtemp makes private folders
        shutil.copyfile(base.path / "cameras.json", temporary / "cameras.json")
        write_scene(temporary / "scene.ply", edited.scene.to("cpu"))
        carry_fields(base.path, temporary, edited.origin)
        save_selection(temporary / "selection.safetensors", selection, digest)
        created = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        facts = {"parent": history.current, "created": created, "splat": __version__, **record}
        write_text(temporary / "config.yaml", yaml.safe_dump({**base.config, "edit": facts}, sort_keys=False))
        write_json(temporary / RECORD, facts)
        folder = _claimed(temporary, history.folder, slug(name, "edit"))
    except OSError as error:
        raise SplatError(f"cannot write the edit into {history.folder}: {error.strerror}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    History(history.root, folder.name).save()
    return folder


def open_current(history: History) -> Run:
    """The scene in force, as a run."""
    return open_run(history.place)


def _claimed(temporary: Path, folder: Path, name: str) -> Path:
    """Rename to NNN-name with the next number; nobody else can have got the same."""
    number = 1 + max((_number(path.name) for path in folder.iterdir()), default=0)
    while True:
        wanted = folder / f"{number:03d}-{name}"
        try:
            if not any(path.name.startswith(f"{number:03d}-") for path in folder.iterdir()):
                temporary.rename(wanted)
                return wanted
        except FileExistsError:
            pass
        number += 1


def _number(name: str) -> int:
    digits = name.partition("-")[0]
    return int(digits) if digits.isdigit() else 0

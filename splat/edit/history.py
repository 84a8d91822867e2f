"""The edits of a run: each a folder that is a run of its own, and which of them is the present state.

RUN/edits/NNN-<slug>/ holds scene.ply, cameras.json and config.yaml as any run does, so every command opens it; and
edit.json (what was done) and selection.safetensors (to which Gaussians of the scene before). RUN/edits/history.json
names the current edit and those undone. The trained scene is never written to.
"""

from __future__ import annotations

import contextlib
import datetime
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from splat import __version__, console, disk
from splat.edit.operations.base import Edited
from splat.edit.select.selection import Selection, save_selection
from splat.errors import SplatError
from splat.files import slug, write_json, write_text
from splat.formats import write_scene
from splat.language.transfer import carry_fields
from splat.records import json_record
from splat.run import Run, open_run
from splat.running import held
from splat.temporary import temporary_folder

RECORD = "edit.json"


@dataclass(frozen=True)
class EditHistory:
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
        """The records of all edits, in the order they were made, each with its `name`.

        Raises:
            SplatError: when one is damaged.
        """
        return [{"name": path.parent.name, **edit_record(path.parent)} for path in self._records()]

    def in_force(self) -> list[str]:
        """Names of the edits that made the scene in force, the newest first."""
        parents = {entry["name"]: entry["parent"] for entry in self.edits()}
        names: list[str] = []
        name = self.current
        while name is not None and name not in names:
            names.append(name)
            name = parents.get(name)
        return names

    def save(self) -> None:
        """Write history.json; it names all edits, so that none is out of sight, whichever of them is in force."""
        names = [path.parent.name for path in self._records()]
        record = {"current": self.current, "undone": list(self.undone), "edits": names}
        write_json(self.folder / "history.json", record)

    def _records(self) -> list[Path]:
        paths = self.folder.glob(f"[0-9]*/{RECORD}")
        return sorted(paths, key=lambda path: (_number(path.parent.name), path))


@contextlib.contextmanager
def editing(path: Path) -> Iterator[None]:
    """Hold a run's history while an edit is made of the scene in force: another edit of it waits until this one stands.

    Raises:
        SplatError: when the folder cannot be written.
    """
    with held(root_of(path)[0] / "edits", "edit", wait=True):
        yield


def root_of(path: Path) -> tuple[Path, str | None]:
    """The run's folder of a path that is a run or one of its edits, and the edit's name if it is one."""
    path = path.resolve()
    if (path / RECORD).is_file() and path.parent.name == "edits":
        return path.parent.parent, path.name
    return path, None


def load_history(path: Path) -> EditHistory:
    """The history of a run; of an edit's folder that of its run, standing at that edit.

    Raises:
        SplatError: when history.json is damaged or names an edit that is gone.
    """
    root, edit = root_of(path)
    file = root / "edits" / "history.json"
    current: str | None = None
    undone: tuple[str, ...] = ()
    if file.exists():
        record = json_record(file)
        current = record.name("current") if record.has("current") else None
        undone = record.names("undone")
    if edit is not None and edit != current:
        return EditHistory(root, edit)
    for name in (*undone, *([] if current is None else [current])):
        if not (root / "edits" / name / RECORD).is_file():
            raise SplatError(f"the edit {name} is gone from {root / 'edits'}; put it back or delete {file}")
    return EditHistory(root, current, undone)


def edit_record(folder: Path) -> dict[str, Any]:
    """What an edit's edit.json says.

    Raises:
        SplatError: when it is damaged.
    """
    found = json_record(folder / RECORD)
    if found.has("parent"):
        found.name("parent")
    for key in ("gaussians_before", "gaussians_after"):
        found.whole(key)
    return {"parent": None, **found.values}


def undo(history: EditHistory) -> EditHistory:
    """Back to the scene before the current edit.

    Raises:
        SplatError: when there is nothing to undo, or the edit before is gone.
    """
    if history.current is None:
        raise SplatError(f"there is nothing to undo: {history.root} stands at the trained scene")
    before = edit_record(history.place)["parent"]
    moved = EditHistory(history.root, before, (*history.undone, history.current))
    if before is not None and not (moved.place / RECORD).is_file():
        raise SplatError(f"the edit {before} is gone from {history.folder}; put it back")
    moved.save()
    return moved


def redo(history: EditHistory) -> EditHistory:
    """Forward to the edit that was undone last.

    Raises:
        SplatError: when there is none.
    """
    if not history.undone:
        raise SplatError(f"there is nothing to redo in {history.root}")
    moved = EditHistory(history.root, history.undone[-1], history.undone[:-1])
    moved.save()
    return moved


def commit(
    history: EditHistory,
    base: Run,
    name: str,
    record: dict[str, Any],
    edited: Edited,
    selection: Selection,
    digest: str,
) -> Path:
    """Write an edit and make it the current one; it is there whole or not at all.

    Args:
        base: the scene that was edited.
        name: words for the folder, `remove red mug`.
        record: what was done, for edit.json.
        edited: the new scene.
        selection: Gaussians of the base.
        digest: of its scene file.

    Returns:
        the folder of the edit, a run.

    Raises:
        SplatError: when the disk refuses.
    """
    try:
        history.folder.mkdir(parents=True, exist_ok=True)
        with temporary_folder(history.folder) as scratch:
            written = scratch / "edit"
            written.mkdir()
            shutil.copyfile(base.path / "cameras.json", written / "cameras.json")
            write_scene(written / "scene.ply", edited.scene.to("cpu"), notes=base.notes)
            carry_fields(base.path, written, edited.origin)
            save_selection(written / "selection.safetensors", selection, digest)
            created = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
            facts = {"parent": history.current, "created": created, "splat": __version__, **record}
            write_text(written / "config.yaml", yaml.safe_dump({**base.config, "edit": facts}, sort_keys=False))
            write_json(written / RECORD, facts)
            folder = _claimed(written, history.folder, slug(name, "edit"))
    except OSError as error:
        reason = disk.refusal(error)
        raise SplatError(f"cannot write the edit into {history.folder}: {reason}") from error
    EditHistory(history.root, folder.name).save()
    return folder


def open_current(history: EditHistory) -> Run:
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
    return int(digits) if digits.isdecimal() else 0


def say_without_edits(path: Path) -> None:
    """One line where the folder is that of a run whose edits are not in the scene that is read from it."""
    history = load_history(path)
    edits = len(history.in_force())
    if edits and path.resolve() == history.root.resolve():
        console.info(f"the scene as it was trained; {history.place} has {console.count(edits, 'edit')}")

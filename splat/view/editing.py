"""Edits that a page asks for: the command of each, what it would make of the scene, and what is shown once it ran."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from splat.edit.apply import apply
from splat.edit.history import root_of
from splat.edit.operations import OPERATIONS, operation_options
from splat.edit.operations.base import Edited, Operation
from splat.edit.select.selection import Selection
from splat.errors import SplatError
from splat.files import first_free
from splat.formats.registry import format_for_writing
from splat.options import check, flat
from splat.view.marked import code
from splat.view.opened import OpenedScene, open_scene

if TYPE_CHECKING:
    from splat.view.app import App


@dataclass(frozen=True)
class Wish:
    """An operation and those of its options that are not as usual."""

    operation: str
    options: Mapping[str, Any] = field(default_factory=dict)  # by their names with dots
    force: bool = False  # also if more than half of the scene is touched

    def words(self, scene: OpenedScene, selection: Path | None) -> list[str]:
        """The command that does it: `edit RUN remove fill.views=0 select.file=…`; of a scene file, into another one.

        Args:
            scene: what is shown.
            selection: file with what it is about; None where the operation finds that itself.
        """
        said = [f"{key}={in_word(value)}" for key, value in self.options.items()]
        if selection is not None:
            said.append(f"select.file={selection}")
        if self.force:
            said.append("force=true")
        if scene.run is None:
            said.append(f"out={free_file(scene.place, self.operation)}")
        return ["edit", str(scene.source), self.operation, *said]

    def applied(self, scene: OpenedScene, chosen: Selection) -> Edited:
        """What it makes of the scene, in memory; a selection is taken as hard as the command takes it.

        Raises:
            SplatError: as the command would.
        """
        typed = {
            key: float(in_word(value)) if isinstance(value, float) else value for key, value in self.options.items()
        }
        options = operation_options(self.operation, typed)
        check(options)
        operation: Operation[Any] = OPERATIONS[self.operation].make(options, self.force)
        operation.photographed = scene.run is not None
        return apply(self.operation, operation, scene.renderer, chosen.hard())


def unusual(operation: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the options whose values are not what the operation takes anyway."""
    usual = flat(OPERATIONS[operation].options())
    return {key: value for key, value in options.items() if value != usual[key]}


def in_word(value: Any) -> str:
    """A value as the command line has it; numbers with six digits."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def in_words(values: Sequence[float]) -> str:
    """Numbers of an option such as offset=; those that are next to nothing beside the largest are 0."""
    digits = 2 + decimals(max((abs(float(value)) for value in values), default=0.0))
    return ",".join(in_word(round(float(value), digits) + 0.0) for value in values)


def decimals(length: float) -> int:
    """So many decimals tell a ten-thousandth of a length; four at least."""
    return 4 + max(0, -math.floor(math.log10(length))) if 0 < length < math.inf else 4


def as_code(words: Sequence[str]) -> str:
    """A command as Markdown, for people to learn it."""
    return code(shlex.join(["splat", *words]))


def free_file(path: Path, operation: str) -> Path:
    """A name beside a scene file that nothing has, in the same format if it can be written, else a PLY."""
    suffix = path.suffix
    try:
        format_for_writing(path)
    except SplatError:
        suffix = ".ply"
    stem = path.stem if path.suffix else path.name
    return path.with_name(
        first_free(f"{stem}-{operation}", lambda name: path.with_name(name + suffix).exists()) + suffix
    )


def show_edited(app: App, output: Sequence[str]) -> None:
    """Show what an edit made, by the last line that its command printed.

    A run is followed by itself; not so the folder of one edit, which stays what it is, nor a file.

    Raises:
        SplatError: it is gone already.
    """
    if app.scene.run is not None:
        show_in_force(app)
        return
    made = Path(output[-1])
    before = app.scene.place
    scene = open_scene(made, app.options.backend)
    app.trail.add(before, made)  # first: pages that are told of the scene look at the trail
    app.show(scene)


def show_in_force(app: App) -> None:
    """Show the edit of the run that is in force, if another one is shown.

    Raises:
        SplatError: the run went away or is damaged.
    """
    root, edit = root_of(app.scene.source)
    if edit is None:
        app.reload()
    else:
        app.show(open_scene(root, app.options.backend))

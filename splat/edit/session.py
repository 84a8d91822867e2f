"""One edit of a run from start to end: scene, selection, operation, folder."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from splat.console import count, info
from splat.edit import history as histories
from splat.edit.apply import apply
from splat.edit.choose import Chooser
from splat.edit.config import EditOptions, FillOptions, SelectOptions
from splat.edit.fill import fill
from splat.edit.preview import write_preview
from splat.edit.selection import Selection, save_selection
from splat.edit.stage import Stage
from splat.edit.words import Words, in_words
from splat.language.field import scene_digest
from splat.options import flat
from splat.run import Run


@dataclass
class Request:
    """What is to be done."""

    operation: str
    words: Words | None = None
    select: SelectOptions = field(default_factory=SelectOptions)
    options: EditOptions = field(default_factory=EditOptions)
    fill: FillOptions = field(default_factory=FillOptions)
    force: bool = False
    name: str | None = None  # words for the folder
    backend: str = "auto"
    preview_views: int = 4


@dataclass(frozen=True)
class Prepared:
    """A scene and what of it is selected."""

    history: histories.History
    run: Run
    stage: Stage
    selection: Selection
    digest: str  # of the scene file


def prepare(path: Path, request: Request) -> Prepared:
    """Open the scene in force and select.

    Raises:
        SplatError: whatever is wrong with run or selection.
    """
    history = histories.load_history(path)
    run = histories.open_current(history)
    stage = Stage.of_run(run, request.backend)
    digest = scene_digest(run.scene_path)
    named = [in_words(stage, run, request.words)] if request.words is not None else []
    selection = Chooser(stage, digest).from_options(request.select, named)
    info(f"{selection.source}: {count(selection.count, 'Gaussian')} of {len(selection):,} ({selection.share:.1%})")
    return Prepared(history, run, stage, selection, digest)


def preview(prepared: Prepared, request: Request) -> Path:
    """Write RUN/edits/previews/<slug>/ with pictures of the selection and its file; changes nothing else."""
    name = histories.slug(_name(prepared, request))
    folder = prepared.history.folder / "previews" / name
    for old in folder.glob("*.png"):
        old.unlink()
    write_preview(prepared.stage, prepared.selection, folder, request.preview_views)
    save_selection(folder / "selection.safetensors", prepared.selection, prepared.digest)
    return folder


def edit(prepared: Prepared, request: Request) -> Path:
    """Do the operation and write its folder.

    Raises:
        SplatError: options or selection that do not fit, or the disk refuses.
    """
    started = time.monotonic()
    scene, selection = prepared.stage.scene, prepared.selection
    edited = apply(request.operation, scene, selection, request.options, request.force)
    if request.operation == "remove":
        edited = fill(prepared.stage, selection, edited, request.fill)
    defaults = flat(EditOptions()) | flat(SelectOptions())
    given = flat(request.options) | flat(request.select)
    record = {
        "operation": request.operation,
        "selection": selection.source,
        "options": {key: value for key, value in given.items() if value != defaults[key]},
        "selected": selection.count,
        "gaussians_before": len(scene),
        "gaussians_after": len(edited.scene),
        "new": int((edited.origin < 0).sum()),
        "seconds": round(time.monotonic() - started, 3),
    }
    if request.words is not None:
        record = {**record, "text": request.words.text}
    folder = histories.commit(
        prepared.history, prepared.run, _name(prepared, request), record, edited, selection, prepared.digest
    )
    info(f"{request.operation}: {record['gaussians_before']:,} Gaussians before, {record['gaussians_after']:,} after")
    return folder


def _name(prepared: Prepared, request: Request) -> str:
    """Words for a folder."""
    what = prepared.selection.source if request.words is None else request.words.text
    return request.name or f"{request.operation} {what}"

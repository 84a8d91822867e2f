"""One edit of a run from start to end: scene, selection, operation, folder."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from splat.console import count, info
from splat.edit import history as histories
from splat.edit.apply import apply
from splat.edit.operations import OPERATIONS, NoOptions, RestyleOptions
from splat.edit.operations.base import Operation
from splat.edit.photos import photos_of
from splat.edit.preview import write_preview
from splat.edit.score import score_run
from splat.edit.select.geometry import everything
from splat.edit.select.options import SelectOptions, selects
from splat.edit.select.selection import Selection, save_selection
from splat.edit.select.selector import Selector
from splat.edit.select.text import TextQuery, select_by_text
from splat.files import slug
from splat.language.field import field_folders, scene_digest
from splat.options import flat
from splat.render.scene import SceneRenderer
from splat.run import Run


@dataclass
class Request:
    """What is to be done."""

    operation: str
    text: TextQuery | None = None
    select: SelectOptions = field(default_factory=SelectOptions)
    options: Any = field(default_factory=NoOptions)  # the dataclass of the operation's row
    force: bool = False
    name: str | None = None  # words for the folder
    backend: str = "auto"
    preview_views: int = 4

    def __post_init__(self) -> None:
        """A model makes of the selection what the text says, unless it has a prompt: then the text selects."""
        asked, options, goal = self.text or TextQuery(""), self.options, ""
        if isinstance(options, RestyleOptions) and options.model is not None:
            goal = (options.prompt or asked.text).strip()
        chooses = bool(asked.text) and (not goal or bool(options.prompt))
        self.text = asked if chooses else None
        if goal:
            self.options = dataclasses.replace(options, goal=goal, avoid="" if chooses else asked.without)

    @property
    def goal(self) -> str:
        """What a model makes of the selection; empty where none takes part."""
        return self.options.goal if isinstance(self.options, RestyleOptions) else ""


@dataclass(frozen=True)
class PreparedEdit:
    """A scene and what of it is selected."""

    history: histories.EditHistory
    run: Run
    renderer: SceneRenderer
    operation: Operation[Any]
    candidates: Selection  # what may be changed
    selection: Selection  # what is changed from the start
    digest: str  # of the scene file


def prepare(path: Path, request: Request) -> PreparedEdit:
    """Open the scene in force and select.

    Raises:
        SplatError: whatever is wrong with run, selection, or what a restyle follows.
    """
    operation: Operation[Any] = OPERATIONS[request.operation].make(request.options, request.force)
    history = histories.load_history(path)
    run = histories.open_current(history)
    renderer = run.renderer(request.backend)
    digest = scene_digest(run.scene_path)
    if operation.scored:
        operation.photos = photos_of(run, renderer.background)
    named = [select_by_text(renderer, run, request.text)] if request.text is not None else []
    candidates, selection = choose(operation, renderer, request, digest, named)
    return PreparedEdit(history, run, renderer, operation, candidates, selection, digest)


def choose(
    operation: Operation[Any], renderer: SceneRenderer, request: Request, digest: str, named: list[Selection]
) -> tuple[Selection, Selection]:
    """What may be changed and what is changed from the start, by the options and what words have `named`; says it.

    Raises:
        SplatError: nothing is selected, or an option cannot be read.
    """
    if operation.finds_its_place and not named and not selects(request.select):
        named = [everything(renderer.scene)]
    candidates = Selector(renderer, digest).from_options(request.select, named)
    selection = operation.narrowed(renderer, candidates)
    info(f"{selection.source}: {count(selection.count, 'Gaussian')} of {len(selection):,} ({selection.share:.1%})")
    return candidates, selection


def preview(prepared: PreparedEdit, request: Request) -> Path:
    """Write RUN/edits/previews/<slug>/ with pictures of the selection and its file; changes nothing else."""
    name = slug(_name(prepared, request), "edit")
    folder = prepared.history.folder / "previews" / name
    for old in folder.glob("*.png"):
        old.unlink()
    write_preview(prepared.renderer, prepared.selection, folder, request.preview_views)
    save_selection(folder / "selection.safetensors", prepared.selection, prepared.digest)
    return folder


def edit(prepared: PreparedEdit, request: Request) -> Path:
    """Do the operation and write its folder.

    Raises:
        SplatError: options or selection that do not fit, or the disk refuses.
    """
    started = time.monotonic()
    scene, selection = prepared.renderer.scene, prepared.selection
    edited = apply(request.operation, prepared.operation, prepared.renderer, selection, prepared.candidates)
    defaults = flat(type(request.options)()) | flat(SelectOptions())
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
    if prepared.operation.scored:
        scores = score_run(prepared.run, prepared.operation.photos, prepared.renderer, edited.scene)
        record = {**record, "psnr": {score.views: score.record() for score in scores}}
    if request.text is not None:
        record = {**record, "text": request.text.text}
    if request.goal:
        record = {**record, "prompt": request.goal}
    folder = histories.commit(
        prepared.history, prepared.run, _name(prepared, request), record, edited, selection, prepared.digest
    )
    info(f"{request.operation}: {record['gaussians_before']:,} Gaussians before, {record['gaussians_after']:,} after")
    if prepared.operation.repaints and field_folders(folder):
        info(f"words are still asked of what was there before: splat distill {folder} learns what is there now")
    return folder


def _name(prepared: PreparedEdit, request: Request) -> str:
    """Words for a folder."""
    what = request.goal or (prepared.selection.source if request.text is None else request.text.text)
    return request.name or f"{request.operation} {what}"

"""One edit of a run from start to end: scene, selection, operation, folder."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from splat.console import count, info, warn
from splat.edit import history as histories
from splat.edit.apply import apply, check_options, check_share, drawn_otherwise
from splat.edit.config import EditOptions, FillOptions
from splat.edit.fill import fill
from splat.edit.operations.base import Edited
from splat.edit.preview import write_preview
from splat.edit.restyle.options import GuideOptions
from splat.edit.restyle.start import Restyle
from splat.edit.select.geometry import everything
from splat.edit.select.options import SelectOptions, selects
from splat.edit.select.selection import Selection, save_selection
from splat.edit.select.selector import Selector
from splat.edit.select.text import TextQuery, select_by_text
from splat.files import slug
from splat.language.field import scene_digest
from splat.options import flat
from splat.render.scene import SceneRenderer
from splat.run import Run


@dataclass
class Request:
    """What is to be done."""

    operation: str
    words: TextQuery | None = None
    select: SelectOptions = field(default_factory=SelectOptions)
    options: EditOptions = field(default_factory=EditOptions)
    fill: FillOptions = field(default_factory=FillOptions)
    force: bool = False
    name: str | None = None  # words for the folder
    backend: str = "auto"
    preview_views: int = 4
    guide: GuideOptions = field(default_factory=GuideOptions)  # of restyle
    prompt: str = ""  # what restyle with a model makes of it
    avoid: str = ""  # … and not


@dataclass(frozen=True)
class PreparedEdit:
    """A scene and what of it is selected."""

    history: histories.EditHistory
    run: Run
    renderer: SceneRenderer
    selection: Selection
    digest: str  # of the scene file
    restyle: Restyle | None = None  # what is to be followed, where that is the operation
    candidates: Selection | None = None  # what may take part in it later


def prepare(path: Path, request: Request) -> PreparedEdit:
    """Open the scene in force and select.

    Raises:
        SplatError: whatever is wrong with run, selection, or what a restyle follows.
    """
    check_options(request.operation, request.options, request.fill, request.guide)
    restyle = None
    if request.operation == "restyle":
        restyle = Restyle(request.options, request.guide, request.prompt, request.avoid)
    history = histories.load_history(path)
    run = histories.open_current(history)
    renderer = run.renderer(request.backend)
    digest = scene_digest(run.scene_path)
    named = [select_by_text(renderer, run, request.words)] if request.words is not None else []
    if restyle is not None and restyle.localises and not named and not selects(request.select):
        named = [everything(renderer.scene)]
    candidates = Selector(renderer, digest).from_options(request.select, named)
    selection = candidates if restyle is None else restyle.localised(renderer, candidates)
    info(f"{selection.source}: {count(selection.count, 'Gaussian')} of {len(selection):,} ({selection.share:.1%})")
    return PreparedEdit(history, run, renderer, selection, digest, restyle, candidates)


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
    edited = _done(prepared, request)
    defaults = flat(EditOptions()) | flat(SelectOptions()) | _dotted("guide", flat(GuideOptions()))
    given = flat(request.options) | flat(request.select) | _dotted("guide", flat(request.guide))
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
    if request.prompt:
        record = {**record, "prompt": request.prompt}
    folder = histories.commit(
        prepared.history, prepared.run, _name(prepared, request), record, edited, selection, prepared.digest
    )
    info(f"{request.operation}: {record['gaussians_before']:,} Gaussians before, {record['gaussians_after']:,} after")
    return folder


def _done(prepared: PreparedEdit, request: Request) -> Edited:
    """The scene after the operation."""
    renderer, selection = prepared.renderer, prepared.selection
    if prepared.restyle is not None:
        check_share(request.operation, selection, request.force)
        return prepared.restyle.edit(renderer, prepared.candidates or selection, selection, request.force)
    edited = apply(request.operation, renderer.scene, selection, request.options, request.force)
    if request.operation == "replace" and (remark := drawn_otherwise(prepared.run, request.options)):
        warn(remark)
    return fill(renderer, selection, edited, request.fill) if request.operation == "remove" else edited


def _dotted(group: str, values: dict[str, Any]) -> dict[str, Any]:
    return {f"{group}.{name}": value for name, value in values.items()}


def _name(prepared: PreparedEdit, request: Request) -> str:
    """Words for a folder."""
    if request.prompt:
        return request.name or f"{request.operation} {request.prompt}"
    what = prepared.selection.source if request.words is None else request.words.text
    return request.name or f"{request.operation} {what}"

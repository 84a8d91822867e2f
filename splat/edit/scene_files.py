"""An edit of a scene file, which has no cameras, photos, words or history: what comes of it is another file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from splat.console import info, warn
from splat.edit.apply import apply
from splat.edit.operations import OPERATIONS
from splat.edit.operations.base import Operation
from splat.edit.preview import write_preview
from splat.edit.score import score_file
from splat.edit.select.selection import Selection, save_selection
from splat.edit.session import Request, choose
from splat.errors import SplatError
from splat.files import slug
from splat.formats.losses import losses
from splat.formats.registry import format_for_writing, read_scene_file, write_scene
from splat.formats.scene_file import Notes
from splat.language.field import scene_digest
from splat.render.around import lone_renderer
from splat.render.scene import SceneRenderer

VIEWS = 16  # around the scene, that take the place of a run's


@dataclass(frozen=True)
class PreparedFileEdit:
    """A scene file and what of it is selected."""

    path: Path
    notes: Notes  # that it has, and what is written gets
    renderer: SceneRenderer  # with cameras on an orbit
    operation: Operation[Any]
    candidates: Selection  # what may be changed
    selection: Selection  # what is changed from the start
    digest: str  # of the file


def prepare_file(path: Path, request: Request) -> PreparedFileEdit:
    """Read a scene file, look at it from around, and select.

    Raises:
        SplatError: whatever is wrong with the file or the selection; words, which need a run's language field.
    """
    operation: Operation[Any] = OPERATIONS[request.operation].make(request.options, request.force)
    operation.photographed = False
    if request.text is not None:
        raise SplatError(
            f"words need the language field of a run; {path.name} is a file: give select.box, select.where, ..."
        )
    found = read_scene_file(path)
    if len(found.gaussians) == 0:
        raise SplatError(f"{path} holds no Gaussians")
    renderer = lone_renderer(found.gaussians, VIEWS, bool(found.notes.antialiased), request.backend)
    digest = scene_digest(path)
    candidates, selection = choose(operation, renderer, request, digest, [])
    return PreparedFileEdit(path, found.notes, renderer, operation, candidates, selection, digest)


def preview_file(prepared: PreparedFileEdit, request: Request) -> Path:
    """Write NAME-previews/<slug>/ beside the file with pictures of the selection and its own file.

    Raises:
        SplatError: the disk refuses.
    """
    name = slug(request.name or f"{request.operation} {prepared.selection.source}", "edit")
    folder = prepared.path.with_name(f"{prepared.path.stem}-previews") / name
    for old in folder.glob("*.png"):
        old.unlink()
    write_preview(prepared.renderer, prepared.selection, folder, request.preview_views)
    save_selection(folder / "selection.safetensors", prepared.selection, prepared.digest)
    return folder


def edit_file(prepared: PreparedFileEdit, request: Request, out: Path, overwrite: bool = False) -> Path:
    """Do the operation and write the scene; says what the format of `out` loses.

    Args:
        out: its suffix tells the format.
        overwrite: whether it may exist already, or be the file that was read.

    Returns:
        `out`.

    Raises:
        SplatError: as `may_be_written`, options or selection that do not fit, or the disk refuses.
    """
    may_be_written(out, overwrite)
    edited = apply(request.operation, prepared.operation, prepared.renderer, prepared.selection, prepared.candidates)
    scene = edited.scene.to("cpu")
    if prepared.operation.scored:
        score_file(prepared.renderer, edited.scene)
    write_scene(out, scene, notes=prepared.notes)
    for loss in losses(format_for_writing(out).name, scene, prepared.notes):
        warn(f"{out.name}: {loss}")
    info(f"{request.operation}: {len(prepared.renderer.scene):,} Gaussians before, {len(scene):,} after")
    return out


def may_be_written(out: Path, overwrite: bool = False) -> None:
    """
    Raises:
        SplatError: no format has the file's suffix, or it exists and `overwrite` is not given.
    """
    format_for_writing(out)
    if out.exists() and not overwrite:
        raise SplatError(f"{out} exists already; overwrite=true replaces it, out=FILE writes another one")

"""A run or a scene in a file of another format, with a word about what that file cannot say."""

from __future__ import annotations

from pathlib import Path

from splat.console import warn
from splat.errors import SplatError
from splat.formats.registry import format_for_writing, read_scene_file, write_scene
from splat.formats.scene_file import NO_NOTES
from splat.gaussians import Gaussians
from splat.render.config import RenderOptions
from splat.run import Run


def export_scene(
    source: Run | Path | Gaussians, output: Path, format: str | None = None, overwrite: bool = False
) -> Gaussians:
    """Write a scene file; warns about what it loses and where others draw it otherwise.

    Args:
        source: a run, a scene file, or Gaussians.
        output: the file.
        format: a name in `splat.formats.FORMATS`; None for the one of the file's suffix.
        overwrite: whether the file may exist already.

    Returns:
        What was written.

    Raises:
        SplatError: the file exists, no such format, or the source cannot be read.
    """
    entry = format_for_writing(output, format)
    if output.exists() and not overwrite:
        raise SplatError(f"{output} exists already; overwrite=true replaces it, output=FILE writes another one")
    from splat.formats.losses import losses  # torch, which takes seconds: everything else is refused before

    if isinstance(source, Gaussians):
        gaussians, notes = source, NO_NOTES
    else:
        found = read_scene_file(source.scene_path if isinstance(source, Run) else source)
        gaussians, notes = found.gaussians, found.notes
    if isinstance(source, Run):
        notes = source.notes  # what was trained rules, and older scenes have no notes
        for remark in drawn_otherwise(source):
            warn(f"{output.name}: {remark}")
    write_scene(output, gaussians, format=format, notes=notes)
    for loss in losses(entry.name, gaussians, notes):
        warn(f"{output.name}: {loss}")
    return gaussians


def drawn_otherwise(run: Run) -> list[str]:
    """What a scene file cannot say about how the run is drawn."""
    blur, usual = run.render_options().eps2d, RenderOptions().eps2d
    found = []
    if blur != usual:
        found.append(f"the run is drawn with render.eps2d={blur:g}, other viewers blur Gaussians by {usual:g}")
    if any(run.background):
        listed = ", ".join(f"{value:g}" for value in run.background)
        found.append(f"the scene was trained before the background ({listed}); viewers show another one, mostly black")
    return found

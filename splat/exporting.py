"""A scene in a file of another format, or a run's surface as triangles, with a word about what that file cannot say."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from splat.console import count, info, progress, warn
from splat.errors import SplatError
from splat.evaluate.fidelity import VIEWS, Fidelity, fidelity, judging_cameras
from splat.files import atomic_path
from splat.formats.common import drop_unusable
from splat.formats.losses import losses
from splat.formats.mesh import NAMING_ORIGIN
from splat.formats.placed import HALF_TURN, to_y_up
from splat.formats.points import LEAST_OPACITY, point_cloud
from splat.formats.registry import Format, format_for_writing, read_scene_file, write_scene
from splat.formats.scene_file import NO_NOTES, Notes
from splat.frame import SceneFrame
from splat.gaussians import Gaussians
from splat.pages import lone_notes, moved, page_frame, run_notes
from splat.render.around import lone_renderer
from splat.render.config import MeshOptions, RenderOptions
from splat.render.mesh import frames_of, fuse, write_mesh
from splat.run import Run


def export_scene(
    source: Run | Path | Gaussians,
    output: Path,
    format: str | None = None,
    overwrite: bool = False,
    frame: SceneFrame | None = None,
    notes: Notes = NO_NOTES,
    score: bool = True,
    version: int | None = None,
) -> Gaussians:
    """Write a scene file; says what it loses, where others draw it otherwise, and how it looks when it is read again.

    Args:
        source: a run, a scene file, or Gaussians.
        output: the file.
        format: a name in `splat.formats.FORMATS`; None for the one of the file's suffix.
        overwrite: whether the file may exist already.
        frame: what the scene is moved into, see `aligned_frame`; None: it stays in its own coordinates, but a page
            of a run always stands upright, see `page_frame`.
        notes: of Gaussians; runs and files have their own.
        score: whether to read the file again and compare its pictures with the scene's.
        version: of the format, where it has several; None for the usual one.

    Returns:
        What was written.

    Raises:
        SplatError: the file exists, no such format or version, or the source cannot be read.
    """
    entry = format_for_writing(output, format)
    entry.version_to_write(version)
    _may_be_written(output, overwrite)
    gaussians, notes = _scene_of(source, notes)
    if isinstance(source, Run):
        for remark in drawn_otherwise(source, entry.shows):
            warn(f"{output.name}: {remark}")
    if entry.shows:
        if isinstance(source, Run):
            notes = run_notes(source, gaussians)
            frame = page_frame(source, gaussians, frame or source.frame())
        else:
            notes = lone_notes(notes, gaussians, output.stem)
    if frame is not None:
        gaussians, notes = in_frame(gaussians, notes, frame)
    write_scene(output, gaussians, format=format, notes=notes, version=version)
    for loss in losses(entry.name, gaussians, notes):
        warn(f"{output.name}: {loss}")
    if score and len(gaussians):
        info(f"{output.name}: {_written_again(entry, output, gaussians, source, frame, notes)}")
    return gaussians


def _scene_of(source: Run | Path | Gaussians, notes: Notes = NO_NOTES) -> tuple[Gaussians, Notes]:
    """The Gaussians, and how they are drawn and placed; `notes` are those of bare Gaussians."""
    if isinstance(source, Gaussians):
        return source, notes
    found = read_scene_file(source.scene_path if isinstance(source, Run) else source)
    # what was trained rules, and older scenes have no notes
    return found.gaussians, source.notes if isinstance(source, Run) else found.notes


def in_frame(gaussians: Gaussians, notes: Notes, frame: SceneFrame) -> tuple[Gaussians, Notes]:
    """A scene moved into the frame that `splat align` has found for it, and what its notes say there."""
    return gaussians.transformed(torch.from_numpy(frame.similarity.matrix)), notes_in_frame(notes, frame)


def notes_in_frame(notes: Notes, frame: SceneFrame) -> Notes:
    """The notes of what was moved into a frame."""
    view = None if notes.first_view is None else moved(notes.first_view, frame.similarity)
    return replace(notes, origin=frame.origin, up="z" if frame.up_from else notes.up, first_view=view)


def _written_again(
    entry: Format,
    output: Path,
    written: Gaussians,
    source: Run | Path | Gaussians,
    frame: SceneFrame | None,
    notes: Notes,
) -> str:
    """How the file looks beside what was written into it, in a few words.

    From the run's test photos where there are any, else from around the scene.
    """
    read = drop_unusable(entry.read(output).gaussians)[0]
    if entry.y_up and notes.up == "z":  # it comes back y down
        read = read.transformed(torch.from_numpy(to_y_up("z").T @ HALF_TURN))
    if _same(read, written):
        return "read again it is the same to the last bit"
    return kept(read, written, source, frame, notes).describe()


def kept(
    read: Gaussians, written: Gaussians, source: Run | Path | Gaussians, frame: SceneFrame | None, notes: Notes
) -> Fidelity:
    """How much of a scene is left in a file.

    Args:
        read: from the file.
        written: into the file.
        source: where the scene comes from.
        frame: what a run's scene was moved into.
        notes: how it is drawn.
    """
    if not isinstance(source, Run):
        alone = lone_renderer(written, VIEWS, bool(notes.antialiased))
        return fidelity(alone, read, alone.cameras, "side")
    if frame is not None:  # back to where the cameras are
        read = read.transformed(torch.from_numpy(np.linalg.inv(frame.similarity.matrix)))
    test = source.cameras("test")
    cameras = judging_cameras(test or source.cameras())
    return fidelity(source.renderer(), read, cameras, "test view" if test else "photo")


def _same(a: Gaussians, b: Gaussians) -> bool:
    pairs = zip(a.as_dict().values(), b.as_dict().values())
    return all(x.shape == y.shape and bool((x == y.to(x.device)).all()) for x, y in pairs)


def export_mesh(
    run: Run,
    output: Path,
    options: MeshOptions | None = None,
    overwrite: bool = False,
    frame: SceneFrame | None = None,
) -> int:
    """Fuse the depths that the run's training views see and write the surface.

    Args:
        run: with its training cameras.
        output: the file; its suffix says which kind of mesh.
        options: how fine, and what of it is kept.
        overwrite: whether the file may exist already.
        frame: what the surface is moved into; None: it stays in the scene's coordinates. The options are in those.

    Returns:
        The number of triangles.

    Raises:
        SplatError: no such kind of file, it exists, Open3D is missing, or no surface is found.
    """
    format_for_writing(output, "mesh", ("mesh",))
    _may_be_written(output, overwrite)
    try:
        import open3d  # noqa: F401
    except (ImportError, OSError) as error:
        message = f"meshes need Open3D, which does not load here ({error}); splat doctor says how to fix it"
        raise SplatError(message) from error
    options = options or MeshOptions()
    renderer, cameras = run.renderer(), run.cameras("train")
    with progress("Rendering", len(cameras), unit="view") as bar:
        views = frames_of(renderer, cameras, options.edge, bar.advance)
    with progress("Fusing", len(cameras), unit="view") as bar:
        mesh = fuse(views, options, bar.advance)
    notes = run.notes
    if frame is not None:
        mesh.transform(frame.similarity.matrix)
        mesh.normalize_normals()
        notes = notes_in_frame(notes, frame)
    write_mesh(output, mesh, notes)
    if any(notes.origin):
        listed = ", ".join(f"{value:.12g}" for value in notes.origin)
        suffix = output.suffix.lower()
        said = "the file names it" if suffix in NAMING_ORIGIN else f"a {suffix} file cannot name it: keep it"
        warn(f"{output.name}: everything is written minus the origin ({listed}); {said}")
    return len(mesh.triangles)


def export_points(
    source: Run | Path | Gaussians, output: Path, overwrite: bool = False, frame: SceneFrame | None = None
) -> int:
    """Write a scene as a point cloud; says what is left out.

    Args:
        source: a run, whose training cameras say to which side normals look, a scene file, or Gaussians.
        output: the file, a `.ply`.
        overwrite: whether the file may exist already.
        frame: what a run's points are moved into; None: they stay in the scene's coordinates.

    Returns:
        The number of points.

    Raises:
        SplatError: no such kind of file, it exists, or the source cannot be read.
    """
    entry = format_for_writing(output, "points", ("points",))
    _may_be_written(output, overwrite)
    (gaussians, notes), viewers = _scene_of(source), None
    if isinstance(source, Run):
        viewers = torch.stack([camera.position for camera in source.cameras("train")]).numpy()
    if frame is not None:
        gaussians, notes = in_frame(gaussians, notes, frame)
        viewers = None if viewers is None else frame.similarity.apply(viewers)
    cloud, left_out = point_cloud(gaussians, viewers)
    with atomic_path(output) as temporary:
        entry.write(temporary, cloud, notes)
    if left_out:
        rows = f"{left_out:,} of {count(len(gaussians), 'Gaussian')}"
        warn(f"{output.name}: {rows} left out, with an opacity below {LEAST_OPACITY:g} or values that are no numbers")
    if viewers is None:
        warn(f"{output.name}: normals look to either side; those of a run's folder look to its cameras")
    if any(notes.origin):
        listed = ", ".join(f"{value:.12g}" for value in notes.origin)
        warn(f"{output.name}: everything is written minus the origin ({listed}); the header names it")
    return len(cloud.points)


def aligned_frame(run: Run) -> SceneFrame:
    """The frame of a run, to export it in.

    Raises:
        SplatError: when it has none.
    """
    frame = run.frame()
    if frame is None:
        raise SplatError(f"{run.path} has no frame yet; find it first: {shlex.join(['splat', 'align', str(run.path)])}")
    return frame


def _may_be_written(output: Path, overwrite: bool) -> None:
    if output.exists() and not overwrite:
        raise SplatError(f"{output} exists already; overwrite=true replaces it, output=FILE writes another one")


def drawn_otherwise(run: Run, shown: bool = False) -> list[str]:
    """What a scene file cannot say about how the run is drawn; less where it is `shown` by the file itself."""
    blur, usual = run.render_options().eps2d, RenderOptions().eps2d
    found = []
    if blur != usual:
        found.append(f"the run is drawn with render.eps2d={blur:g}, other viewers blur Gaussians by {usual:g}")
    if any(run.background) and not shown:
        listed = ", ".join(f"{value:g}" for value in run.background)
        found.append(f"the scene was trained before the background ({listed}); viewers show another one, mostly black")
    return found

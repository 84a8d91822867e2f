"""`splat align`: which way gives the frame, and what is put together of several."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from splat.alignment.config import AlignOptions
from splat.alignment.gps import from_gps
from splat.alignment.markers import units_of_markers
from splat.alignment.other_run import from_run
from splat.alignment.points import ScenePoints
from splat.alignment.similarity import is_line, level, turn_to_z, umeyama
from splat.capture.coverage import common_up
from splat.capture.gps import exif_place
from splat.console import info
from splat.errors import SplatError
from splat.frame import Agreement, SceneFrame, Similarity, frame_file, read_frame, write_frame
from splat.options import check, parse_numbers
from splat.run import Run, open_run

WAYS = ("gps", "points", "distance", "markers", "to")
MISSED = 0.02  # of their extent by which points may miss their places before their mirror image is tried
MIRRORED = 0.2  # of that distance is left at most where they are mirrored
FAR = 100.0  # times their extent from zero, coordinates lose digits in 32 bits; the origin is in whole hundreds


def align_run(run: Run, options: AlignOptions) -> SceneFrame:
    """Find the frame of a run and write it to RUN/frame.json; an earlier one is replaced, which is said.

    Raises:
        SplatError: options that exclude each other, or what was given does not determine the frame.
    """
    found = find_frame(run, options)
    before = read_frame(run.path)
    file = write_frame(run.path, found)
    if before is not None:
        info(f"{file} was: {before.describe()}")
    info(found.describe())
    if found.fit is not None and found.fit.left_out:
        names = found.fit.left_out
        shown = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
        info(f"left out as gross errors: {len(names)} of {found.fit.count} {found.fit.of} ({shown})")
    return found


def place_by_gps(run: Run) -> None:
    """Align a run that was just trained, where its photos have GPS; a line says what came of it.

    Nothing is done where there is a frame already, or none of the photos has a position.
    """
    try:
        photos = run.photos()
    except SplatError:  # frames of a video, pixels that are no files
        return
    if frame_file(run.path).exists() or not any(exif_place(path) for path in photos.values()):
        return
    try:
        align_run(run, AlignOptions())
    except SplatError as problem:
        info(f"GPS in the photos does not place the scene: {problem}; splat align --help says what else does")


def find_frame(run: Run, options: AlignOptions) -> SceneFrame:
    """The frame that the options give; nothing is written.

    Raises:
        SplatError: as `align_run`.
    """
    check(options)
    way = _way(options)
    points = ScenePoints(run, options.backend)
    if way == "to":
        return from_run(run, open_run(Path(str(options.to)).expanduser()))
    ground = None if options.ground is None else points.several("ground", options.ground, 3)
    up, up_from = _up(run, options, ground)
    if way == "gps":
        forced = options.up not in (None, "gps") or ground is not None
        return from_gps(run, options, None if options.up == "gps" else up, up_from, forced)
    if way == "points":
        forced = options.up is not None or ground is not None
        return _from_points(points, Path(str(options.points)).expanduser(), up, up_from, forced)
    scale, scale_from, fit = 1.0, "", None
    if way == "distance":
        ends = points.several("between", str(options.between), 2)
        scale, scale_from = _scale(float(options.distance or 0), ends), "distance"
    elif way == "markers":
        units, fit = units_of_markers(run, options.dictionary, float(options.markers or 0))
        scale, scale_from = float(options.markers or 0) / units, "markers"
    if options.origin is not None:
        zero = points.one("origin", options.origin)
    else:
        zero = np.zeros(3) if ground is None else ground.mean(axis=0)
    rotation = turn_to_z(up)
    return SceneFrame(Similarity(scale, rotation, -scale * rotation @ zero), scale_from, up_from, fit=fit)


def _way(options: AlignOptions) -> str:
    """Which of the ways was asked for; "" where only up, ground or origin were."""
    ways = [name for name in WAYS if getattr(options, name) is not None]
    if len(ways) > 1:
        raise SplatError(f"{' and '.join(f'{name}=' for name in ways)} each give the scale; leave all but one out")
    way = ways[0] if ways else ""
    if (options.distance is None) != (options.between is None):
        raise SplatError('distance= and between= go together: distance=0.85 between="x,y,z x,y,z"')
    if options.up is not None and options.ground is not None:
        raise SplatError("up= and ground= both say where up is; leave one of them out")
    if not way and options.up is None and options.ground is None:
        way = "gps"
    if options.up == "gps" and way != "gps":
        raise SplatError("up=gps goes with gps=; up=cameras or up=x,y,z goes with all but to=")
    for name in ("up", "ground", "origin") if way == "to" else ("origin",) if way == "points" else ():
        if getattr(options, name) is not None:
            raise SplatError(f"{name}= is not for {way}=, which brings its own; leave it out")
    return way


def _up(run: Run, options: AlignOptions, ground: np.ndarray | None) -> tuple[np.ndarray, str]:
    """[3] the direction up in the scene, and where it is from; that of the cameras where nothing is said."""
    cameras = run.cameras()
    if not cameras:
        raise SplatError(f"{run.path / 'cameras.json'} has no cameras, which tell up from down")
    if ground is not None:
        return across(ground, np.stack([camera.position.numpy() for camera in cameras])), "ground"
    if options.up not in (None, "cameras", "gps"):
        up = np.array(parse_numbers("up", str(options.up), 3))
        if np.linalg.norm(up) < 1e-12:
            raise SplatError("up: give three numbers that are not all 0, cameras or gps")
        return up / np.linalg.norm(up), "given"
    return common_up(np.stack([camera.camtoworld[:3, :3].numpy() for camera in cameras])), "cameras"


def across(ground: np.ndarray, above: np.ndarray) -> np.ndarray:
    """[3] unit vector across a plane through three points [3, 3], to the side where points [N, 3] mostly lie.

    Raises:
        SplatError: when the three lie on a line.
    """
    if is_line(ground):
        raise SplatError("the three points of ground= lie on a line; take one beside it")
    normal = np.cross(ground[1] - ground[0], ground[2] - ground[0])
    normal = normal / np.linalg.norm(normal)
    side = np.sign(np.median((above - ground.mean(axis=0)) @ normal)) or 1.0
    up: np.ndarray = side * normal
    return up


def _scale(length: float, ends: np.ndarray) -> float:
    """Metres per unit when two points [2, 3] are `length` metres apart."""
    apart = float(np.linalg.norm(ends[1] - ends[0]))
    if apart < 1e-9 * max(1.0, float(np.abs(ends).max())):
        raise SplatError("the two points of between= are the same; take two that lie apart")
    return length / apart


def _refuse_mirrored(
    source: np.ndarray, target: np.ndarray, distances: np.ndarray, up: np.ndarray | None, path: Path
) -> None:
    """Refuse points whose mirror image fits and they do not, as where surveyors write north before east.

    Args:
        source: points of the scene [N, 3].
        target: where they should be [N, 3].
        distances: from there, once they are moved [N].
        up: [3] the vertical that was given, which both must keep; None where the points tell it.
        path: of the file, for the message.

    Raises:
        SplatError: naming the file.
    """
    mirrored = target * np.array([-1.0, 1.0, 1.0])
    similarity = umeyama(source, mirrored) if up is None else level(source, mirrored, up)
    other = np.linalg.norm(similarity.apply(source) - mirrored, axis=1)
    rms, other_rms = (float(np.sqrt((each**2).mean())) for each in (distances, other))
    if rms > MISSED * np.linalg.norm(np.ptp(target, axis=0)) and other_rms < MIRRORED * rms:
        raise SplatError(
            f"the points in {path} miss their places by {distances.max():.3g} m but fit the mirror image (to"
            f" {other.max():.3g} m): X must be east, Y north and Z up; are two columns swapped, or is Z down?"
        )


def _from_points(points: ScenePoints, path: Path, up: np.ndarray, up_from: str, forced: bool) -> SceneFrame:
    """Least squares over all pairs: who gives coordinates means them."""
    source, target, names = points.pairs(path)
    extent = float(np.linalg.norm(np.ptp(target, axis=0)))
    middle = np.median(target, axis=0)
    origin = np.round(middle / FAR) * FAR if np.abs(middle).max() > FAR * max(extent, 1.0) else np.zeros(3)
    local = target - origin
    for which, given in (("x,y,z", source), ("X,Y,Z", local)):
        if np.ptp(given, axis=0).max() < 1e-9 * max(1.0, float(np.abs(given).max())):
            raise SplatError(f"{which} of the points in {path} are all the same; take points that lie apart")
    line = is_line(source)
    if line and not forced:
        raise SplatError(
            f"the points in {path} lie on a line, so the turn about it is free; add one beside it, or up=cameras"
        )
    similarity = level(source, local, up) if forced else umeyama(source, local)
    distances = np.linalg.norm(similarity.apply(source) - local, axis=1)
    _refuse_mirrored(source, local, distances, up if forced else None, path)
    fit = Agreement.of_distances("points", distances, np.ones(len(source), bool), names)
    info(f"the farthest from where it should be is {names[int(distances.argmax())]}, by {distances.max():.3g} m")
    x, y, z = origin.tolist()
    return SceneFrame(similarity, "points", up_from if forced else "points", None, (x, y, z), fit)

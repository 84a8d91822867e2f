"""The frame from where photos were taken."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from splat.alignment.config import AlignOptions
from splat.alignment.similarity import FEWEST, robust_similarity
from splat.cameras import Camera, find_camera
from splat.capture.gps import Place, exif_place, table_of_places
from splat.capture.sfm.colmap import quiet_colmap
from splat.console import count, info, warn
from splat.errors import SplatError
from splat.frame import Agreement, Geodetic, SceneFrame
from splat.options import parse_numbers
from splat.run import Run


def from_gps(run: Run, options: AlignOptions, up: np.ndarray | None, up_from: str, forced: bool) -> SceneFrame:
    """East, north, up in metres from the positions of the photos.

    Args:
        run: with its photos, or any with a table.
        options: of these gps, accuracy and origin.
        up: [3] the vertical where positions do not tell it; None: such positions are refused.
        up_from: where that is from.
        forced: whether it holds in any case.

    Raises:
        SplatError: no positions, or positions that do not determine a similarity.
    """
    cameras, places = _places(run, options.gps or "exif")
    heights = np.array([np.nan if place.altitude is None else place.altitude for place in places])
    known = np.isfinite(heights)
    measured = bool(known.sum() >= FEWEST)
    if not measured:
        info("too few positions have an altitude; heights count from the cameras' own")
        heights[:] = 0.0
    elif not known.all():
        info(f"{count(int((~known).sum()), 'position')} without an altitude not used")
        cameras = [camera for camera, has in zip(cameras, known) if has]
        places = [place for place, has in zip(places, known) if has]
        heights = heights[known]
    table = np.array([[place.latitude, place.longitude] for place in places])
    located = np.column_stack([table, heights])
    origin = _origin(options.origin, located)
    positions = np.stack([camera.position.numpy() for camera in cameras])
    target = metres_of(located, origin)
    fit = robust_similarity(positions, target, options.accuracy, up, heights=measured, leveled=forced)
    record = Agreement.of_distances("photos", fit.distances, fit.agrees, [camera.name for camera in cameras])
    if fit.vertical == "helped":
        info(f"positions on a line, or heights that scatter, say too little of the vertical; up is from {up_from}, too")
    up_from = {"found": "gps", "helped": f"gps and {up_from}", "given": up_from}[fit.vertical]
    return SceneFrame(fit.similarity, "gps", up_from, origin, fit=record)


def metres_of(places: np.ndarray, origin: Geodetic) -> np.ndarray:
    """[N, 3] metres east, north and up of `origin`, of places [N, 3]: latitude and longitude in degrees, altitude in m.

    Coordinates of the plane that touches the WGS84 ellipsoid there: 10 km away the ground lies 8 m below it.
    """
    transform = quiet_colmap().GPSTransform()
    found: np.ndarray = transform.ellipsoid_to_enu(places, origin.latitude, origin.longitude, origin.altitude)
    return found


def _places(run: Run, source: str) -> tuple[list[Camera], list[Place]]:
    """Cameras that have a position, and these."""
    if source != "exif":
        return _of_table(run, Path(source).expanduser())
    photos = run.photos()
    found = [(camera, place) for camera in run.cameras() if (place := exif_place(photos[camera.name])) is not None]
    if not found:
        raise SplatError(
            f"none of the {count(len(photos), 'photo')} has a GPS position in its EXIF; give gps=FILE.csv with"
            " name,lat,lon,alt, a distance=, points= or up="
        )
    if len(found) < len(photos):
        info(f"{count(len(photos) - len(found), 'photo')} of {len(photos)} without a GPS position not used")
    return [camera for camera, _ in found], [place for _, place in found]


def _of_table(run: Run, path: Path) -> tuple[list[Camera], list[Place]]:
    table, cameras = table_of_places(path), run.cameras()
    found: dict[str, tuple[Camera, Place]] = {}
    unknown = []
    for name, place in table.items():
        try:
            camera = find_camera(cameras, name)
        except SplatError:
            unknown.append(name)
            continue
        found[camera.name] = (camera, place)
    if unknown:
        warn(f"{count(len(unknown), 'name')} in {path} of no photo of this run, or of several (such as {unknown[0]})")
    if not found:
        raise SplatError(f"{path} names no photo of this run; its photos are called like {cameras[0].name}")
    if len(found) < len(cameras):
        info(f"{count(len(cameras) - len(found), 'photo')} of {len(cameras)} not in {path} not used")
    return [camera for camera, _ in found.values()], [place for _, place in found.values()]


def _origin(text: str | None, places: np.ndarray) -> Geodetic:
    """What becomes 0: lat,lon,alt of the option, else the median of places [N, 3]."""
    if text is None:
        return _middle(places)
    latitude, longitude, altitude = parse_numbers("origin", text, 3)
    if not (abs(latitude) <= 90 and abs(longitude) <= 180):
        raise SplatError(f"origin={text}: with gps it is latitude,longitude,altitude in degrees and metres")
    return Geodetic(latitude, longitude, altitude)


def _middle(places: np.ndarray) -> Geodetic:
    """The median of places [N, 3]; beside a longitude of 180° is -180°, which a plain median takes for half a world."""
    first = float(places[0, 1])
    latitude, _, altitude = np.median(places, axis=0).tolist()
    turns = (places[:, 1] - first + 180.0) % 360.0 - 180.0
    longitude = first + float(np.median(turns))
    return Geodetic(latitude, longitude - 360.0 * round(longitude / 360.0), altitude)

"""Options of `splat align`; light to import."""

from __future__ import annotations

from dataclasses import dataclass

from splat.options import option


@dataclass
class AlignOptions:
    """What is known of a scene's scale, up and origin. With nothing given: GPS in the photos' EXIF.

    A point is x,y,z as in scene.ply, or PHOTO:x,y for what lies under a pixel of a photo at the run's size. Several
    stand in quotes with blanks (or semicolons) between them.
    """

    gps: str | None = option(
        None,
        "scale, up, origin and north from where the photos were taken: exif, or a CSV with name,lat,lon,alt (WGS84)",
    )
    accuracy: float = option(
        5.0, "gps: standard deviation of the positions in metres, of heights twice that (RTK: 0.05)", above=0
    )
    points: str | None = option(
        None,
        "all from points whose coordinates are known: a CSV with x,y,z,X,Y,Z a line, the first three in the scene, the"
        " others in metres with Z up (or POINT;X;Y;Z a line, POINT as in `between`)",
    )
    distance: float | None = option(None, "scale from a length in metres between the two points of `between`", above=0)
    between: str | None = option(
        None,
        "distance: its two points in quotes, each x,y,z as in scene.ply, or PHOTO:x,y for what lies under that pixel of"
        " a photo, at the size that the run has of it",
    )
    markers: float | None = option(
        None, "scale from ArUco markers in the photos: length of their sides in metres", above=0
    )
    dictionary: str = option("DICT_4X4_50", "markers: OpenCV's name of their dictionary")
    to: str | None = option(None, "all from another run of the same place: photos of the same name tell")
    up: str | None = option(
        None,
        "x,y,z of the direction up in the scene; cameras: as they were held; gps: from the positions alone (null: from"
        " gps, points or ground, and from the cameras where those do not tell)",
    )
    ground: str | None = option(None, "three points of level ground: up is across it, and it lies at height 0")
    origin: str | None = option(
        None,
        "the point that becomes 0 (null: the middle of `ground`, else the scene's own); with gps lat,lon,alt"
        " (null: the median of the positions)",
    )
    backend: str = option("auto", "renderer, for points under pixels", choices=("auto", "gsplat", "cpu"))

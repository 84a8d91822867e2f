"""RUN/frame.json: the similarity from a scene's own coordinates to metres, with z up and a chosen origin.

The scene and its cameras are never moved; whoever wants metres applies the similarity to what is read from them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from splat.errors import SplatError
from splat.files import write_json
from splat.lazy import lazy
from splat.records import Record, json_record

if TYPE_CHECKING:
    from scipy.spatial import transform
else:
    transform = lazy("scipy.spatial.transform")

FILE = "frame.json"
VERSION = 1
CONVENTION = (
    "aligned = scale * R(quat) @ scene + translation, quat wxyz; z is up where up_from is not empty; x is east and y"
    " north where geodetic is not null; adding origin to aligned coordinates gives those of the points they came from"
)


@dataclass(frozen=True)
class Similarity:
    """x' = scale R x + translation."""

    scale: float
    rotation: np.ndarray  # [3, 3] float64
    translation: np.ndarray  # [3] float64

    def apply(self, points: np.ndarray) -> np.ndarray:
        """[..., 3] points moved along."""
        moved: np.ndarray = self.scale * points @ self.rotation.T + self.translation
        return moved

    def after(self, first: Similarity) -> Similarity:
        """The similarity that does `first`, then this one."""
        return Similarity(
            self.scale * first.scale, self.rotation @ first.rotation, self.apply(np.asarray(first.translation))
        )

    @property
    def matrix(self) -> np.ndarray:
        """[4, 4] float64."""
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = self.scale * self.rotation, self.translation
        return matrix


@dataclass(frozen=True)
class Geodetic:
    """A place on the WGS84 ellipsoid."""

    latitude: float  # degrees, north positive
    longitude: float  # degrees, east positive
    altitude: float  # metres; above the ellipsoid or the sea, whichever the positions that it comes from count from


@dataclass(frozen=True)
class Agreement:
    """How well the similarity fits what it was found from, in units of the aligned frame."""

    of: str  # photos, points or markers
    count: int
    inliers: int
    median: float  # distance of the inliers from where they should be
    rms: float
    worst: float
    left_out: tuple[str, ...] = ()  # names of the others

    @classmethod
    def of_distances(cls, of: str, distances: np.ndarray, agrees: np.ndarray, names: Sequence[str]) -> Agreement:
        """From distances [N] to where things should be, who agrees [N] bool, and all N names."""
        inside = distances[agrees]
        left_out = tuple(name for name, fits in zip(names, agrees) if not fits)
        rms = float(np.sqrt((inside**2).mean()))
        return cls(of, len(names), len(inside), float(np.median(inside)), rms, float(inside.max()), left_out)


@dataclass(frozen=True)
class SceneFrame:
    """What is known of a scene's place in the world."""

    similarity: Similarity  # from the coordinates of scene.ply
    scale_from: str = ""  # gps, points, distance, markers or run: then the aligned unit is a metre; empty: not known
    up_from: str = ""  # gps, points, cameras, ground, given or run: then z is up; empty: not known
    geodetic: Geodetic | None = None  # where the aligned zero lies; x is east and y north then
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)  # to be added for the coordinates of `points=`
    fit: Agreement | None = None

    @property
    def metres(self) -> float | None:
        """Metres per unit of the scene; None where nothing tells."""
        return self.similarity.scale if self.scale_from else None

    @property
    def up(self) -> np.ndarray | None:
        """[3] unit vector up in the scene's axes; None where nothing tells."""
        return self.similarity.rotation[2].copy() if self.up_from else None

    def describe(self) -> str:
        """One line for people."""
        unit = f"1 unit is {self.similarity.scale:.4g} m (from {self.scale_from})" if self.scale_from else "no scale"
        parts = [unit, f"up from {self.up_from}" if self.up_from else "no up"]
        if self.geodetic is not None:
            place = self.geodetic
            parts.append(f"east-north-up at {place.latitude:.6f},{place.longitude:.6f},{place.altitude:.1f}")
        if any(self.origin):
            parts.append(f"minus the origin ({', '.join(f'{value:.12g}' for value in self.origin)})")
        if self.fit is not None:
            fit = self.fit
            parts.append(f"{fit.inliers} of {fit.count} {fit.of} fit, median {fit.median:.3g}, rms {fit.rms:.3g}")
        return "; ".join(parts)


def frame_file(run: Path) -> Path:
    """Where the frame of a run stands; an edit has its run's, because edits keep the coordinates."""
    resolved = run.resolve()
    edited = resolved.parent.name == "edits" and (resolved / "edit.json").is_file()
    return (resolved.parent.parent if edited else run) / FILE


def write_frame(run: Path, frame: SceneFrame) -> Path:
    """Write RUN/frame.json; returns the file."""
    similarity = frame.similarity
    record = {
        "version": VERSION,
        "convention": CONVENTION,
        "unit": "m" if frame.scale_from else "unit of the scene",
        "scale": similarity.scale,
        "quat": transform.Rotation.from_matrix(similarity.rotation).as_quat(canonical=True)[[3, 0, 1, 2]].tolist(),
        "translation": np.asarray(similarity.translation).tolist(),
        "scale_from": frame.scale_from,
        "up_from": frame.up_from,
        "geodetic": None if frame.geodetic is None else asdict(frame.geodetic),
        "origin": list(frame.origin),
        "fit": None if frame.fit is None else {**asdict(frame.fit), "left_out": list(frame.fit.left_out)},
    }
    path = frame_file(run)
    write_json(path, record)
    return path


def read_frame(run: Path) -> SceneFrame | None:
    """The frame of a run or of one of its edits; None where there is none.

    Raises:
        SplatError: naming file and key, when it is damaged or of a later version.
    """
    path = frame_file(run)
    if not path.exists():
        return None
    found = json_record(path)
    if found.whole("version", 1) > VERSION:
        raise SplatError(f"{path} is of a later version of splat; update splat or delete the file")
    quat, scale = found.numbers("quat", 4), found.number("scale")
    if not scale > 0:
        raise found.wrong("scale", "above 0")
    if not math.isclose(math.hypot(*quat), 1, abs_tol=1e-6):
        raise found.wrong("quat", "a quaternion of length 1")
    rotation = transform.Rotation.from_quat(np.roll(quat, -1)).as_matrix()
    x, y, z = found.numbers("origin", 3)
    return SceneFrame(
        Similarity(scale, rotation, np.array(found.numbers("translation", 3))),
        found.text("scale_from"),
        found.text("up_from"),
        _geodetic(found.part("geodetic")) if found.has("geodetic") else None,
        (x, y, z),
        _fit(found.part("fit")) if found.has("fit") else None,
    )


def _geodetic(found: Record) -> Geodetic:
    return Geodetic(found.number("latitude"), found.number("longitude"), found.number("altitude"))


def _fit(found: Record) -> Agreement:
    return Agreement(
        found.text("of"),
        found.whole("count"),
        found.whole("inliers"),
        found.number("median"),
        found.number("rms"),
        found.number("worst"),
        found.texts("left_out"),
    )

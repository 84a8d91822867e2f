"""Lengths between points of a scene, and the words of `splat align` that make them metres or say where up is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from splat.alignment.align import across
from splat.errors import SplatError
from splat.frame import SceneFrame


@dataclass(frozen=True, eq=False)
class Length:
    """Two points of a scene, [3] float64 each, in its own frame and units."""

    start: np.ndarray
    end: np.ndarray

    @property
    def units(self) -> float:
        """How far apart they are."""
        return float(np.linalg.norm(self.end - self.start))

    def describe(self, frame: SceneFrame | None) -> str:
        """For people: in metres where they are known, else in the scene's units."""
        metres = None if frame is None else frame.metres
        if metres is None:
            return f"{self.units:.4g} units"
        length = self.units * metres
        said = f"{length:.3f} m" if length >= 1 else f"{100 * length:.1f} cm"
        return f"{said} ({self.units:.4g} units)"


def scale_words(length: Length, metres: float, frame: SceneFrame | None) -> list[str]:
    """Words of `splat align` by which a length has so many metres; up and zero stay as they were.

    Raises:
        SplatError: a length that is none.
    """
    if metres <= 0:
        raise SplatError("how long is it? type a length above 0 in metres")
    if length.units == 0:
        raise SplatError("the two points are the same; measure between two that lie apart")
    words = [f"between={_point(length.start)} {_point(length.end)}", f"distance={metres!r}"]
    if frame is None:
        return words
    if frame.up is not None:
        words.append(f"up={_point(frame.up)}")
    return [*words, f"origin={_point(zero_of(frame))}"]


def up_words(up: np.ndarray, frame: SceneFrame | None) -> list[str]:
    """Words of `splat align` by which a direction [3] is up; scale and zero stay as they were."""
    if frame is None:
        return [f"up={_point(up)}"]
    return [f"up={_point(up)}", *_kept_scale(frame), f"origin={_point(zero_of(frame))}"]


def floor_words(points: np.ndarray, above: np.ndarray, frame: SceneFrame | None) -> list[str]:
    """Words of `splat align` by which a floor through three points [3, 3] is level and at height 0; the scale stays.

    Args:
        points: of the floor.
        above: [N, 3] where the cameras are, which stand over it.
        frame: that is known so far.

    Raises:
        SplatError: the points lie on a line.
    """
    across(points, above)
    return [f"ground={' '.join(map(_point, points))}", *([] if frame is None else _kept_scale(frame))]


def direction(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """[3] unit vector from one point to another.

    Raises:
        SplatError: they are the same.
    """
    offset = end - start
    length = float(np.linalg.norm(offset))
    if length < 1e-9:
        raise SplatError("the two points are the same; click on two that lie above each other")
    found: np.ndarray = offset / length
    return found


def zero_of(frame: SceneFrame) -> np.ndarray:
    """[3] the point of the scene that is 0 in the frame."""
    move = frame.similarity
    zero: np.ndarray = -(move.rotation.T @ move.translation) / move.scale
    return zero


def _kept_scale(frame: SceneFrame) -> list[str]:
    """The scale that a frame has, as a length of one unit."""
    return [] if frame.metres is None else ["between=0,0,0 1,0,0", f"distance={frame.metres!r}"]


def _point(values: Sequence[float] | np.ndarray) -> str:
    return ",".join(f"{float(value):.12g}" for value in values)

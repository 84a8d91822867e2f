"""How photos cover a scene: how many there are, from which directions, and where steps between them are wide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from splat.cameras import Camera
from splat.capture.points import focus_point
from splat.console import count

POINTS = 400  # known points that are looked at, evenly picked
OPEN_DEGREES = 100.0  # no photo over so wide an angle around the scene: the photos are taken from one side
WIDE_STEP = (
    12.0  # degrees between neighbouring photos from which they show too little in common, whatever the others do
)
MOST_GAPS = 3  # that are named
LEVEL_DEGREES = 15.0  # photos within so small a range of heights stand at one height
FEW_PHOTOS = 25  # training photos, under which more would help whatever the scene is
LITTLE_PARALLAX = 3.0  # degrees, under which an error of a pixel is a tenth of the distance and more


@dataclass(frozen=True)
class Gap:
    """A wide step between two photos that are neighbours around the scene."""

    first: str  # names of photos
    second: str
    degrees: float


@dataclass(frozen=True)
class Coverage:
    """What the training photos of a capture see of it. Angles are in degrees.

    Directions are those from the scene's centre to the photos, in a frame whose poles are the photos' common vertical;
    for photos that look away from each other, out of a centre, those in which they look. What hides what is not known:
    a point counts as seen where it lies within the picture.
    """

    names: tuple[str, ...]  # of the photos
    azimuths: tuple[float, ...]  # -180 to 180, of each photo
    elevations: tuple[float, ...]  # -90 to 90
    inward: bool  # whether the photos look at a common centre
    parallax: float | None  # the widest angle between two photos' views of a point, median over points; None: no points
    seen_by_two: float | None  # share of the seen points that lie in the pictures of two photos at most
    nearest: float  # from a photo to the one nearest to it, median over photos; 0 for a single photo
    steps: tuple[float, ...]  # around, from each photo of `order` to the next, whatever their heights
    order: tuple[int, ...]  # the photos around the scene, from one end to the other where they do not close a circle
    closed: bool  # whether they do; the last step then leads to the first photo again

    @property
    def photos(self) -> int:
        """Number of photos."""
        return len(self.names)

    @property
    def step(self) -> float:
        """The usual step between neighbours: their median."""
        return float(np.median(self.steps)) if self.steps else 0.0

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """The widest steps first: over `WIDE_STEP`, and twice the usual one or about the widest; three at most."""
        order = self.order + self.order[:1] if self.closed else self.order
        found = [
            Gap(self.names[first], self.names[second], degrees)
            for first, second, degrees in zip(order, order[1:], self.steps)
            if degrees > WIDE_STEP and degrees >= min(2 * self.step, 0.9 * max(self.steps))
        ]
        return tuple(sorted(found, key=lambda gap: -gap.degrees)[:MOST_GAPS])

    @property
    def level(self) -> bool:
        """Whether all photos are taken from about one height."""
        return self.photos > 1 and max(self.elevations) - min(self.elevations) < LEVEL_DEGREES

    def visits(self, max_steps: int) -> float:
        """How often a training of so many steps comes to each photo."""
        return max_steps / max(self.photos, 1)

    def in_words(self) -> str:
        """The numbers in one line."""
        if self.photos < 2:
            return count(self.photos, "training photo")
        shape = "all around" if self.closed else f"over {sum(self.steps):.0f}°"
        words = [
            f"{count(self.photos, 'training photo')} {shape}{'' if self.inward else ', looking outward'}",
            f"{self.nearest:.0f}° from one to the next",
        ]
        if self.parallax is not None:
            words.append(f"points are seen under {self.parallax:.0f}°")
        return ", ".join(words)

    def advice(self) -> list[str]:
        """What would make the capture a better one: a sentence for each shortcoming."""
        found = []
        if self.photos < FEW_PHOTOS:
            few = "1 training photo is" if self.photos == 1 else f"{count(self.photos, 'training photo')} are"
            found.append(f"{few} few; more help most {self.from_where()}")
        if self.photos > 1 and self.parallax is not None and self.parallax < LITTLE_PARALLAX:
            found.append(
                f"points are seen under {self.parallax:.1f}° only, so their distance is a guess; take photos from"
                " places farther apart"
            )
        return found

    def from_where(self) -> str:
        """From where more photos would show most, as the end of a sentence."""
        places = [f"between {gap.first} and {gap.second} ({gap.degrees:.0f}° apart)" for gap in self.gaps]
        if not self.closed and self.photos > 1:
            places.append(f"beyond {self.names[self.order[0]]} and {self.names[self.order[-1]]}, where the photos end")
        if self.level:
            places.append("from higher and lower")
        return "; ".join(places) or "from anywhere else"


def measured_coverage(cameras: Sequence[Camera], points: np.ndarray | None) -> Coverage:
    """Look at photos and at the points that are known of what they show.

    Args:
        cameras: of the training photos, at least one.
        points: [P, 3] known points in the cameras' frame; None or empty where there are none.
    """
    positions = np.stack([camera.position.numpy() for camera in cameras])
    rotations = np.stack([camera.camtoworld[:3, :3].numpy() for camera in cameras])
    axes = rotations[:, :, 2]
    centre = focus_point(positions, axes)
    offsets = positions - centre
    distances = np.linalg.norm(offsets, axis=1)
    ahead = -(offsets * axes).sum(axis=1) > 0.5 * distances
    inward = bool(ahead.mean() >= 0.5)
    directions = offsets / np.maximum(distances, 1e-12)[:, None] if inward else axes
    up = common_up(rotations)
    azimuths, elevations = angles_around(directions, up)
    order, closed = _around(azimuths)
    following = np.roll(order, -1) if closed else order[1:]
    turns = (azimuths[following] - azimuths[order[: len(following)]]) % 360
    heights = (elevations[following] + elevations[order[: len(following)]]) / 2
    steps = turns * np.cos(np.radians(heights))
    parallax, seen_by_two = (None, None) if points is None else _sight(cameras, positions, points)
    return Coverage(
        names=tuple(camera.name for camera in cameras),
        azimuths=tuple(map(float, azimuths)),
        elevations=tuple(map(float, elevations)),
        inward=inward,
        parallax=parallax,
        seen_by_two=seen_by_two,
        nearest=_nearest(directions),
        steps=tuple(map(float, steps)),
        order=tuple(map(int, order)),
        closed=closed,
    )


def common_up(rotations: np.ndarray) -> np.ndarray:
    """The vertical [3] of level cameras, from camera-to-world rotations [C, 3, 3].

    It is orthogonal to the right axes of all; the mean of the up axes alone would lean back with cameras that look
    down from one side. It decides, with a small weight, where the right axes leave a choice, and the sign.
    """
    right, mean_up = rotations[:, :, 0], -rotations[:, :, 1].mean(axis=0)
    length = float(np.linalg.norm(mean_up))
    mean_up = mean_up / length if length > 1e-9 else -rotations[0, :, 1]
    up: np.ndarray = np.linalg.eigh(right.T @ right / len(right) - 0.01 * np.outer(mean_up, mean_up)).eigenvectors[:, 0]
    return up if up @ mean_up >= 0 else -up


def angles_around(directions: np.ndarray, up: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Azimuths and elevations [C] in degrees of unit directions [C, 3]; the azimuth of their mean is 0."""
    mean = directions.mean(axis=0)
    front = mean - (mean @ up) * up
    if np.linalg.norm(front) < 1e-6:  # all around, or all straight from above
        front = directions[0] - (directions[0] @ up) * up
    if np.linalg.norm(front) < 1e-6:
        front = np.eye(3)[np.abs(up).argmin()]
        front = front - (front @ up) * up
    front = front / np.linalg.norm(front)
    side = np.cross(up, front)
    azimuths = np.degrees(np.arctan2(directions @ side, directions @ front))
    return azimuths, np.degrees(np.arcsin(np.clip(directions @ up, -1, 1)))


def _around(azimuths: np.ndarray) -> tuple[np.ndarray, bool]:
    """The photos in the order of their azimuths, and whether they close a circle; else they begin after its gap."""
    order = np.argsort(azimuths, kind="stable")
    gaps = np.diff(np.append(azimuths[order], azimuths[order[0]] + 360))
    widest = int(gaps.argmax())
    if gaps[widest] < OPEN_DEGREES:
        return order, True
    return np.roll(order, -(widest + 1)), False


def _nearest(directions: np.ndarray) -> float:
    """The median over unit directions [C, 3] of the degrees to the nearest other one."""
    if len(directions) < 2:
        return 0.0
    cosines = np.clip(directions @ directions.T, -1, 1)
    np.fill_diagonal(cosines, -1)
    return float(np.degrees(np.median(np.arccos(cosines.max(axis=1)))))


def _sight(cameras: Sequence[Camera], positions: np.ndarray, points: np.ndarray) -> tuple[float | None, float | None]:
    """The median parallax of seen points in degrees, and the share of them that two photos at most see."""
    chosen = points[np.unique(np.linspace(0, len(points) - 1, min(POINTS, len(points))).astype(int))]
    seen = np.stack([camera.sees(torch.from_numpy(chosen)).numpy() for camera in cameras], axis=1)  # [P, C]
    times = seen.sum(axis=1)
    if not times.any():
        return None, None
    widest = []
    for point, by in zip(chosen[times > 1], seen[times > 1]):
        rays = positions[by] - point
        rays = rays / np.maximum(np.linalg.norm(rays, axis=1), 1e-12)[:, None]
        widest.append(np.degrees(np.arccos(np.clip((rays @ rays.T).min(), -1, 1))))
    return float(np.median(widest)) if widest else 0.0, float((times[times > 0] <= 2).mean())

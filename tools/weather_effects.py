"""Weather drawn into single photos, for measurements: rain, snow, drops on the lens, fog.

All take an image [H, W, 3] float32 0..1 (sRGB), its depth [H, W] in metres or None, a severity 1, 2 or 3 and a random
generator, and return an image of the same kind. Sizes follow the picture's size, as a lens of about 60 degrees sees
them, so that a picture at half the resolution shows the same weather.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.floating]

FOCAL = 0.9  # over the picture's longer side
EXPOSURE = 1 / 60  # seconds
LAYERS = 8  # of streaks and flakes by distance; the scene hides them layer by layer
AIRLIGHT = (0.80, 0.82, 0.84)
EXTINCTION = {1: 0.12, 2: 0.25, 3: 0.45}  # 1/m; at 3 m 70, 47 and 26 % of the scene's light arrive
STREAKS = {1: 400, 2: 900, 3: 1800}
FLAKES = {1: 350, 2: 800, 3: 1600}
DROPS = {1: 10, 2: 22, 3: 38}


@dataclass(frozen=True)
class Fall:
    """Particles of one kind."""

    speed: float  # m/s downwards
    diameter: tuple[float, float] = (0.002, 0.004)  # m, that of a streak with what is out of focus
    nearest: float = 0.4  # m
    farthest: float = 8.0
    spread: float = 0.04  # rad, of the direction between particles
    sway: float = 0.0  # m/s, sideways, standard deviation
    opacity: float = 0.9


RAIN = Fall(speed=7.0, diameter=(0.004, 0.008), opacity=1.0)
SNOW = Fall(speed=1.0, diameter=(0.005, 0.010), spread=0.2, sway=0.4, nearest=0.35)


def wind_angle(rng: np.random.Generator) -> float:
    """The direction in which everything falls, radians from straight down, towards the right of the picture."""
    return float(rng.uniform(-0.35, 0.35))


def add_rain(image: Image, depth: Image | None, severity: int, rng: np.random.Generator, angle: float = 0.15) -> Image:
    """Rain streaks, of the colour of the brighter parts of the picture (a drop shows nearly all around it)."""
    color = float(np.percentile(image.mean(axis=2), 92))
    cover = particles(image.shape[:2], depth, RAIN, STREAKS[severity], angle, rng)
    return _over(image, cover, max(color, 0.8))


def add_snow(image: Image, depth: Image | None, severity: int, rng: np.random.Generator, angle: float = 0.15) -> Image:
    """Snow flakes, white, out of focus where they are near."""
    return _over(image, particles(image.shape[:2], depth, SNOW, FLAKES[severity], angle, rng), 0.95)


def add_fog(image: Image, depth: Image | None, severity: int, rng: np.random.Generator) -> Image:
    """I = J t + A (1 - t) with t = exp(-beta d) (Koschmieder).

    Here `depth` should be the distance along the ray; it is 3 m everywhere where none is given. `rng`
    decides the brightness of the airlight A; give all photos of a capture the same.
    """
    airlight = np.asarray(AIRLIGHT) * rng.uniform(0.92, 1.08)
    distance = np.full(image.shape[:2], 3.0) if depth is None else depth
    t = np.exp(-EXTINCTION[severity] * distance)[..., None]
    return (image * t + airlight * (1 - t)).astype(np.float32)


def add_drops(
    image: Image, depth: Image | None, severity: int, rng: np.random.Generator
) -> tuple[Image, NDArray[np.bool_]]:
    """Drops on the lens: each shows a wide, upside-down, unsharp and somewhat brighter picture of what is behind it.

    Drops depend on `rng` and the size only: a generator with the same seed gives every photo of a capture the same.

    Returns:
        the image, and [H, W] bool, True on a drop.
    """
    height, width = image.shape[:2]
    cover, rows, columns, rim = _lens(height, width, DROPS[severity], rng)
    unsharp = cv2.GaussianBlur(image, (0, 0), 0.02 * height)
    seen = cv2.remap(unsharp, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    seen = np.clip(seen * 1.1 + 0.06, 0, 1) * (1 - 0.35 * rim[..., None])
    out = image * (1 - cover[..., None]) + seen * cover[..., None]
    return out.astype(np.float32), cover > 0.15


def _lens(height: int, width: int, count: int, rng: np.random.Generator) -> tuple[Image, Image, Image, Image]:
    """Opacity of the drops, rows and columns of the picture that they show, and how near each pixel is to their rim."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) + 0.5
    cover, rim = np.zeros((height, width), np.float32), np.zeros((height, width), np.float32)
    rows, columns = y - 0.5, x - 0.5
    for _ in range(count):
        cy, cx = rng.uniform(0, height), rng.uniform(0, width)
        radius = min(height, width) * np.clip(rng.lognormal(-3.0, 0.4), 0.02, 0.11)
        stretch, lean, bump = rng.uniform(0.8, 1.35), rng.uniform(0, np.pi), rng.uniform(0, 2 * np.pi)
        along, across = x - cx, (y - cy) / stretch
        around = np.arctan2(across, along)
        edge = radius * (1 + 0.12 * np.cos(2 * (around - lean)) + 0.08 * np.cos(3 * around + bump))
        inside = np.hypot(along, across) / edge
        own = np.clip((1.12 - inside) / 0.3, 0, 1) * 0.97
        taken = own > cover
        wide = rng.uniform(1.5, 3.0)
        rows = np.where(taken, cy - (y - cy) * wide, rows)
        columns = np.where(taken, cx - (x - cx) * wide, columns)
        rim = np.where(taken, np.clip((inside - 0.6) / 0.4, 0, 1), rim)
        cover = np.maximum(cover, own)
    return cover, rows.astype(np.float32), columns.astype(np.float32), rim


def particles(
    size: tuple[int, int], depth: Image | None, fall: Fall, count: int, angle: float, rng: np.random.Generator
) -> Image:
    """[H, W] opacity 0..1 of falling particles, drawn as the lines that they are during the exposure.

    Distances are spread evenly over the logarithm: in the air most are far away, but those melt into a grey.
    """
    height, width = size
    focal = FOCAL * max(size)
    fine = int(np.clip(round(1600 / max(size)), 1, 4))
    distance = fall.nearest * (fall.farthest / fall.nearest) ** np.sort(rng.random(count))[::-1]
    diameter = rng.uniform(*fall.diameter, count) * focal / distance  # pixels
    slant = angle + rng.normal(0, fall.spread, count)
    velocity = fall.speed * rng.uniform(0.8, 1.2, count)
    run = np.stack([np.sin(slant) * velocity + rng.normal(0, 1, count) * fall.sway, np.cos(slant) * velocity], 1)
    run = run * EXPOSURE * (focal / distance)[:, None]  # pixels
    centre = rng.uniform(-0.1, 1.1, (count, 2)) * [width, height]
    length = np.linalg.norm(run, axis=1)
    opacity = fall.opacity * np.sqrt(diameter / (diameter + length))  # less than the exposure share: streaks glint
    layers = np.array_split(np.arange(count), LAYERS)
    air = np.ones(size, np.float32)
    for members in layers:
        if len(members) == 0:
            continue
        canvas = np.zeros((height * fine, width * fine), np.float32)
        for i in members:  # one drawing call each
            thick = max(1, round(diameter[i] * fine))
            value = float(opacity[i] * min(1.0, diameter[i] * fine / thick))
            ends = (np.stack([centre[i] - run[i] / 2, centre[i] + run[i] / 2]) * fine).round().astype(int)
            cv2.line(canvas, tuple(map(int, ends[0])), tuple(map(int, ends[1])), value, thick)
        cover = cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA)
        near = float(distance[members].mean())
        unsharp = 0.0025 * focal * max(0.0, 1 / near - 0.5)  # pixels out of focus, sharp from 2 m on
        cover = cv2.GaussianBlur(cover, (0, 0), unsharp) if unsharp > 0.3 else cover
        air *= 1 - (cover if depth is None else cover * (depth > near))
    return 1 - air


def _over(image: Image, cover: Image, color: float) -> Image:
    return (image * (1 - cover[..., None]) + color * cover[..., None]).astype(np.float32)

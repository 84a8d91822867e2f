"""Photos with and without rain or snow, without end: weather drawn over pieces of rooms, photographs and dead leaves.

Photographs are few and rooms all alike; heaps of random shapes (dead leaves, Lee, Mumford and Huang 2001) have the
edges of anything, thin bright ones too, so that what is bright and thin is not weather by that alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from splat.errors import SplatError
from tools.weather_effects import RAIN, SNOW, Fall, particles

ROOM_SIZES = (240, 360)  # longer side; weather is drawn for the size of the photo, so small ones show fine streaks
PHOTO_SIZES = (240, 360, 480, 640)
LEAVES = 300  # heaps of shapes
SHARES = (0.3, 0.45, 0.25)  # of rooms, photographs and leaves
COVER_SIZES = (240, 300, 360, 480)
# photographs that come with scikit-image, free of rights
PHOTOGRAPHS = (
    "astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png", "motorcycle_right.png", "rocket.jpg",
    "color.png", "brick.png", "grass.png", "gravel.png", "camera.png", "coins.png", "moon.png", "page.png",
    "hubble_deep_field.jpg",
)  # fmt: skip
SCALE = (0.6, 1.2)  # of a piece in its image
CLEAN = 0.2  # of all pictures are dry: the network has to leave those alone


@dataclass
class Cover:
    """Weather of one photo."""

    opacity: NDArray[np.float16]  # [H, W] 0..1
    rain: bool
    added: bool = False  # to the light of the scene, instead of hiding a part of it


@dataclass
class Pictures:
    """What batches are drawn from."""

    images: list[NDArray[np.uint8]]  # [H, W, 3]
    chances: NDArray[np.float64]
    covers: list[Cover]

    def batch(self, rng: np.random.Generator, count: int, side: int) -> tuple[NDArray, NDArray]:
        """Wet and dry pieces [count, 3, side, side] float32 0..1; the wet ones have 256 levels."""
        wet, dry = (np.empty((count, 3, side, side), np.float32) for _ in range(2))
        fitting = [cover for cover in self.covers if min(cover.opacity.shape) >= side]
        for index in range(count):
            image = self.images[int(rng.choice(len(self.images), p=self.chances))]
            bright = max(float(np.percentile(image[::4, ::4].mean(2), 92)) / 255, 0.8)
            clean = varied(turned_piece(image, side, rng).astype(np.float32) / 255, rng)
            seen = clean
            if rng.random() > CLEAN:
                cover = fitting[int(rng.integers(len(fitting)))]
                opacity = piece(cover.opacity, side, rng).astype(np.float32)[..., None]
                opacity = opacity[:, ::-1] if rng.random() < 0.5 else opacity
                color = np.clip((bright if cover.rain else 0.95) + rng.normal(0, 0.05), 0.6, 1)
                light = clean if cover.added else clean * (1 - opacity)
                seen = np.rint(255 * np.clip(light + color * opacity, 0, 1)) / 255
            wet[index], dry[index] = seen.transpose(2, 0, 1), clean.transpose(2, 0, 1)
        return wet, dry


def piece(array: NDArray, side: int, rng: np.random.Generator) -> NDArray:
    """A random square of the first two axes."""
    top, left = (int(rng.integers(0, length - side + 1)) for length in array.shape[:2])
    return array[top : top + side, left : left + side]


def turned_piece(image: NDArray[np.uint8], side: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """[side, side, 3] from anywhere in the image, at another scale, leaning a little."""
    scale = rng.uniform(max(SCALE[0], side / min(image.shape[:2])), SCALE[1])
    reach = side / scale / 2
    centre = [rng.uniform(reach, max(reach, length - reach)) for length in image.shape[1::-1]]
    matrix = cv2.getRotationMatrix2D(centre, float(rng.normal(0, 5)), scale)
    matrix[:, 2] += side / 2 - np.asarray(centre)
    small = scale < 0.8
    image = cv2.GaussianBlur(image, (0, 0), 0.35 / scale) if small else image
    flags = cv2.INTER_LINEAR if small else cv2.INTER_CUBIC
    return cv2.warpAffine(image, matrix, (side, side), flags=flags, borderMode=cv2.BORDER_REFLECT)


def varied(image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Mirrored or turned over, brighter or darker, harder or softer, in other colours."""
    if rng.random() < 0.5:
        image = image[:, ::-1]
    if rng.random() < 0.2:
        image = image[::-1]
    if rng.random() < 0.3:
        image = image.transpose(1, 0, 2)
    if rng.random() < 0.5:
        image = image ** np.float32(np.exp(rng.normal(0, 0.3)))
    if rng.random() < 0.6:
        image = image * rng.uniform(0.6, 1.25) * rng.normal(1, 0.08, 3).astype(np.float32)
    if rng.random() < 0.2:
        image = image[..., rng.permutation(3)]
    if rng.random() < 0.3:
        image = image + rng.normal(0, rng.uniform(0.002, 0.02), image.shape)
    return np.clip(image, 0, 1).astype(np.float32)


def clean_images(rooms: list[Path], rng: np.random.Generator) -> tuple[list[NDArray[np.uint8]], NDArray[np.float64]]:
    """Rooms (files of the demo teacher's tool), photographs and leaves, and how often each is drawn."""
    kinds = [room_images(rooms), photographs(), [leaves(rng) for _ in range(LEAVES)]]
    shares = [share if images else 0.0 for share, images in zip(SHARES, kinds)]
    weights = np.concatenate(
        [np.full(len(images), share / max(1, len(images))) for share, images in zip(shares, kinds)]
    )
    return [image for images in kinds for image in images], weights / weights.sum()


def room_images(paths: list[Path]) -> list[NDArray[np.uint8]]:
    """Rendered rooms at several sizes."""
    found = []
    for path in paths:
        with np.load(path, allow_pickle=False) as file:
            image = file["image"]
        found += [fitted(image, size) for size in ROOM_SIZES]
    return found


def photograph_files() -> list[Path]:
    """Those of scikit-image, scikit-learn and matplotlib.

    Raises:
        SplatError: when one is missing: a training without it would be another.
    """
    places = [_within("skimage") / "data" / name for name in PHOTOGRAPHS]
    places += [_within("sklearn") / "datasets" / "images" / name for name in ("china.jpg", "flower.jpg")]
    places.append(_within("matplotlib") / "mpl-data" / "sample_data" / "grace_hopper.jpg")
    missing = [place.name for place in places if not place.is_file()]
    if missing:
        raise SplatError(
            f"{len(missing)} photographs to train on are missing ({', '.join(missing)}): "
            "install scikit-image, scikit-learn and matplotlib with their pictures"
        )
    return places


def _within(package: str) -> Path:
    """The folder of an installed package, which is not imported."""
    spec = find_spec(package)
    return Path(next(iter((spec and spec.submodule_search_locations) or [package])))


def count_photographs() -> int:
    """How many photographs there are."""
    return len(photograph_files())


def photographs() -> list[NDArray[np.uint8]]:
    """All photographs at several sizes."""
    found = []
    for place in photograph_files():
        picture = cv2.imread(str(place))
        for size in PHOTO_SIZES:
            small = fitted(np.ascontiguousarray(picture[..., ::-1]), size)
            if min(small.shape[:2]) >= 160 and size <= max(picture.shape[:2]):
                found.append(small)
    return found


def leaves(rng: np.random.Generator, side: int = 200, count: int = 500) -> NDArray[np.uint8]:
    """[side, side, 3]: shapes upon shapes, many small and few large, in few colours, with grain and soft light."""
    fine = 2
    palette = rng.uniform(0, 1, (int(rng.integers(3, 9)), 3)) ** rng.uniform(0.6, 2)
    grey = palette.mean(1, keepdims=True)
    palette = grey + (palette - grey) * rng.uniform(0, 0.7)  # the world is duller than chance
    canvas = np.full((side * fine, side * fine, 3), palette[0], np.float32)
    for _ in range(count):
        color = np.clip(palette[rng.integers(len(palette))] + rng.normal(0, 0.06, 3), 0, 1)
        radius = side * fine * 0.008 / rng.uniform(0.02, 1)
        centre = rng.uniform(0, side * fine, 2).astype(int)
        axes = (max(1, int(radius)), max(1, int(radius * rng.choice([1, 0.6, 0.2, 0.05]))))
        angle = float(rng.uniform(0, 180))
        cv2.ellipse(canvas, tuple(map(int, centre)), axes, angle, 0, 360, tuple(map(float, color)), -1, cv2.LINE_AA)
    image = cv2.resize(canvas, (side, side), interpolation=cv2.INTER_AREA)
    image = cv2.GaussianBlur(image, (0, 0), 1.2) if rng.random() < 0.3 else image
    light = cv2.resize(rng.normal(1, 0.2, (3, 3)).astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
    image = image * light[..., None] + rng.normal(0, rng.uniform(0, 0.04), (side, side, 1))
    return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)


def fitted(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """The image with a longer side of `size` pixels."""
    scale = size / max(image.shape[:2])
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def covers(count: int, rng: np.random.Generator) -> list[Cover]:
    """Rain and snow of other speeds, sizes and density than the benchmark's, most of it partly hidden by a scene.

    A fifth is rain as filters of picture editors make it, added to the light.
    """
    found = []
    for _ in range(count):
        longer = int(rng.choice(COVER_SIZES))
        size = (round(longer * 0.75), longer) if rng.random() < 0.7 else (longer, round(longer * 0.75))
        if rng.random() < 0.2:
            found.append(Cover(smeared_noise(size, rng).astype(np.float16), True, bool(rng.random() < 0.8)))
            continue
        rain = bool(rng.random() < 0.5)
        number = int(np.exp(rng.uniform(np.log(250), np.log(2500))))
        depth = hills(size, rng) if rng.random() < 0.8 else None
        fall = other(RAIN if rain else SNOW, rng)
        opacity = particles(size, depth, fall, number, float(rng.uniform(-0.5, 0.5)), rng)
        found.append(Cover(opacity.astype(np.float16), rain))
    return found


def smeared_noise(size: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    """[H, W] 0..1: grains that are smeared along one to three directions."""
    total = np.zeros(size, np.float32)
    main = float(rng.normal(0, 0.35))  # radians from straight down
    for _ in range(int(rng.integers(1, 4))):
        angle = main + float(rng.normal(0, 0.12))
        length = float(np.exp(rng.uniform(np.log(12), np.log(90))))  # pixels
        half = int(length / 2) + 2
        line = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
        ends = np.array([np.sin(angle), np.cos(angle)]) * length / 2
        first, last = ((np.array([half, half]) + sign * ends) * 16 for sign in (-1, 1))
        thick = int(rng.choice([1, 1, 2, 3]))
        cv2.line(line, first.astype(int).tolist(), last.astype(int).tolist(), 1.0, thick, cv2.LINE_AA, 4)
        line = cv2.GaussianBlur(line, (0, 0), float(rng.uniform(0.3, 1.0)))
        share = float(np.exp(rng.uniform(np.log(0.05), np.log(0.9)))) / line.sum()  # of pixels, covered once
        grains = (rng.random(size) < share) * rng.uniform(0.2, 1, size)
        total += cv2.filter2D(grains.astype(np.float32), -1, line / line.max())
    return np.clip(total * rng.uniform(0.25, 0.9), 0, rng.uniform(0.5, 0.95))


def other(fall: Fall, rng: np.random.Generator) -> Fall:
    """Particles like these, but not the same."""
    wide = float(rng.uniform(0.7, 1.4))
    return replace(
        fall,
        speed=fall.speed * float(rng.uniform(0.6, 1.5)),
        diameter=(fall.diameter[0] * wide, fall.diameter[1] * wide),
        spread=fall.spread * float(rng.uniform(0.5, 2)),
        opacity=fall.opacity * float(rng.uniform(0.7, 1)),
        sway=fall.sway * float(rng.uniform(0.5, 1.5)),
    )


def hills(size: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    """A smooth depth [H, W] in metres."""
    coarse = rng.normal(size=(4, 4)).astype(np.float32)
    smooth = cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC)
    return np.exp(0.4 * smooth + np.log(rng.uniform(1.2, 5))).astype(np.float32)

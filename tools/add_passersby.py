#!/usr/bin/env python3
"""Draws passers-by into a capture, for measurements whose clean answer is known.

    python tools/add_passersby.py data/demo OUT --factor 2

OUT is a new capture of undistorted photos, with the cameras, points and split of the clean one. In a third of the
training photos, each on its own, one to three people-like figures stand at random places: head, trunk and legs in
clothes of random colours and patterns, 35 to 75 % as high as the photo. THE TEST PHOTOS STAY CLEAN, because they are
what the scene is scored against. OUT/passersby_truth holds what a method may be scored with and must not read: a mask
of the figures for each photo that has any (white is a figure). --share 0 writes the same capture without any: the
ceiling.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from splat.capture import load_capture  # noqa: E402
from splat.errors import SplatError  # noqa: E402
from splat.files import write_json  # noqa: E402
from tools.add_weather import write_image, write_photo, write_transforms  # noqa: E402
from tools.weather_effects import Image  # noqa: E402

TRUTH = "passersby_truth"


def write_passersby(clean: Path, out: Path, share: float, factor: float, seed: int = 0, test_every: int = 8) -> None:
    """Write the capture `out`; see above for what it holds.

    Args:
        share: of the training photos that have figures.
        factor: divides the photos' sides.

    Raises:
        SplatError: `out` is there already, or the photos are partly transparent.
    """
    if out.exists():
        raise SplatError(f"{out} is there already; choose another folder")
    capture = load_capture(clean, data_factor=factor, test_every=test_every, split="3dgs")
    if capture.transparent():
        raise SplatError(f"{clean} has transparent photos: nobody walks where nothing is")
    training = capture.indices("train")
    chosen = np.random.default_rng(seed).permutation(training)[: round(share * len(training))]
    for folder in ("images", TRUTH):
        (out / folder).mkdir(parents=True)
    frames = []
    for index, frame in enumerate(capture.frames):
        name = f"{Path(frame.camera.name).stem}.png"
        photo = capture.images.image(index).astype(np.float32) / 255
        if index in chosen:
            photo, covered = with_people(photo, np.random.default_rng([seed, index]))
            write_image(out / TRUTH / name, covered)
        write_photo(capture, index, out, name, photo)
        frames.append((name, index))
    write_transforms(capture, out, frames)
    record = {"share": share, "photos": len(chosen), "seed": seed, "test_photos": "clean", "factor": factor}
    write_json(out / "passersby_added.json", record)


def with_people(photo: Image, rng: np.random.Generator) -> tuple[Image, Image]:
    """A photo [H, W, 3] 0..1 with one to three figures, and how much of each pixel they cover, [H, W] 0..1."""
    total = np.zeros(photo.shape[:2], np.float32)
    for _ in range(rng.integers(1, 4)):
        figure, alpha = person(photo.shape[0], photo.shape[1], rng)
        photo = photo * (1 - alpha[..., None]) + figure * alpha[..., None]
        total = np.maximum(total, alpha)
    return photo, total


def person(height: int, width: int, rng: np.random.Generator) -> tuple[Image, Image]:
    """A figure somewhere in a picture of that size: its colours [H, W, 3] and its opacity [H, W], 0..1."""
    tall = rng.uniform(0.35, 0.75) * height
    x, top = rng.uniform(0, width), rng.uniform(-0.1, 1.0) * height - 0.3 * tall
    parts = [  # centre and half axes in heights of the figure, and what it wears
        (0.00, 0.08, 0.060, 0.080, "skin"),
        (0.00, 0.33, 0.130, 0.200, "shirt"),
        (-0.16, 0.34, 0.035, 0.170, "shirt"),
        (0.16, 0.34, 0.035, 0.170, "shirt"),
        (-0.06, 0.73, 0.060, 0.270, "trousers"),
        (0.06, 0.73, 0.060, 0.270, "trousers"),
    ]
    clothes = {
        "skin": np.full((height, width, 3), rng.uniform(0.25, 0.8) * np.array([1.0, 0.78, 0.65]), np.float32),
        "shirt": cloth(height, width, rng),
        "trousers": cloth(height, width, rng),
    }
    colors, alpha = np.zeros((height, width, 3), np.float32), np.zeros((height, width), np.float32)
    lean = rng.uniform(-12, 12)
    for dx, dy, half_width, half_height, wears in parts:
        shape = np.zeros((height, width), np.uint8)
        cv2.ellipse(
            shape,
            (round(8 * (x + dx * tall)), round(8 * (top + dy * tall))),
            (round(8 * half_width * tall), round(8 * half_height * tall)),
            lean, 0, 360, 255, -1, cv2.LINE_AA, 3,
        )  # fmt: skip
        part = shape.astype(np.float32) / 255
        colors = colors * (1 - part[..., None]) + clothes[wears] * part[..., None]
        alpha = np.maximum(alpha, part)
    return colors, alpha


def cloth(height: int, width: int, rng: np.random.Generator) -> Image:
    """[H, W, 3] 0..1: one colour, stripes of two, or blotches, with folds of light and shadow."""
    one, two = rng.uniform(0.05, 0.95, 3), rng.uniform(0.05, 0.95, 3)
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    kind, angle, period = rng.integers(3), rng.uniform(0, np.pi), rng.uniform(0.02, 0.08) * height
    along = (rows * np.cos(angle) + columns * np.sin(angle)) / period
    if kind == 0:
        mix = np.zeros((height, width), np.float32)
    elif kind == 1:
        mix = (np.sin(2 * np.pi * along) > 0).astype(np.float32)
    else:
        coarse = rng.uniform(0, 1, (max(2, round(height / period)), max(2, round(width / period)))).astype(np.float32)
        mix = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).clip(0, 1)
    folds = 0.85 + 0.15 * np.sin(along * 1.7 + 3 * np.sin(rows / (2 * period)))
    colors = (1 - mix)[..., None] * one + mix[..., None] * two
    return np.asarray((colors * folds[..., None]).clip(0, 1), np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("capture", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--share", type=float, default=1 / 3, help="of the training photos that have figures")
    parser.add_argument("--factor", type=float, default=1.0, help="divides the photos' width and height")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--test-every", type=int, default=8)
    arguments = parser.parse_args()
    try:
        write_passersby(
            arguments.capture, arguments.out, arguments.share, arguments.factor, arguments.seed, arguments.test_every
        )
    except SplatError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()

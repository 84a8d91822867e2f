#!/usr/bin/env python3
"""Gives every photo of a capture an exposure of its own, for measurements whose answer is known.

    python tools/add_exposure.py data/demo OUT --stops 0.5 --factor 2

OUT is a new capture of undistorted photos, with the cameras, points and split of the clean one. Light is multiplied
by 2^s, s drawn evenly from -STOPS to STOPS for each photo, those of the test side too; --tint draws another factor for
each channel. OUT/exposure_added.json says which photo got what. --stops 0 writes the same capture unchanged.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from splat.capture import load_capture  # noqa: E402
from splat.errors import SplatError  # noqa: E402
from splat.files import write_json  # noqa: E402
from tools.add_weather import write_photo, write_transforms  # noqa: E402


def exposed(photo: np.ndarray, stops: np.ndarray) -> np.ndarray:
    """The photo [H, W, 3] sRGB 0..1 with 2^stops [3] times its light, clipped as a camera clips."""
    linear = np.where(photo <= 0.04045, photo / 12.92, ((photo + 0.055) / 1.055) ** 2.4) * 2**stops
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055).clip(0, 1)


def write_exposed(clean: Path, out: Path, stops: float, tint: float, factor: float, seed: int = 0) -> None:
    """Write the capture `out`.

    Args:
        clean: the capture that it is made of.
        out: a folder that is not there yet.
        stops: the largest change of exposure, in stops of light.
        tint: the largest difference of a channel from the others, in stops of light.
        factor: divides the photos' sides.
        seed: of what is drawn.

    Raises:
        SplatError: `out` is there already, or the photos are partly transparent.
    """
    if out.exists():
        raise SplatError(f"{out} is there already; choose another folder")
    capture = load_capture(clean, data_factor=factor)
    if capture.transparent():
        raise SplatError(
            f"{clean} has transparent photos, which transforms.json and PNG files of this tool do not keep"
        )
    random, frames, added = np.random.default_rng(seed), [], {}
    (out / "images").mkdir(parents=True)
    for index, frame in enumerate(capture.frames):
        name = f"{Path(frame.camera.name).stem}.png"
        change = random.uniform(-stops, stops) + random.uniform(-tint, tint, 3)
        write_photo(capture, index, out, name, exposed(capture.images.image(index).astype(np.float64) / 255, change))
        added[name] = [round(float(value), 4) for value in change]
        frames.append((name, index))
    write_transforms(capture, out, frames)
    write_json(out / "exposure_added.json", {"stops": added, "seed": seed, "factor": factor})


def main() -> None:
    """Read the words and write the capture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clean", type=Path, help="the capture")
    parser.add_argument("out", type=Path, help="the new one")
    parser.add_argument("--stops", type=float, default=0.5)
    parser.add_argument("--tint", type=float, default=0.0)
    parser.add_argument("--factor", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    write_exposed(given.clean, given.out, given.stops, given.tint, given.factor, given.seed)


if __name__ == "__main__":
    main()

"""Render a trained scene along a path of your own: a flight between training cameras that rises and falls.

python examples/camera_path.py runs/example --frames 60 --out flight
"""

from __future__ import annotations

import argparse
import dataclasses
import math
from pathlib import Path

import imageio.v3 as iio
import torch

import splat
from splat.cameras import Camera, stack_cameras
from splat.render import render_gaussians
from splat.render.paths import interpolate


def raised(camera: Camera, height: float) -> Camera:
    """The camera moved by `height` along its own vertical."""
    viewmat = camera.viewmat.clone()
    viewmat[1, 3] += height  # y points down in a camera, and the world moves the other way
    return dataclasses.replace(camera, viewmat=viewmat)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="the folder of a run")
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--out", type=Path, default=Path("flight"), help="folder for the pictures")
    words = parser.parse_args()

    run = splat.open_run(words.run)
    scene, cameras = run.scene(), run.cameras("train")
    path = interpolate(cameras[:: max(1, len(cameras) // 4)], words.frames)
    path = [raised(camera, 0.1 * math.sin(2 * math.pi * i / words.frames)) for i, camera in enumerate(path)]
    words.out.mkdir(parents=True, exist_ok=True)
    background = torch.tensor([run.background])
    for number, camera in enumerate(path):
        viewmats, Ks = stack_cameras([camera])
        image, _, _ = render_gaussians(scene, viewmats, Ks, camera.width, camera.height, backgrounds=background)
        pixels = (image[0].clamp(0, 1) * 255).round().to(torch.uint8).numpy()  # [H, W, 3]
        iio.imwrite(words.out / f"{number:04d}.png", pixels)
    print(f"{len(path)} pictures in {words.out}")


if __name__ == "__main__":
    main()

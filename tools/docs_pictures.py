#!/usr/bin/env python3
"""Makes the pictures of the docs from a finished run of the demo.

splat train data/demo name=docs
python tools/docs_pictures.py runs/demo/docs
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch

from splat.cameras import stack_cameras
from splat.render import render_gaussians
from splat.run import Run, open_run

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"


def overview(run: Run, view: int) -> np.ndarray:
    """[H, 3W, 3] uint8: a held-out photo, the scene from the same place, and its depth (near is bright)."""
    capture = run.capture()
    index = capture.indices("test")[view]
    camera = capture.frames[index].camera
    viewmats, Ks = stack_cameras([camera])
    with torch.no_grad():
        renders = render_gaussians(run.scene(), viewmats, Ks, camera.width, camera.height, render_mode="RGB+ED")[0][0]
    disparity = 1 / renders[..., 3].clamp(min=1e-6).numpy()
    low, high = np.percentile(disparity, (1, 99))
    shades = (np.clip((disparity - low) / (high - low), 0, 1) * 255).astype(np.uint8)
    depth = cv2.applyColorMap(shades, cv2.COLORMAP_VIRIDIS)[..., ::-1]
    scene = (renders[..., :3].clamp(0, 1).numpy() * 255).round().astype(np.uint8)
    return np.concatenate([capture.images.image(index), scene, depth], axis=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="run folder of the demo")
    parser.add_argument("--view", type=int, default=5, help="which of the test views")
    arguments = parser.parse_args()
    IMAGES.mkdir(parents=True, exist_ok=True)
    picture = overview(open_run(arguments.run), arguments.view)
    cv2.imwrite(str(IMAGES / "demo.jpg"), picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])


if __name__ == "__main__":
    main()

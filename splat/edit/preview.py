"""A selection as pictures: what is selected glows, the rest turns grey."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from splat.cameras import Camera, stem
from splat.edit.select.selection import Selection
from splat.images import luma, to_bytes, write_image
from splat.render.scene import SceneRenderer

GLOW = (1.0, 0.2, 0.85)


@torch.no_grad()
def overlay(renderer: SceneRenderer, camera: Camera, selection: Selection) -> tuple[np.ndarray, float]:
    """The picture [H, W, 3] uint8 RGB with the selection in colour, and how many pixels' worth of it are seen."""
    seen = renderer.features(camera, selection.weights[:, None]).clamp(0, 1)
    return to_bytes(glowing(renderer.image(camera).clamp(0, 1), seen)), float(seen.sum())


def glowing(picture: Tensor, seen: Tensor) -> Tensor:
    """A picture [H, W, 3] in which what is `seen` [H, W, 1] 0..1 of a selection glows and the rest turns grey."""
    grey = luma(picture)[..., None].expand(-1, -1, 3)
    tinted = 0.55 * picture + 0.45 * picture.new_tensor(GLOW)
    mixed: Tensor = seen * tinted + (1 - seen) * (0.65 * grey + 0.35 * picture)
    return mixed


def write_preview(renderer: SceneRenderer, selection: Selection, folder: Path, count: int = 4) -> list[Path]:
    """Write overlays of the views that see most of a selection as PNGs named after the photos."""
    written = []
    for camera in renderer.best_views(selection.weights, count):
        path = folder / f"{stem(camera.name) or 'view'}.png"
        write_image(path, overlay(renderer, camera, selection)[0])
        written.append(path)
    return written

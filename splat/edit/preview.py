"""A selection as pictures: what is selected glows, the rest turns grey."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from splat.cameras import Camera
from splat.edit.selection import Selection
from splat.edit.stage import Stage, stem
from splat.files import atomic_path

GLOW = (1.0, 0.2, 0.85)


@torch.no_grad()
def overlay(stage: Stage, camera: Camera, selection: Selection) -> tuple[np.ndarray, float]:
    """The picture [H, W, 3] uint8 RGB with the selection in colour, and how many pixels' worth of it are seen."""
    picture = stage.picture(camera)[0].clamp(0, 1)
    seen = stage.spread(camera, selection.weights[:, None]).clamp(0, 1)
    grey = (picture @ picture.new_tensor([0.299, 0.587, 0.114]))[..., None].expand(-1, -1, 3)
    tinted = 0.55 * picture + 0.45 * picture.new_tensor(GLOW)
    mixed = seen * tinted + (1 - seen) * (0.65 * grey + 0.35 * picture)
    return (mixed * 255).round().byte().cpu().numpy(), float(seen.sum())


def best_views(stage: Stage, selection: Selection, count: int) -> list[Camera]:
    """The `count` cameras, at most, that see most of the selection; judged at a quarter of the size."""
    candidates = stage.cameras[:: max(1, len(stage.cameras) // 24)]
    scores = []
    for camera in candidates:
        small = camera.resized(max(1, camera.width // 4), max(1, camera.height // 4))
        area = small.width * small.height
        scores.append(float(stage.spread(small, selection.weights[:, None]).sum()) / area)
    order = np.argsort(-np.array(scores), kind="stable")[:count]
    return [candidates[index] for index in order]


def write_preview(stage: Stage, selection: Selection, folder: Path, count: int = 4) -> list[Path]:
    """Write overlays of the views that see most of a selection as PNGs named after the photos."""
    written = []
    for camera in best_views(stage, selection, count):
        path = folder / f"{stem(camera.name) or 'view'}.png"
        write_picture(path, overlay(stage, camera, selection)[0])
        written.append(path)
    return written


def write_picture(path: Path, picture: np.ndarray) -> None:
    """Write [H, W, 3] uint8 RGB as a PNG, atomically."""
    from PIL import Image

    with atomic_path(path) as temporary:
        Image.fromarray(picture).save(temporary)

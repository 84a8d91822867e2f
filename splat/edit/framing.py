"""Which cameras see a selection, and the part of their pictures around it."""

from __future__ import annotations

import dataclasses

import numpy as np

from splat.cameras import Camera
from splat.edit.selection import Selection
from splat.edit.stage import Stage

LEAST = 4  # sixteenths of pixels that a selection must cover to be seen
MARGIN = 24  # pixels around a region that are rendered with it


def watching(stage: Stage, chosen: Selection, count: int) -> list[Camera]:
    """The cameras that see a selection, evenly spread, at most `count`."""
    seeing = []
    for camera in stage.cameras:
        small = camera.resized(max(1, camera.width // 4), max(1, camera.height // 4))
        if float(stage.spread(small, chosen.weights[:, None]).sum()) > LEAST:
            seeing.append(camera)
    picked = np.linspace(0, len(seeing) - 1, min(count, len(seeing))).round().astype(int) if seeing else []
    return [seeing[index] for index in picked]


def cut_around(camera: Camera, region: np.ndarray) -> tuple[Camera, tuple[slice, slice]]:
    """The camera of the rectangle around a region [H, W], which must not be empty, and the rectangle."""
    rows, columns = np.nonzero(region)
    top, left = max(0, int(rows.min()) - MARGIN), max(0, int(columns.min()) - MARGIN)
    bottom = min(camera.height, int(rows.max()) + MARGIN + 1)
    right = min(camera.width, int(columns.max()) + MARGIN + 1)
    K = camera.K.clone()
    K[0, 2] -= left
    K[1, 2] -= top
    cut = dataclasses.replace(camera, K=K, width=right - left, height=bottom - top)
    return cut, (slice(top, bottom), slice(left, right))

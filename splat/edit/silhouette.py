"""A selection with gaps made whole by its outlines: what all views see inside them belongs to it."""

from __future__ import annotations

import numpy as np
import torch

from splat.edit.selection import Selection
from splat.edit.stage import Stage
from splat.edit.views import LEAST

COVERED = 0.3  # of a pixel that the selection shows lies inside its outline
GAP = 0.15  # of the outline's size: gaps and notches up to this are closed
LARGE = 0.2  # of the picture: an outline this large is a wall or floor, whose gaps are other things
VIEWS = 16


def completed(stage: Stage, chosen: Selection, vote: float = 0.5, views: int = VIEWS) -> Selection:
    """Add the Gaussians whose blending weight falls to at least `vote` inside the closed outlines of a selection.

    In each view the pixels that the selection covers are closed (dilated, then eroded) and their holes filled; the
    vote of these masks over all views is that of `splat.edit.views.from_masks`.
    """
    inside = torch.zeros(len(stage.scene), device=stage.scene.means.device)
    total = torch.zeros_like(inside)
    step = max(1, len(stage.cameras) // views)
    for camera in stage.cameras[::step]:
        seen = stage.spread(camera, chosen.mask.float()[:, None])[..., 0].cpu().numpy()
        covered = seen > COVERED
        if covered.sum() < 4 or covered.mean() > LARGE:
            continue
        outline = closed(covered)
        sums, weights = stage.gather(camera, torch.from_numpy(outline.astype(np.float32))[..., None])
        inside += sums[:, 0]
        total += weights
    added = (total > LEAST) & (inside >= vote * total)
    return Selection(torch.maximum(chosen.weights, added.to(chosen.weights)), chosen.source)


def closed(mask: np.ndarray, gap: float = GAP) -> np.ndarray:
    """[H, W] bool: a mask with gaps up to `gap` times its size closed and its holes filled."""
    import cv2
    from scipy.ndimage import binary_fill_holes

    width = 2 * round(gap * float(np.sqrt(mask.sum())) / 2) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
    padded = np.pad(mask.astype(np.uint8), width)
    shut = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, kernel)[width:-width, width:-width]
    return np.asarray(binary_fill_holes(shut))

"""Photos cut into pieces of like colour, in which a vote decides for all pixels (SLS-agg, without its features).

Source of the vote: Sabour et al., "SpotLessSplats", 2024; of the pieces: Achanta et al., "SLIC Superpixels", 2012.
"""

from __future__ import annotations

import numpy as np
import torch
from skimage.segmentation import slic
from torch import Tensor
from torch.nn.functional import interpolate

from splat.images import area_mean

LONGEST = 192  # pixels of the longer side of the grid on which photos are cut and differences are judged
ROUNDS = 5  # of SLIC's iterations: more move borders by less than a pixel of the grid
COMPACTNESS = 10.0  # how far pieces may stretch to follow colours, skimage's usual value


def grid_size(height: int, width: int) -> tuple[int, int]:
    """Height and width of the grid of a photo, at most LONGEST on its longer side."""
    factor = max(1.0, max(height, width) / LONGEST)
    return max(1, round(height / factor)), max(1, round(width / factor))


def from_grid(mask: Tensor, height: int, width: int) -> Tensor:
    """[H, W] bool of a mask [h, w] on the grid."""
    if mask.shape == (height, width):
        return mask
    return interpolate(mask[None, None].float(), size=(height, width), mode="nearest")[0, 0] > 0.5


def pieces_of(photo: Tensor, count: int) -> Tensor:
    """[h, w] int64 on the photo's device: the piece of each pixel of the grid, counted from 0 without gaps.

    Args:
        photo: [H, W, 3] in 0..1.
        count: about how many.
    """
    size = grid_size(*photo.shape[:2])
    small = area_mean(photo, size).cpu().numpy().astype(np.float64)
    labels = slic(small, n_segments=count, compactness=COMPACTNESS, max_num_iter=ROUNDS, start_label=0, channel_axis=-1)
    _, dense = np.unique(labels, return_inverse=True)
    return torch.from_numpy(dense.reshape(size).astype(np.int64)).to(photo.device)


def shares(flags: Tensor, pieces: Tensor, counted: Tensor | None = None) -> Tensor:
    """[S]: the share of each piece's pixels that are flagged, 0 where none counts.

    Args:
        flags: [h, w] bool or float.
        pieces: [h, w] int64.
        counted: [h, w] bool, True where the pixel counts.
    """
    number = int(pieces.max()) + 1
    weight = torch.ones_like(flags, dtype=torch.float32) if counted is None else counted.float()
    total = torch.bincount(pieces.reshape(-1), weight.reshape(-1), minlength=number)
    flagged = torch.bincount(pieces.reshape(-1), (weight * flags).reshape(-1), minlength=number)
    return flagged / total.clamp(min=1e-9)

"""A bilateral grid for each photo: affine changes of colour by place in the picture and by brightness.

After Wang et al., "Bilateral Guided Radiance Field Processing", 2024, with the sizes, the coordinates and the total
variation that gsplat takes; written from the formulas.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from splat.images import luma

LEVELS, ROWS, COLUMNS = 8, 16, 16
SHAPE = (12, LEVELS, ROWS, COLUMNS)  # [A - I, b] row by row, in every cell
ROUGHNESS = 10.0  # weight of the total variation


def sliced(image: Tensor, photo: Tensor, camera: Tensor) -> Tensor:
    """A rgb + b of each pixel of the picture [H, W, 3], with [A - I, b] from the grid photo [12, L, H', W'].

    Cells are blended linearly by place and by luma of the rendered colour, whose own gradient is left out.
    """
    height, width = image.shape[:2]
    x = (torch.arange(width, device=image.device) + 0.5) / width * 2 - 1
    y = (torch.arange(height, device=image.device) + 0.5) / height * 2 - 1
    z = luma(image.detach()) * 2 - 1
    place = torch.stack([x.expand(height, width), y[:, None].expand(height, width), z], dim=-1)
    change = grid_sample(photo[None], place[None, None], align_corners=True, padding_mode="border")[0, :, 0]
    rows = change.reshape(3, 4, height, width)
    moved: Tensor = (rows[:, :3] * image.permute(2, 0, 1)[None]).sum(dim=1) + rows[:, 3]
    return image + moved.permute(1, 2, 0)


def start(gains: Tensor) -> Tensor:
    """[F, 12, L, H', W'] that multiplies the channels by exp(gains [F, 3]) everywhere."""
    change = torch.cat([torch.diag_embed(gains.exp() - 1), torch.zeros_like(gains)[..., None]], dim=2)
    return change.reshape(-1, 12, 1, 1, 1).repeat(1, 1, LEVELS, ROWS, COLUMNS)


def roughness(photo: Tensor, camera: Tensor) -> Tensor:
    """Total variation of a grid: the mean squared difference of neighbours along each axis, summed and weighted."""
    return ROUGHNESS * sum((photo.diff(dim=axis).square().mean() for axis in (1, 2, 3)), photo.new_zeros(()))

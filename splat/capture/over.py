"""Photos over the colour behind a scene, as what they are compared with."""

from __future__ import annotations

import torch
from torch import Tensor

from splat.capture.types import Capture
from splat.images import over


def photo_over(capture: Capture, index: int, background: Tensor) -> tuple[Tensor, Tensor | None]:
    """The photo of a frame over a background [3] RGB 0..1, on its device.

    Returns:
        [H, W, 3] float32 in 0..1, and its mask [H, W] bool or None.
    """
    image = torch.tensor(capture.images.image(index), device=background.device)
    alpha, mask = capture.images.alpha(index), capture.images.mask(index)
    if alpha is None:
        picture = image.float() / 255
    else:
        picture = over(image, torch.tensor(alpha, device=image.device)[..., None], background)
    return picture, None if mask is None else torch.tensor(mask, device=image.device)

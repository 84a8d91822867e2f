"""What the air between things and the camera does to colours."""

from __future__ import annotations

import torch
from torch import Tensor

HORIZON = 1000.0  # m: where what no Gaussian covers is taken to lie
COOL = (0.97, 1.0, 1.04)  # of a full grade
LUMINANCE = (0.2126, 0.7152, 0.0722)


def optical_depth(distances: Tensor, fog: float, haze: float = 0.0, begins: float = 0.0) -> Tensor:
    """-log of the transmittance at distances in m of any shape.

    Args:
        fog: extinction per m of the air.
        haze: … of particles that are not drawn one by one, beyond `begins` m.
    """
    return fog * distances + haze * (distances - begins).clamp(min=0)


def scattered(colors: Tensor, depths: Tensor, light: Tensor) -> Tensor:
    """I = J t + A (1 - t) with t = exp(-optical depth).

    Args:
        colors: J [..., 3].
        depths: optical depths [...].
        light: A [3].
    """
    kept = torch.exp(-depths)[..., None]
    return colors * kept + light * (1 - kept)


def graded(picture: Tensor, amount: float) -> Tensor:
    """The picture [..., 3] as under clouds: at 1 half as colourful, flatter by a tenth and a little cooler."""
    grey = (picture * picture.new_tensor(LUMINANCE)).sum(dim=-1, keepdim=True)
    dull = grey + (picture - grey) * (1 - 0.5 * amount)
    flat = 0.5 + (dull - 0.5) * (1 - 0.1 * amount)
    return flat * (1 + amount * (picture.new_tensor(COOL) - 1))

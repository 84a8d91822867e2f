"""sRGB and CIE Lab (D65, two degrees; CIE 15:2004, IEC 61966-2-1), differentiable."""

from __future__ import annotations

import torch
from torch import Tensor

from splat.errors import SplatError

_TO_XYZ = ((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750), (0.0193339, 0.1191920, 0.9503041))
_WHITE = (0.9504700, 1.0, 1.0888300)
_EPSILON, _KAPPA = 216 / 24389, 24389 / 27

NAMED = {
    "black": (0.05, 0.05, 0.05), "white": (0.95, 0.95, 0.95), "grey": (0.5, 0.5, 0.5), "gray": (0.5, 0.5, 0.5),
    "red": (0.80, 0.10, 0.10), "green": (0.13, 0.55, 0.18), "blue": (0.12, 0.25, 0.75), "yellow": (0.95, 0.80, 0.10),
    "orange": (0.93, 0.50, 0.08), "purple": (0.48, 0.16, 0.60), "pink": (0.93, 0.50, 0.65), "brown": (0.42, 0.26, 0.13),
    "turquoise": (0.12, 0.68, 0.66), "cyan": (0.05, 0.72, 0.80), "magenta": (0.78, 0.10, 0.62),
    "gold": (0.80, 0.62, 0.15),
}  # fmt: skip


def rgb_to_lab(rgb: Tensor) -> Tensor:
    """sRGB [..., 3] 0..1 to L 0..100, a, b."""
    linear = torch.where(rgb <= 0.04045, rgb / 12.92, ((rgb.clamp(min=1e-6) + 0.055) / 1.055) ** 2.4)
    xyz = linear @ rgb.new_tensor(_TO_XYZ).T / rgb.new_tensor(_WHITE)
    f = torch.where(xyz > _EPSILON, xyz.clamp(min=_EPSILON) ** (1 / 3), (_KAPPA * xyz + 16) / 116)
    x, y, z = f.unbind(-1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], dim=-1)


def lab_to_rgb(lab: Tensor) -> Tensor:
    """Inverse of `rgb_to_lab`; colours that sRGB does not have come out below 0 or above 1."""
    L, a, b = lab.unbind(-1)
    y = (L + 16) / 116
    f = torch.stack([y + a / 500, y, y - b / 200], dim=-1)
    xyz = torch.where(f > _EPSILON ** (1 / 3), f**3, (116 * f - 16) / _KAPPA) * lab.new_tensor(_WHITE)
    linear = xyz @ torch.linalg.inv(lab.new_tensor(_TO_XYZ, dtype=torch.float64)).to(lab).T
    return torch.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear.clamp(min=0.0031308) ** (1 / 2.4) - 0.055)


def parse_color(text: str) -> Tensor:
    """[3] float32 sRGB 0..1 of a name, #rrggbb or r,g,b (0 to 1, or 0 to 255 where a number is above 1).

    Raises:
        SplatError: for anything else.
    """
    word = text.strip().lower()
    if word in NAMED:
        return torch.tensor(NAMED[word])
    digits = word.removeprefix("#")
    if len(digits) == 6 and all(letter in "0123456789abcdef" for letter in digits):
        return torch.tensor([int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)])
    try:
        values = [float(part) for part in word.strip("[]()").split(",")]
    except ValueError:
        values = []
    if len(values) == 3 and all(0 <= value <= 255 for value in values):
        return torch.tensor(values) / (255 if max(values) > 1 else 1)
    raise SplatError(f"color={text}: give a name ({', '.join(NAMED)}), #rrggbb, or three numbers r,g,b")

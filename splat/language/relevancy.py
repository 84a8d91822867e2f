"""How well features answer a text, beside what else they might be."""

from __future__ import annotations

import torch
from torch import Tensor

CANONICAL = ("object", "things", "stuff", "texture")
TEMPERATURE = 10.0


def relevancy(cosines: Tensor, negatives: Tensor, temperature: float = TEMPERATURE) -> Tensor:
    """min over the negatives c of exp(t f·q) / (exp(t f·q) + exp(t f·c)), as LERF and LangSplat define it.

    The minimum belongs to the nearest negative, and the fraction is a logistic function of the difference:
    sigmoid(t (f·q - max_c f·c)). 0.5 means: no nearer to the text than to something general.

    Args:
        cosines: [..., T] of features with the texts.
        negatives: [..., C] of the same features with the negatives.
        temperature: 10 (LangSplat's code; its paper leaves it out).

    Returns:
        [..., T] 0..1.
    """
    return torch.sigmoid(temperature * (cosines - negatives.amax(-1, keepdim=True)))


def smoothed(maps: Tensor, share: float, known: Tensor) -> tuple[Tensor, Tensor]:
    """Maps [B, H, W] blended with their own mean over a square window, 0.5 (map + filtered), and the filtered alone.

    LangSplat filters 29 x 29 pixels of pictures some 1,440 wide; here the window is a share of the width, at least 3
    pixels and odd. Pixels beyond the border, and those about which nothing is known [B, H, W], do not count.

    Returns:
        the blend [B, H, W] and the filtered maps [B, H, W], from which places are read; both 0 where nothing is known.
    """
    size = max(3, round(share * maps.shape[-1]) // 2 * 2 + 1)
    weight = known.float()
    stack = torch.stack([maps * weight, weight], dim=1)
    sums = torch.nn.functional.avg_pool2d(stack, size, stride=1, padding=size // 2)
    filtered = sums[:, 0] / sums[:, 1].clamp(min=1e-6) * weight
    return 0.5 * (maps * weight + filtered), filtered


def normalised(values: Tensor, known: Tensor | None = None) -> Tensor:
    """LangSplat's contrast: min-max to 0..1, then the lower half cut off, clip(2 m - 1, 0, 1)."""
    inside = values if known is None else values[known]
    if inside.numel() == 0:
        return torch.zeros_like(values)
    low, high = inside.min(), inside.max()
    scaled = (values - low) / (high - low).clamp(min=1e-9)
    return (2 * scaled - 1).clamp(0, 1)

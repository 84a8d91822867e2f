"""How well features answer a text, beside what else they might be."""

from __future__ import annotations

import torch
from torch import Tensor

CANONICAL = ("object", "things", "stuff", "texture")
TEMPERATURE = 10.0
SAME = 0.8


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


def against_rivals(
    cosines: Tensor, rivals: Tensor, alike: Tensor, extra: Tensor | None = None, temperature: float = TEMPERATURE
) -> Tensor:
    """Relevancy [..., T] where the negatives are names of things: each text is compared with those of other things.

    The name nearest to a text is the thing itself, and names nearly as near (`SAME` of that cosine) are other words
    for it; these are no negatives. 0.5 means: as near to the text as to the name of something else.

    Args:
        cosines: [..., T] of features with the texts.
        rivals: [..., K] with the names.
        alike: [T, K] cosines of texts with names.
        extra: [..., W] with what the user excludes, negatives for every text.
    """
    other = alike < SAME * alike.amax(1, keepdim=True)
    found = []
    for number in range(cosines.shape[-1]):
        negatives = rivals[..., other[number]]
        if extra is not None:
            negatives = torch.cat([negatives, extra], dim=-1)
        found.append(relevancy(cosines[..., number : number + 1], negatives, temperature))
    return torch.cat(found, dim=-1)


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

"""LDR-FLIP (Andersson et al. 2020) through the `flip-evaluator` package: how far apart two pictures look in turns.

It needs no weights. Wheels are made for Linux (x86-64), macOS (Apple) and Windows; where the package is missing the
value is None with the reason.
"""

from __future__ import annotations

import math
from importlib.util import find_spec

import numpy as np
import torch
from torch import Tensor

# The package's default observer: 0.7 m before a screen 0.7 m wide with 3840 pixels.
PPD = 0.7 * 3840 / 0.7 * math.pi / 180  # pixels per degree of visual angle, 67.02


def why_no_flip(wanted: bool) -> str | None:
    """Why FLIP is not computed, or None where it is."""
    if not wanted:
        return "FLIP was not asked for (flip=false)"
    if find_spec("flip_evaluator") is None:
        return "FLIP needs flip-evaluator; install it with: pip install flip-evaluator"
    try:
        import flip_evaluator
    except Exception as error:  # a compiled module built for another system fails with more than ImportError
        return f"FLIP needs flip-evaluator, which does not load here: {type(error).__name__}: {error}"
    assert flip_evaluator
    return None


def flip_map(image: Tensor, target: Tensor) -> Tensor:
    """The error at every pixel, 0 (looks the same) to 1.

    Args:
        image: [H, W, 3] in [0, 1], sRGB.
        target: [H, W, 3] in [0, 1], the reference.

    Returns:
        [H, W] float32, on the CPU.
    """
    import flip_evaluator

    pair = [np.ascontiguousarray(value.detach().cpu().numpy(), np.float32) for value in (target, image)]
    errors, _, _ = flip_evaluator.evaluate(
        *pair, "LDR", applyMagma=False, computeMeanError=False, parameters={"ppd": PPD}
    )
    return torch.from_numpy(np.array(errors[..., 0]))


def flip(image: Tensor, target: Tensor, mask: Tensor | None = None) -> float:
    """Mean of `flip_map` over the pixels that count [H, W] bool; NaN when there is none. Call `why_no_flip` first.

    With a mask, give images that agree where pixels do not count (`hide_uncounted`).
    """
    errors = flip_map(image, target).double()
    values = errors if mask is None else errors[mask.cpu()]
    return float(values.mean()) if values.numel() else math.nan

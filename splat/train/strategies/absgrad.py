"""Densification by absolute gradients; importing this needs no torch."""

from __future__ import annotations

from dataclasses import dataclass

from splat.options import option
from splat.train.strategies.default import DefaultStrategy


@dataclass
class AbsGradStrategy(DefaultStrategy):
    """`default` by gradients whose absolute values are summed over a Gaussian's pixels, with thresholds that suit them.

    Source: Ye et al., "AbsGS: Recovering Fine Details for 3D Gaussian Splatting", 2024. Where pixels pull a large
    Gaussian in opposite directions its gradient cancels out, and fine texture under it stays blurred; absolute values
    do not cancel.
    """

    grow_grad2d: float = option(
        0.0008, "mean absolute image-plane gradient above which a Gaussian is cloned or split", minimum=0
    )
    absgrad: bool = option(True, "use absolute gradients (AbsGS)")

"""What holds the selected Gaussians near to where they were."""

from __future__ import annotations

import torch
from torch import Tensor

from splat.edit.restyle.trainable import TrainableSubset
from splat.sh import sh0_to_rgb

WEIGHTS = {"means": 1.0, "quats": 5.0, "scales": 2.0, "opacities": 5.0, "sh0": 1.0, "shN": 1.0}


def anchor_loss(subset: TrainableSubset) -> Tensor:
    """A scalar: for every Gaussian its pull times the squared distance to its anchor, the mean over the live ones.

    After GaussianEditor (Chen et al. 2024), equation 6: the pull of a generation grows at each densification, when
    anchors are also moved to where the Gaussians have come. Distances are counted so that 1 is a large one: places in
    usual sizes of a Gaussian, sizes in logarithms, opacities and colours from 0 to 1, rotations as unit quaternions.
    """
    pull = torch.where(subset.state["live"], subset.state["pull"], 0.0)
    total = pull.new_zeros(())
    for name in subset.optimizers:
        now, then = (
            _counted(name, value, subset.unit) for value in (subset.params[name], subset.state[f"anchor.{name}"])
        )
        total = total + WEIGHTS[name] * (pull * (now - then).square().flatten(1).sum(dim=1)).sum()
    return total / subset.state["live"].sum().clamp(min=1)


def _counted(name: str, value: Tensor, unit: float) -> Tensor:
    """[M, ...] a parameter in units that compare."""
    if name == "means":
        return value / unit
    if name == "quats":
        return torch.nn.functional.normalize(value, dim=-1)
    if name == "opacities":
        return torch.sigmoid(value)[:, None]
    return value if name == "scales" else sh0_to_rgb(value) if name == "sh0" else value

"""Operations that take Gaussians away or fade them."""

from __future__ import annotations

import torch

from splat.edit.operations.base import Edited
from splat.edit.select.selection import Selection
from splat.gaussians import Gaussians


def remove(gaussians: Gaussians, selection: Selection) -> Edited:
    """Without the selected Gaussians."""
    return Edited.kept(gaussians, ~selection.mask)


def extract(gaussians: Gaussians, selection: Selection) -> Edited:
    """Only the selected Gaussians."""
    return Edited.kept(gaussians, selection.mask)


def crop(gaussians: Gaussians, selection: Selection, deviations: float = 2.0) -> Edited:
    """Only the selected Gaussians, and of those only what stays near: none reaches far out of the box around them.

    Args:
        deviations: how many standard deviations of a Gaussian must lie inside the box of the selected centres, widened
            by their usual (median) reach.
    """
    from splat.edit.select.geometry import bounds
    from splat.gaussians import quat_to_matrix

    low, high = (corner.to(gaussians.means) for corner in bounds(gaussians, selection, share=0.0))
    turned = quat_to_matrix(gaussians.quats) * gaussians.scales.exp()[:, None, :]
    reach = deviations * turned.norm(dim=2)  # of the ellipsoid along each axis of the world
    slack = reach[selection.mask].median(dim=0).values
    means = gaussians.means
    inside = ((means - reach >= low - slack) & (means + reach <= high + slack)).all(dim=1)
    return Edited.kept(gaussians, selection.mask & inside)


def opacity(gaussians: Gaussians, selection: Selection, factor: float) -> Edited:
    """Opacities multiplied by `factor` (0 or more), with soft weights by as much less; at most 0.999."""
    before = torch.sigmoid(gaussians.opacities)
    after = (before * (1 + selection.weights.to(before) * (factor - 1))).clamp(1e-6, 0.999)
    changed = torch.where(selection.weights.to(before) > 0, torch.logit(after), gaussians.opacities)
    return Edited.in_place(Gaussians.from_dict({**gaussians.as_dict(), "opacities": changed}))

"""Operations that take Gaussians away or fade them."""

from __future__ import annotations

import torch

from splat.edit.fill import fill
from splat.edit.operations import CropOptions, NoOptions, OpacityOptions, RemoveOptions
from splat.edit.operations.base import Edited, Operation, needed_factor
from splat.edit.select.geometry import bounds
from splat.edit.select.selection import Selection
from splat.gaussians import Gaussians, quat_to_matrix
from splat.render.scene import SceneRenderer


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
    return Edited.in_place(gaussians.replace(opacities=changed))


class Remove(Operation[RemoveOptions]):
    """`remove`: the hole is filled from what the views show around it."""

    def edited(self, renderer: SceneRenderer, chosen: Selection, candidates: Selection) -> Edited:
        """See `Operation.edited`."""
        return fill(renderer, chosen, remove(renderer.scene, chosen), self.options.fill)


class Extract(Operation[NoOptions]):
    """`extract`."""

    keeps = True

    def edited(self, renderer: SceneRenderer, chosen: Selection, candidates: Selection) -> Edited:
        """See `Operation.edited`."""
        return extract(renderer.scene, chosen)


class Crop(Operation[CropOptions]):
    """`crop`."""

    keeps = True

    def edited(self, renderer: SceneRenderer, chosen: Selection, candidates: Selection) -> Edited:
        """See `Operation.edited`."""
        return crop(renderer.scene, chosen, self.options.deviations)


class Opacity(Operation[OpacityOptions]):
    """`opacity`."""

    blends = True

    def edited(self, renderer: SceneRenderer, chosen: Selection, candidates: Selection) -> Edited:
        """See `Operation.edited`."""
        return opacity(renderer.scene, chosen, needed_factor("opacity", self.options.factor))

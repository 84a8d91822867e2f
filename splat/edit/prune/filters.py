"""Which Gaussians each filter finds; a mask [N] bool each, True for what goes."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from splat.edit.photos import TrueView
from splat.edit.prune.evidence import ViewEvidence, missed_by
from splat.gaussians import Gaussians
from splat.render.scene import SceneRenderer

SOLID = 0.1  # opacity from which a Gaussian is a neighbour that counts
NEIGHBOURS = 8
OWN = 3.0  # times its own longest axis that neighbours must be away as well: large Gaussians stand apart by nature
APART, FREE = 2.0, 0.7  # a floater: neighbours this much farther than usual, free in this share of what shows it
ALONE, FREE_ALONE = 3.0, 0.2  # … or these: a solid one hides what is behind it, but for its rim
VISIBLE = 0.001  # mean squared error by which photos may get worse where a floater stood; colours are 0 to 1
PLAIN = 0.01  # by which they must get better where something stood that only now and then stands free
FREE_AT_ALL = 0.1  # what is free in less is none
JUDGES = 3  # views that must show a Gaussian to judge it


def faint(gaussians: Gaussians, least: float) -> Tensor:
    """Opacity below `least`, 0 to 1."""
    return torch.sigmoid(gaussians.opacities) < least


def outside(gaussians: Gaussians, low: list[float], high: list[float]) -> Tensor:
    """Centres outside of the box between two corners [3]."""
    means = gaussians.means
    return ((means < means.new_tensor(low)) | (means > means.new_tensor(high))).any(dim=1)


def large(gaussians: Gaussians, times: float) -> Tensor:
    """Longest axis over `times` the median one. The median does not move for the few that are meant."""
    longest = gaussians.scales.amax(dim=1)
    return longest > longest.median() + float(np.log(times))


def unseen(evidence: ViewEvidence, views: int) -> Tensor:
    """Shown by fewer than `views` views."""
    return evidence.shown < views


def alone(gaussians: Gaussians, times: float) -> Tensor:
    """Mean distance to the 8 nearest solid neighbours over `times` the usual one, and over 3 times its longest axis.

    The usual one is the median over the scene.
    """
    return apartness(gaussians) > times


def free_now_and_then(evidence: ViewEvidence) -> Tensor:
    """Some views that show it see something well behind it at the same pixels; edges of things are among these."""
    return (evidence.free_share > FREE_AT_ALL) & (evidence.shown >= JUDGES)


def free_and_apart(gaussians: Gaussians, evidence: ViewEvidence) -> Tensor:
    """What stands in free space, away from others. Views look past a surface only at its edges, among neighbours."""
    apart, share = apartness(gaussians), evidence.free_share
    found = ((apart > APART) & (share > FREE)) | ((apart > ALONE) & (share > FREE_ALONE))
    return found & (evidence.shown >= JUDGES)


def floating(renderer: SceneRenderer, evidence: ViewEvidence, views: list[TrueView]) -> Tensor:
    """Floaters: free and apart, and the photos do not miss them; or free now and then, and plainly wrong in the photos.

    Depths alone are not enough: where cameras stand close together, thin things look as if they floated. How much of
    what was planted into scenes this finds, by which the constants were chosen, and its cost, stand in docs/editing.md.

    Args:
        renderer: the scene.
        evidence: of its training views.
        views: these and their photos.
    """
    sure, perhaps = free_and_apart(renderer.scene, evidence), free_now_and_then(evidence)
    asked = sure | perhaps
    if not bool(asked.any()):
        return asked
    worse = missed_by(renderer, asked, views)
    return (sure & (worse <= VISIBLE)) | (perhaps & (worse <= -PLAIN))


def apartness(gaussians: Gaussians) -> Tensor:
    """[N] mean distance to the nearest solid others over the median one; 0 where they are near for its size.

    0 for all in a scene of too few to say what is usual.
    """
    means = gaussians.means.detach().double().cpu().numpy()
    solid = torch.sigmoid(gaussians.opacities).cpu().numpy() >= SOLID
    if solid.sum() <= NEIGHBOURS:
        return torch.zeros(len(means), dtype=torch.float64, device=gaussians.means.device)
    nearest = cKDTree(means[solid]).query(means, k=NEIGHBOURS + 1)[0]
    # the nearest to a solid one is itself
    distance = np.where(solid, nearest[:, 1:].mean(axis=1), nearest[:, :-1].mean(axis=1))
    near = distance <= OWN * np.exp(gaussians.scales.amax(dim=1).double().cpu().numpy())
    apart = np.where(near, 0.0, distance / max(float(np.median(distance)), 1e-30))
    return torch.from_numpy(apart).to(gaussians.means.device)


def mass(gaussians: Gaussians) -> Tensor:
    """[N] how much there is to see of each from nowhere in particular: opacity times the area of its longest axes."""
    longest = gaussians.scales.topk(2, dim=1).values.sum(dim=1)
    return torch.sigmoid(gaussians.opacities) * longest.exp()


def least_important(importance: Tensor, among: Tensor, count: int) -> Tensor:
    """[N] bool: the `count` of least importance [N] among those where `among` [N] is True; ties by their order."""
    rows = among.nonzero()[:, 0]
    found = torch.zeros_like(among)
    found[rows[importance[rows].argsort(stable=True)[:count]]] = True
    return found

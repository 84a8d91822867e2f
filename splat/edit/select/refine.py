"""Where the thing ends that a language field only points at.

A field says surely where an object is, and vaguely where it ends: parts that the teacher misjudged answer weakly, and
what stands beside it answers a little too. From the sure part the borders are found in three steps, each of which can
only reach what hangs together with it: the threshold at which the answer breaks off most steeply; colours and
neighbours, as GrabCut (Rother 2004) cuts pictures, on the graph of Gaussians; and the views, in which a Gaussian
belongs to what most of its pixels show (the vote of `splat.edit.select.images.from_masks`, here of the selection's own
pictures).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import gaussian_filter

from splat.colors import rgb_to_lab
from splat.edit.select.graph import Graph, joined_to, neighbour_graph, smoothed
from splat.edit.select.images import LEAST
from splat.edit.select.selection import Selection
from splat.gaussians import Gaussians
from splat.render.scene import SceneRenderer
from splat.sh import sh0_to_rgb

LINK = 4.0  # usual distances between neighbours: what is nearer hangs together
SURE = 4.0  # logits beyond this are all the same: certain

# Thresholds that are tried, in steps of how far one photo's opinion lies off the mean (`noise`).
STEP = 0.25
DEEPEST = 3.0  # below the best place
SWELL = 2.0  # times the surface at the first threshold, no more
TIE = 0.02  # thresholds whose border is as steep but for this share are the same: the highest

# Votes on what to take, in the same unit. Unknown Gaussians were hardly ever seen, or the teacher named nothing there.
UNKNOWN, BOUND = -0.75, 3.0
COLOR, COLOR_BOUND = 0.3, 2.0  # per unit of log likelihood ratio of colours, and where that is cut
BIN = 8.0  # of the colour histograms, in Lab
ALIKE = 12.0  # Lab: colours of neighbours that differ by this are another thing's
TOGETHER = 0.6  # how much neighbours pull
AROUND = 0.3  # of the object's size: surroundings whose colours are its rival's

VIEWS, CANDIDATES, LONGEST = 16, 64, 800  # of the last step; at most so many pixels wide


@dataclass(frozen=True)
class Evidence:
    """What a field says about one text."""

    logits: np.ndarray  # [N] of the relevancy
    known: np.ndarray  # [N] bool
    best: float  # logit at the surest place
    limit: float  # logit from which the query's rule selects
    noise: float  # in logits


@dataclass(frozen=True)
class RefineInputs:
    """What is asked of a scene for every text."""

    graph: Graph
    means: np.ndarray  # [N, 3]
    lab: np.ndarray  # [N, 3]
    surface: np.ndarray  # [N] opacity times the two larger sizes


@torch.no_grad()
def refine_inputs(scene: Gaussians) -> RefineInputs:
    """Neighbours, colours and sizes of a scene."""
    means = scene.means.double().cpu().numpy()
    lab = rgb_to_lab(sh0_to_rgb(scene.sh0[:, 0].double().cpu()).clamp(0, 1)).numpy()
    surface = torch.sigmoid(scene.opacities) * scene.scales.exp().topk(2, dim=1).values.prod(1)
    return RefineInputs(neighbour_graph(means), means, lab, surface.double().cpu().numpy())


def refine(inputs: RefineInputs, evidence: Evidence, seeds: np.ndarray) -> np.ndarray:
    """[N] bool: the object that the seeds [N] bool are a part of."""
    reach = LINK * inputs.graph.usual(seeds)
    region, threshold = steepest_border(inputs, evidence, seeds, reach)
    refined = cut_by_color(inputs, evidence, seeds, region, threshold, reach)
    return refined if refined.any() else seeds


def steepest_border(
    inputs: RefineInputs, evidence: Evidence, seeds: np.ndarray, reach: float
) -> tuple[np.ndarray, float]:
    """What hangs together with the seeds above the threshold along whose border the logits fall most.

    The query's own rule gives the first threshold; lower ones are tried down to DEEPEST as long as the region's surface
    stays below SWELL times that of the first. Rivals' names may win where the field errs (a toy's legs on a shelf are
    the shelf's to it), but they answer the text more than the shelf does.

    Returns:
        the region [N] bool, and its threshold, a logit.
    """
    graph, values = inputs.graph, np.clip(evidence.logits, -SURE, SURE)
    lowest = min(evidence.limit, evidence.best - DEEPEST * evidence.noise)
    steps = np.arange(evidence.limit, lowest - 1e-9, -STEP * max(evidence.noise, 1e-6))
    found: list[tuple[float, np.ndarray, float]] = []
    start = 0.0
    for threshold in steps.tolist():
        region = joined_to(graph, evidence.known & (evidence.logits >= threshold), seeds, reach)
        size = float(inputs.surface[region].sum())
        start = start or size
        if size > SWELL * start:
            break
        border = graph.across(region) & (graph.length <= reach) & graph.within(evidence.known)
        falls = np.abs(values[graph.first[border]] - values[graph.second[border]])
        found.append((float(falls.mean()) if len(falls) >= 5 else 0.0, region, threshold))
    most = max((fall for fall, _, _ in found), default=0.0)
    for fall, region, threshold in found:
        if fall >= (1 - TIE) * most and region.any():
            return region, threshold
    return seeds, evidence.limit


def cut_by_color(
    inputs: RefineInputs, evidence: Evidence, seeds: np.ndarray, region: np.ndarray, threshold: float, reach: float
) -> np.ndarray:
    """[N] bool: the region by what the field says, what its colours are, and what its neighbours are; twice."""
    graph, noise = inputs.graph, max(evidence.noise, 1e-6)
    opinion = np.where(evidence.known, np.clip((evidence.logits - threshold) / noise, -BOUND, BOUND), UNKNOWN)
    apart = np.linalg.norm(inputs.lab[graph.first] - inputs.lab[graph.second], axis=1)
    likeness = np.exp(-np.square(apart / ALIKE) / 2)
    for _ in range(2):
        near = _around(inputs, region, reach)
        beside = near & ~region & evidence.known
        color = np.zeros(graph.count)
        if beside.sum() > 10:
            ratio = _color_ratio(inputs.lab, region & evidence.known, beside)
            color = np.where(evidence.known, np.clip(ratio, -COLOR_BOUND, COLOR_BOUND), 0.0)
        votes = np.where(near, opinion + COLOR * color, -BOUND)
        after = joined_to(graph, smoothed(graph, likeness, votes, TOGETHER) > 0, seeds, reach)
        if after.sum() < 5:
            break
        region = after
    return region


def _around(inputs: RefineInputs, region: np.ndarray, reach: float) -> np.ndarray:
    """[N] bool: the box around a region, with its surroundings."""
    low, high = np.quantile(inputs.means[region], (0.01, 0.99), axis=0)
    margin = AROUND * float((high - low).max()) + reach
    return np.asarray(((inputs.means > low - margin) & (inputs.means < high + margin)).all(axis=1))


def _color_ratio(lab: np.ndarray, inside: np.ndarray, beside: np.ndarray) -> np.ndarray:
    """[N] log of how much likelier each colour is inside than beside, by smoothed histograms."""
    size = (int(100 / BIN) + 2, int(256 / BIN) + 2, int(256 / BIN) + 2)
    cells = np.clip(((lab + np.array([0, 128, 128])) / BIN).astype(np.int64), 0, np.array(size) - 1)
    flat = np.ravel_multi_index(tuple(cells.T), size)

    def histogram(mask: np.ndarray) -> np.ndarray:
        counts = np.bincount(flat[mask], minlength=int(np.prod(size))).reshape(size).astype(np.float64)
        spread = gaussian_filter(counts, 0.7)
        return np.asarray(spread / max(spread.sum(), 1e-12)).ravel()

    return np.asarray(np.log((histogram(inside)[flat] + 1e-4) / (histogram(beside)[flat] + 1e-4)))


def confirm_in_views(renderer: SceneRenderer, chosen: np.ndarray) -> np.ndarray:
    """[N] bool: what most of the pixels of each Gaussian show, the selection or something else.

    A pixel shows the selection where that gives it more than half of its colour. Strays that stand before or behind
    other things fall away, and hidden or faint Gaussians inside come in; those that no view sees stay as they are.
    """
    mask = torch.from_numpy(chosen).to(renderer.scene.means.device)
    candidates = renderer.cameras[:: max(1, len(renderer.cameras) // CANDIDATES)]
    some = dataclasses.replace(renderer, cameras=candidates)
    inside = torch.zeros(len(renderer.scene), device=mask.device)
    total = torch.zeros_like(inside)
    for camera in some.views_of(Selection.from_mask(mask).weights, VIEWS):
        scale = min(1.0, LONGEST / max(camera.width, camera.height))
        small = camera.resized(max(1, round(scale * camera.width)), max(1, round(scale * camera.height)))
        shown = renderer.features(small, mask.float()[:, None]) > 0.5
        sums, weights = renderer.lift(small, shown.float())
        inside += sums[:, 0]
        total += weights
    voted = torch.where(total > LEAST, inside >= 0.5 * total, mask).cpu().numpy()
    return voted if voted.any() else chosen

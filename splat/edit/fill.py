"""Filling the hole that a removed object leaves.

What stood behind the object was photographed from other sides, or never. The scene without the object is rendered from
the training views; where it shows nothing, or Gaussians that no photo has ever shown much of, OpenCV paints the picture
from the surroundings (Telea 2004, or Navier-Stokes, Bertalmio 2001). The painted pictures are pseudo ground truth for
new Gaussians, seeded on the interpolated depth of the hole and optimised there only; everything else stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
import torch
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import spsolve
from torch import Tensor

from splat.cameras import Camera
from splat.console import info, progress
from splat.edit.operations import FillOptions
from splat.edit.operations.base import Edited
from splat.edit.select.selection import Selection
from splat.errors import SplatError
from splat.gaussians import Gaussians
from splat.render.scene import SceneRenderer
from splat.sh import rgb_to_sh0

KNOWN = 0.5  # a Gaussian is dropped if the photos showed less than this share of what is seen of it without the object
HALO = 0.15  # … or if this share of its weight lies inside the object's silhouette, whose colour it took then
LOST = 0.25  # a pixel lies in the hole where what is dropped gave it more than this once the object was gone
COVER, OPEN = 0.1, 0.85  # … or where the object gave it more than COVER and the rest covers less than OPEN of it
CLEAR = 0.05  # where the object gave a pixel less, the scene before the edit shows what belongs there


MARGIN = 24  # pixels around a hole that are rendered with it


@dataclass
class Patch:
    """The hole in one view, cut out of it."""

    camera: Camera  # of the cut
    target: Tensor  # [h, w, 3] float32, painted inside the hole, the edited scene's own picture outside
    hole: Tensor  # [h, w] bool
    depth: Tensor  # [h, w] float32, interpolated inside
    pixels: int = field(init=False)

    def __post_init__(self) -> None:
        self.pixels = int(self.hole.sum())


def fill(renderer: SceneRenderer, chosen: Selection, edited: Edited, options: FillOptions) -> Edited:
    """Fill the hole.

    Args:
        renderer: the scene before.
        chosen: what was removed from it.
        edited: the scene after; its Gaussians must all come from the one before.

    Returns:
        the scene after, without Gaussians that the object hid or spoilt, and with new ones at the end.
    """
    if options.views == 0 or chosen.count == 0:
        return edited
    cameras = renderer.views_of(chosen.weights, options.views)
    spoilt = _spoilt(renderer, cameras, chosen, edited)
    kept = Edited(edited.scene[~spoilt], edited.origin[~spoilt])
    patches = [
        patch for camera in cameras if (patch := _patch(renderer, camera, chosen, edited.scene, spoilt, options))
    ]
    if not patches:
        info("fill: the photos show everything that was behind it")
        return kept
    seeds = _seeds(patches, renderer.scene, options)
    if not len(seeds):
        return kept
    new = _optimize(renderer, kept.scene, seeds, patches, options)
    info(f"fill: {len(new):,} new Gaussians, {int(spoilt.sum()):,} old ones dropped, {len(patches)} views")
    return kept.plus(new)


def _spoilt(renderer: SceneRenderer, cameras: list[Camera], chosen: Selection, edited: Edited) -> Tensor:
    """[M] bool: what the photos say little about once the object is gone.

    Gaussians that the object hid nearly wholly, and those at its edge that were fitted to its pixels: by the vote of
    its own silhouettes, as in `splat.edit.select.images.from_masks`.
    """
    size, device = len(renderer.scene), renderer.scene.means.device
    inside, before = torch.zeros(size, device=device), torch.zeros(size, device=device)
    after = torch.zeros(len(edited.scene), device=device)
    for camera in cameras:
        silhouette = renderer.features(camera, chosen.mask.float()[:, None])
        sums, weights = renderer.lift(camera, silhouette)
        inside += sums[:, 0]
        before += weights
        after += renderer.of(edited.scene).lift(camera, torch.ones_like(silhouette))[1]
    before_kept, inside_kept = before[edited.origin], inside[edited.origin]
    hidden = (after > 1.0) & (before_kept < KNOWN * after)
    return hidden | ((before_kept > 1.0) & (inside_kept > HALO * before_kept))


def _patch(
    renderer: SceneRenderer, camera: Camera, chosen: Selection, bare: Gaussians, spoilt: Tensor, options: FillOptions
) -> Patch | None:
    """The hole in a view, painted; None where there is none.

    Args:
        bare: the scene without the object, the spoilt ones [M] still in it.
    """
    covered = renderer.features(camera, chosen.mask.float()[:, None])[..., 0].cpu().numpy()
    lost = renderer.of(bare).features(camera, spoilt.float()[:, None])[..., 0].cpu().numpy()
    picture, alpha = (tensor.cpu().numpy() for tensor in renderer.of(bare).render(camera, "RGB+ED")[:2])
    uncovered = _surrounded(((covered > COVER) & (alpha < OPEN)).astype(np.uint8), alpha)
    hole = _cleaned((lost > LOST) | uncovered)
    if hole.sum() < 4:
        return None
    cut, window = camera.around(torch.from_numpy(hole), MARGIN)
    before = renderer.image(camera).clamp(0, 1).cpu().numpy()[window]
    clear = covered[window] < CLEAR
    open_ = hole[window].astype(bool)
    colors = np.where((open_ & clear)[..., None], before, picture[window][..., :3].clip(0, 1))
    paint = (open_ & ~clear).astype(np.uint8)
    painted = _painted((colors * 255).round().astype(np.uint8), paint, options)
    target = np.where(paint[..., None] > 0, painted / 255.0, colors).astype(np.float32)
    depth = _bridged(np.ascontiguousarray(picture[window][..., 3]), hole[window])
    return Patch(cut, torch.from_numpy(target), torch.from_numpy(open_), torch.from_numpy(depth))


def _surrounded(hole: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """[H, W] bool: the pieces of a hole with scene around them; before an empty background nothing is missing."""
    count, numbers = cv2.connectedComponents(hole)
    ring = cv2.dilate(numbers.astype(np.float32), np.ones((9, 9), np.uint8)).astype(int) * (hole == 0)
    pixels = np.bincount(ring.ravel(), minlength=count)
    covered = np.bincount(ring.ravel(), weights=alpha.ravel(), minlength=count)
    solid = covered > 0.5 * np.maximum(pixels, 1)
    solid[0] = False
    return np.asarray(solid[numbers])


def _cleaned(hole: np.ndarray) -> np.ndarray:
    """[H, W] uint8 without single pixels, and grown by two so that half-covered borders are painted too."""
    opened = cv2.morphologyEx(hole.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    return cv2.dilate(opened, np.ones((5, 5), np.uint8))


def _painted(picture: np.ndarray, hole: np.ndarray, options: FillOptions) -> np.ndarray:
    flag = cv2.INPAINT_TELEA if options.method == "telea" else cv2.INPAINT_NS
    return np.asarray(cv2.inpaint(np.ascontiguousarray(picture), hole, options.reach, flag))


def _bridged(depth: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """[h, w] depth with the hole bridged harmonically in 1/depth, which is linear on planes."""
    unknown = (hole > 0) | (depth <= 0)
    if unknown.all():
        return np.zeros_like(depth)
    height, width = depth.shape
    inverse = 1 / np.where(unknown, 1, depth)
    number = np.full(depth.shape, -1)
    number[unknown] = np.arange(unknown.sum())
    rows, columns = np.nonzero(unknown)
    row_ids, column_ids, values = [np.arange(len(rows))], [np.arange(len(rows))], [np.zeros(len(rows))]
    constant = np.zeros(len(rows))
    for dy, dx in ((-1, 0), (1, 0), (0, -1), (0, 1)):  # the Laplace equation on the grid
        y, x = rows + dy, columns + dx
        fine = (y >= 0) & (y < height) & (x >= 0) & (x < width)
        values[0] = values[0] + fine
        y, x, own = y[fine], x[fine], np.nonzero(fine)[0]
        free = number[y, x] >= 0
        row_ids.append(own[free])
        column_ids.append(number[y[free], x[free]])
        values.append(-np.ones(int(free.sum())))
        np.add.at(constant, own[~free], inverse[y[~free], x[~free]])
    shape = (len(rows), len(rows))
    matrix = csr_matrix((np.concatenate(values), (np.concatenate(row_ids), np.concatenate(column_ids))), shape)
    result = inverse.astype(np.float64)
    result[unknown] = spsolve(matrix, constant)
    return (1 / np.clip(result, 1e-6, None)).astype(np.float32)


def _seeds(patches: list[Patch], scene: Gaussians, options: FillOptions) -> Gaussians:
    """New Gaussians on the surfaces of the holes; where several views see one place, only one of them."""
    means, colors, sizes = [], [], []
    for patch in patches:
        y, x = (values[:: options.stride] for values in patch.hole.nonzero().unbind(1))
        keep = y % options.stride == 0
        y, x = y[keep], x[keep]
        depth = patch.depth[y, x].double()
        fine = (depth > 0) & depth.isfinite()
        means.append(patch.camera.unproject(torch.stack([x + 0.5, y + 0.5], dim=1).double(), depth)[fine])
        colors.append(patch.target[y, x][fine])
        sizes.append((options.stride * depth / patch.camera.K[0, 0])[fine])
    points, color, size = torch.cat(means), torch.cat(colors), torch.cat(sizes)
    if not len(points):
        return scene[:0]
    cell = (points / size.median()).floor().long()
    _, inverse = torch.unique(cell, dim=0, return_inverse=True)
    first = torch.full((int(inverse.max()) + 1,), len(points)).scatter_reduce_(
        0, inverse, torch.arange(len(points)), reduce="amin"
    )[: options.cap]
    points, color, size = points[first].float(), color[first], size[first].float()
    quats = torch.zeros(len(points), 4)
    quats[:, 0] = 1
    return Gaussians(
        means=points,
        quats=quats,
        scales=(0.6 * size).log()[:, None].expand(-1, 3).clone(),
        opacities=torch.full((len(points),), 0.5),
        sh0=rgb_to_sh0(color)[:, None],
        shN=torch.zeros(len(points), scene.shN.shape[1], 3),
    ).to(scene.means.device)


def _optimize(
    renderer: SceneRenderer, rest: Gaussians, seeds: Gaussians, patches: list[Patch], options: FillOptions
) -> Gaussians:
    """Fit the new Gaussians to the painted pictures; the rest is drawn with them and never moves."""
    rates = {"means": 0.1 * float(seeds.scales.exp().median()), "quats": 0.01, "scales": 0.02, "opacities": 0.05}
    rates["sh0"] = 0.02
    free = {name: value.clone().requires_grad_() for name, value in seeds.as_dict().items() if name in rates}
    adam = torch.optim.Adam([{"params": [free[name]], "lr": rate} for name, rate in rates.items()], eps=1e-15)
    order = np.random.default_rng(0).integers(len(patches), size=options.steps)
    frozen = [_near(renderer, rest, patch) for patch in patches]
    with progress("filling the hole", options.steps) as bar:
        for step, index in enumerate(order):
            patch = patches[index]
            both = Gaussians.cat([frozen[index], seeds.replace(**free)])
            image = renderer.of(both).render(patch.camera).image
            loss = (image - patch.target.to(image)).abs().mean() * (patch.hole.numel() / patch.pixels)
            adam.zero_grad()
            loss.backward()
            for group, rate in zip(adam.param_groups, rates.values()):
                group["lr"] = rate * 0.1 ** (step / options.steps)
            adam.step()
            bar.advance(loss=float(loss.detach()))
    result = seeds.replace(**{name: value.detach() for name, value in free.items()})
    if not bool(torch.isfinite(result.means).all()):
        raise SplatError("filling the hole broke down; try fill.steps=0, or fill.views=0 to leave the hole")
    return result[torch.sigmoid(result.opacities) > 0.02]


@torch.no_grad()
def _near(renderer: SceneRenderer, rest: Gaussians, patch: Patch) -> Gaussians:
    """The Gaussians that a patch shows; drawing all of them at every step would take longer for the same picture."""
    camera = patch.camera
    _, weights = renderer.of(rest).lift(camera, torch.ones(camera.height, camera.width, 1))
    return rest[weights > 0]

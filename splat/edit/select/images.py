"""Selections that are drawn in pictures: masks of many views, a polygon or clicks in one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from scipy.spatial import cKDTree
from torch import Tensor

from splat.cameras import Camera
from splat.capture.beside import SideFolder
from splat.capture.photo import read_mask
from splat.colors import rgb_to_lab
from splat.console import count, progress, warn
from splat.edit.select.geometry import components
from splat.edit.select.selection import Selection
from splat.errors import SplatError
from splat.render.scene import SceneRenderer
from splat.sh import sh0_to_rgb

LEAST = 0.02  # pixels' worth of blending weight below which a Gaussian has no say
FRONT = 0.2  # of what a Gaussian could give a view must reach it: it lies on the surface that is seen
STEP = 12.0  # colour difference between neighbours (CIE76, Lab) up to which they belong to one thing


def from_masks(renderer: SceneRenderer, masks: Mapping[str, np.ndarray], source: str = "masks") -> Selection:
    """The vote of several views: for each Gaussian the share of its blending weight that falls inside the masks.

    score_i = sum_p w_ip m(p) / sum_p w_ip over all pixels p of all masks, w_ip = alpha T (the vote of SAGA, FlashSplat
    and GaussianEditor). It is exact: `lift` is the adjoint of rendering.

    Args:
        masks: a mask [h, w], bool or 0..1, for each view's name; scaled to the view.

    Returns:
        soft weights; 0 for Gaussians that no view sees.

    Raises:
        SplatError: a name that is no view, or no masks at all.
    """
    if not masks:
        raise SplatError("no masks: none of the files is named as a training view")
    inside = torch.zeros(len(renderer.scene), device=renderer.scene.means.device)
    total = torch.zeros_like(inside)
    with progress("lifting masks", len(masks), unit="view") as bar:
        for name, mask in masks.items():
            camera = renderer.camera(name)
            sums, weights = renderer.lift(camera, _fitted(mask, camera)[..., None])
            inside += sums[:, 0]
            total += weights
            bar.advance()
    return Selection(torch.where(total > LEAST, inside / total.clamp(min=LEAST), 0.0), source)


def read_masks(renderer: SceneRenderer, folder: Path, value: int | None = None) -> dict[str, np.ndarray]:
    """Masks [H, W] bool of a folder, by view name; pixels that are not 0, or equal `value`, are inside.

    They are PNGs named as the photos, in the same sub-folders; without sub-folders where their names still tell.

    Raises:
        SplatError: no such folder, names that are those of several photos, or a picture that cannot be read.
    """
    if not folder.is_dir():
        raise SplatError(f"no folder with masks at {folder}")
    matched = SideFolder(folder, {".png"}).match([camera.name for camera in renderer.cameras])
    if matched.ambiguous:
        raise SplatError(
            f"masks in {folder} have names that several photos share (such as {', '.join(matched.ambiguous[:2])});"
            " put them in the same sub-folders as the photos"
        )
    if matched.files and matched.unmatched:
        first = matched.unmatched[0].relative_to(folder).as_posix()
        warn(f"{count(len(matched.unmatched), 'mask')} in {folder} named as no training view (first: {first})")
    masks = {name: _mask_of(path, value) for name, path in matched.files.items()}
    for name, mask in masks.items():
        camera = renderer.camera(name)
        ratio = mask.shape[1] / mask.shape[0] / (camera.width / camera.height)
        if abs(ratio - 1.0) > 0.03 + 2.0 / min(mask.shape):  # beyond rounding
            raise SplatError(
                f"the mask {matched.files[name]} is {mask.shape[1]}x{mask.shape[0]} but its view {camera.width}x"
                f"{camera.height}: another shape; make it of the whole picture"
            )
    return masks


def _mask_of(path: Path, value: int | None) -> np.ndarray:
    """[H, W] bool of one file; beside colours an alpha channel marks nothing, see `read_mask`."""
    try:
        with Image.open(path) as picture:
            if value is None and picture.mode in ("LA", "RGBA"):
                return read_mask(path) > 0
            labels = np.asarray(picture)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise SplatError(f"cannot read the mask {path}; make it again or remove it") from error
    mask = labels != 0 if value is None else labels == value
    if mask.ndim == 2:
        return mask
    inside: np.ndarray = mask[..., : labels.shape[-1] - (labels.shape[-1] in (2, 4))].any(axis=-1)
    return inside


def in_view(renderer: SceneRenderer, camera: Camera, mask: np.ndarray, source: str = "mask") -> Selection:
    """What one view sees inside a mask [h, w]: Gaussians on the visible surface, not those hidden behind it.

    The weight is the vote of that view. A Gaussian counts as visible when its blending weight is at least FRONT of
    what it would have with nothing before it, which is its picture drawn alone, opacity times the area of its ellipse.
    """
    sums, weights = renderer.lift(camera, _fitted(mask, camera)[..., None])
    alone = _footprint(renderer, camera)
    seen = (weights > LEAST) & (weights > FRONT * alone)
    return Selection(torch.where(seen, sums[:, 0] / weights.clamp(min=LEAST), 0.0), source)


def polygon(renderer: SceneRenderer, camera: Camera, corners: list[float]) -> Selection:
    """What one view sees inside a polygon with corners x1,y1,x2,y2,… in its pixels.

    Raises:
        SplatError: fewer than three corners.
    """
    if len(corners) < 6 or len(corners) % 2:
        raise SplatError("a polygon is x1,y1,x2,y2,x3,y3,...: at least three corners in pixels")
    mask = np.zeros((camera.height, camera.width), np.uint8)
    cv2.fillPoly(mask, [np.array(corners, np.float64).reshape(-1, 2).round().astype(np.int32)], 1)
    return in_view(renderer, camera, mask, f"polygon({camera.name})")


def clicked_points(renderer: SceneRenderer, camera: Camera, clicks: list[float]) -> Tensor:
    """[P, 3] float64 points of the scene under the clicks x1,y1,x2,y2,… in a view's pixels, by rendered depth.

    Raises:
        SplatError: a click outside the picture or on nothing.
    """
    if len(clicks) < 2 or len(clicks) % 2:
        raise SplatError("clicks are x1,y1,x2,y2,... in pixels")
    picture, alpha = renderer.render(camera, "RGB+ED")[:2]
    points = []
    for x, y in zip(clicks[::2], clicks[1::2]):
        if not (0 <= x < camera.width and 0 <= y < camera.height):
            size = f"{camera.width}x{camera.height}"  # of training, which may be smaller than the photo's file
            raise SplatError(f"the click {x:g},{y:g} lies outside {camera.name}, which this run sees in {size} pixels")
        depth = float(picture[int(y), int(x), 3])
        if float(alpha[int(y), int(x)]) < 0.5 or depth <= 0:
            raise SplatError(f"there is nothing under the click {x:g},{y:g} in {camera.name}")
        points.append(camera.unproject(torch.tensor([[x, y]], dtype=torch.float64), torch.tensor([depth])))
    return torch.cat(points)


def clicks(renderer: SceneRenderer, camera: Camera, places: list[float], radius: float | None = None) -> Selection:
    """The things under clicks x1,y1,x2,y2,… in a view.

    With a radius, spheres of that size around the points that were clicked. Without, everything that hangs together
    with them through neighbours whose colours differ by less than STEP from one to the next.
    """
    points = clicked_points(renderer, camera, places).numpy()
    scene, source = renderer.scene, f"click({camera.name},{','.join(f'{v:g}' for v in places)})"
    means = scene.means.double().cpu().numpy()
    if radius is not None:
        if radius <= 0:
            raise SplatError("the radius of a click must be above 0")
        near = cKDTree(points).query(means)[0] <= radius
        return Selection.from_mask(torch.from_numpy(near).to(scene.means.device), source)
    solid = (torch.sigmoid(scene.opacities) > 0.3).cpu().numpy().nonzero()[0]
    lab = rgb_to_lab(sh0_to_rgb(scene.sh0[:, 0].double().cpu()).clamp(0, 1)).numpy()
    numbers = components(means[solid], link=3.0, extra=lab[solid] / STEP)
    started = numbers[cKDTree(means[solid]).query(points)[1]]
    mask = torch.zeros(len(scene), dtype=torch.bool)
    mask[torch.from_numpy(solid[np.isin(numbers, started)])] = True
    return Selection.from_mask(mask.to(scene.means.device), source)


def _fitted(mask: np.ndarray, camera: Camera) -> Tensor:
    """[H, W] float32 mask at a view's size."""
    grey: np.ndarray = np.asarray(mask, np.float32)
    if grey.shape != (camera.height, camera.width):
        grey = cv2.resize(grey, (camera.width, camera.height), interpolation=cv2.INTER_NEAREST)
    return torch.from_numpy(np.ascontiguousarray(grey))


@torch.no_grad()
def _footprint(renderer: SceneRenderer, camera: Camera) -> Tensor:
    """[N] sum over the pixels of a Gaussian's alpha with nothing before it: o 2π / sqrt(det conic)."""
    meta = renderer.render(camera).meta
    a, b, c = meta["conics"][0].unbind(-1)
    area = 2 * torch.pi / (a * c - b * b).clamp(min=1e-12).sqrt()
    drawn = (meta["radii"][0] > 0).all(dim=-1)
    return torch.where(drawn, area * torch.sigmoid(renderer.scene.opacities), torch.inf)

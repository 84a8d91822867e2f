"""Depth of the training views from elsewhere: the capture, the scene itself, or a monocular depth model."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from splat.capture.depth import depth_of_photo, read_depth
from splat.console import warn
from splat.errors import SplatError
from splat.files import is_file, sha256_of
from splat.hub import find_model, load_pretrained

if TYPE_CHECKING:
    from splat.capture.types import Capture
    from splat.train.params import Params
    from splat.train.strategies.context import DepthPrior, StrategyContext

METRIC_MODELS = ("zoedepth", "glpn", "depth_pro")  # model types that predict depth; all others predict disparity
FEWEST_POINTS = 12  # known points that a view must see for its disparity to be fitted
WITHOUT = "depth=capture (its depth maps) and depth=scene need no model"


def make_prior(name: str, access: StrategyContext, kind: str = "auto", offline: bool = False) -> DepthPrior | None:
    """The prior that an option names: none, capture, scene, or a hub name or folder of a depth-estimation model.

    It is made once, whoever asks for it.

    Args:
        name: what the option says.
        access: the training views, their photos and the known points.
        kind: depth, disparity (needs the known points) or auto, what a model gives; of no meaning for the others.
        offline: whether a model may not be downloaded.

    Raises:
        SplatError: the capture has no depth maps, or the model cannot be loaded.
    """
    if name == "none":
        return None
    if (name, kind) not in access.priors:
        access.priors[name, kind] = _made(name, access, kind, offline)
    return access.priors[name, kind]


def _made(name: str, access: StrategyContext, kind: str, offline: bool) -> DepthPrior:
    if name == "capture":
        return CaptureDepth(access)
    if name == "scene":
        return SceneDepth(access)
    return ModelDepth(access, name, kind, offline)


class SceneDepth:
    """Depth rendered by the scene as it is trained so far (mean depth, weighted as colours are)."""

    def __init__(self, access: StrategyContext) -> None:
        self.access = access

    def depth(self, position: int, params: Params) -> Tensor | None:
        return self.access.renderer(params).depth(self.access.camera(position))


class CaptureDepth:
    """Depth maps that the capture has of its photos (16-bit PNG, TIFF, .npy or EXR; see docs/densification.md).

    They must belong to the undistorted cameras; the unit does not matter.
    """

    def __init__(self, access: StrategyContext) -> None:
        self.access = access
        capture, indices = access.views.capture, access.views.indices
        frames = [capture.frames[index] for index in indices]
        self.files = [frame.depth_path if frame.depth_path and is_file(frame.depth_path) else None for frame in frames]
        gone = [frame.depth_path for frame in frames if frame.depth_path and not is_file(frame.depth_path)]
        if not any(self.files):
            if gone:
                raise SplatError(f"depth=capture: all {len(gone)} depth maps are missing (first: {gone[0]})")
            raise SplatError(
                f"depth=capture: {capture.root} has no depth maps named as the photos in depth/ or depths/, and none"
                " that its transforms.json names as depth_file_path"
            )
        without = [frame.camera.name for frame, file in zip(frames, self.files) if file is None]
        if without:
            missing = f", {len(gone)} of them because the file is missing (first: {gone[0]})" if gone else ""
            warn(f"{len(without)} of {len(frames)} training views have no depth map (first: {without[0]}){missing}")
        if any(plan.lens is not None for plan in capture.images.plans):
            warn("photos are undistorted here: depth maps are taken to be of the undistorted pictures")
        read_depth(next(file for file in self.files if file))  # before anything is trained

    def depth(self, position: int, params: Params) -> Tensor | None:
        path = self.files[position]
        if path is None:
            return None
        camera = self.access.views.cameras[position]
        depth = depth_of_photo(path, camera.width, camera.height)
        return torch.from_numpy(depth).to(self.access.views.device)


def depth_digest(capture: Capture, priors: Collection[str]) -> str | None:
    """What the depth maps of the training views are, where those of the capture are among the priors; else None."""
    if "capture" not in priors:
        return None
    digest = hashlib.sha256()
    for index in capture.indices("train"):
        path = capture.frames[index].depth_path
        digest.update((sha256_of(path) if path is not None and is_file(path) else "none").encode())
    return digest.hexdigest()


class ModelDepth:
    """A depth-estimation model of `transformers`, run once for each view that is asked for.

    Disparity, which most such models give, is known only up to a factor and a shift: 1/z = a d + b is fitted for each
    view to the known points that it sees. Views that see too few of them have no depth.
    """

    def __init__(self, access: StrategyContext, name: str, kind: str = "auto", offline: bool = False) -> None:
        self.access = access
        self.pipe = _load_model(name, access.views.device, offline)
        config = self.pipe.model.config
        metric = config.model_type in METRIC_MODELS or getattr(config, "depth_estimation_type", "") == "metric"
        self.is_depth = metric if kind == "auto" else kind == "depth"
        if not self.is_depth and len(access.points) < FEWEST_POINTS:
            raise SplatError(
                f"{name} gives disparity, which only points known from the photos can scale, and the capture has "
                f"{len(access.points)}; use depth=scene"
            )
        self.kept: dict[int, Tensor | None] = {}

    def depth(self, position: int, params: Params) -> Tensor | None:
        if position not in self.kept:
            self.kept[position] = self._estimate(position)
        return self.kept[position]

    def _estimate(self, position: int) -> Tensor | None:
        pixels = (self.access.photo(position) * 255).round().to(torch.uint8).cpu().numpy()
        found = self.pipe(Image.fromarray(pixels))["predicted_depth"].squeeze().float().to(self.access.views.device)
        if self.is_depth:
            return torch.where(torch.isfinite(found), found, 0.0).clamp_min(0.0)
        pixels_of, depths = visible_points(self.access, position)
        if len(depths) < FEWEST_POINTS:
            return None
        camera = self.access.views.cameras[position]
        x = (pixels_of[:, 0] * found.shape[1] / camera.width).long().clamp(0, found.shape[1] - 1)
        y = (pixels_of[:, 1] * found.shape[0] / camera.height).long().clamp(0, found.shape[0] - 1)
        line = fit_line(found[y, x].cpu().numpy(), (1 / depths).cpu().numpy(), seed=position)
        if line is None:
            return None
        inverse = line[0] * found + line[1]
        farthest = 0.5 / float(depths.max())  # beyond twice the farthest known point the fit says nothing
        return torch.where(inverse > farthest, 1 / inverse.clamp_min(1e-12), 0.0)


def _load_model(name: str, device: torch.device, offline: bool) -> Any:
    """A pipeline of transformers that tells the depth of a photo."""
    folder = find_model(name, "depth", offline, WITHOUT, ("none", "capture", "scene"))
    model = load_pretrained("AutoModelForDepthEstimation", folder).eval()
    processor = load_pretrained("AutoImageProcessor", folder)
    from transformers import pipeline

    return pipeline("depth-estimation", model=model, image_processor=processor, device=device)


def visible_points(access: StrategyContext, position: int) -> tuple[Tensor, Tensor]:
    """Pixels [V, 2] and depths [V] of the known points in a view's picture (hidden ones are among them)."""
    camera = access.camera(position)
    pixels, depths = camera.project(access.points)
    inside = (depths > 1e-6) & camera.contains(pixels)
    return pixels[inside], depths[inside]


def fit_line(x: np.ndarray, y: np.ndarray, seed: int = 0, trials: int = 300) -> tuple[float, float] | None:
    """Slope and intercept of y = a x + b through most of the points; None where no rising line is found.

    Least median of squares (Rousseeuw 1984) over random pairs, then least squares through the points near that line:
    up to half of the points may be hidden ones, which lie elsewhere.
    """
    pairs = np.random.default_rng(seed).integers(0, len(x), (trials, 2))
    run = x[pairs[:, 1]] - x[pairs[:, 0]]
    pairs, run = pairs[np.abs(run) > 1e-9], run[np.abs(run) > 1e-9]
    if len(pairs) == 0:
        return None
    slopes = (y[pairs[:, 1]] - y[pairs[:, 0]]) / run
    shifts = y[pairs[:, 0]] - slopes * x[pairs[:, 0]]
    errors = np.abs(y[None] - slopes[:, None] * x[None] - shifts[:, None])
    medians = np.where(slopes > 0, np.median(errors, axis=1), np.inf)
    best = int(medians.argmin())
    if not np.isfinite(medians[best]):
        return None
    near = errors[best] <= 2.5 * 1.4826 * medians[best] + 1e-6 * np.abs(y)
    if near.sum() < 2 or np.ptp(x[near]) < 1e-9:
        return float(slopes[best]), float(shifts[best])
    slope, shift = np.polyfit(x[near].astype(np.float64), y[near].astype(np.float64), 1)
    return (float(slope), float(shift)) if slope > 0 else None


def sample_depth(depth: Tensor, pixels: Tensor, size: tuple[int, int]) -> Tensor:
    """[M] depth at pixels [M, 2] of a picture of `size` (width, height); 0 outside and where it is unknown.

    Inverse depth is interpolated between four neighbours, which is exact on planes; across steps of more than a tenth
    the nearest one counts alone, because there is no surface between them.
    """
    h, w = depth.shape
    inside = ((pixels >= 0) & (pixels < pixels.new_tensor(size))).all(dim=1)
    place = pixels * pixels.new_tensor([w / size[0], h / size[1]]) - 0.5
    place = torch.where(inside[:, None], place, 0.0)
    corner = place.floor()
    part = place - corner
    x = torch.stack([corner[:, 0], corner[:, 0] + 1], 1).long().clamp(0, w - 1)
    y = torch.stack([corner[:, 1], corner[:, 1] + 1], 1).long().clamp(0, h - 1)
    four = depth[y[:, :, None], x[:, None, :]].flatten(1)  # rows of: this line x, x+1; next line x, x+1
    wx, wy = torch.stack([1 - part[:, 0], part[:, 0]], 1), torch.stack([1 - part[:, 1], part[:, 1]], 1)
    weights = (wy[:, :, None] * wx[:, None, :]).flatten(1)
    smooth = (four.amin(1) > 0) & (four.amax(1) < 1.1 * four.amin(1))
    between = 1 / (weights / four.clamp_min(1e-12)).sum(1)
    nearest = four.gather(1, weights.argmax(1, keepdim=True))[:, 0]
    return torch.where(inside, torch.where(smooth, between, nearest), 0.0)


def depth_normals(depth: Tensor, viewmat: Tensor, K: Tensor, size: tuple[int, int]) -> Tensor:
    """[h, w, 3] unit normals in the world of a depth map, towards the camera; 0 at steps, borders and unknown pixels.

    Args:
        depth: [h, w] up to one factor; K: [3, 3] of the picture of `size` (width, height), which may be another.
    """
    h, w = depth.shape
    columns = (torch.arange(w, device=depth.device) + 0.5) * size[0] / w
    rows = (torch.arange(h, device=depth.device) + 0.5) * size[1] / h
    x, y = (columns - K[0, 2]) / K[0, 0], (rows - K[1, 2]) / K[1, 1]
    points = torch.stack([x.expand(h, w) * depth, y[:, None].expand(h, w) * depth, depth], -1)
    normals = torch.zeros_like(points)
    if h < 3 or w < 3:
        return normals
    across, down = points[1:-1, 2:] - points[1:-1, :-2], points[2:, 1:-1] - points[:-2, 1:-1]
    found = torch.nn.functional.normalize(torch.linalg.cross(down, across), dim=-1)
    found = torch.where((found * points[1:-1, 1:-1]).sum(-1, keepdim=True) > 0, -found, found)
    cross = torch.stack([depth[1:-1, 2:], depth[1:-1, :-2], depth[2:, 1:-1], depth[:-2, 1:-1], depth[1:-1, 1:-1]])
    smooth = (cross.amin(0) > 0) & (cross.amax(0) < 1.2 * cross.amin(0))
    normals[1:-1, 1:-1] = torch.where(smooth[..., None], found @ viewmat[:3, :3], 0.0)
    return normals

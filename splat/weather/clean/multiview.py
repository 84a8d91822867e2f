"""Weather in the air differs in every photo, the scene does not: what neighbouring views agree on replaces it."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from splat.capture import load_capture
from splat.capture.lens import Lens, undistorted_matrix
from splat.capture.photo import turned_back
from splat.capture.types import Capture
from splat.errors import SplatError
from splat.images import shrunk
from splat.run import open_run
from splat.weather.clean.config import MultiviewRestorer
from splat.weather.clean.morphology import luma
from splat.weather.clean.sweep import SweepView, depth_range, neighbour_order, pixel_maps, sweep

FEWEST = 6  # views: with fewer nothing can outvote weather
LEAST_CHANGE = 0.03  # of 1: how much brighter than the views' consent a pixel must be at least
SPREADS = 2.0  # and so many times the typical deviation of the views from each other
SOFT = 0.4  # of the least change, beside pixels that change clearly
SWEPT = 6  # neighbours that depth is searched with; more take time and see less of the same
BAND = 256  # rows at a time


@dataclass
class Multiview:
    """All views of a capture, ready to be asked about each."""

    capture: Capture
    options: MultiviewRestorer
    views: list[SweepView]  # small, for depth
    brighter_only: bool  # rain and snow only brighten
    depths: dict[str, np.ndarray] | None = None  # of a trained scene, by name

    def restore(self, name: str) -> tuple[np.ndarray, np.ndarray] | None:
        """What the neighbours of a photo agree on where they contradict it, as the photo is stored.

        Returns:
            pixels [H, W, 3] uint8 and where they belong [H, W] bool; None where too few neighbours see the same.
        """
        index = self.index(name)
        if index is None:
            return None
        order = self.neighbours(index)[: self.options.neighbours]
        if len(order) < self.options.agree:
            return None
        image = self.capture.images.image(index)
        depth = self.depth(index, order)
        warped = [self._seen_from(index, int(other), depth) for other in order]
        picture, where = consent(image, warped, self.options, self.brighter_only)
        return self._as_stored(index, picture, where)

    def neighbours(self, index: int) -> np.ndarray:
        """The views on the same side of the split that see most of the same, nearest first.

        What is held out scores a scene that never saw it: neither may its pixels be in the training photos, nor theirs
        in it.
        """
        same = self.capture.indices(self.capture.frames[index].split)
        order = neighbour_order(np.stack([self.views[i].viewmat for i in same]), same.index(index))
        return np.array(same)[order]

    def index(self, name: str) -> int | None:
        """The frame of that name."""
        names = {frame.camera.name: i for i, frame in enumerate(self.capture.frames)}
        return names.get(name)

    def depth(self, index: int, order: np.ndarray) -> np.ndarray:
        """[h, w] depth of a view at the working size."""
        view = self.views[index]
        known = (self.depths or {}).get(self.capture.frames[index].camera.name)
        if known is not None:
            import cv2

            return cv2.resize(known, view.picture.shape[1::-1], interpolation=cv2.INTER_NEAREST)
        others = [self.views[i] for i in order[:SWEPT]]
        points = self.capture.points
        if points is not None and points.origin == "triangulated" and self.capture.frames[index].split == "test":
            points = None  # found in the training photos
        near, far = depth_range(view, None if points is None else points.xyz, others)
        return sweep(view, others, near, far, self.options.planes)

    def _seen_from(self, index: int, other: int, depth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The other photo as this view would see it [H, W, 3] uint8, and where it sees anything [H, W] bool."""
        x, y, _ = pixel_maps(self.views[index], self.views[other], depth)
        camera, there = self.capture.frames[index].camera, self.capture.frames[other].camera
        size = camera.width, camera.height
        x = cv2.resize(x, size, interpolation=cv2.INTER_LINEAR) * there.width - 0.5
        y = cv2.resize(y, size, interpolation=cv2.INTER_LINEAR) * there.height - 0.5
        seen = (x >= 0) & (x <= there.width - 1) & (y >= 0) & (y <= there.height - 1)
        mask = self.capture.images.mask(other)
        if mask is not None:
            seen &= cv2.remap(mask.astype(np.uint8), x, y, cv2.INTER_NEAREST, borderValue=0) > 0
        image = self.capture.images.image(other)
        return cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), seen

    def _as_stored(self, index: int, picture: np.ndarray, where: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """From the undistorted upright picture back to the photo's own pixels."""
        plan = self.capture.images.plans[index]
        if plan.lens is not None:
            x, y = distorted_maps(plan.lens, plan.width, plan.height)
            picture = cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            where = cv2.remap(where.astype(np.uint8), x, y, cv2.INTER_NEAREST, borderValue=0) > 0
        return turned_back(picture, plan.orientation), turned_back(where, plan.orientation)


def consent(
    image: np.ndarray, warped: list[tuple[np.ndarray, np.ndarray]], options: MultiviewRestorer, brighter_only: bool
) -> tuple[np.ndarray, np.ndarray]:
    """The views' median [H, W, 3] uint8, and where [H, W] bool enough of them agree on it but not with the image.

    Of two in the middle the darker one counts where weather only brightens.
    """
    pictures = [matched(picture, image, seen) for picture, seen in warped]
    median, agreed = np.empty_like(image), np.zeros(image.shape[:2], bool)
    change = np.zeros(image.shape[:2], np.float32)  # of what it must be at least
    for top in range(0, len(image), BAND):
        rows = slice(top, top + BAND)
        seen = np.stack([valid[rows] for _, valid in warped])
        stack = np.stack([picture[rows] for picture in pictures])
        median[rows] = _middle(stack, seen[..., None])
        deviation = np.abs(stack.astype(np.int16) - median[rows]).max(axis=-1).astype(np.uint8)
        agreed[rows] = ((deviation < 255 * options.tolerance) & seen).sum(axis=0) >= options.agree
        spread = _middle(deviation, seen) / 255.0
        own, middle = image[rows].astype(np.float32) / 255.0, median[rows].astype(np.float32) / 255.0
        found = luma(own) - luma(middle) if brighter_only else np.abs(own - middle).max(axis=-1)
        change[rows] = found / np.maximum(LEAST_CHANGE, SPREADS * spread)
    return median, agreed & _with_edges(change)


def _middle(stack: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """The lower median over the first axis of uint8 values [K, ...], of those that are seen; 255 where none is."""
    filled = np.sort(np.where(seen, stack, np.uint8(255)), axis=0)
    place = np.maximum(seen.sum(axis=0) - 1, 0) // 2
    return np.take_along_axis(filled, np.broadcast_to(place, stack.shape[1:])[None], axis=0)[0]


def _with_edges(change: np.ndarray) -> np.ndarray:
    """[H, W] bool: what changes clearly, and what changes a little beside it: the soft edges of streaks and flakes."""
    clear = cv2.dilate((change > 1.0).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    return clear & (change > SOFT)


def matched(picture: np.ndarray, image: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """The picture with the exposure of the image: one factor a channel, the median of what both show."""
    both = seen & (picture.min(axis=-1) > 12) & (image.min(axis=-1) > 12)
    if both.sum() < 500:
        return picture
    step = max(1, int(both.sum() // 50_000))
    a, b = image[both][::step].astype(np.float32), picture[both][::step].astype(np.float32)
    gain = np.clip(np.median(a / b, axis=0), 0.67, 1.5)
    if np.abs(gain - 1).max() < 0.005:
        return picture
    return np.clip(picture * gain, 0, 255).astype(np.uint8)


@functools.lru_cache(maxsize=4)
def distorted_maps(lens: Lens, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the pixels of a photo of `width` x `height` lie in its undistorted picture of that size, for cv2.remap."""
    camera, K = lens.colmap(), np.array(undistorted_matrix(lens))
    scale_x, scale_y = lens.width / width, lens.height / height
    x, y = np.empty((height, width), np.float32), np.empty((height, width), np.float32)
    for top in range(0, height, BAND):
        rows = np.arange(top, min(top + BAND, height))
        u, v = np.meshgrid((np.arange(width) + 0.5) * scale_x, (rows + 0.5) * scale_y)
        plane = np.nan_to_num(np.asarray(camera.cam_from_img(np.stack([u.ravel(), v.ravel()], axis=1))), nan=-99.0)
        x[rows] = ((plane[:, 0] * K[0, 0] + K[0, 2]) / scale_x - 0.5).reshape(u.shape)
        y[rows] = ((plane[:, 1] * K[1, 1] + K[1, 2]) / scale_y - 0.5).reshape(u.shape)
    return x, y


def open_multiview(path: Path, options: MultiviewRestorer, held_out: dict[str, Any], brighter_only: bool) -> Multiview:
    """Load the capture at its own size, with small views for depth.

    Args:
        held_out: options of `load_capture` that say which photos are, where the capture does not.

    Raises:
        SplatError: too few views, or the scene that depth should come from is not one of this capture.
    """
    capture = load_capture(path, points="none" if options.scene else "auto", **held_out)
    if (training := len(capture.indices("train"))) < FEWEST:
        raise SplatError(
            f"restorer=multiview needs {FEWEST} training views, the capture has {training}; use restorer=classical"
        )
    views = []
    for index, frame in enumerate(capture.frames):
        picture = shrunk(capture.images.image(index), options.size)
        camera = frame.camera.resized(picture.shape[1], picture.shape[0])
        views.append(SweepView(luma(picture), camera))
    depths = scene_depths(options.scene, capture) if options.scene else None
    return Multiview(capture, options, views, brighter_only, depths)


def scene_depths(run: str, capture: Capture) -> dict[str, np.ndarray]:
    """[h, w] float32 depth that a trained scene shows from each camera, by name.

    Raises:
        SplatError: when its cameras are not those of the capture, or it was trained on what is held out here.
    """
    opened = open_run(Path(run).expanduser())
    cameras = {camera.name: camera for camera in opened.cameras()}
    wanted = [frame.camera.name for frame in capture.frames if frame.camera.name in cameras]
    if len(wanted) < FEWEST:
        raise SplatError(f"restorer.scene={run} was not trained on this capture: its cameras have other names")
    trained = {camera.name for camera in opened.cameras("train")}
    leaked = [frame.camera.name for frame in capture.frames if frame.split == "test" and frame.camera.name in trained]
    if leaked:
        raise SplatError(
            f"restorer.scene={run} was trained on {len(leaked)} of the photos that are held out here"
            f" (first: {leaked[0]}); give test_every= and split= as it was trained with"
        )
    renderer, depths = opened.renderer(), {}
    with torch.no_grad():
        for name in wanted:
            depth = renderer.render(cameras[name], "ED").image[..., 0]
            depths[name] = depth.clamp(min=renderer.options.near_plane).cpu().numpy()
    return depths

"""Pixels on demand: decode, turn upright, scale, undistort; the results live in a cache of bounded size."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

import cv2
import numpy as np

from splat.capture.lens import Lens, undistortion_maps
from splat.capture.masks import aligned, aligned_mask
from splat.capture.photo import oriented, photo_header, read_photo
from splat.capture.types import PhotoPlan

MAPS_BYTES = 200e6  # of undistortion maps are kept; those of a photo of 24 MP take as much
OVERSAMPLED = 4  # times the final width and height, at which photos are undistorted


@dataclass(frozen=True)
class LoadedPhoto:
    """One photo at working size."""

    image: np.ndarray  # [H, W, 3] uint8
    alpha: np.ndarray | None  # [H, W] uint8
    mask: np.ndarray | None  # [H, W] bool

    @property
    def nbytes(self) -> int:
        return sum(array.nbytes for array in (self.image, self.alpha, self.mask) if array is not None)


class PhotoImages:
    """The `ImageSource` of photos on disk. Thread-safe. Arrays are shared with the cache: do not write into them."""

    def __init__(self, plans: list[PhotoPlan], cache_bytes: int) -> None:
        self.plans = plans
        self.cache_bytes = cache_bytes
        self.cached_bytes = 0
        self._cache: OrderedDict[int, LoadedPhoto] = OrderedDict()
        self._lock = threading.Lock()
        self._loading = [threading.Lock() for _ in plans]  # so that two threads do not decode the same photo

    def image(self, index: int) -> np.ndarray:
        """[H, W, 3] uint8 sRGB, undistorted; colours of transparent pixels are as stored (not composited)."""
        return self.load(index).image

    def alpha(self, index: int) -> np.ndarray | None:
        """[H, W] uint8 opacity, or None where the photo is opaque."""
        return self.load(index).alpha

    def mask(self, index: int) -> np.ndarray | None:
        """[H, W] bool, True where the pixel counts; None where all do."""
        return self.load(index).mask

    def load(self, index: int) -> LoadedPhoto:
        """Image, alpha and mask of one frame.

        Raises:
            SplatError: when the photo cannot be read; names the file.
        """
        with self._loading[index]:
            with self._lock:
                if index in self._cache:
                    self._cache.move_to_end(index)
                    return self._cache[index]
            loaded = load_photo(self.plans[index])
            with self._lock:
                self._keep(index, loaded)
            return loaded

    def _keep(self, index: int, loaded: LoadedPhoto) -> None:
        """Keep the photo, and of the others as many as fit; alone it may exceed the bound: it is in use anyway."""
        while self._cache and self.cached_bytes + loaded.nbytes > self.cache_bytes:
            _, dropped = self._cache.popitem(last=False)
            self.cached_bytes -= dropped.nbytes
        self._cache[index] = loaded
        self.cached_bytes += loaded.nbytes


def reading_bytes(plan: PhotoPlan) -> float:
    """Peak memory that `load_photo` takes beside its result, in bytes, with the undistortion maps that it leaves.

    Measured by pixel: 6 bytes of the photo (decoded into one array, reordered into another); with a lens 9, and 10 of
    the picture that is undistorted, at up to `OVERSAMPLED` times the final size.
    """
    header = photo_header(plan.path)
    whole = header.width * header.height
    if plan.lens is None:
        return 6.0 * whole
    return 9.0 * whole + 10.0 * max(plan.width * plan.height, min(whole, OVERSAMPLED**2 * plan.width * plan.height))


def load_photo(plan: PhotoPlan) -> LoadedPhoto:
    """Decode one photo and bring it to its camera's size and pinhole geometry."""
    pixels = oriented(read_photo(plan.path), plan.orientation)
    if pixels.shape[2] == 4 and (plan.alpha_means == "none" or pixels[:, :, 3].min() == 255):
        pixels = np.ascontiguousarray(pixels[:, :, :3])
    pixels, valid = _as_the_camera_sees(pixels, plan)
    image = np.ascontiguousarray(pixels[:, :, :3])
    opacity = np.ascontiguousarray(pixels[:, :, 3]) if pixels.shape[2] == 4 else None
    keep = _user_mask(plan)

    alpha: np.ndarray | None = None
    mask: np.ndarray | None = valid
    for layer, means in ((opacity, plan.alpha_means), (keep, plan.mask_means)):
        if layer is None:
            continue
        if means == "transparent":
            alpha = layer if alpha is None else np.minimum(alpha, layer)
        elif means == "ignore":
            counts = layer >= 128
            mask = counts if mask is None else mask & counts
    return LoadedPhoto(image, alpha, mask)


def _user_mask(plan: PhotoPlan) -> np.ndarray | None:
    """[H, W] uint8 at working size, 255 where the mask file keeps the pixel."""
    if plan.mask_path is None or plan.mask_means == "none":
        return None
    mask = aligned_mask(plan.mask_path, photo_header(plan.path), upright=plan.orientation != 1)
    return _as_the_camera_sees(mask, plan)[0]


def labels_as_the_camera_sees(labels: np.ndarray, plan: PhotoPlan) -> np.ndarray:
    """Labels [L, h, w] of a photo as the user has it, for its frame's camera: upright and undistorted as the photo is.

    Where the photo is undistorted they come back at the camera's size, each pixel with the label of the cell that it
    falls on, -1 beyond the photo; else at their own.
    """
    labels = aligned(np.moveaxis(labels, 0, 2), photo_header(plan.path), upright=plan.orientation != 1)
    labels = np.moveaxis(labels, 2, 0)
    if plan.lens is None:
        return np.ascontiguousarray(labels)
    x, y, valid = _maps(plan.lens, plan.width, plan.height)
    columns = np.clip((x + 0.5) * labels.shape[2] / plan.width, 0, labels.shape[2] - 1).astype(np.int64)
    rows = np.clip((y + 0.5) * labels.shape[1] / plan.height, 0, labels.shape[1] - 1).astype(np.int64)
    found = labels[:, rows, columns]
    return found if valid is None else np.where(valid, found, -1).astype(labels.dtype)


def _as_the_camera_sees(pixels: np.ndarray, plan: PhotoPlan) -> tuple[np.ndarray, np.ndarray | None]:
    """Pixels scaled and undistorted, and the mask [H, W] of those that have a source (None: all have).

    Colours of RGBA are weighted with alpha on the way, so that hidden ones do not bleed.
    """
    premultiply = pixels.ndim == 3 and pixels.shape[2] == 4
    if premultiply:
        if plan.lens is None and pixels.shape[1::-1] == (plan.width, plan.height):
            return pixels, None
        pixels = _premultiplied(pixels)
    valid = None
    if plan.lens is not None:
        pixels, valid = _undistort(pixels, plan.lens, plan.width, plan.height)
    pixels = _resize(pixels, plan.width, plan.height)
    if premultiply:
        pixels = _straight(pixels)
    if valid is not None:
        pixels[~valid] = 0
    return pixels, valid


def _resize(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    """Scaled by area."""
    if pixels.shape[1::-1] == (width, height):
        return pixels
    return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)


def _undistort(pixels: np.ndarray, lens: Lens, width: int, height: int) -> tuple[np.ndarray, np.ndarray | None]:
    """The undistorted photo, up to `OVERSAMPLED` times larger than `width` x `height`, and the mask at that size.

    Interpolation between pixels blurs: at the final size it would cost a fifth of the sharpness, here it is averaged
    away. Larger photos are scaled down first, because the maps of a large photo take much memory.
    """
    across = max(width, min(pixels.shape[1], OVERSAMPLED * width))
    down = max(height, min(pixels.shape[0], OVERSAMPLED * height))
    x, y, valid = _maps(lens, across, down)
    source = _resize(pixels, across, down)
    warped = cv2.remap(source, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if valid is None:
        return warped, None
    counted = _resize(np.where(valid, np.uint8(255), np.uint8(0)), width, height) == 255
    return warped, counted


Maps = tuple[np.ndarray, np.ndarray, np.ndarray | None]
_kept_maps: OrderedDict[tuple[Lens, int, int], Maps] = OrderedDict()
_maps_lock = threading.Lock()


def _maps(lens: Lens, width: int, height: int) -> Maps:
    """`undistortion_maps`, of which the latest are kept: usually one lens took all photos."""
    key = (lens, width, height)
    with _maps_lock:  # computed once, not by several threads at the same time
        if key not in _kept_maps:
            _kept_maps[key] = undistortion_maps(lens, width, height)
            while len(_kept_maps) > 1 and sum(map(_bytes, _kept_maps.values())) > MAPS_BYTES:
                _kept_maps.popitem(last=False)
        _kept_maps.move_to_end(key)
        return _kept_maps[key]


def _bytes(maps: Maps) -> int:
    return sum(array.nbytes for array in maps if array is not None)


def _premultiplied(rgba: np.ndarray) -> np.ndarray:
    """[H, W, 4] float32 with colours times alpha."""
    result = rgba.astype(np.float32)
    result[:, :, :3] *= result[:, :, 3:] / 255.0
    return result


def _straight(premultiplied: np.ndarray) -> np.ndarray:
    """[H, W, 4] uint8 with colours divided by alpha again."""
    colors = premultiplied[:, :, :3] * (255.0 / np.maximum(premultiplied[:, :, 3:], 1e-3))
    result = np.concatenate([colors, premultiplied[:, :, 3:]], axis=2)
    return np.clip(np.rint(result), 0, 255).astype(np.uint8)

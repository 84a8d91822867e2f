"""Pictures as arrays, [H, W, 3] uint8 RGB unless said otherwise: read, write, resize, lay over a background."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from torch import Tensor
from torch.nn.functional import interpolate

from splat.errors import SplatError
from splat.files import atomic_path

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
T = TypeVar("T")


def write_image(path: Path, image: np.ndarray) -> None:
    """Write a picture atomically; the suffix picks the format.

    Args:
        path: PNG or JPEG; TIFF for floats.
        image: [H, W, 3] uint8 RGB, or one channel [H, W] of uint8, uint16 or float32.

    Raises:
        SplatError: when the file cannot be written.
    """
    stored = cv2.cvtColor(image, cv2.COLOR_RGB2BGR) if image.ndim == 3 else np.ascontiguousarray(image)
    with atomic_path(path) as temporary:  # OpenCV, writing itself, does not notice that the last bytes find no place
        done, data = cv2.imencode(path.suffix, stored)
        if not done:
            raise SplatError(f"cannot write {path}: OpenCV has no encoder for it")
        temporary.write_bytes(data.tobytes())


def read_image(path: Path) -> np.ndarray | None:
    """[H, W, 3] uint8 RGB, or None where there is no readable picture."""
    try:
        image = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    except (OSError, ValueError, cv2.error):  # also an empty file, and one of more pixels than OpenCV takes
        return None
    return None if image is None else cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def to_bytes(image: Tensor) -> np.ndarray:
    """uint8 of a picture in [0, 1], of any shape and on any device, rounded to nearest."""
    return (image.detach().clamp(0, 1) * 255).round().byte().cpu().numpy()


def luma(image: Tensor) -> Tensor:
    """[..., ] brightness of a picture [..., 3] of floats."""
    return image @ image.new_tensor(LUMA)


def area_mean(pixels: Tensor, size: tuple[int, int]) -> Tensor:
    """[h, w, D] float32: pixels [H, W, D] made smaller to a size (h, w), each the mean of those that it covers."""
    if pixels.shape[:2] == size:
        return pixels.float()
    return interpolate(pixels.float().permute(2, 0, 1)[None], size=size, mode="area")[0].permute(1, 2, 0)


def over(image: Tensor, alpha: Tensor, background: Tensor) -> Tensor:
    """[H, W, 3] float32 in [0, 1]: a picture [H, W, 3] uint8 with opacity [H, W, 1] uint8 over a colour [3]."""
    weight = alpha.float() / 255.0
    return image.float() / 255.0 * weight + background.to(image.device, non_blocking=True) * (1.0 - weight)


def shrunk(image: np.ndarray, longest: int) -> np.ndarray:
    """Scaled down by area so that the longer side has at most `longest` pixels; never scaled up."""
    scale = longest / max(image.shape[:2])
    if scale >= 1:
        return image
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)


def nearest_cells(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """An array [h, w] at another size: each pixel takes the cell that its centre falls on."""
    rows = ((np.arange(height) + 0.5) * values.shape[0] / height).astype(np.int64)
    columns = ((np.arange(width) + 0.5) * values.shape[1] / width).astype(np.int64)
    return values[rows[:, None], columns[None]]


def shown(mask: np.ndarray | None, alpha: np.ndarray | None) -> np.ndarray | None:
    """[H, W] bool, True where a photo's pixel shows the scene: it counts and is not transparent; None where all do."""
    if alpha is None:
        return mask
    return alpha >= 128 if mask is None else mask & (alpha >= 128)


def evenly(items: Sequence[T], count: int) -> list[T]:
    """At most `count` of the items, evenly spread, the first and the last among them."""
    if not items:
        return []
    places = np.linspace(0, len(items) - 1, min(count, len(items))).round().astype(int)
    return [items[int(place)] for place in np.unique(places)]

"""Pictures of an evaluation: renders and photos without loss, error pictures, thumbnails for pages."""

from __future__ import annotations

import base64
import re
from pathlib import PurePosixPath

import cv2
import numpy as np
from torch import Tensor

from splat.images import to_bytes

ERROR_WHITE = 0.25  # mean absolute difference of a pixel, in [0, 1], that is drawn brightest in every error picture

FILE_KINDS = ("", "_photo", "_error")  # what stands behind a view's stem in the names of its pictures


def view_stem(name: str) -> str:
    """A file name without suffix for a view: its folders become part of it, what some system forbids an underscore."""
    path = PurePosixPath(name.replace("\\", "/"))
    parts = [part for part in path.with_suffix("").parts if part not in ("/", "..", ".")]
    return re.sub(r'[<>:"|?*\x00-\x1f]', "_", "__".join(parts)) or "view"


def unique_stems(names: list[str]) -> list[str]:
    """`view_stem` of every name; where files of two views would collide, those of the later one get a number.

    The files are STEM, STEM_photo and STEM_error, whose case some systems do not tell apart: a photo may be called
    `a_photo.jpg` itself.
    """
    taken: set[str] = set()
    stems = []
    for stem in map(view_stem, names):
        found, number = stem, 2
        while not taken.isdisjoint(files := {f"{found}{kind}".casefold() for kind in FILE_KINDS}):
            found, number = f"{stem}-{number}", number + 1
        taken |= files
        stems.append(found)
    return stems


def error_picture(image: Tensor, target: Tensor, mask: Tensor | None = None) -> np.ndarray:
    """[H, W, 3] uint8 RGB: mean absolute difference of the channels, black for none, bright from `ERROR_WHITE` on.

    The scale is the same for every view and run, so that pictures compare; pixels that do not count are grey.
    """
    error = (image - target).abs().mean(dim=-1) / ERROR_WHITE
    levels = to_bytes(error)
    picture = cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    if mask is not None:
        picture[~mask.cpu().numpy()] = 96
    return picture


def thumbnail(picture: np.ndarray, width: int = 320, height: int = 240) -> np.ndarray:
    """The picture [H, W, 3] uint8 scaled down to fit into `width` x `height` pixels; never scaled up."""
    scale = min(width / picture.shape[1], height / picture.shape[0], 1.0)
    size = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
    return picture if scale == 1.0 else cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def data_uri(picture: np.ndarray, quality: int = 80) -> str:
    """The picture [H, W, 3] uint8 RGB as a JPEG that stands inside a page."""
    ok, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert ok
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode("ascii")

"""Which frames of a video are worth finding cameras for: not those of a camera that stands still, not blurred ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from splat import console

SHARPNESS_WIDTH = 480  # sharpness is judged at this width: finer detail is mostly noise
THUMBNAIL = 48  # pixels of the longer side at which frames are compared
STILL = 0.1  # thumbnail pixels, 0.2 % of the picture, that the camera must have moved
NOISE = 0.3  # mean grey levels by which thumbnails of one and the same view differ
BLURRED = 0.2  # of the sharpness of its neighbours
NEIGHBOURS = 4  # on each side


def sharpness(image: np.ndarray) -> float:
    """How sharp [H, W, 3] or [H, W] uint8 is: the variance of its Laplacian, at a fixed width."""
    grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    factor = SHARPNESS_WIDTH / max(grey.shape)
    if factor < 1:
        grey = cv2.resize(grey, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return float(cv2.Laplacian(grey, cv2.CV_32F).var())


def useful_frames(files: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """The frames that are kept, and a note that counts and names the first of those left out.

    Args:
        files: pictures of a video in order; those that cannot be decoded are kept for others to complain about.
    """
    looked = [_looked_at(file) for file in files]
    sharp = [found[0] for found in looked if found is not None]
    kept: list[Path] = []
    still: list[Path] = []
    blurred: list[Path] = []
    last: np.ndarray | None = None
    index = 0
    for file, found in zip(files, looked):
        if found is None:
            kept.append(file)
            continue
        score, thumbnail = found
        around = sharp[max(0, index - NEIGHBOURS) : index] + sharp[index + 1 : index + 1 + NEIGHBOURS]
        index += 1
        if around and score < BLURRED * float(np.median(around)):
            blurred.append(file)
        elif last is not None and not _moved(last, thumbnail):
            still.append(file)
        else:
            kept.append(file)
            last = thumbnail
    return kept, _notes(len(files), still, blurred)


def _looked_at(file: Path) -> tuple[float, np.ndarray] | None:
    """Sharpness, and a small grey picture [h, w] float32; None where the file cannot be decoded."""
    grey = cv2.imdecode(np.fromfile(file, np.uint8), cv2.IMREAD_GRAYSCALE)
    if grey is None:
        return None
    factor = THUMBNAIL / max(grey.shape)
    size = max(2, round(grey.shape[1] * factor)), max(2, round(grey.shape[0] * factor))
    return sharpness(grey), cv2.resize(grey, size, interpolation=cv2.INTER_AREA).astype(np.float32)


def _moved(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether a thumbnail differs from another by more than noise, and by more than a tiny motion would make it."""
    if one.shape != other.shape:
        return True
    slope = float(np.hypot(*np.gradient(one)).mean())  # grey levels a pixel
    return float(np.abs(one - other).mean()) > max(NOISE, STILL * slope)


def _notes(total: int, still: Sequence[Path], blurred: Sequence[Path]) -> list[str]:
    groups = ((still, "show what the one before shows"), (blurred, "are far less sharp than their neighbours"))
    parts = [f"{len(files):,} that {what} (first: {files[0].name})" for files, what in groups if files]
    return [f"of {console.count(total, 'frame')} these are left out: {'; '.join(parts)}"] if parts else []

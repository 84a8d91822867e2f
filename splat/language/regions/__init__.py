"""Regions of a photo at three levels: by SAM, or by colour and edges; and the pictures that teachers see of them."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from splat.errors import SplatError
from splat.language.teachers.options import TeacherOptions


class Masker(Protocol):
    """Finds regions in photos."""

    signature: str  # its settings, for the cache

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Labels [3, h, w] int32 of a photo [H, W, 3] uint8: part, object, whole; numbered from 0 through all levels,
        -1 where there is nothing. A region may stand in several levels under one number."""
        ...


def make_masker(kind: str, options: TeacherOptions) -> Masker:
    """`sam` or `segments`.

    Raises:
        SplatError: when SAM's weights cannot be had.
    """
    if kind == "sam":
        from splat.language.regions.sam import SamMasks

        return SamMasks(options)
    if kind == "segments":
        from splat.language.regions.segments import Segments

        return Segments(options.max_size)
    raise SplatError(f"masks={kind}: this teacher needs sam or segments")

"""What teachers, lifting and queries hand to each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

LEVELS = ("part", "object", "whole")  # of masks, from small to large
SILENT, MASKED = -1, -2  # labels: the teacher says nothing; the pixel is no part of what the photo shows of the scene


@dataclass(frozen=True)
class ViewFeatures:
    """What a teacher says about one photo: regions that share a vector, at one or several levels.

    A teacher of dense features gives one level in which every cell of its grid is a region of its own. Labels cover
    the whole photo at any resolution; they are scaled to the view by the nearest cell.
    """

    labels: np.ndarray  # [L, h, w] int32, row of `vectors`; below 0: `SILENT` or `MASKED`
    vectors: np.ndarray  # [M, D] float32, unit length


class Teacher(Protocol):
    """A model that turns photos into features, and words too if it knows any; teachers inherit what has a default."""

    name: str  # how it was asked for: a hub name, a folder, or a name of our own
    dim: int  # D
    levels: tuple[str, ...]  # names of the L levels
    dense: bool  # one region for every cell of a grid
    of_photos: bool = False  # whether its labels belong to the photo as the user has it, not to `image`
    signature: str = ""  # what its features depend on: with another one they are made anew; empty: the name alone

    def features(self, image: np.ndarray, name: str) -> ViewFeatures:
        """Features of one photo: image [H, W, 3] uint8 sRGB, and the photo's name in its capture.

        Raises:
            SplatError: when there are none for this photo and there should be.
        """
        ...

    def encode_text(self, texts: Sequence[str]) -> np.ndarray:
        """[T, D] float32, unit length.

        Raises:
            SplatError: when the teacher knows no words; says which teachers do.
        """
        ...

    def names(self) -> list[str]:
        """The names of all things that it was taught, where they are few; what else something may be. Empty: many."""
        return []

    def words(self) -> list[str]:
        """Its vocabulary, where it is small; else empty."""
        return []

    def lists(self, text: str) -> bool:
        """Whether a text was given to it as the name of something."""
        return False

    def reads(self, text: str) -> bool:
        """Whether its vocabulary has any part of a text."""
        return True

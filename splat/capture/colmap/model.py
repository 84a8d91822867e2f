"""What a COLMAP model holds, as far as it is needed: lenses, poses, points."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from splat.capture.lens import Lens
from splat.capture.rigid import quaternion_matrix
from splat.capture.types import FARTHEST, Points
from splat.errors import SplatError

LARGEST_SIDE = 1_000_000  # pixels; more is a damaged file


@dataclass(frozen=True)
class ModelImage:
    """One image of a model."""

    raw_name: bytes  # as the file has it, in an encoding that nothing tells
    camera_id: int
    viewmat: np.ndarray  # [4, 4] float64, world to camera; NaN where the file has no pose

    @property
    def name(self) -> str:
        """The name, taken for UTF-8 as COLMAP writes it on most systems."""
        return self.raw_name.decode("utf-8", "backslashreplace")

    @property
    def has_pose(self) -> bool:
        """Whether the pose is a finite one."""
        return bool(np.isfinite(self.viewmat).all())


@dataclass
class Model:
    """A COLMAP model."""

    cameras: dict[int, Lens]
    images: dict[int, ModelImage]
    points: Points | None = None
    notes: list[str] = field(default_factory=list)  # what could not be read
    files: list[Path] = field(default_factory=list)  # that it was read from


def pose_matrix(quaternion: tuple[float, ...], translation: tuple[float, ...]) -> np.ndarray:
    """[4, 4] float64 world to camera from a quaternion w, x, y, z of any length; NaN where it is none."""
    result = np.full((4, 4), np.nan)
    rotation = quaternion_matrix(*quaternion)
    if np.isfinite(rotation).all() and (np.abs(translation) < FARTHEST).all():
        result[:3, :3], result[:3, 3], result[3] = rotation, translation, [0.0, 0.0, 0.0, 1.0]
    return result


def model_lens(model: str, width: int, height: int, params: tuple[float, ...], where: str) -> Lens:
    """A lens as a file has it.

    Args:
        where: file and place, for the message.

    Raises:
        SplatError: an impossible size or parameter.
    """
    if not (0 < width <= LARGEST_SIDE and 0 < height <= LARGEST_SIDE and np.isfinite(params).all()):
        listed = ", ".join(f"{value:g}" for value in params)
        raise SplatError(
            f"{where} is damaged: a {model} camera of {width}x{height} pixels with {listed}; copy the model again"
        )
    return Lens(model, params, width, height)


def add_lens(cameras: dict[int, Lens], number: int, lens: Lens, where: str) -> None:
    """Add a lens to those of a file by their number.

    Raises:
        SplatError: another one has that number, so images cannot tell which is theirs.
    """
    if cameras.setdefault(number, lens) != lens:
        raise SplatError(f"{where}: another camera has the number {number} too; give each camera a number of its own")


def add_image(images: dict[int, ModelImage], number: int, image: ModelImage) -> None:
    """Add an image to those of a file; where another one has its number it gets a free one, which nothing refers to."""
    images[number if number not in images else -1 - len(images)] = image


def finite_points(xyz: np.ndarray, rgb: np.ndarray, file: Path, notes: list[str]) -> Points | None:
    """The points [P, 3] whose coordinates are finite; how many are not is noted."""
    finite = (np.abs(xyz) < FARTHEST).all(axis=1)  # false for NaN
    if not finite.all():
        notes.append(f"{(~finite).sum():,} of {len(xyz):,} points of {file.name} have no finite place and are left out")
    return Points(xyz[finite], rgb[finite]) if finite.any() else None

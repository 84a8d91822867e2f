"""What every reader returns: frames with cameras, lazily loaded images, initial points and a split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from torch import Tensor

from splat.cameras import Camera
from splat.capture.lens import Lens

Split = Literal["train", "test"]
FARTHEST = 1e18  # from zero that a camera or point may be; what is beyond overflows in what is computed with it


@dataclass(frozen=True)
class Frame:
    """One photo: an undistorted pinhole camera at the capture's working resolution, and its side of the split."""

    camera: Camera
    split: Split
    path: Path  # the photo as the user has it; images come from `Capture.images`
    opaque: bool = False  # known without decoding it: nothing in the photo is transparent
    depth_path: Path | None = None  # the depth map that the capture has of it
    given_viewmat: Tensor | None = None  # [4, 4] of the camera before training refined it; None: it is as it was given


@dataclass(frozen=True)
class PoseFit:
    """How well poses fit what is seen of the same points in several photos."""

    error: float  # pixels, the median: between points and their images, or from images to epipolar lines
    side: int  # pixels of the longer side of the photos, in which the error is counted
    views: float  # photos that a point is seen in, the mean


@dataclass(frozen=True)
class Points:
    """Initial points in the capture's own frame."""

    xyz: np.ndarray  # [P, 3] float64
    rgb: np.ndarray  # [P, 3] uint8
    origin: Literal["capture", "triangulated", "random"] = "capture"
    fit: PoseFit | None = None  # of the poses, where the points were triangulated with them


@dataclass(frozen=True)
class TrackFiles:
    """Where it stands which photos see which points: it is read when it is asked for."""

    folder: Path  # of a COLMAP model
    names: dict[int, str]  # of the capture's frames, by the numbers of the model's images; others as in the model


@dataclass(frozen=True)
class PhotoPlan:
    """How one photo becomes the image of its frame's camera."""

    path: Path
    orientation: int  # the EXIF turn to apply; 1 for none
    lens: Lens | None  # None: no undistortion
    width: int  # of the frame's camera
    height: int
    mask_path: Path | None = None
    alpha_means: str = "transparent"  # ignore, transparent or none
    mask_means: str = "ignore"


class ImageSource(Protocol):
    """Loads pixels on demand and keeps a bounded cache; all arrays have the size of the frame's camera."""

    @property
    def plans(self) -> Sequence[PhotoPlan]:
        """How each photo on disk becomes its frame's image; empty where pixels do not come from photos."""
        ...

    def image(self, index: int) -> np.ndarray:
        """[H, W, 3] uint8 sRGB, undistorted; colours of transparent pixels are as stored (not composited)."""
        ...

    def alpha(self, index: int) -> np.ndarray | None:
        """[H, W] uint8 opacity, or None where the photo is opaque."""
        ...

    def mask(self, index: int) -> np.ndarray | None:
        """[H, W] bool, True where the pixel counts; None where all do (undistortion borders do not count)."""
        ...


@dataclass
class Capture:
    """Photos, cameras and what else a capture brings, in the capture's own world frame (minus `origin`)."""

    name: str  # from the folder; names the default run folder
    root: Path
    kind: str  # a key of splat.capture.readers.registry.READERS: colmap, transforms, photos, …
    frames: list[Frame]
    images: ImageSource
    points: Points | None = None
    data_factor: float = 1.0
    notes: list[str] = field(default_factory=list)  # what the reader had to decide, for the log and the report
    # Subtracted from all coordinates of a geo-referenced capture, whose numbers are too large for float32; else zeros.
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    depth_maps: int = 0  # photos that have one; used where a strategy asks for them
    photos_found: int = 0  # photos that the capture lists or holds, those that cannot be used too; 0: not counted
    tracks: TrackFiles | None = None  # in the frame of the files: the origin is not subtracted
    held_out: str = ""  # how test views were chosen, as `splat.capture.split.how_held_out` says it; "": not known

    @property
    def refined(self) -> bool:
        """Whether training has moved its cameras."""
        return any(frame.given_viewmat is not None for frame in self.frames)

    def as_given(self) -> Capture:
        """The same with all cameras where they were before training."""
        return replace(self, frames=[_as_given(frame) for frame in self.frames])

    def indices(self, split: Split) -> list[int]:
        """Indices into `frames` of one side of the split, in capture order."""
        return [index for index, frame in enumerate(self.frames) if frame.split == split]

    def cameras(self, split: Split | None = None) -> list[Camera]:
        """Cameras of one side of the split, or of all frames."""
        return [frame.camera for frame in self.frames if split is None or frame.split == split]

    def transparent(self, split: Split | None = None) -> bool:
        """Whether any photo, of one side of the split, has transparent pixels; decodes them until one does."""
        frames = [pair for pair in enumerate(self.frames) if split is None or pair[1].split == split]
        return any(not frame.opaque and self.images.alpha(index) is not None for index, frame in frames)

    def background(self) -> tuple[float, float, float]:
        """RGB in [0, 1] that scores and pictures of its scenes stand on.

        White where training photos have transparency, as everyone scores NeRF's synthetic scenes, else black.
        """
        white = self.transparent("train" if self.indices("train") else None)
        return (1.0, 1.0, 1.0) if white else (0.0, 0.0, 0.0)


def _as_given(frame: Frame) -> Frame:
    if frame.given_viewmat is None:
        return frame
    return replace(frame, camera=replace(frame.camera, viewmat=frame.given_viewmat), given_viewmat=None)

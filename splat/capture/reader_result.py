"""What every reader of captures returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from splat.capture.lens import Lens
from splat.capture.photo import PhotoHeader, photo_header
from splat.capture.types import Points, Split, TrackFiles
from splat.capture.walk import Walk


@dataclass(frozen=True)
class PosedPhoto:
    """One posed photo as a reader found it."""

    name: str  # relative to the photos' folder, with forward slashes; the order of names is the order of frames
    path: Path
    viewmat: np.ndarray  # [4, 4] float64, world to camera, OpenCV axes
    lens: Lens
    mask_path: Path | None = None
    depth_path: Path | None = None  # where the capture says that its depth map is
    split: Split | None = None  # where the capture itself says
    reduced: int = 1  # the file is already this many times smaller than the lens's image (an images_N folder)
    upright: bool = False  # the lens describes the photo after its EXIF rotation, whatever the sizes say


@dataclass
class ReaderResult:
    """All that a reader found."""

    kind: str
    root: Path
    posed: list[PosedPhoto]
    points: Points | None = None
    notes: list[str] = field(default_factory=list)
    sides: list[Path] = field(default_factory=list)  # folders that may hold masks/ and depth/
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)  # was subtracted from all coordinates
    listed: int = 0  # photos that the capture lists or holds, used or not
    left_out: list[Path] = field(default_factory=list)  # photos that are there but not used, which the notes say
    read: list[Path] = field(default_factory=list)  # files that were read beside photos, masks and depth maps
    walk: Walk | None = None  # what lies in the folder, where the reader has looked
    test_lists: list[Path] = field(default_factory=list)  # where a list of the held-out photos may lie
    tracks: TrackFiles | None = None  # which photos see which points
    headers: dict[Path, PhotoHeader] = field(default_factory=dict)  # of photos that were looked at already

    def header(self, path: Path) -> PhotoHeader:
        """A photo's header, read once."""
        if path not in self.headers:
            self.headers[path] = photo_header(path)
        return self.headers[path]

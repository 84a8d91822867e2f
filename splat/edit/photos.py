"""The photos of a run as an edit needs them: one at a time, over the scene's background."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from torch import Tensor

from splat.cameras import Camera
from splat.capture.over import photo_over
from splat.errors import SplatError
from splat.run import Run

Truth = Callable[[], tuple[Tensor, Tensor | None]]  # a picture [H, W, 3] in 0..1 and what of it counts, [H, W] bool


@dataclass(frozen=True)
class TrueView:
    """A camera and what it should show."""

    camera: Camera
    truth: Truth


@dataclass(frozen=True)
class RunPhotos:
    """The photos of a run's training and held-out views, or why they are not there."""

    training: list[TrueView] = field(default_factory=list)
    held_out: list[TrueView] = field(default_factory=list)
    missing: str = ""  # why there are none


def photos_of(run: Run, background: Tensor) -> RunPhotos:
    """The photos that a run was trained on, each read when it is asked for.

    Args:
        background: [3] RGB 0..1 behind what is transparent; pictures come on its device.
    """
    try:
        capture = run.capture()
    except SplatError as gone:
        return RunPhotos(missing=str(gone))
    views: dict[str, list[TrueView]] = {"train": [], "test": []}
    for index, frame in enumerate(capture.frames):
        views[frame.split].append(TrueView(frame.camera, partial(photo_over, capture, index, background)))
    return RunPhotos(views["train"], views["test"])

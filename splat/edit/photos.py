"""The photos of a run as an edit needs them: one at a time, over the scene's background."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from splat.cameras import Camera
from splat.capture.types import Capture
from splat.errors import SplatError
from splat.images import over
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
        views[frame.split].append(TrueView(frame.camera, _truth(capture, index, background)))
    return RunPhotos(views["train"], views["test"])


def _truth(capture: Capture, index: int, background: Tensor) -> Truth:
    def truth() -> tuple[Tensor, Tensor | None]:
        image = torch.tensor(capture.images.image(index), device=background.device)
        alpha, mask = capture.images.alpha(index), capture.images.mask(index)
        if alpha is None:
            picture = image.float() / 255
        else:
            picture = over(image, torch.tensor(alpha, device=image.device)[..., None], background)
        return picture, None if mask is None else torch.tensor(mask, device=image.device)

    return truth

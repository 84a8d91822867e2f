"""The corrections of one training: a row for each photo, whose mean changes nothing, and Adam for single rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from splat.appearance.models import MODELS
from splat.cameras import Camera
from splat.train.optimizers import BETAS, EPS, torch_adam


class Corrections:
    """What each photo does to the scene's colours.

    Rows of photos are held by their difference from the mean row, so that the mean correction changes nothing and the
    scene keeps the look of the capture.
    """

    def __init__(self, kind: str, cameras: Sequence[Camera], gains: Tensor | None, device: torch.device) -> None:
        """Start.

        Args:
            kind: a name in `MODELS`.
            cameras: of the photos; photos of one size are taken to be of one camera.
            gains: [F, 3] logarithms of the channels' gains that were measured; None for none.
        """
        self.kind, self.model = kind, MODELS[kind]
        measured = torch.zeros(len(cameras), 3) if gains is None else gains
        start = self.model.start(measured.float()).to(device)
        self.mean = start.mean(dim=0)
        self.photos = [row.clone().requires_grad_() for row in start]
        sizes = [(camera.width, camera.height) for camera in cameras]
        different = list(dict.fromkeys(sizes))
        self.camera_of = [different.index(size) for size in sizes]
        self.cameras = [torch.zeros(self.model.camera, device=device, requires_grad=True) for _ in different]

    def own(self, position: int) -> tuple[Tensor, Tensor]:
        """What the photo at a position does, the mean taken off, and its camera's part; both with gradients."""
        return self.photos[position] - self.mean, self.cameras[self.camera_of[position]]

    def corrected(self, position: int, image: Tensor) -> Tensor:
        """The picture [H, W, 3] of the scene as the photo at a position shows it."""
        return self.model.apply(image, *self.own(position))

    def penalty(self, position: int) -> Tensor | None:
        """What is to be kept small of the correction of a photo, besides the loss."""
        return None if self.model.penalty is None else self.model.penalty(*self.own(position))

    def tensors(self) -> list[Tensor]:
        """All that is learned: the rows of the photos, then those of the cameras."""
        return [*self.photos, *self.cameras]


class RowAdam:
    """Adam (Kingma and Ba 2015) for tensors of which a step touches few: the others, and their moments, keep still."""

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        self.tensors = tensors
        self.moments = [(torch.zeros_like(tensor), torch.zeros_like(tensor)) for tensor in tensors]
        self.counts = [0] * len(tensors)

    @torch.no_grad()
    def step(self, index: int, lr: float) -> None:
        """Follow the gradient of one tensor, if it has one, and forget it."""
        tensor = self.tensors[index]
        if tensor.grad is None:
            return
        self.counts[index] += 1
        torch_adam(tensor, tensor.grad, *self.moments[index], self.counts[index], lr, *BETAS, EPS)
        tensor.grad = None


class AppearanceLearner:
    """Learns corrections along with the scene that is compared through them."""

    def __init__(self, corrections: Corrections) -> None:
        self.corrections = corrections
        self.adam = RowAdam(corrections.tensors())

    def step(self, position: int, lr: float) -> None:
        """Follow the gradients that the photo at a position has left, and move the mean along."""
        held, row = self.corrections, self.corrections.photos[position]
        if row.grad is None:
            return
        penalty = held.penalty(position)
        if penalty is not None:
            penalty.backward()  # type: ignore[no-untyped-call]
        before = row.detach().clone()
        self.adam.step(position, lr)
        self.adam.step(len(held.photos) + held.camera_of[position], lr)
        with torch.no_grad():
            held.mean += (row - before) / len(held.photos)

    def state(self) -> dict[str, Any]:
        """All that changes, for a checkpoint."""
        return {
            "tensors": [tensor.detach() for tensor in self.corrections.tensors()],
            "mean": self.corrections.mean,
            "first": [first for first, _ in self.adam.moments],
            "second": [second for _, second in self.adam.moments],
            "counts": list(self.adam.counts),
        }

    def restore(self, record: dict[str, Any]) -> None:
        """Go on from what `state` gave.

        Raises:
            KeyError, TypeError, ValueError: the record is damaged.
        """
        held = self.corrections
        before = held.tensors()
        parts = (record["tensors"], record["first"], record["second"], record["counts"])
        if any(len(part) != len(before) for part in parts):
            raise ValueError("it holds corrections of other photos")
        device = held.mean.device
        for tensor, kept, moments, first, second in zip(before, record["tensors"], self.adam.moments, *parts[1:3]):
            if kept.shape != tensor.shape:
                raise ValueError("it holds corrections of another kind")
            with torch.no_grad():
                tensor.copy_(kept)
                moments[0].copy_(first)
                moments[1].copy_(second)
        held.mean = record["mean"].to(device)
        self.adam.counts = [int(count) for count in record["counts"]]

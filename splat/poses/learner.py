"""Adam on poses, in coordinates in which a step moves the picture by the same amount in every direction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from splat.cameras import Camera
from splat.poses.motion import exponential, motion_between, motion_gradient, whitening

BETAS = (0.8, 0.99)  # a photo is visited a few dozen times, not thousands
EPSILON = 1e-15


class PoseLearner:
    """Poses that follow gradients, each at its own pace: only the camera that was drawn moves.

    Args:
        cameras: C of them, as they are given.
        points: [P, 3] of the scene, in the frame of the cameras.
        hold: visits that a first pose is worth. A pose is drawn back to it with the weight hold / (hold + visits),
            as a mean of its first place and what the visits say: what holds vanishes with evidence.
    """

    def __init__(self, cameras: Sequence[Camera], points: Tensor, hold: float = 0.0) -> None:
        self.given = torch.stack([camera.viewmat for camera in cameras]).double()
        self.viewmats = self.given.clone()  # [C, 4, 4] float64, as they are now
        self.roots = torch.stack([whitening(camera, points) for camera in cameras])
        self.hold = hold
        self.visits = [0] * len(cameras)
        self.first = torch.zeros(len(cameras), 6, dtype=torch.float64)
        self.second = torch.zeros(len(cameras), 6, dtype=torch.float64)

    def step(self, position: int, gradient: Tensor, rate: float) -> None:
        """Move one camera.

        Args:
            position: which one.
            gradient: [4, 4] of the loss by the entries of its viewmat.
            rate: how far its picture moves at most, as a share of its longer side.
        """
        viewmat, root = self.viewmats[position], self.roots[position]
        found = root.T @ motion_gradient(gradient.detach().cpu().double(), viewmat)
        if not torch.isfinite(found).all():
            return
        self.visits[position] += 1
        visits = self.visits[position]
        self.first[position].lerp_(found, 1 - BETAS[0])
        self.second[position].lerp_(found**2, 1 - BETAS[1])
        mean = self.first[position] / (1 - BETAS[0] ** visits)
        size = (self.second[position] / (1 - BETAS[1] ** visits)).sqrt() + EPSILON
        moved = torch.linalg.solve(root, motion_between(self.given[position], viewmat))
        step = rate * mean / size + self._held(visits) * moved
        self.viewmats[position] = exponential(-(root @ step)) @ viewmat

    def _held(self, visits: int) -> float:
        """Part of the way back to the first pose that a visit takes."""
        return self.hold / (self.hold + visits) ** 2 if self.hold > 0 else 0.0

    def moved(self) -> Tensor:
        """[C] how far the pictures have moved, as shares of their longer sides."""
        motions = motion_between(self.given, self.viewmats)
        lengths: Tensor = torch.linalg.solve(self.roots, motions[..., None])[..., 0].norm(dim=1)
        return lengths

    def state(self) -> dict[str, Any]:
        """All that changes."""
        return {"viewmats": self.viewmats, "first": self.first, "second": self.second, "visits": self.visits}

    def restore(self, record: dict[str, Any]) -> None:
        """Go on from what `state` gave.

        Raises:
            KeyError, TypeError, ValueError: the record is damaged.
        """
        for name in ("viewmats", "first", "second"):
            value, own = record[name], getattr(self, name)
            if value.shape != own.shape or value.dtype != own.dtype:
                raise ValueError(f"it holds {name} of other cameras")
            setattr(self, name, value)
        if len(record["visits"]) != len(self.visits):
            raise ValueError("it holds visits of other cameras")
        self.visits = [int(count) for count in record["visits"]]

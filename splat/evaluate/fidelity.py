"""How much of a scene is left in another form of it: both drawn from the same cameras."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from splat.cameras import Camera
from splat.console import count
from splat.errors import SplatError
from splat.evaluate.metrics import MAX_PSNR, psnr
from splat.gaussians import Gaussians
from splat.images import evenly
from splat.render.scene import SceneRenderer

VIEWS = 8
WIDTH = 480  # pixels, to which larger pictures are made smaller


@dataclass(frozen=True)
class Fidelity:
    """PSNR of a scene's pictures against those of the scene that it was made of."""

    psnr: float  # dB, mean over the views; `MAX_PSNR` where they are the same
    worst: float  # dB
    worst_view: str
    views: int
    seen_from: str  # words for the cameras

    def describe(self) -> str:
        """One line for people."""
        where = count(self.views, self.seen_from)
        if self.worst >= MAX_PSNR:
            return f"drawn from {where} it looks the same"
        worst = f" (worst {self.worst_view}: {self.worst:.1f})" if self.views > 1 else ""
        return f"drawn from {where} it is within {self.psnr:.1f} dB PSNR of what it was made of{worst}"


def fidelity(renderer: SceneRenderer, other: Gaussians, cameras: Sequence[Camera], seen_from: str) -> Fidelity:
    """Draw the renderer's scene and another one, in the same way.

    Args:
        renderer: of the scene as it was.
        other: what became of it, in the same frame.
        cameras: in that frame.
        seen_from: what one of the cameras is, such as "test view".

    Raises:
        SplatError: there is no camera.
    """
    if not cameras:
        raise SplatError("there is no camera to compare from")
    drawn = renderer.of(other)
    scores = {}
    for camera in cameras:
        before, after = (each.image(camera).clamp(0, 1) for each in (renderer, drawn))
        scores[camera.name] = psnr(after, before)
    worst = min(scores, key=lambda name: scores[name])
    return Fidelity(sum(scores.values()) / len(scores), scores[worst], worst, len(scores), seen_from)


def judging_cameras(cameras: Sequence[Camera], views: int = VIEWS, width: int = WIDTH) -> list[Camera]:
    """So many of the cameras, evenly spread, and none wider than that."""
    return [camera.scaled(min(1.0, width / max(camera.width, camera.height))) for camera in evenly(cameras, views)]

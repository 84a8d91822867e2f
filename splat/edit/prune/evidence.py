"""What the training views say about each Gaussian: how much they show of it, and whether they look past it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from splat.cameras import Camera
from splat.console import progress
from splat.edit.photos import TrueView
from splat.images import evenly
from splat.render.scene import SURFACE, SceneRenderer

VIEWS = 96  # that are asked, at most, evenly spread
SIDE = 800  # pixels of the longer side of a view that is asked
LEAST = 0.1  # pixels' worth of a Gaussian from which a view shows it
BEFORE = 0.1  # part of its depth by which what a view sees there must lie behind a Gaussian for it to stand free


@dataclass(frozen=True)
class ViewEvidence:
    """Sums over the views, [N] float32 each."""

    weight: Tensor  # blending weight over all pixels, in pixels of the views' own size
    shown: Tensor  # views that show it
    free: Tensor  # those of them that see something well behind it at the same pixels

    @property
    def free_share(self) -> Tensor:
        """[N] 0 to 1: the part of the views that show a Gaussian in which it stands free."""
        return self.free / self.shown.clamp(min=1)


@torch.no_grad()
def gather_evidence(renderer: SceneRenderer, cameras: list[Camera]) -> ViewEvidence:
    """Render the views, and carry the depths that they show to the Gaussians.

    The depth of a pixel is the mean of all that is blended there. One that is faint, or whose rim alone is, leaves it
    nearly where the surface behind is: by that a floater differs from a surface, which is what its pixels show.

    Args:
        renderer: the scene.
        cameras: of the training views; `VIEWS` of them are asked.
    """
    asked = evenly(cameras, VIEWS)
    means = renderer.scene.means
    weight, shown, free = (torch.zeros(len(means), device=means.device) for _ in range(3))
    with progress("asking the views", len(asked), unit="view") as bar:
        for camera in asked:
            small = camera.scaled(min(1.0, SIDE / max(camera.width, camera.height)))
            pixels = camera.width * camera.height / (small.width * small.height)  # that one of the small ones is
            image, alpha, _ = renderer.render(small, "ED")
            solid = (alpha > SURFACE).to(alpha)
            sums, parts = renderer.lift(small, torch.stack([image[..., 0] * solid, solid], dim=-1))
            weight += pixels * parts
            depth = small.project(means)[1]
            behind = sums[:, 0] / sums[:, 1].clamp(min=1e-9)
            seen = pixels * parts > LEAST
            shown += seen
            free += seen & (sums[:, 1] > 0.5 * parts) & (behind > (1 + BEFORE) * depth)
            bar.advance()
    return ViewEvidence(weight, shown, free)


@torch.no_grad()
def missed_by(renderer: SceneRenderer, gone: Tensor, views: list[TrueView]) -> Tensor:
    """[N] how much the pictures get worse where each of those that go stood; 0 or less: they do not.

    The change of a pixel's squared error, drawn without all of them, is shared out among them by blending weight, and
    summed over the views for each; per pixel's worth of it. What floats in the view of cameras that do not need it has
    0 or less, however visible it is. What photos were fitted with may float as well: this cannot tell, and keeps it.

    Args:
        renderer: the scene with all.
        gone: [N] bool.
        views: training views and their photos, `VIEWS` of which are asked.
    """
    without = renderer.of(renderer.scene[~gone])
    rise, weight = (torch.zeros(len(gone), device=gone.device) for _ in range(2))
    asked = evenly(views, VIEWS)
    with progress("asking the photos", len(asked), unit="view") as bar:
        for view in asked:
            picture, mask = view.truth()
            counted = torch.ones_like(picture[..., 0]) if mask is None else mask.to(picture)
            after, before = (one.image(view.camera).clamp(0, 1) - picture for one in (without, renderer))
            shares = renderer.features(view.camera, gone[:, None].float())[..., 0]
            worse = (after.square() - before.square()).mean(dim=-1)
            change = torch.where(shares > 1e-3, worse / shares.clamp(min=1e-3), 0.0)
            sums, parts = renderer.lift(view.camera, change[..., None], counted)
            rise += sums[:, 0]
            weight += parts
            bar.advance()
    return torch.where(gone, rise / weight.clamp(min=1e-6), 0.0)

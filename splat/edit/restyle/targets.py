"""What the optimisation looks at: views of the selection, each with the region that may change."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
import torch
from torch import Tensor

from splat.cameras import Camera
from splat.gaussians import Gaussians
from splat.render.scene import SceneRenderer

MARGIN = 24  # pixels around a region that are rendered with it
SEEN = 0.02  # of a pixel that the selection must give for it to belong to the region


@dataclass(eq=False)
class TargetView:
    """One view. Pictures are RGB 0..1 on the scene's device."""

    camera: Camera
    original: Tensor  # [H, W, 3], the scene before the edit
    coverage: Tensor  # [H, W] 0..1, how much of a pixel may change
    wanted: Tensor | None = None  # [H, W, 3], what the view should show; only where it may change counts
    cut: Camera = field(init=False)  # of the rectangle around the region
    window: tuple[slice, slice] = field(init=False)
    target: Tensor | None = field(
        init=False
    )  # [h, w, 3] in the cut: the wanted inside the region, the original outside
    visible: Gaussians | None = field(init=False, default=None)  # of those that never move, the ones that the cut shows

    def __post_init__(self) -> None:
        self.widen(self.coverage)

    def widen(self, coverage: Tensor) -> None:
        """Let more change; what was open stays so."""
        self.coverage = torch.maximum(self.coverage, coverage)
        self.cut, self.window = self.camera.around(self.coverage > 0, MARGIN)
        self.aim(self.wanted)

    def aim(self, wanted: Tensor | None) -> None:
        """Want a picture [H, W, 3]."""
        self.wanted = wanted if wanted is None else wanted.to(self.original)
        self.target = None
        if self.wanted is not None:
            inside = self.coverage[self.window][..., None]
            self.target = inside * self.wanted[self.window] + (1 - inside) * self.original[self.window]

    @property
    def weight(self) -> float:
        """Pixels of the cut over pixels of the region: makes a mean over the cut one over the region."""
        inside = self.coverage[self.window]
        return float(inside.numel() / inside.sum().clamp(min=1))


def make_target_view(renderer: SceneRenderer, camera: Camera, chosen: Tensor, margin: int) -> TargetView | None:
    """A view of the Gaussians in `chosen` [N] bool; None if it shows nothing of them.

    Args:
        margin: pixels by which the region is larger than what they show.
    """
    original = renderer.image(camera).clamp(0, 1)
    coverage = region(renderer, camera, renderer.scene, chosen, margin)
    return TargetView(camera, original, coverage) if bool((coverage > 0).any()) else None


def region(renderer: SceneRenderer, camera: Camera, scene: Gaussians, chosen: Tensor, margin: int) -> Tensor:
    """[H, W] how much of each pixel the Gaussians in `chosen` [N] bool show, spread by `margin` pixels."""
    shown = renderer.of(scene).features(camera, chosen.float()[:, None])[..., 0].clamp(0, 1)
    shown = torch.where(shown >= SEEN, shown, 0.0)
    if margin == 0:
        return shown
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * margin + 1,) * 2)
    wider = cv2.dilate(shown.cpu().numpy().astype(np.float32), kernel)
    soft = cv2.GaussianBlur(wider, (0, 0), max(margin / 3, 0.3))
    return torch.maximum(torch.from_numpy(soft).to(shown), shown).clamp(0, 1)


@torch.no_grad()
def keep_visible(renderer: SceneRenderer, view: TargetView, frozen: Gaussians) -> None:
    """Note which of the Gaussians that never move can show in the cut, so that only those are drawn."""
    view.visible = frozen
    if len(frozen):
        drawn = renderer.of(frozen).render(view.cut).meta["radii"][0] > 0
        view.visible = frozen[drawn.all(dim=-1)]


def draw(
    renderer: SceneRenderer, camera: Camera, moving: Gaussians, frozen: Gaussians
) -> tuple[Tensor, dict[str, Tensor]]:
    """The picture [H, W, 3] of both parts with gradients, the moving ones first, and what the renderer tells."""
    both = Gaussians.cat([moving, frozen])
    image, _, meta = renderer.of(both).render(camera)
    return image, meta

"""A scene that can be drawn: from any camera, as colours, depths or other values, and back from pixels to Gaussians."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from splat.cameras import Camera, find_camera, stack_cameras
from splat.gaussians import Gaussians
from splat.images import evenly
from splat.render.api import lift, rasterize, render_gaussians
from splat.render.backends import Backend, select_backend
from splat.render.config import RenderOptions

SURFACE = 0.5  # opacity from which a pixel shows a surface


class Rendered(NamedTuple):
    """One picture as the rasterizer gives it."""

    image: Tensor  # [H, W, X], the channels of the render mode
    alpha: Tensor  # [H, W]
    meta: dict[str, Any]  # what gsplat calls meta: radii, means2d, conics, ...


@dataclass(frozen=True)
class SceneRenderer:
    """Draws one scene, on the device where its backend runs; scene and background are moved there.

    `render` and `features` let gradients through, the others do not.

    Raises:
        SplatError: when the backend that is asked for is not there.
    """

    scene: Gaussians
    options: RenderOptions = field(default_factory=RenderOptions)  # planes in the units of the scene
    background: Tensor = field(default_factory=lambda: torch.zeros(3))  # [3] RGB 0..1
    cameras: Sequence[Camera] = ()  # that the scene was photographed with, where they are known
    backend: Backend = field(init=False)  # that `options` ask for

    def __post_init__(self) -> None:
        backend = select_backend(self.options.backend)
        background = torch.as_tensor(self.background, dtype=torch.float32, device=backend.device)
        for name, value in (("backend", backend), ("scene", self.scene.to(backend.device)), ("background", background)):
            object.__setattr__(self, name, value)

    @property
    def device(self) -> torch.device:
        """Where scene and pictures are."""
        return self.scene.means.device

    def of(self, scene: Gaussians) -> SceneRenderer:
        """The same for another scene, such as this one after an edit."""
        return replace(self, scene=scene)

    def camera(self, name: str) -> Camera:
        """One of the scene's own cameras by the name of its photo, with or without folder and suffix.

        Raises:
            SplatError: when there is none of that name, or several.
        """
        return find_camera(self.cameras, name)

    def render(self, camera: Camera, render_mode: str = "RGB", absgrad: bool = False) -> Rendered:
        """The picture in a render mode of `rasterize`, over the background.

        Args:
            camera: in the frame of the scene.
            render_mode: RGB, D, ED, RGB+D or RGB+ED.
            absgrad: sum absolute gradients too, see `rasterize`.
        """
        viewmats, Ks = stack_cameras([camera], self.device)
        renders, alphas, meta = render_gaussians(
            self.scene,
            viewmats,
            Ks,
            camera.width,
            camera.height,
            backgrounds=self.background[None],
            render_mode=render_mode,
            camera_model=camera.camera_model,
            absgrad=absgrad,
            **self.options.arguments(),
        )
        return Rendered(renders[0], alphas[0, ..., 0], meta)

    @torch.no_grad()
    def image(self, camera: Camera) -> Tensor:
        """[H, W, 3] float32 colours, not necessarily inside 0..1."""
        return self.render(camera).image

    @torch.no_grad()
    def depth(self, camera: Camera) -> Tensor:
        """[H, W] float32 mean depth along the optical axis in the units of the scene; 0 where no surface is seen."""
        image, alpha, _ = self.render(camera, "ED")
        return torch.where(alpha > SURFACE, image[..., 0], 0.0)

    def features(self, camera: Camera, values: Tensor) -> Tensor:
        """[H, W, D]: values [N, D] of the Gaussians, blended as their colours are, over 0."""
        return self.blended(camera, values)[0]

    def blended(self, camera: Camera, values: Tensor) -> tuple[Tensor, Tensor]:
        """`features`, and the opacity [H, W] that they are blended with."""
        renders, alphas, _ = rasterize(
            *self.scene.activated(),
            values.to(self.scene.means),
            *stack_cameras([camera], self.device),
            camera.width,
            camera.height,
            camera_model=camera.camera_model,
            **self.options.arguments(),
        )
        return renders[0], alphas[0, ..., 0]

    @torch.no_grad()
    def lift(self, camera: Camera, features: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Carry a camera's pixels to the Gaussians, see `splat.render.lift`.

        Args:
            camera: in the frame of the scene.
            features: [H, W, D].
            weights: [H, W] of the pixels; None for 1.

        Returns:
            The sums [N, D] of the features by blending weight, and the sums [N] of that weight.
        """
        views = stack_cameras([camera], self.device)
        features = features.to(self.scene.means)[None]
        counted = None if weights is None else weights[None]
        return lift(
            self.scene,
            *views,
            camera.width,
            camera.height,
            features,
            counted,
            camera_model=camera.camera_model,
            **self.options.arguments(),
        )

    @torch.no_grad()
    def views_of(self, weights: Tensor, count: int, least: float = 4.0) -> list[Camera]:
        """Those of the scene's own cameras that see a weight [N], evenly spread, at most `count`.

        Args:
            weights: of the Gaussians.
            count: of cameras.
            least: pixels of a picture of a quarter of the size that the weight must fill.
        """
        with torch.no_grad():
            return evenly(
                [
                    camera
                    for camera in self.cameras
                    if float(self.features(camera.shrunk(4), weights[:, None]).sum()) > least
                ],
                count,
            )

    @torch.no_grad()
    def best_views(self, weights: Tensor, count: int, candidates: int = 24) -> list[Camera]:
        """Those of the scene's own cameras, at most `count`, whose pictures hold most of a weight [N].

        Judged at a quarter of the size, from about so many candidates, evenly spread.
        """
        some = list(self.cameras[:: max(1, len(self.cameras) // candidates)])
        shares = [self.coverage(camera.shrunk(4), weights) for camera in some]
        order = torch.tensor(shares, dtype=torch.float64).argsort(descending=True, stable=True)[:count]
        return [some[index] for index in order.tolist()]

    def coverage(self, camera: Camera, weights: Tensor) -> float:
        """Share of a picture that a weight [N] of the Gaussians makes up."""
        return float(self.features(camera, weights[:, None]).sum()) / (camera.width * camera.height)

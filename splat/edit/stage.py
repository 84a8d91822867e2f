"""A scene with the cameras that photographed it, ready to be rendered and selected from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from splat.cameras import Camera, stack_cameras
from splat.errors import SplatError
from splat.gaussians import Gaussians
from splat.options import nearest
from splat.render import lift, rasterize, render_gaussians

if TYPE_CHECKING:
    from splat.run import Run


@dataclass(frozen=True)
class Stage:
    """Everything that selections and edits look at; the capture's own frame throughout."""

    scene: Gaussians
    cameras: list[Camera]
    background: Tensor = field(default_factory=lambda: torch.zeros(3))  # [3] RGB 0..1
    render: dict[str, Any] = field(default_factory=dict)  # options of `rasterize`

    @classmethod
    def of_run(cls, run: Run, backend: str = "auto") -> Stage:
        """The scene of a run on the device that renders it, with its training cameras (all, if it has none)."""
        from splat.render import select_backend
        from splat.train.normalize import capture_options

        chosen = select_backend(backend).name
        scene = run.scene().to("cuda" if chosen == "gsplat" else "cpu")
        cameras = run.cameras("train") or run.cameras()
        return cls(scene, cameras, torch.tensor(run.background), capture_options(run, chosen).arguments())

    def camera(self, name: str) -> Camera:
        """The camera of a photo, named with or without its folder and suffix.

        Raises:
            SplatError: when there is none of that name, or several.
        """
        exact = [camera for camera in self.cameras if camera.name == name]
        found = exact or [camera for camera in self.cameras if stem(camera.name) == stem(name)]
        if len(found) == 1:
            return found[0]
        if found:
            raise SplatError(f"several views are called {name}: {', '.join(camera.name for camera in found[:3])}")
        near = nearest(name, (camera.name for camera in self.cameras))
        hint = f"did you mean {near}?" if near else f"the first is {self.cameras[0].name}"
        raise SplatError(f"there is no training view {name}; {hint}")

    @torch.no_grad()
    def picture(self, camera: Camera, scene: Gaussians | None = None, depth: bool = False) -> tuple[Tensor, Tensor]:
        """Colours [H, W, 3] (and the mean depth as a fourth channel, 0 where nothing is) and alpha [H, W]."""
        scene = self.scene if scene is None else scene
        viewmats, Ks = stack_cameras([camera], scene.means.device)
        renders, alphas, _ = render_gaussians(
            scene,
            viewmats,
            Ks,
            camera.width,
            camera.height,
            backgrounds=self.background.to(scene.means)[None],
            render_mode="RGB+ED" if depth else "RGB",
            **self.render,
        )
        return renders[0], alphas[0, ..., 0]

    @torch.no_grad()
    def spread(self, camera: Camera, values: Tensor, scene: Gaussians | None = None) -> Tensor:
        """[H, W, D]: values [N, D] of the Gaussians, blended as their colours are (over 0)."""
        scene = self.scene if scene is None else scene
        viewmats, Ks = stack_cameras([camera], scene.means.device)
        renders, _, _ = rasterize(
            scene.means,
            scene.quats,
            scene.scales.exp(),
            scene.opacities.sigmoid(),
            values.to(scene.means),
            viewmats,
            Ks,
            camera.width,
            camera.height,
            **self.render,
        )
        return renders[0]

    @torch.no_grad()
    def gather(self, camera: Camera, features: Tensor, scene: Gaussians | None = None) -> tuple[Tensor, Tensor]:
        """Sums [N, D] of features [H, W, D] over a camera's pixels by blending weight, and the weights' sums [N]."""
        scene = self.scene if scene is None else scene
        viewmats, Ks = stack_cameras([camera], scene.means.device)
        features = features.to(scene.means)[None]
        return lift(scene, viewmats, Ks, camera.width, camera.height, features, **self.render)


def stem(name: str) -> str:
    """A photo's name without folder and suffix."""
    return PurePosixPath(name.replace("\\", "/")).stem

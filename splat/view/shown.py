"""What a tab shows, and the exact picture of it: colours, depth, normals, opacity, features or relevancy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from torch import Tensor

from splat.cameras import Camera
from splat.edit.preview import glowing
from splat.edit.select.selection import Selection
from splat.errors import SplatError
from splat.images import luma, to_bytes
from splat.render.pictures import depth_picture
from splat.render.scene import SURFACE, SceneRenderer
from splat.view.opened import OpenedScene

PICTURES = ("colours", "depth", "normals", "opacity", "features", "relevancy")
COMPARED = ("first", "second", "split", "side by side")
NEAR, FAR = 0.4, 4.0  # of the usual depth: where the colours of depth begin and end

Colours = Callable[[SceneRenderer, Camera], Tensor]  # [H, W, 3] float of a scene, such as that in rain


@dataclass(frozen=True)
class Shown:
    """What is drawn of the scene."""

    picture: str = "colours"  # of PICTURES
    compared: str = "first"  # of COMPARED, where two scenes are open
    split: float = 0.5  # of the width, from where on the second scene is seen
    selection: Selection | None = None  # glows
    relevancy: Tensor | None = None  # [N] 0..1, of the last answer
    colours: Colours | None = None  # in the place of the scene's own
    preview: SceneRenderer | None = None  # in the place of the scene: what an edit would make of it

    @property
    def plain(self) -> bool:
        """Whether the browser's own drawing shows about the same."""
        walked = self.picture == "colours" and self.compared == "first" and self.colours is None
        return walked and self.selection is None and self.preview is None

    def elsewhere(self) -> Shown:
        """The same of another scene, or of another state of it: without what is of these Gaussians alone."""
        picture = "colours" if self.picture == "relevancy" else self.picture
        return replace(self, picture=picture, selection=None, relevancy=None, colours=None, preview=None)


@torch.no_grad()
def draw(opened: OpenedScene, camera: Camera, shown: Shown, depth: float | None = None) -> np.ndarray:
    """[H, W, 3] uint8 RGB of one scene.

    Args:
        opened: the scene.
        camera: in its frame.
        shown: what of it.
        depth: the usual one, by which depths get their colours; None for the scene's own.

    Raises:
        SplatError: features or relevancy that are not there.
    """
    renderer = opened.renderer if shown.preview is None else shown.preview
    if shown.preview is not None and shown.picture in ("features", "relevancy"):
        raise SplatError(f"{shown.picture} are of the scene as it is; apply the edit, or discard it")
    if shown.picture == "depth":
        usual = depth or opened.depth
        return depth_picture(renderer.depth(camera).cpu().numpy(), NEAR * usual, FAR * usual)
    if shown.picture == "normals":
        return normals_picture(renderer, camera, opened.normals)
    if shown.picture == "opacity":
        alpha = renderer.render(camera).alpha
        return to_bytes(alpha[..., None].expand(-1, -1, 3))
    if shown.picture == "features":
        return to_bytes(renderer.features(camera, opened.feature_colors).clamp(0, 1))
    image = (shown.colours or SceneRenderer.image)(renderer, camera).clamp(0, 1)
    if shown.picture == "relevancy":
        if shown.relevancy is None:
            raise SplatError("relevancy is of an answer; ask something first")
        return heat(image, renderer.features(camera, shown.relevancy[:, None])[..., 0])
    if shown.selection is not None and shown.preview is None:  # whose Gaussians are other ones
        image = glowing(image, renderer.features(camera, shown.selection.weights[:, None]).clamp(0, 1))
    return to_bytes(image)


def compared(first: np.ndarray, second: np.ndarray, shown: Shown) -> np.ndarray:
    """Two pictures of one camera as one, [H, W, 3] uint8 RGB: split at a line, or the middles of both."""
    width = first.shape[1]
    if shown.compared == "split":
        line = round(shown.split * width)
        joined = np.concatenate([first[:, :line], second[:, line:]], axis=1)
        joined[:, max(0, line - 1) : line + 1] = 255
        return joined
    half, start = width // 2, width // 4
    joined = np.concatenate([first[:, start : start + half], second[:, start : start + width - half]], axis=1)
    joined[:, half - 1 : half + 1] = 255
    return joined


def place_of_first(place: tuple[float, float], shown: Shown) -> tuple[float, float]:
    """Where a place of what is seen lies in the picture of the first scene; both 0 to 1 from the left and the top.

    Raises:
        SplatError: the second scene is seen there.
    """
    x, y = place
    first = {"first": True, "second": False, "split": x < shown.split, "side by side": x < 0.5}
    if not first[shown.compared]:
        raise SplatError("that is the second scene; what is pointed at, measured and edited is the first one")
    return (x + 0.25 if shown.compared == "side by side" else x), y


def heat(image: Tensor, relevancy: Tensor) -> np.ndarray:
    """Relevancy [H, W] 0..1 as colours, blue to red, over the picture [H, W, 3] in grey; [H, W, 3] uint8 RGB."""
    levels = (relevancy.clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()
    warm = cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_TURBO), cv2.COLOR_BGR2RGB)
    grey = to_bytes(luma(image)[..., None].expand(-1, -1, 3))
    mixed: np.ndarray = cv2.addWeighted(grey, 0.45, warm, 0.55, 0)
    return mixed


def normals_picture(renderer: SceneRenderer, camera: Camera, normals: Tensor) -> np.ndarray:
    """Normals of surfaces, x right, y up, z to the camera, as (n + 1) / 2, [H, W, 3] uint8 RGB; black behind them.

    Args:
        normals: [N, 3] unit vectors of the Gaussians, whichever side they are on.
    """
    normals = normals.to(renderer.scene.means)
    towards = camera.position.to(normals) - renderer.scene.means
    facing = torch.where((normals * towards).sum(dim=1, keepdim=True) < 0, -normals, normals)
    axes = camera.viewmat[:3, :3].to(normals) * normals.new_tensor([[1.0], [-1.0], [-1.0]])
    seen, alpha = renderer.blended(camera, facing @ axes.T)
    colors = (torch.nn.functional.normalize(seen, dim=-1) + 1) / 2
    return to_bytes(torch.where(alpha[..., None] > SURFACE, colors, 0.0))

"""Pinhole cameras in the OpenCV convention: x right, y down, z forward."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import torch
from torch import Tensor

from splat.errors import SplatError
from splat.options import nearest

FARTHEST = 1e15  # units between cameras


@dataclass(frozen=True)
class Camera:
    """One undistorted pinhole camera.

    Pixel centres lie at index + 0.5, as in gsplat and COLMAP.
    """

    viewmat: Tensor  # [4, 4] float64, world to camera
    K: Tensor  # [3, 3] float64, in pixels
    width: int
    height: int
    name: str = ""
    camera_model: str = "pinhole"  # how directions become pixels; one of PROJECTIONS

    @property
    def camtoworld(self) -> Tensor:
        """[4, 4] float64, camera to world."""
        return torch.linalg.inv(self.viewmat)

    @property
    def position(self) -> Tensor:
        """[3] float64, the camera's centre in the world."""
        return -self.viewmat[:3, :3].T @ self.viewmat[:3, 3]

    def project(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Where points are seen.

        Args:
            points: [P, 3] in the world.

        Returns:
            pixels [P, 2], whatever they are worth behind the camera, and depth [P] along the optical axis; both of the
            points' type and on their device.
        """
        viewmat, K = self.viewmat.to(points), self.K.to(points)
        local = points @ viewmat[:3, :3].T + viewmat[:3, 3]
        return PROJECTIONS[self.camera_model](K, local), local[:, 2]

    def rays(self, pixels: Tensor) -> Tensor:
        """[P, 3] directions in the world through pixels [P, 2], one unit long along the optical axis."""
        return RAYS[self.camera_model](self.K.to(pixels), pixels) @ self.viewmat[:3, :3].to(pixels)

    def unproject(self, pixels: Tensor, depth: Tensor) -> Tensor:
        """[P, 3] points in the world at pixels [P, 2] and depths [P] along the optical axis."""
        return self.position.to(pixels) + self.rays(pixels) * depth.to(pixels)[:, None]

    def sees(self, points: Tensor, nearest: float = 0.0) -> Tensor:
        """[P] bool: whether points [P, 3] lie farther than `nearest` before the camera, and inside its picture."""
        pixels, depth = self.project(points)
        return self.contains(pixels) & (depth > nearest)

    def contains(self, pixels: Tensor) -> Tensor:
        """[P] bool: whether pixels [P, 2] lie inside the picture."""
        x, y = pixels.unbind(-1)
        return (x >= 0) & (x < self.width) & (y >= 0) & (y < self.height)

    def resized(self, width: int, height: int) -> Camera:
        """The same camera with an image of another size (pixels, each at least 1)."""
        scale = torch.tensor([width / self.width, height / self.height, 1.0], dtype=self.K.dtype)
        return dataclasses.replace(self, K=self.K * scale[:, None], width=width, height=height)

    def scaled(self, factor: float) -> Camera:
        """The same camera with sides `factor` times as long, rounded to whole pixels, at least 1."""
        return self.resized(max(1, round(self.width * factor)), max(1, round(self.height * factor)))

    def shrunk(self, divisor: int) -> Camera:
        """The same camera with sides divided by a whole number and cut to whole pixels, at least 1."""
        return self.resized(max(1, self.width // divisor), max(1, self.height // divisor))

    def crop(self, left: int, top: int, right: int, bottom: int) -> Camera:
        """The camera of a rectangle of the picture; `right` and `bottom` are the first pixels that are left out."""
        K = self.K.clone()
        K[0, 2] -= left
        K[1, 2] -= top
        return dataclasses.replace(self, K=K, width=right - left, height=bottom - top)

    def around(self, region: Tensor, margin: int) -> tuple[Camera, tuple[slice, slice]]:
        """The camera of the rectangle around a region, and the rectangle's rows and columns.

        Args:
            region: [H, W] bool, not empty.
            margin: pixels around it that belong to the rectangle, where the picture has them.
        """
        rows, columns = region.any(dim=1).nonzero()[:, 0], region.any(dim=0).nonzero()[:, 0]
        left, top = max(0, int(columns[0]) - margin), max(0, int(rows[0]) - margin)
        right, bottom = min(self.width, int(columns[-1]) + margin + 1), min(self.height, int(rows[-1]) + margin + 1)
        return self.crop(left, top, right, bottom), (slice(top, bottom), slice(left, right))


def _pinhole_pixels(K: Tensor, local: Tensor) -> Tensor:
    """[P, 2] pixels of points [P, 3] in the camera's frame."""
    pixels = local @ K.T
    return pixels[:, :2] / pixels[:, 2:]


def _pinhole_rays(K: Tensor, pixels: Tensor) -> Tensor:
    """[P, 3] directions in the camera's frame, of depth 1, through pixels [P, 2]."""
    return torch.cat([pixels, torch.ones_like(pixels[:, :1])], dim=1) @ torch.linalg.inv(K).T


PROJECTIONS = {"pinhole": _pinhole_pixels}  # gsplat's names of camera models
RAYS = {"pinhole": _pinhole_rays}


def stack_cameras(cameras: list[Camera], device: torch.device | str = "cpu") -> tuple[Tensor, Tensor]:
    """viewmats [C, 4, 4] and Ks [C, 3, 3] in float32, as `rasterize` takes them; C may be 0."""
    if not cameras:
        return torch.empty(0, 4, 4, device=device), torch.empty(0, 3, 3, device=device)
    viewmats = torch.stack([camera.viewmat for camera in cameras])
    Ks = torch.stack([camera.K for camera in cameras])
    return viewmats.to(device, torch.float32), Ks.to(device, torch.float32)


def radius(cameras: Sequence[Camera]) -> float:
    """Distance of the farthest camera from the mean of all; 1 where all stand in one place.

    It is the unit in which training counts, so that all captures are of one size for it.

    Raises:
        SplatError: without cameras, or where they lie farther apart than numbers can hold.
    """
    if not cameras:
        raise SplatError("there are no cameras; is cameras.json damaged?")
    positions = torch.stack([camera.position for camera in cameras])
    found = float((positions - positions.mean(dim=0)).norm(dim=1).max())
    if not found < FARTHEST:
        raise SplatError(f"the cameras lie {found:.3g} units apart, farther than numbers can hold; are they damaged?")
    return found if found > 1e-9 else 1.0


def find_camera(cameras: Iterable[Camera], name: str) -> Camera:
    """The camera of a photo by its name, with or without suffix and folder.

    Raises:
        SplatError: when there is no photo of that name, or photos of that name lie in several folders.
    """
    cameras, wanted = list(cameras), PurePosixPath(name.replace("\\", "/"))
    plain = {wanted, wanted.with_suffix("")} if wanted.name else set()  # a dot may be part of the name
    for same in (
        [camera for camera in cameras if camera.name == name],
        [camera for camera in cameras if PurePosixPath(camera.name).with_suffix("") in plain],
        [camera for camera in cameras if PurePosixPath(stem(camera.name)) in plain],
    ):
        if len(same) > 1:
            two = " and ".join(camera.name for camera in same[:2])
            raise SplatError(f"{len(same)} views are called {name}, such as {two}; say which")
        if same:
            return same[0]
    names = [camera.name for camera in cameras]
    near = nearest(name, names) or nearest(name, map(stem, names))
    hint = f"did you mean {near}?" if near else f"the first is {names[0]}" if names else "there are no views"
    raise SplatError(f"there is no view {name}; {hint}")


def stem(name: str) -> str:
    """A photo's name without folder and suffix."""
    return PurePosixPath(name.replace("\\", "/")).stem

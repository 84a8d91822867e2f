"""A small capture for tests: coloured blobs rendered by the project's own rasterizer, as a transforms.json."""

from __future__ import annotations

import json
import math
from pathlib import Path

import cv2
import numpy as np
import torch

from splat.cameras import Camera, stack_cameras
from splat.gaussians import Gaussians
from splat.render import render_gaussians
from splat.sh import rgb_to_sh0

WIDTH, HEIGHT, FOCAL = 48, 36, 45.0


def blob_scene(count: int = 60, seed: int = 3) -> Gaussians:
    """Opaque blobs of random colour in a ball of radius 1 around the origin."""
    generator = torch.Generator().manual_seed(seed)
    means = torch.randn(count, 3, generator=generator)
    means = means / means.norm(dim=1, keepdim=True) * torch.rand(count, 1, generator=generator) ** (1 / 3)
    return Gaussians(
        means=means,
        quats=torch.randn(count, 4, generator=generator),
        scales=torch.rand(count, 3, generator=generator) * 0.7 - 2.3,
        opacities=torch.full((count,), 4.0),
        sh0=rgb_to_sh0(torch.rand(count, 1, 3, generator=generator)),
        shN=torch.zeros(count, 0, 3),
    )


def ring_camera(angle: float, name: str) -> Camera:
    """A camera at distance 3.5 that looks at the origin; z is up in the world."""
    position = torch.tensor([3.5 * math.cos(angle), 3.5 * math.sin(angle), 1.0], dtype=torch.float64)
    forward = -position / position.norm()
    right = torch.linalg.cross(forward, torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64))
    right = right / right.norm()
    rotation = torch.stack([right, torch.linalg.cross(forward, right), forward])
    viewmat = torch.eye(4, dtype=torch.float64)
    viewmat[:3, :3], viewmat[:3, 3] = rotation, -rotation @ position
    K = torch.tensor([[FOCAL, 0, WIDTH / 2], [0, FOCAL, HEIGHT / 2], [0, 0, 1]], dtype=torch.float64)
    return Camera(viewmat, K, WIDTH, HEIGHT, name)


def write_blob_capture(folder: Path, views: int = 12, shift: np.ndarray | None = None) -> None:
    """Photos of the blobs, a transforms.json and the blobs' centres as its points, all coordinates moved by `shift`."""
    scene = blob_scene()
    moved = np.zeros(3) if shift is None else shift
    (folder / "images").mkdir(parents=True)
    frames = []
    for index in range(views):
        camera = ring_camera(2 * math.pi * index / views, f"{index:03d}.png")
        viewmats, Ks = stack_cameras([camera])
        image = render_gaussians(scene, viewmats, Ks, WIDTH, HEIGHT)[0][0].detach().clamp(0, 1).numpy()
        cv2.imwrite(str(folder / "images" / camera.name), (image[..., ::-1] * 255).round().astype(np.uint8))
        opengl = camera.camtoworld.numpy() @ np.diag([1.0, -1.0, -1.0, 1.0])
        opengl[:3, 3] += moved
        frames.append({"file_path": f"images/{camera.name}", "transform_matrix": opengl.tolist()})
    intrinsics = {"fl_x": FOCAL, "fl_y": FOCAL, "cx": WIDTH / 2, "cy": HEIGHT / 2, "w": WIDTH, "h": HEIGHT}
    _write_points(folder / "points.ply", scene, moved)
    (folder / "transforms.json").write_text(json.dumps({**intrinsics, "ply_file_path": "points.ply", "frames": frames}))


def _write_points(path: Path, scene: Gaussians, shift: np.ndarray) -> None:
    from plyfile import PlyData, PlyElement

    kinds = [(name, "f8") for name in "xyz"] + [(name, "u1") for name in ("red", "green", "blue")]
    rows = np.zeros(len(scene), dtype=kinds)
    for axis, name in enumerate("xyz"):
        rows[name] = scene.means[:, axis].numpy() + shift[axis]
    for channel, name in enumerate(("red", "green", "blue")):
        rows[name] = ((scene.sh0[:, 0, channel] * 0.28209479 + 0.5) * 255).clamp(0, 255).numpy().astype(np.uint8)
    PlyData([PlyElement.describe(rows, "vertex")]).write(str(path))

"""Balls of many Gaussians on a circle of cameras, and run folders of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import yaml

from splat.cameras import Camera
from splat.files import write_json
from splat.formats import write_scene
from splat.gaussians import Gaussians
from splat.render.config import RenderOptions
from splat.render.scene import SceneRenderer
from splat.sh import rgb_to_sh0

SIZE = (96, 72)


def ball(
    centre: tuple[float, float, float],
    radius: float,
    color: tuple[float, float, float],
    count: int = 300,
    seed: int = 0,
) -> Gaussians:
    """A solid-looking ball: Gaussians evenly over its surface."""
    g = torch.Generator().manual_seed(seed)
    index = torch.arange(count) + 0.5
    phi, z = index * (np.pi * (3 - 5**0.5)), 1 - 2 * index / count
    ring = (1 - z * z).sqrt()
    normals = torch.stack([ring * phi.cos(), ring * phi.sin(), z], dim=1)
    return Gaussians(
        means=torch.tensor(centre) + radius * normals,
        quats=torch.randn(count, 4, generator=g),
        scales=torch.full((count, 3), float(np.log(radius * 1.6 / count**0.5))),
        opacities=torch.full((count,), 4.0),
        sh0=rgb_to_sh0(torch.tensor(color)).expand(count, 1, 3).clone(),
        shN=torch.zeros(count, 15, 3),
    )


def join(*parts: Gaussians) -> Gaussians:
    return Gaussians(*(torch.cat([getattr(part, name) for part in parts]) for name in parts[0].as_dict()))


def camera(degrees: float, name: str = "", distance: float = 4.0) -> Camera:
    """On a level circle around the world's y axis (y down), looking at the origin."""
    angle = np.radians(degrees)
    position = distance * np.array([np.sin(angle), 0, -np.cos(angle)])
    forward, down = -position / distance, np.array([0.0, 1, 0])
    viewmat = np.eye(4)
    viewmat[:3, :3] = np.stack([np.cross(down, forward), down, forward])
    viewmat[:3, 3] = -viewmat[:3, :3] @ position
    K = torch.tensor([[90.0, 0, SIZE[0] / 2], [0, 90, SIZE[1] / 2], [0, 0, 1]], dtype=torch.float64)
    return Camera(torch.from_numpy(viewmat), K, *SIZE, name)


RED, GREEN, BLUE = (0.8, 0.1, 0.1), (0.1, 0.7, 0.2), (0.1, 0.2, 0.8)


def three_balls() -> Gaussians:
    """Red (0 to 299) on the left, green (300 to 599) on the right, blue (600 to 899) behind the red one from view 0."""
    return join(
        ball((-0.6, 0, 0), 0.4, RED, seed=1),
        ball((0.6, 0, 0), 0.4, GREEN, seed=2),
        ball((-0.8, 0, 1.4), 0.3, BLUE, seed=3),
    )


def renderer_of(scene: Gaussians | None = None, views: int = 8) -> SceneRenderer:
    cameras = [camera(360 / views * index, f"photos/{index}.png") for index in range(views)]
    return SceneRenderer(
        three_balls() if scene is None else scene, RenderOptions(backend="cpu", num_threads=1), cameras=cameras
    )


def write_run(folder: Path, scene: Gaussians | None = None) -> Path:
    """A run folder; its photos are gone."""
    folder.mkdir(parents=True)
    made = renderer_of(scene)
    write_scene(folder / "scene.ply", made.scene)
    frames = [
        {
            "name": one.name, "split": "test" if index % 4 == 0 else "train", "width": one.width, "height": one.height,
            "K": one.K.tolist(), "viewmat": one.viewmat.tolist(),
        }
        for index, one in enumerate(made.cameras)
    ]  # fmt: skip
    write_json(folder / "cameras.json", {"frames": frames})
    record = {"train": {"render": {}}, "background": [0.0, 0.0, 0.0], "capture": {"data": str(folder / "gone")}}
    (folder / "config.yaml").write_text(yaml.safe_dump(record))
    return folder

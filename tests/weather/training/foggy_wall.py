"""A small capture of a textured wall from several distances, in fog of known density or in clear air."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
from plyfile import PlyData, PlyElement

WIDTH, HEIGHT, FOCAL = 48, 36, 45.0
WALL = 4.0  # the plane z = WALL; cameras look along +z
BETA, AIRLIGHT = 0.35, np.array([0.85, 0.87, 0.9])
LEFT, TOP, PER_UNIT = -3.0, -2.4, 40.0  # of the texture


def texture(seed: int = 0) -> np.ndarray:
    """[192, 240, 3] float32 0..1: patches of saturated colours, large and small."""
    rng = np.random.default_rng(seed)
    layers = [
        cv2.resize(rng.random((size, size * 5 // 4, 3), np.float32), (240, 192), interpolation=cv2.INTER_CUBIC)
        for size in (5, 12, 24)
    ]
    mixed = 0.5 * layers[0] + 0.3 * layers[1] + 0.2 * layers[2]
    return np.clip((mixed - 0.5) * 2.2 + 0.4, 0.02, 0.98).astype(np.float32)


def colors_at(points: np.ndarray, image: np.ndarray) -> np.ndarray:
    """[..., 3] of places [..., 2] on the wall."""
    x = ((points[..., 0] - LEFT) * PER_UNIT).astype(np.float32)
    y = ((points[..., 1] - TOP) * PER_UNIT).astype(np.float32)
    return cv2.remap(image, np.atleast_2d(x), np.atleast_2d(y), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def positions(views: int) -> np.ndarray:
    """[C, 3]: places of the cameras, 1.8 to 4 before the wall."""
    rng = np.random.default_rng(1)
    return np.column_stack(
        [
            rng.uniform(-0.7, 0.7, views),
            rng.uniform(-0.5, 0.5, views),
            np.linspace(0.0, 2.2, views)[rng.permutation(views)],
        ]
    )


def clear_photo(position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a camera sees in clear air [H, W, 3] 0..1, and how far away it is [H, W]."""
    u, v = np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5)
    rays = np.stack([(u - WIDTH / 2) / FOCAL, (v - HEIGHT / 2) / FOCAL, np.ones_like(u)], axis=-1)
    depth = WALL - position[2]
    return colors_at(position[:2] + depth * rays[..., :2], texture()), depth * np.linalg.norm(rays, axis=-1)


def write_wall_capture(folder: Path, views: int = 13, beta: float = BETA) -> None:
    """Photos in fog, a transforms.json and points on the wall, in the colours of the fog.

    Args:
        beta: extinction; 0 for clear air.
    """
    (folder / "images").mkdir(parents=True)
    frames = []
    for index, position in enumerate(positions(views)):
        clear, distance = clear_photo(position)
        t = np.exp(-beta * distance)[..., None]
        image = np.rint(255 * (clear * t + AIRLIGHT * (1 - t))).astype(np.uint8)
        cv2.imwrite(str(folder / "images" / f"{index:03d}.png"), image[..., ::-1])
        pose = np.diag([1.0, -1.0, -1.0, 1.0])  # OpenGL axes
        pose[:3, 3] = position
        frames.append({"file_path": f"images/{index:03d}.png", "transform_matrix": pose.tolist()})
    _write_points(folder / "points.ply", beta)
    meta = {"fl_x": FOCAL, "fl_y": FOCAL, "cx": WIDTH / 2, "cy": HEIGHT / 2, "w": WIDTH, "h": HEIGHT}
    (folder / "transforms.json").write_text(json.dumps({**meta, "ply_file_path": "points.ply", "frames": frames}))


def _write_points(path: Path, beta: float) -> None:
    x, y = (values.ravel() for values in np.meshgrid(np.linspace(-2.8, 2.8, 42), np.linspace(-2.1, 2.1, 32)))
    t = np.exp(-beta * 3.0)
    seen = colors_at(np.stack([x, y], axis=-1), texture()).reshape(-1, 3) * t + AIRLIGHT * (1 - t)
    rows = np.zeros(len(x), dtype=[*((name, "f8") for name in "xyz"), *((c, "u1") for c in ("red", "green", "blue"))])
    rows["x"], rows["y"], rows["z"] = x, y, WALL
    for channel, name in enumerate(("red", "green", "blue")):
        rows[name] = np.rint(255 * seen[:, channel]).astype(np.uint8)
    PlyData([PlyElement.describe(rows, "vertex")]).write(str(path))

"""What comparisons ask of the demo's ground truth: a capture of few views, and how much floats off the surface."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from plyfile import PlyData, PlyElement
from scipy.spatial import cKDTree

from splat.capture.types import Capture
from splat.errors import SplatError
from splat.files import write_json
from splat.gaussians import Gaussians

FLOATING = 0.03  # of the longest side of the scene: farther from the true surface a Gaussian floats


def write_sparse_capture(demo: Capture, folder: Path, views: int) -> None:
    """A capture in `folder` with `views` of the training views, evenly spaced, all test views, the points and depth.

    Points that fewer than two of the training views could see are left out, as structure from motion would.
    """
    train, test = demo.indices("train"), demo.indices("test")
    kept = [train[i] for i in np.linspace(0, len(train) - 1, views).round().astype(int)]
    frames = []
    for index in sorted(kept + test):
        frame = demo.frames[index]
        opengl = frame.camera.camtoworld.numpy() @ np.diag([1.0, -1.0, -1.0, 1.0])
        depth = demo.root / "truth" / "depth" / f"{frame.path.stem}.png"
        frames.append(
            {"file_path": str(frame.path), "transform_matrix": opengl.tolist(), "depth_file_path": str(depth)}
        )
    camera = demo.frames[0].camera
    intrinsics = {
        "fl_x": float(camera.K[0, 0]), "fl_y": float(camera.K[1, 1]),
        "cx": float(camera.K[0, 2]), "cy": float(camera.K[1, 2]), "w": camera.width, "h": camera.height,
    }  # fmt: skip
    folder.mkdir(parents=True)
    assert demo.points is not None
    seen = sum(_inside(demo, index, demo.points.xyz).astype(int) for index in kept) >= 2
    write_points(folder / "points.ply", demo.points.xyz[seen], demo.points.rgb[seen])
    split = {
        "train_filenames": [str(demo.frames[index].path) for index in kept],
        "test_filenames": [str(demo.frames[index].path) for index in test],
    }
    write_json(folder / "transforms.json", {**intrinsics, "ply_file_path": "points.ply", "frames": frames, **split})


def _inside(demo: Capture, index: int, xyz: np.ndarray) -> np.ndarray:
    camera = demo.frames[index].camera
    viewmat = camera.viewmat.numpy()
    local = xyz @ viewmat[:3, :3].T + viewmat[:3, 3]
    pixels = local @ camera.K.numpy().T
    pixels = pixels[:, :2] / np.maximum(pixels[:, 2:], 1e-9)
    return (local[:, 2] > 0) & ((pixels >= 0) & (pixels < [camera.width, camera.height])).all(axis=1)


def write_points(path: Path, xyz: np.ndarray, rgb: np.ndarray) -> None:
    """Points [P, 3] with colours [P, 3] uint8 as a .ply."""
    rows = np.zeros(len(xyz), dtype=[(name, "f4") for name in "xyz"] + [(n, "u1") for n in ("red", "green", "blue")])
    for axis, name in enumerate("xyz"):
        rows[name] = xyz[:, axis]
    for channel, name in enumerate(("red", "green", "blue")):
        rows[name] = rgb[:, channel]
    PlyData([PlyElement.describe(rows, "vertex")]).write(str(path))


def surface_points(demo: Capture, step: int = 4) -> np.ndarray:
    """[P, 3] points of the true surface in metres: every `step`-th pixel of every depth map."""
    import cv2

    found = []
    for frame in demo.frames:
        millimetres = cv2.imread(str(demo.root / "truth" / "depth" / f"{frame.path.stem}.png"), cv2.IMREAD_UNCHANGED)
        if millimetres is None:
            raise SplatError(f"the demo in {demo.root} has no depth of {frame.path.stem}")
        depth = np.asarray(millimetres) / 1000
        camera = frame.camera.resized(depth.shape[1], depth.shape[0])
        rows, columns = np.mgrid[0 : camera.height : step, 0 : camera.width : step]
        z = depth[rows, columns].reshape(-1, 1)
        pixels = np.column_stack([columns.ravel() + 0.5, rows.ravel() + 0.5, np.ones(rows.size)])
        camtoworld = camera.camtoworld.numpy()
        points = pixels @ np.linalg.inv(camera.K.numpy()).T * z @ camtoworld[:3, :3].T + camtoworld[:3, 3]
        found.append(points[z[:, 0] > 0])
    return np.concatenate(found)


def floating_share(gaussians: Gaussians, surface: np.ndarray) -> float:
    """Share (0 to 1) of the sum of opacities whose centres lie farther than 3 % of the scene from its surface.

    Args:
        gaussians: in the frame of `surface` [P, 3]; 3 % are of the longest side of the box around it.
    """
    limit = FLOATING * float(np.ptp(surface, axis=0).max())
    distance, _ = cKDTree(surface).query(gaussians.means.numpy(), distance_upper_bound=limit)
    opacities = torch.sigmoid(gaussians.opacities).numpy()
    return float(opacities[np.isinf(distance)].sum() / opacities.sum())

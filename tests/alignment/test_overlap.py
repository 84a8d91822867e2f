"""A scene found in another one by what both show."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from splat.alignment.overlap import _steady, find_overlap
from splat.cameras import Camera
from splat.errors import SplatError
from splat.frame import Similarity
from splat.gaussians import Gaussians
from splat.poses.gauge import move_cameras
from splat.render.config import RenderOptions
from splat.render.scene import SceneRenderer
from splat.sh import rgb_to_sh0

SIZE = (320, 240)


def room(seed: int = 0, count: int = 12_000) -> Gaussians:
    """A floor and two walls of small spots in many colours."""
    random = np.random.default_rng(seed)
    flat = random.uniform(0, 4, (count, 3))
    flat[np.arange(count), random.integers(0, 3, count)] = random.normal(0, 0.005, count)
    colours = random.uniform(0, 1, (count, 3)) ** 2
    return Gaussians(
        means=torch.from_numpy(flat).float(),
        quats=torch.tensor([[1.0, 0, 0, 0]]).repeat(count, 1),
        scales=torch.from_numpy(np.log(random.uniform(0.02, 0.05, (count, 1)))).float().repeat(1, 3),
        opacities=torch.full((count,), 6.0),
        sh0=rgb_to_sh0(torch.from_numpy(colours).float()[:, None]),
        shN=torch.zeros(count, 0, 3),
    )


def cameras(angles: list[float]) -> list[Camera]:
    """Before the corner, turned about the axis through it, y up in the world."""
    found = []
    for angle in angles:
        heading = np.radians(angle)
        position = np.array([6 * np.sin(heading), 2.6, 6 * np.cos(heading)])
        forward = np.array([1.2, 1.2, 1.2]) - position
        forward /= np.linalg.norm(forward)
        right = np.cross(forward, [0.0, 1.0, 0.0])
        right /= np.linalg.norm(right)
        viewmat = np.eye(4)
        viewmat[:3, :3] = np.stack([right, np.cross(forward, right), forward])
        viewmat[:3, 3] = -viewmat[:3, :3] @ position
        K = torch.tensor([[300.0, 0, SIZE[0] / 2], [0, 300.0, SIZE[1] / 2], [0, 0, 1]], dtype=torch.float64)
        found.append(Camera(torch.from_numpy(viewmat), K, *SIZE, f"{angle:g}"))
    return found


def placed(scene: Gaussians) -> SceneRenderer:
    return SceneRenderer(scene, RenderOptions(backend="cpu"))


@pytest.mark.parametrize("seed", [0, 1])
def test_a_moved_turned_and_scaled_part_is_found(seed: int) -> None:
    whole = room(seed)
    turn = Rotation.from_euler("xyz", [20, 130, -40], degrees=True).as_matrix()
    moved = Similarity(1.7, turn, np.array([3.0, -2.0, 5.0]))
    part = whole[whole.means[:, 0] < 2.5].transformed(torch.from_numpy(moved.matrix))
    own = move_cameras(cameras([28, 46, 60]), torch.from_numpy(moved.matrix))
    found = find_overlap(placed(part), placed(whole), own, cameras([35, 55]))
    error = found.similarity.after(moved)  # there and back again
    # what is found from other places alone misses by 1.7e-4, 0.011° and 1.1e-3 at least; drawn from the same by a tenth
    assert error.scale == pytest.approx(1, abs=3e-5)
    assert np.degrees(Rotation.from_matrix(error.rotation).magnitude()) < 4e-3
    points = whole.means.double().numpy()
    assert np.linalg.norm(error.apply(points) - points, axis=1).max() < 4e-4
    assert found.fit.inliers > 100


def test_depths_at_edges_are_not_used() -> None:
    """There they are a mean of front and back."""
    depth = np.full((20, 30), 2.0, np.float32)
    depth[:, 15:] = 3.0
    steady = _steady(depth)
    assert steady[:, :13].all() and steady[:, 17:].all() and not steady[:, 13:17].any()
    assert _steady(depth[:, :15] + np.linspace(0, 0.1, 15, dtype=np.float32)).all()  # a slope is no edge


def test_scenes_of_different_places_are_refused() -> None:
    with pytest.raises(SplatError, match=r"too little in common .* give transforms="):
        find_overlap(placed(room(0)), placed(room(1)), cameras([35, 50]), cameras([40, 55]))


def test_an_empty_picture_matches_nothing() -> None:
    far = room().transformed(torch.from_numpy(Similarity(1.0, np.eye(3), np.array([100.0, 0, 0])).matrix))
    with pytest.raises(SplatError, match="0 matches agree"):
        find_overlap(placed(far), placed(room()), cameras([40]), cameras([40]))

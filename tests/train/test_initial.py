import dataclasses
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch

from splat.cameras import Camera
from splat.capture import load_capture
from splat.train.config import InitialOptions, TrainConfig
from splat.train.initial import beginning, farthest, first_points, initial_gaussians, scene_scale, seedable
from splat.train.normalize import Normalization
from splat.train.stereo.seeds import DENSER, UNSURE, Seeds
from splat.train.strategies import AutoStrategy, NoneStrategy, Strategy
from splat.train.views import TrainingViews
from tests.train.blobs import write_blob_capture


def wall_camera(x: float) -> Camera:
    viewmat = torch.eye(4, dtype=torch.float64)
    viewmat[0, 3] = -x
    K = torch.tensor([[40.0, 0, 20], [0, 40, 15], [0, 0, 1]], dtype=torch.float64)
    return Camera(viewmat, K, 40, 30)


def wall_points(count: int, rng: np.random.Generator) -> np.ndarray:
    """Points of the left half of a wall at depth 4: the right half is plain and has none."""
    return np.column_stack([rng.uniform(-2, 0, count), rng.uniform(-1.5, 1.5, count), np.full(count, 4.0)])


def wall_seeds(count: int, sure: bool, rng: np.random.Generator) -> Seeds:
    """Seeds all over the wall."""
    xyz = np.column_stack([rng.uniform(-2, 2, count), rng.uniform(-1.5, 1.5, count), np.full(count, 4.0)])
    every = np.full(count, sure)
    return Seeds(xyz, np.full((count, 3), 9, np.uint8), every, every)


def test_seeds_far_from_the_known_points_stay() -> None:
    rng = np.random.default_rng(0)
    points = (wall_points(200, rng), np.zeros((200, 3), np.uint8))
    xyz, rgb = first_points([wall_camera(0.0)], points, wall_seeds(5000, True, rng), 500, rng)
    assert len(xyz) == 500 and (rgb[200:] == 9).all()
    assert ((xyz[200:, 0]) > 0).mean() > 0.7  # all of the seeds that lie on the plain half, and some others


def test_how_far_seeds_stand_from_known_points_counts_in_their_distance_from_the_camera() -> None:
    known, xyz = np.array([[0.0, 0, 1.5], [0, 0, 9]]), np.array([[0.0, 0, 10], [0, 0, 2]])
    seeds = Seeds(xyz, np.zeros((2, 3), np.uint8), np.ones(2, bool), np.ones(2, bool))
    assert farthest(seeds, known, [wall_camera(0.0)], 1).xyz.tolist() == [[0, 0, 2]]  # a quarter, not a tenth


class TransparentPhoto:
    """An image source of one photo whose right half is transparent and whose top half is masked."""

    plans = ()

    def image(self, index: int) -> np.ndarray:
        return np.zeros((30, 40, 3), np.uint8)

    def alpha(self, index: int) -> np.ndarray | None:
        return np.repeat([[128] * 20 + [127] * 20], 30, axis=0).astype(np.uint8) if index != 1 else None

    def mask(self, index: int) -> np.ndarray | None:
        return np.repeat([False, True], 15)[:, None].repeat(40, axis=1) if index != 0 else None


def test_transparent_pixels_give_no_seeds() -> None:
    photo = TransparentPhoto()
    rows, columns = np.mgrid[:30, :40]
    assert np.array_equal(seedable(photo, 0), columns < 20)
    assert np.array_equal(seedable(photo, 1), rows >= 15)
    assert np.array_equal(seedable(photo, 2), (columns < 20) & (rows >= 15))


def test_first_points_meet_the_total() -> None:
    rng = np.random.default_rng(0)
    points = (wall_points(200, rng), np.zeros((200, 3), np.uint8))
    cameras, seeds = [wall_camera(0.0), wall_camera(0.5)], wall_seeds(5000, False, rng)
    for total, expected in ((0, 200), (50, 50), (200, 200), (500, 500)):
        xyz, rgb = first_points(cameras, points, seeds, total, rng, transparent=True)
        assert len(xyz) == len(rgb) == expected
    unsure, _ = first_points(cameras, points, seeds, 1000, rng)
    assert len(unsure) == 200 + round(1000 * DENSER * UNSURE) // 4  # all are guesses: a twentieth, and a quarter of it
    none, _ = first_points(cameras, points, wall_seeds(0, True, rng), 1000, rng)
    assert len(none) == 200


def test_initial_gaussians_are_as_large_as_their_neighbours_are_far() -> None:
    grid = np.stack(np.meshgrid(*[np.arange(5.0)] * 3), -1).reshape(-1, 3) * 0.1
    rgb = np.full((125, 3), 255, np.uint8)
    scene = initial_gaussians(grid, rgb, InitialOptions(opacity=0.2, scale=0.5), 2, np.random.default_rng(0))
    assert torch.allclose(scene.scales, torch.full((125, 3), float(np.log(0.05))), atol=1e-4)
    assert torch.allclose(torch.sigmoid(scene.opacities), torch.full((125,), 0.2))
    assert scene.shN.shape == (125, 8, 3) and scene.sh_degree == 2
    assert torch.allclose(scene.sh0 * 0.28209479 + 0.5, torch.ones(125, 1, 3))


def test_the_scene_reaches_a_tenth_beyond_the_farthest_camera() -> None:
    assert scene_scale([wall_camera(x) for x in (0.0, 0.0, 3.0)]) == pytest.approx(2.2)  # 2 from their mean
    assert scene_scale([wall_camera(1.0)]) > 0


def test_one_point_is_a_scene_too() -> None:
    scene = initial_gaussians(
        np.zeros((1, 3)), np.zeros((1, 3), np.uint8), InitialOptions(), 0, np.random.default_rng(0)
    )
    assert torch.isfinite(scene.scales).all() and len(scene) == 1


@pytest.mark.parametrize(
    ("origin", "seeds", "strategy", "looks"),
    [
        ("capture", None, NoneStrategy, True),
        ("capture", 0, NoneStrategy, False),
        ("capture", 0, AutoStrategy, True),
        ("random", None, AutoStrategy, False),
    ],
)
def test_surfaces_are_looked_for_where_points_are_known_and_somebody_needs_them(
    tmp_path: Path, origin: Literal["capture", "random"], seeds: int | None, strategy: type[Strategy], looks: bool
) -> None:
    write_blob_capture(tmp_path / "blobs")
    capture = load_capture(tmp_path / "blobs")
    normalization = Normalization.from_cameras(capture.cameras("train"))
    views = TrainingViews(capture, capture.indices("train"), normalization, torch.device("cpu"))
    config = TrainConfig(strategy=strategy(), initial=InitialOptions(seeds=seeds))
    assert capture.points is not None
    points = dataclasses.replace(capture.points, origin=origin)
    found = beginning(config, normalization, views, points)
    assert (len(found.seeds.xyz) > 0) == looks == (found.agreed is not None)

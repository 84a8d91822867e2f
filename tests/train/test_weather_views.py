"""What photos of several places say about weather, on a scene that is known: spots in single photos, and fog."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch

from splat.capture import load_capture
from splat.gaussians import Gaussians
from splat.render.config import RenderOptions
from splat.train.access import SceneAccess
from splat.train.normalize import Normalization
from splat.train.views import TrainingViews
from splat.train.weather.consensus import Consensus, nearest_views
from splat.train.weather.haze import Haze, recolour, transmittances
from tests.train.blobs import blob_scene, write_blob_capture

AIRLIGHT = np.array([0.7, 0.75, 0.8])


def known_scene(folder: Path) -> tuple[SceneAccess, dict[str, torch.Tensor]]:
    """The capture's training views, and the Gaussians that its photos were rendered from, in the training frame."""
    capture = load_capture(folder, test_every=0)
    normalization = Normalization.from_cameras(capture.cameras("train"))
    views = TrainingViews(capture, capture.indices("train"), normalization, torch.device("cpu"))
    transform = torch.eye(4, dtype=torch.float64)
    transform[:3, :3] *= normalization.scale
    transform[:3, 3] = -normalization.center * normalization.scale
    scene: Gaussians = blob_scene().transformed(transform)
    return SceneAccess(views, torch.zeros(0, 3), RenderOptions()), scene.as_dict()


def change_photos(folder: Path, changed: dict[str, np.ndarray]) -> None:
    for name, image in changed.items():
        cv2.imwrite(str(folder / "images" / name), (image[..., ::-1] * 255).round().astype(np.uint8))


def photos(folder: Path) -> dict[str, np.ndarray]:
    return {
        path.name: cv2.imread(str(path))[..., ::-1].astype(np.float64) / 255
        for path in sorted((folder / "images").iterdir())
    }


def test_spots_in_single_photos_are_found_and_little_else(tmp_path: Path) -> None:
    write_blob_capture(tmp_path / "blobs", views=48)
    rng, spots, changed = np.random.default_rng(0), {}, {}
    for name, image in photos(tmp_path / "blobs").items():
        spots[name] = np.zeros(image.shape[:2], bool)
        for x, y in rng.integers([14, 10], [32, 24], (4, 2)):
            spots[name][y : y + 3, x : x + 3] = True
        changed[name] = np.where(spots[name][..., None], 1.0, image)
    change_photos(tmp_path / "blobs", changed)
    access, params = known_scene(tmp_path / "blobs")
    consensus = Consensus(access, neighbours=9, margin=0.3, evidence=1.8)
    consensus.refresh(params)
    found = np.stack([consensus.masks[position].numpy() for position in range(48)])
    true = np.stack(list(spots.values()))
    solid = np.stack([access.picture(params, position)[1][..., 0].numpy() > 0.99 for position in range(48)])
    assert found[true & solid].mean() > 0.6
    assert found[~true].mean() < 0.05


def test_the_nearest_views_look_the_same_way() -> None:
    angles = torch.arange(12) * torch.pi / 6
    viewmats = torch.eye(4).repeat(12, 1, 1)
    viewmats[:, 0, 0] = viewmats[:, 2, 2] = angles.cos()
    viewmats[:, 0, 2], viewmats[:, 2, 0] = -angles.sin(), angles.sin()
    viewmats[:, 2, 3] = 3.0
    for view, others in enumerate(nearest_views(viewmats, 6)):
        assert sorted(others) == sorted((view + turn) % 12 for turn in (-2, -1, 1, 2))


def test_recolouring_keeps_the_picture_in_the_fog(tmp_path: Path) -> None:
    write_blob_capture(tmp_path / "blobs", views=12)
    access, params = known_scene(tmp_path / "blobs")
    hazy = params["sh0"].clone()
    haze = Haze(0.1, torch.tensor(AIRLIGHT).float(), 1.0)
    recolour(access, params, Haze(), haze)  # type: ignore[arg-type]
    t = transmittances(access, params["means"], 0.1)[:, None]
    assert float(t.min()) > 0.5 and float(t.max()) < 1
    colour = params["sh0"][:, 0] * 0.28209479 + 0.5
    inside = ((colour > -0.09) & (colour < 1.09)).all(dim=1)
    seen = colour * t + haze.airlight * (1 - t)  # type: ignore[operator]
    torch.testing.assert_close(seen[inside], (hazy[:, 0] * 0.28209479 + 0.5)[inside], atol=1e-4, rtol=0)

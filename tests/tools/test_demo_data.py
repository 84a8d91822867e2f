"""The committed capture data/demo: its COLMAP model, truth images and size."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tools.demo_world.cameras import View
from tools.demo_world.dataset import DEPTH_UNIT, TEST_EVERY

DEMO = Path(__file__).parents[2] / "data" / "demo"


@pytest.fixture(scope="module")
def model():  # type: ignore[no-untyped-def]
    """The sparse model as pycolmap reads it."""
    pycolmap = pytest.importorskip("pycolmap")
    return pycolmap.Reconstruction(str(DEMO / "sparse" / "0"))


@pytest.fixture(scope="module")
def views(model) -> dict[str, View]:  # type: ignore[no-untyped-def]
    """Cameras by image name."""
    found = {}
    for image in model.images.values():
        camera = model.cameras[image.camera_id]
        pose = image.cam_from_world() if callable(image.cam_from_world) else image.cam_from_world
        matrix = pose.matrix()
        rotation = matrix[:, :3]
        found[image.name] = View(rotation, -rotation.T @ matrix[:, 3], camera.params[0], camera.width, camera.height)
    return found


def _png(kind: str, stem: str) -> np.ndarray:
    import cv2

    image = cv2.imread(str(DEMO / "truth" / kind / f"{stem}.png"), cv2.IMREAD_UNCHANGED)
    assert image is not None, f"{kind}/{stem}"
    return image[..., ::-1] if image.ndim == 3 else image


def test_model_has_every_image_and_thousands_of_points(model, views) -> None:  # type: ignore[no-untyped-def]
    assert sorted(views) == sorted(path.name for path in (DEMO / "images").iterdir())
    assert len(views) == 72
    assert 3000 < len(model.points3D) < 20000
    assert model.compute_mean_reprojection_error() < 1.0


def test_points_reproject_to_their_observations(model, views) -> None:  # type: ignore[no-untyped-def]
    distances = []
    for image in model.images.values():
        seen = [(point.xy, model.points3D[point.point3D_id].xyz) for point in image.points2D if point.has_point3D()]
        xy, xyz = (np.array(column) for column in zip(*seen))
        distances.append(np.linalg.norm(views[image.name].project(xyz)[0] - xy, axis=1))
    error = np.concatenate(distances)
    assert np.median(error) < 0.8
    assert error.max() < 4.0 + 1e-6


def test_sparse_points_lie_on_surfaces_but_for_a_few_outliers(model, views) -> None:  # type: ignore[no-untyped-def]
    off = []
    for image in model.images.values():
        if int(Path(image.name).stem) % TEST_EVERY:
            continue  # depth of training views has half the size
        depth = _png("depth", Path(image.name).stem) * DEPTH_UNIT
        seen = [(point.xy, model.points3D[point.point3D_id].xyz) for point in image.points2D if point.has_point3D()]
        xy, xyz = (np.array(column) for column in zip(*seen))
        z = views[image.name].project(xyz)[1]
        column, row = np.clip(xy.astype(int), 0, [depth.shape[1] - 1, depth.shape[0] - 1]).T
        off.append(np.abs(z - depth[row, column]) > 0.04 * z)
    share = np.concatenate(off).mean()
    assert 0.0005 < share < 0.06


@pytest.mark.parametrize(("first", "second"), [("0000", "0003"), ("0016", "0019"), ("0040", "0036"), ("0064", "0024")])
def test_depth_of_one_view_lands_on_the_same_label_in_another(views, first: str, second: str) -> None:  # type: ignore[no-untyped-def]
    """Test views have depth at full size; co-visible pixels are those whose depth agrees with the other view's."""
    source, target = views[f"{first}.jpg"], views[f"{second}.jpg"]
    labels, depth = _png("labels", first), _png("depth", first) * DEPTH_UNIT
    other_labels, other_depth = _png("labels", second), _png("depth", second) * DEPTH_UNIT
    assert labels.shape == depth.shape == (source.height, source.width)
    Y, X = np.indices(depth.shape)
    world = source.unproject(np.stack([X, Y], -1).reshape(-1, 2) + 0.5, depth.reshape(-1))
    xy, z = target.project(world)
    inside = (z > 0) & (xy >= 0).all(1) & (xy < [target.width, target.height]).all(1)
    column, row = xy[inside].astype(int).T
    scale = target.width // other_depth.shape[1]
    covisible = np.abs(other_depth[row // scale, column // scale] - z[inside]) < 0.01 * z[inside]
    assert covisible.mean() > 0.4
    same = labels.reshape(-1)[inside][covisible] == other_labels[row, column][covisible]
    assert same.mean() > 0.95


def test_normals_are_those_of_the_depth(views) -> None:  # type: ignore[no-untyped-def]
    name = "0000"
    view, depth = views[f"{name}.jpg"], _png("depth", name) * DEPTH_UNIT
    normals = _png("normals", name).astype(float) / 255 * 2 - 1
    assert np.linalg.norm(normals, axis=-1) == pytest.approx(1, abs=0.03)
    labels = _png("labels", name)
    table = {row["name"]: row["id"] for row in _objects()}
    for wall, axis in (("wallpapered wall", 1), ("painted wall", 0), ("floor", 2)):
        chosen = labels == table[wall]
        np.testing.assert_allclose(normals[chosen].mean(0), np.eye(3)[axis], atol=0.02)
        row, column = np.nonzero(chosen)
        points = view.unproject(np.stack([column, row], -1) + 0.5, depth[chosen])
        assert np.abs(points[:, axis]).max() < 0.02


def _objects() -> list[dict]:
    return json.loads((DEMO / "truth" / "objects.json").read_text())


def test_objects_have_names_captions_and_boxes_that_hold_their_pixels(views) -> None:  # type: ignore[no-untyped-def]
    rows = _objects()
    assert len(rows) >= 16
    assert len({row["name"] for row in rows}) == len(rows)
    labels, depth = _png("labels", "0008"), _png("depth", "0008") * DEPTH_UNIT
    assert set(np.unique(labels)) <= {row["id"] for row in rows}
    for row in rows:
        assert len(row["captions"]) >= 3
        y, x = np.nonzero(labels == row["id"])
        points = views["0008.jpg"].unproject(np.stack([x, y], -1) + 0.5, depth[y, x])
        low, high = np.array(row["box"]["min"]), np.array(row["box"]["max"])
        assert ((points > low - 0.01) & (points < high + 0.01)).all(), row["name"]


def test_twin_differs_where_the_removed_object_is_and_in_its_shadow() -> None:
    import cv2

    folder = DEMO / "without_blue_vase" / "images"
    names = sorted(path.stem for path in folder.iterdir())
    assert {f"{k:04d}" for k in range(0, 72, TEST_EVERY)} <= set(names)
    number = next(row["id"] for row in _objects() if row["name"] == "blue vase")
    for name in names[:: max(1, len(names) // 4)]:
        here = _png("labels", name) == number
        first, second = (cv2.imread(str(path / f"{name}.jpg")).astype(float) for path in (DEMO / "images", folder))
        change = np.abs(first - second).mean(-1)
        assert change[here].mean() > 25
        near = cv2.dilate(here.astype(np.uint8), np.ones((81, 81))) > 0
        assert change[~near].mean() < 4


def test_capture_is_small_and_has_no_folder_that_readers_take_for_masks() -> None:
    size = sum(path.stat().st_size for path in DEMO.rglob("*") if path.is_file())
    assert size <= 12_000_000
    assert not (DEMO / "masks").exists()

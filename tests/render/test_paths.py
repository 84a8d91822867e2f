"""Camera paths: closed-form geometry, OpenCV axes, and the files that other programs write."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from splat.cameras import Camera
from splat.errors import SplatError
from splat.render import paths
from splat.render.camera_file import frame_rate
from tests.fuzz import damaged, odd_records, survives

FOCUS = np.array([1.0, -2.0, 3.0])
UP = np.array([0.0, 0.0, 1.0])  # the world's z is up; cameras' y is down


def camera_at(position: np.ndarray, target: np.ndarray, name: str = "", size: tuple[int, int] = (64, 48)) -> Camera:
    """A camera that looks at a point with the world's z upright."""
    forward = (target - position) / np.linalg.norm(target - position)
    right = np.cross(forward, UP)
    right /= np.linalg.norm(right)
    viewmat = np.eye(4)
    viewmat[:3, :3] = np.stack([right, np.cross(forward, right), forward])
    viewmat[:3, 3] = -viewmat[:3, :3] @ position
    K = torch.tensor([[50.0, 0, 30], [0, 50, 20], [0, 0, 1]], dtype=torch.float64)
    return Camera(torch.from_numpy(viewmat), K, *size, name)


def ring(degrees: float, count: int = 24, radius: float = 4.0, height: float = 1.5) -> list[Camera]:
    angles = np.radians(np.linspace(0, degrees, count, endpoint=degrees < 360))
    offsets = np.stack([radius * np.cos(angles), radius * np.sin(angles), np.full(count, height)], axis=1)
    return [camera_at(FOCUS + offset, FOCUS, f"{index}.png") for index, offset in enumerate(offsets)]


def check_camera(camera: Camera) -> None:
    rotation = camera.viewmat[:3, :3].numpy()
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(rotation) == pytest.approx(1)


def test_focus_and_up_of_cameras_around_a_point() -> None:
    view = paths.common_view(ring(360))
    np.testing.assert_allclose(view.focus, FOCUS, atol=0.02)
    np.testing.assert_allclose(view.up, UP, atol=1e-9)


def test_parallel_cameras_look_at_the_point_ahead() -> None:
    ahead = np.array([0.0, 1.0, 0.0])
    cameras = [camera_at(np.array([x, 0.0, 0.0]), np.array([x, 0.0, 0.0]) + ahead) for x in (-1.0, 0.0, 1.0)]
    np.testing.assert_allclose(paths.common_view(cameras, depth=5.0).focus, [0, 5, 0], atol=1e-9)


def test_orbit_is_a_level_circle_that_looks_at_the_focus() -> None:
    cameras = paths.orbit(ring(360), 16)
    view = paths.common_view(ring(360))
    assert len(cameras) == 16
    offsets = np.stack([camera.position.numpy() for camera in cameras]) - view.focus
    np.testing.assert_allclose(offsets @ UP, 1.5, atol=0.02)
    np.testing.assert_allclose(np.linalg.norm(offsets[:, :2], axis=1), 4.0, atol=0.02)
    steps = np.linalg.norm(np.diff(np.vstack([offsets, offsets[:1]]), axis=0), axis=1)
    np.testing.assert_allclose(steps, 8 * math.sin(math.pi / 16), atol=0.02)  # even steps, closed
    for camera in cameras:
        check_camera(camera)
        pixel = camera.K @ (camera.viewmat[:3, :3] @ torch.from_numpy(view.focus) + camera.viewmat[:3, 3])
        assert pixel[2] > 0
        np.testing.assert_allclose((pixel[:2] / pixel[2]).numpy(), [32, 24], atol=1e-6)  # the picture's centre
        above = camera.K @ (camera.viewmat[:3, :3] @ torch.from_numpy(view.focus + 0.1 * UP) + camera.viewmat[:3, 3])
        assert above[1] / above[2] < 24  # what is higher up stands higher in the picture: y points down


def test_orbit_stays_where_photos_were_taken_unless_asked() -> None:
    cameras = ring(60)
    view = paths.common_view(cameras)

    def angles(path: list[Camera]) -> np.ndarray:
        offsets = np.stack([camera.position.numpy() for camera in path]) - view.focus
        return np.degrees(np.arctan2(offsets[:, 1], offsets[:, 0]))

    swing = angles(paths.orbit(cameras, 40))
    taken = angles(cameras)
    assert swing.min() == pytest.approx(taken.min(), abs=0.5) and swing.max() == pytest.approx(taken.max(), abs=0.5)
    assert np.ptp(angles(paths.orbit(cameras, 40, degrees=360))) > 340
    assert np.ptp(angles(paths.orbit(cameras, 40, degrees=20))) == pytest.approx(20, abs=0.5)


def test_spiral_stays_near_the_cameras_and_looks_at_the_focus() -> None:
    cameras = ring(30)
    view = paths.common_view(cameras)
    path = paths.spiral(cameras, 50)
    positions = np.stack([camera.position.numpy() for camera in path])
    assert len(path) == 50 and np.linalg.norm(positions - view.positions.mean(axis=0), axis=1).max() < 2
    for camera in path:
        check_camera(camera)
        local = camera.viewmat[:3, :3].numpy() @ view.focus + camera.viewmat[:3, 3].numpy()
        np.testing.assert_allclose(local[:2], 0, atol=1e-9)
        assert local[2] > 0


def test_interpolation_passes_through_the_cameras() -> None:
    cameras = ring(90, count=5)
    path = paths.interpolate(cameras, 9)
    for camera, passed in zip(cameras, path[::2]):
        np.testing.assert_allclose(passed.viewmat.numpy(), camera.viewmat.numpy(), atol=1e-9)
    between = paths.interpolate(cameras, 9)[1]
    check_camera(between)
    with pytest.raises(SplatError, match="two"):
        paths.interpolate(cameras[:1], 3)


def test_typical_camera_has_the_common_size_and_a_centred_principal_point() -> None:
    cameras = [*ring(90, count=3), camera_at(FOCUS + 1, FOCUS, size=(10, 10))]
    camera = paths.typical_camera(cameras)
    assert (camera.width, camera.height) == (64, 48)
    np.testing.assert_allclose(camera.K.numpy(), [[50, 0, 32], [0, 50, 24], [0, 0, 1]])


def three_files(camera: Camera) -> tuple[Any, Any, Any]:
    """The camera as a run, 3DGS and nerfstudio write it."""
    to_world = camera.camtoworld.numpy()
    K = [[50.0, 0, 32], [0, 50.0, 24], [0, 0, 1]]
    run = {"frames": [{"name": camera.name, "viewmat": camera.viewmat.tolist(), "K": K, "width": 64, "height": 48}]}
    graphdeco = [
        {
            "id": 0, "img_name": camera.name, "width": 64, "height": 48, "fx": 50.0, "fy": 50.0,
            "position": to_world[:3, 3].tolist(), "rotation": to_world[:3, :3].tolist(),
        }
    ]  # fmt: skip
    opengl = to_world @ np.diag([1.0, -1, -1, 1])  # y up, z back
    fov = math.degrees(2 * math.atan(24 / 50))
    nerfstudio = {
        "render_width": 64, "render_height": 48,
        "camera_path": [{"camera_to_world": opengl.flatten().tolist(), "fov": fov, "aspect": 64 / 48}],
    }  # fmt: skip
    return run, graphdeco, nerfstudio


def test_files_of_three_programs_give_the_same_camera(tmp_path: Path) -> None:
    camera = camera_at(FOCUS + np.array([4.0, 1.0, 0.5]), FOCUS, "a/b.png")
    template = ring(90, count=1)[0]
    K = [[50.0, 0, 32], [0, 50.0, 24], [0, 0, 1]]
    for number, content in enumerate(three_files(camera)):
        file = tmp_path / f"{number}.json"
        file.write_text(json.dumps(content))
        (read,) = paths.from_file(file, template)
        np.testing.assert_allclose(read.viewmat.numpy(), camera.viewmat.numpy(), atol=1e-9)
        np.testing.assert_allclose(read.K.numpy(), K, atol=1e-6)
        assert (read.width, read.height) == (64, 48) and read.name == ("0000" if number == 2 else "a/b.png")


@pytest.mark.parametrize("content", ['{"frames": []}', '{"frames": [{"viewmat": [1]}]}', "[3]", '{"other": 1}', "3"])
def test_other_files_are_refused(content: str, tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text(content)
    with pytest.raises(SplatError, match=r"x\.json"):
        paths.from_file(file, ring(90, count=1)[0])


def test_damaged_files_are_cameras_that_can_be_drawn_or_one_line(tmp_path: Path) -> None:
    camera = camera_at(FOCUS + np.array([4.0, 1.0, 0.5]), FOCUS, "a/b.png")
    file, template = tmp_path / "x.json", ring(90, count=1)[0]
    for content in three_files(camera):
        texts = [json.dumps(record) for record in odd_records(content, seed=2, count=150)]
        texts += [data.decode("latin-1") for data in damaged(json.dumps(content).encode(), seed=3, count=60)]
        outcomes = set()
        for text in texts:
            file.write_text(text, encoding="utf-8")
            outcomes.add(survives(lambda: [check_drawable(one) for one in paths.from_file(file, template)], text))
        assert outcomes == {True, False}


def check_drawable(camera: Camera) -> None:
    rotation = camera.viewmat[:3, :3].numpy()
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=2e-3)
    assert 0 < camera.width <= 16_384 and 0 < camera.height <= 16_384
    assert camera.K[0, 0] > 0 and camera.K[1, 1] > 0 and torch.isfinite(camera.K).all()
    assert torch.isfinite(camera.viewmat.float()).all() and torch.isfinite(camera.K.float()).all()


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("fov", 0, "ZeroDivisionError"),
        ("fov", 200, "focal length"),
        ("fov", float("nan"), "not finite"),
        ("fov", 10**400, "too large"),
        ("camera_to_world", [2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1], "camera 0 has a matrix"),
        ("camera_to_world", [-1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1], "camera 0 has a matrix"),
        ("camera_to_world", [1, 0, 0, 1e300, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1], "too large"),
    ],
)
def test_cameras_that_nothing_is_drawn_with_are_refused(tmp_path: Path, key: str, value: Any, message: str) -> None:
    nerfstudio = three_files(camera_at(FOCUS + 4, FOCUS))[2]
    nerfstudio["camera_path"][0][key] = value
    (tmp_path / "x.json").write_text(json.dumps(nerfstudio))
    with pytest.raises(SplatError, match=message):
        paths.from_file(tmp_path / "x.json", ring(90, count=1)[0])


def test_sizes_out_of_range_are_refused(tmp_path: Path) -> None:
    for size in (0, -3, 1e9, 10**400):
        for record in three_files(camera_at(FOCUS + 4, FOCUS))[:2]:
            frame = record["frames"][0] if isinstance(record, dict) else record[0]
            frame["width"] = size
            (tmp_path / "x.json").write_text(json.dumps(record))
            with pytest.raises(SplatError, match=r"each side must be 1 to 16384|too large"):
                paths.from_file(tmp_path / "x.json", ring(90, count=1)[0])


def test_another_projection_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    nerfstudio = three_files(camera_at(FOCUS + 4, FOCUS))[2]
    (tmp_path / "x.json").write_text(json.dumps({**nerfstudio, "camera_type": "equirectangular"}))
    assert len(paths.from_file(tmp_path / "x.json", ring(90, count=1)[0])) == 1
    assert "its camera_type is 'equirectangular'; drawn as perspective" in capfd.readouterr().err


def test_a_crop_is_said_and_a_frame_rate_read(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file, template = tmp_path / "x.json", ring(90, count=1)[0]
    _, graphdeco, nerfstudio = three_files(camera_at(FOCUS + 4, FOCUS))
    for content, rate in (({**nerfstudio, "fps": 24, "crop": None}, 24.0), (nerfstudio, None), (graphdeco, None)):
        file.write_text(json.dumps(content))
        assert frame_rate(file) == rate and len(paths.from_file(file, template)) == 1
    assert "crop" not in capfd.readouterr().err
    for odd in (0, -1, 1e9, "24", True, [24], math.nan):
        file.write_text(json.dumps({**nerfstudio, "fps": odd, "crop": {"crop_scale": {"x": 1}}}))
        assert frame_rate(file) is None
    paths.from_file(file, template)
    assert "its crop is not used; the whole scene is drawn" in capfd.readouterr().err


def test_json_that_is_nested_too_deeply_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("[" * 200_000)
    with pytest.raises(SplatError, match="nested too deeply"):
        paths.from_file(tmp_path / "x.json", ring(90, count=1)[0])

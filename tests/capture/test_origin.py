"""Captures whose coordinates are in the millions, and what is subtracted from them."""

import numpy as np
import pytest
from capture_scenes import LENSES, H, W, smooth_photo, viewmat, write_colmap, write_photo

from splat.capture import load_capture
from splat.errors import SplatError

CAMERA = [("PINHOLE", LENSES["PINHOLE"], W, H)]
UTM = np.array([448_262.123, 5_411_932.456, 312.789])


def pair_at(root, offset, point=(0.0, 0.001, 4.0)):
    """Two photos and one point, all moved by `offset`."""
    for index, name in enumerate(("a.png", "b.png")):
        write_photo(root / "images" / name, smooth_photo(index))
    poses = [viewmat(0, offset), viewmat(1, offset)]
    write_colmap(root, CAMERA, [("a.png", 1, poses[0]), ("b.png", 1, poses[1])], offset + np.array([point]))
    return root


def test_geo_referenced_captures_are_moved_to_where_float32_suffices(tmp_path, capsys):
    capture = load_capture(pair_at(tmp_path, UTM))
    assert capture.origin == (448_300.0, 5_411_900.0, 300.0)
    assert "minus the origin (448300, 5411900, 300)" in capsys.readouterr().err
    origin = np.array(capture.origin)
    for index, frame in enumerate(capture.frames):
        position = -frame.camera.viewmat[:3, :3].T @ frame.camera.viewmat[:3, 3]
        truth = UTM + np.array([0.3 * index, -0.1, 0.05 * index])
        np.testing.assert_allclose(position.numpy() + origin, truth, atol=1e-8)
    assert capture.points is not None
    np.testing.assert_allclose(capture.points.xyz + origin, UTM + np.array([[0.0, 0.001, 4.0]]), atol=1e-8)
    np.testing.assert_allclose(capture.points.xyz.astype(np.float32), capture.points.xyz, atol=4e-6)


@pytest.mark.parametrize("offset", [(0.0, 0.0, 0.0), (50.0, -80.0, 20.0)])
def test_ordinary_coordinates_are_left_as_they_are(tmp_path, capsys, offset):
    root = pair_at(tmp_path, np.array(offset))
    capture = load_capture(root)
    assert capture.origin == (0.0, 0.0, 0.0) and "origin" not in capsys.readouterr().err
    np.testing.assert_allclose(capture.frames[1].camera.viewmat.numpy(), viewmat(1, np.array(offset)), atol=1e-12)


def test_a_large_scene_far_from_zero_need_not_move(tmp_path):
    root = pair_at(tmp_path, np.array([5000.0, 0.0, 0.0]), point=(0.0, 0.0, 900.0))
    assert load_capture(root).origin == (0.0, 0.0, 0.0)  # 900 units wide: float32 keeps a millionth of that


def test_the_origin_can_be_chosen(tmp_path):
    root = pair_at(tmp_path, UTM)
    assert load_capture(root, origin=[448_000, 5_411_000, 0]).origin == (448_000.0, 5_411_000.0, 0.0)
    as_it_is = load_capture(root, origin=[0, 0, 0])
    assert as_it_is.points is not None and as_it_is.points.xyz[0, 0] == pytest.approx(UTM[0], abs=1e-8)
    with pytest.raises(SplatError, match="three numbers"):
        load_capture(root, origin=[1.0, 2.0])


def test_one_camera_placed_absurdly_far_out_moves_nothing(tmp_path):
    names = [f"{index}.png" for index in range(5)]
    for index, name in enumerate(names):
        write_photo(tmp_path / "images" / name, smooth_photo(index, 32, 24))
    poses = [viewmat(index, 1e6 if index == 4 else 0.0) for index in range(5)]
    write_colmap(tmp_path, CAMERA, [(name, 1, pose) for name, pose in zip(names, poses)])
    assert load_capture(tmp_path, points="none").origin == (0.0, 0.0, 0.0)

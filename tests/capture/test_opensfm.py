"""OpenSfM's reconstruction.json against cameras that are known."""

import json

import cv2
import numpy as np
import pytest
from capture_scenes import H, W
from known_cameras import CX, CY, POINT, F, assert_sees, poses, write_photos

from splat.capture import load_capture
from splat.errors import SplatError

NAMES = ["a.jpg", "b.jpg", "c.jpg"]
BROWN = {
    "projection_type": "brown", "width": W, "height": H, "focal_x": F / W, "focal_y": F / W, "c_x": (CX - W / 2) / W,
    "c_y": (CY - H / 2) / W, "k1": 0.0, "k2": 0.0, "k3": 0.0, "p1": 0.0, "p2": 0.0,
}  # fmt: skip


def reconstruction(camera=BROWN, names=NAMES):
    shots = {}
    for name, pose in zip(names, poses(len(names))):
        rotation = cv2.Rodrigues(pose[:3, :3])[0].ravel().tolist()
        shots[name] = {"camera": "v2 x", "rotation": rotation, "translation": pose[:3, 3].tolist(), "capture_time": 0}
    points = {"7": {"coordinates": POINT.tolist(), "color": [10.0, 20.0, 255.0]}}
    reference = {"latitude": 47.5, "longitude": 19.0, "altitude": 120.0}
    return {"cameras": {"v2 x": camera}, "shots": shots, "points": points, "reference_lla": reference}


def write(root, content, file="reconstruction.json"):
    write_photos(root / "images", NAMES)
    (root / file).parent.mkdir(parents=True, exist_ok=True)
    (root / file).write_text(json.dumps(content))
    return root


@pytest.mark.parametrize("file", ["reconstruction.json", "opensfm/reconstruction.json"])
def test_shots_and_points(tmp_path, file):
    capture = load_capture(write(tmp_path, [reconstruction()], file))
    assert capture.kind == "opensfm"
    assert_sees(capture, poses())
    np.testing.assert_array_equal(capture.points.xyz, [POINT])
    np.testing.assert_array_equal(capture.points.rgb, [[10, 20, 255]])
    assert any("latitude 47.5" in note for note in capture.notes)
    assert_sees(load_capture(tmp_path / file), poses())


def test_the_largest_reconstruction_is_used_and_the_others_counted(tmp_path):
    content = [reconstruction(names=NAMES[:1]), reconstruction()]
    capture = load_capture(write(tmp_path, content), points="none")
    assert_sees(capture, poses())
    assert any("2 reconstructions" in note for note in capture.notes)


@pytest.mark.parametrize("kind", ["perspective", "simple_radial", "radial", "brown", "fisheye", "fisheye_opencv"])
def test_lenses(tmp_path, kind):
    size = {"projection_type": kind, "width": W, "height": H, "k1": -0.05, "k2": 0.02}
    if kind in ("perspective", "simple_radial", "fisheye"):
        camera, cx, cy = {**size, "focal": F / W}, W / 2, H / 2
    else:
        camera, cx, cy = {**BROWN, **size, "k3": 0.003, "k4": -0.002, "p1": 0.004, "p2": -0.006}, CX, CY
    capture = load_capture(write(tmp_path, [reconstruction(camera)]), points="none", test_every=0)
    x, y = 0.6, -0.45  # far enough from the axis that all terms count
    ray = np.array([[x, y, 1.0]])
    if kind.startswith("fisheye"):
        r = np.hypot(x, y)
        x, y = np.array([x, y]) / r * np.arctan(r)
    r2 = x * x + y * y
    factor = 1 - 0.05 * r2 + 0.02 * r2**2 + (0.003 * r2**3 if "k3" in camera else 0.0)
    factor += -0.002 * r2**4 if kind == "fisheye_opencv" else 0.0
    p1, p2 = (0.004, -0.006) if kind in ("radial", "brown") else (0.0, 0.0)
    expected = [
        F * (x * factor + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)) + cx,
        F * (y * factor + 2 * p2 * x * y + p1 * (r2 + 2 * y * y)) + cy,
    ]
    lens = capture.images.plans[0].lens
    np.testing.assert_allclose(lens.colmap().img_from_cam(ray)[0], expected, atol=1e-8)


def test_values_count_in_the_longer_side_from_the_middle(tmp_path):
    camera = {"projection_type": "brown", "width": H, "height": W, "focal_x": 1.0, "focal_y": 1.25}
    root = write(tmp_path, [reconstruction({**camera, "c_x": 0.05, "c_y": -0.1})])
    write_photos(root / "images", NAMES, H, W)
    K = load_capture(root, points="none").frames[0].camera.K
    np.testing.assert_allclose(K, [[W, 0, H / 2 + 0.05 * W], [0, 1.25 * W, W / 2 - 0.1 * W], [0, 0, 1]])


def changed(**changes):
    return [{**reconstruction(), **changes}]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ([], "lists no reconstruction"),
        ({"shots": {}}, "lists no reconstruction"),
        (changed(shots={}), "places no photo: it lists none"),
        (changed(shots={"a.jpg": 3}), "no usable entry 'a.jpg'"),
        (changed(cameras={}), "no usable entry 'v2 x'"),
        (changed(shots={"a.jpg": {"camera": "v2 x", "rotation": [0, 0], "translation": [0, 0, 0]}}), "3 numbers"),
        (changed(points={"1": {"coordinates": [1, 2], "color": [0, 0, 0]}}), "coordinates of a point"),
        (changed(cameras={"v2 x": {**BROWN, "projection_type": "spherical"}}), "3 photos of a spherical camera"),
        (changed(cameras={"v2 x": {**BROWN, "focal_x": 0}}), "impossible intrinsics"),
        (changed(cameras={"v2 x": {**BROWN, "width": 10**12}}), "pixels large"),
    ],
)
def test_bad_files_are_refused_in_one_line(tmp_path, content, says):
    with pytest.raises(SplatError, match=says) as error:
        load_capture(write(tmp_path, content))
    assert "\n" not in str(error.value) and "reconstruction.json" in str(error.value)


def test_a_name_with_a_line_break_is_refused_in_one_line(tmp_path):
    """Found by fuzzing: the message was two lines."""
    content = reconstruction()
    content["shots"]["b\npng"] = {"camera": "v2 x", "rotation": [0.1, 0, 0]}
    with pytest.raises(SplatError, match=r"^translation of shot b png of .*json must be 3 numbers; .*$"):
        load_capture(write(tmp_path, [content]))

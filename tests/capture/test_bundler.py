"""Bundler's files against cameras that are known."""

import numpy as np
import pytest
from capture_scenes import H, W
from known_cameras import POINT, F, assert_sees, poses, write_photos

from splat.capture import load_capture
from splat.errors import SplatError

NAMES = ["a.jpg", "b.jpg", "c.jpg"]
NOWHERE = "0 0 0\n0 0 0\n0 0 0\n0 0 0\n0 0 0\n"
LIST = "./a.jpg\nb.jpg 0 1520.5\nimages/c.jpg 0 210\n"


def line(values):
    return " ".join(f"{value:.17g}" for value in values) + "\n"


def camera(pose, f=F, k1=0.0, k2=0.0):
    """f k1 k2, R, t of a camera whose y is up and that looks along -z."""
    turned = np.diag([1.0, -1.0, -1.0]) @ pose[:3]
    return line([f, k1, k2]) + "".join(map(line, turned[:, :3])) + line(turned[:, 3])


POINTS = line(POINT) + "10 20 255\n2 0 5 1.5 -2.5 1 9 3 4\n"


def bundle(cameras=None, points=POINTS, counts="3 1"):
    cameras = [camera(pose) for pose in poses()] if cameras is None else cameras
    return f"# Bundle file v0.3\n{counts}\n" + "".join(cameras) + points


def write(root, content, file="bundle.out", names=LIST):
    write_photos(root / "images", NAMES)
    (root / file).parent.mkdir(parents=True, exist_ok=True)
    (root / file).write_text(content)
    if names:
        (root / "list.txt").write_text(names)
    return root


@pytest.mark.parametrize("file", ["bundle.out", "bundle/bundle.out"])
def test_cameras_and_points(tmp_path, file):
    capture = load_capture(write(tmp_path, bundle(), file))
    assert capture.kind == "bundler"
    assert_sees(capture, poses(), cx=W / 2, cy=H / 2)
    np.testing.assert_array_equal(capture.points.xyz, [POINT])
    np.testing.assert_array_equal(capture.points.rgb, [[10, 20, 255]])


def test_the_lens_and_the_manuals_formula(tmp_path):
    cameras = [camera(poses()[0], k1=-0.06, k2=0.01), NOWHERE, camera(poses()[2])]
    capture = load_capture(write(tmp_path, bundle(cameras)), points="none", test_every=0)
    assert [frame.camera.name for frame in capture.frames] == ["a.jpg", "c.jpg"]
    assert any("1 photo without a pose" in note for note in capture.notes)
    turned = np.diag([1.0, -1.0, -1.0]) @ poses()[0][:3]
    P = turned[:, :3] @ POINT + turned[:, 3]
    p = -P[:2] / P[2]
    r2 = p @ p
    u, v = F * (1 - 0.06 * r2 + 0.01 * r2**2) * p  # from the middle of the image, y up
    lens = capture.images.plans[0].lens
    local = poses()[0][:3, :3] @ POINT + poses()[0][:3, 3]
    np.testing.assert_allclose(lens.colmap().img_from_cam(local[None])[0], [W / 2 + u, H / 2 - v], atol=1e-9)


def test_photos_that_are_smaller_than_those_of_the_file_are_refused(tmp_path):
    seen = line(POINT) + "10 20 255\n3 0 5 -158.5 90 1 7 1.5 1.5 2 9 3 -119.5\n"
    seen += line(POINT) + "10 20 255\n1 0 6 159.5 -95\n"
    root = write(tmp_path, bundle(points=seen, counts="3 2"))
    assert_sees(load_capture(root, points="none"), poses(), cx=W / 2, cy=H / 2)
    write_photos(root / "images", NAMES, W // 2, H // 2)
    with pytest.raises(SplatError, match=r"camera 0 of .* up to 158 and 90 pixels .* its photo is 160x120 pixels"):
        load_capture(root, points="none")


@pytest.mark.parametrize(
    ("content", "names", "says"),
    [
        (bundle(counts="1000000000 0"), LIST, "announces 1,000,000,000 cameras"),
        (bundle(counts="3 1000000000"), LIST, "1,000,000,000 points, but ends"),
        (bundle(counts="-3 1"), LIST, "does not say how many"),
        (bundle()[:300], LIST, "cut short"),
        (bundle(), "a.jpg\n", "3 cameras but .*list.txt lists 1"),
        (bundle(), "", "no list.txt"),
        ("3 1\n", LIST, "does not begin with"),
        (bundle([camera(pose, f=-5) for pose in poses()]), LIST, "impossible intrinsics"),
        (bundle([NOWHERE] * 3), LIST, "3 photos without a pose"),
        (bundle(points="x y z\n1 1 1\n0\n"), LIST, "a point of .* must be 3 numbers"),
    ],
)
def test_bad_files_are_refused_in_one_line(tmp_path, content, names, says):
    with pytest.raises(SplatError, match=says) as error:
        load_capture(write(tmp_path, content, names=names))
    assert "\n" not in str(error.value)

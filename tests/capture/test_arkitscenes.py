"""ARKitScenes' recordings against cameras that are known."""

import cv2
import numpy as np
import pytest
from capture_scenes import H, W
from known_cameras import CX, CY, F, add_hidden_copies, assert_sees, poses, write_photos

from splat.capture import load_capture
from splat.errors import SplatError

STEMS = ["41000000_100.017", "41000000_100.117", "41000000_100.217", "41000000_100.300"]


def write(root, trajectory=None, pincam=f"{W} {H} {F} {F} {CX} {CY}", photos="lowres_wide"):
    write_photos(root / photos, [f"{stem}.png" for stem in STEMS])
    (root / f"{photos}_intrinsics").mkdir(exist_ok=True)
    (root / "lowres_depth").mkdir(exist_ok=True)
    for stem in STEMS:
        (root / f"{photos}_intrinsics" / f"{stem}.pincam").write_text(pincam + "\n")
        assert cv2.imwrite(str(root / "lowres_depth" / f"{stem}.png"), np.full((H, W), 1500, np.uint16))
    if trajectory is None:  # moment, rotation vector and translation from the world to the camera
        lines = []
        for moment, pose in zip((100.2169, 100.0171, 100.1166), [poses()[2], *poses()[:2]]):
            values = [moment, *cv2.Rodrigues(pose[:3, :3])[0].ravel(), *pose[:3, 3]]
            lines.append(" ".join(f"{value:.17g}" for value in values))
        trajectory = "\n".join(lines) + "\n"
    (root / "lowres_wide.traj").write_text(trajectory)
    return root


def test_each_photo_has_the_pose_of_its_moment(tmp_path, capsys):
    capture = load_capture(write(tmp_path), points="none")
    assert (capture.kind, capture.depth_maps) == ("arkitscenes", 3)
    assert_sees(capture, poses())
    assert "1 photo without a pose at its moment (first: 41000000_100.300)" in capsys.readouterr().err


def test_the_largest_photos_are_taken(tmp_path):
    for photos in ("lowres_wide", "vga_wide", "wide"):
        capture = load_capture(write(tmp_path, photos=photos), points="none")
        assert {frame.path.parent.name for frame in capture.frames} == {photos}


def test_hidden_files_are_no_cameras(tmp_path):
    add_hidden_copies(write(tmp_path))
    assert_sees(load_capture(tmp_path, points="none"), poses())


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"trajectory": "100.017 0 0 0 0 0\n"}, "line 1 of .*lowres_wide.traj must be 7 numbers"),
        ({"trajectory": "100.017 nan 0 0 0 0 0\n"}, "4 photos without a pose"),
        ({"trajectory": ""}, "4 photos without a pose"),
        ({"pincam": "256 192 200"}, "100.017.pincam must be 6 numbers"),
        ({"pincam": "256 1e12 200 200 128 96"}, "pixels large"),
    ],
)
def test_bad_files_are_refused_in_one_line(tmp_path, changes, says):
    with pytest.raises(SplatError, match=says) as error:
        load_capture(write(tmp_path, **changes), points="none")
    assert "\n" not in str(error.value)

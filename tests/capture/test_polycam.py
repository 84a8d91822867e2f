"""Polycam's raw exports against cameras that are known."""

import json

import numpy as np
import pytest
from capture_scenes import H, W
from known_cameras import CX, CY, OPENGL, F, add_hidden_copies, assert_sees, camera_to_world, poses, write_photos

from splat.capture import load_capture
from splat.capture.depth import is_depth_map
from splat.errors import SplatError


def export(root, expected, cameras="cameras", images="images", **changes):
    """Cameras as the app writes them: one file a photo, rows of a camera-to-world matrix with OpenGL's axes."""
    stems = [str(1650000000 + index) for index in range(len(expected))]
    write_photos(root / images, [f"{stem}.jpg" for stem in stems])
    (root / cameras).mkdir(parents=True)
    for stem, pose in zip(stems, expected):
        matrix = camera_to_world(pose, OPENGL)
        entry = {f"t_{row}{column}": matrix[row, column] for row in range(3) for column in range(4)}
        entry |= {"fx": F, "fy": F, "cx": CX, "cy": CY, "width": W, "height": H, "blur_score": 80.0}
        (root / cameras / f"{stem}.json").write_text(json.dumps({**entry, **changes}))
    return stems


def test_cameras(tmp_path):
    export(tmp_path / "keyframes", poses())
    capture = load_capture(tmp_path, points="none")
    assert capture.kind == "polycam"
    assert_sees(capture, poses())
    assert_sees(load_capture(tmp_path / "keyframes", points="none"), poses())


def test_corrected_cameras_and_photos_are_taken_and_the_rest_counted(tmp_path):
    wrong = [np.linalg.inv(pose) for pose in poses(4)]
    export(tmp_path / "keyframes", wrong)
    export(tmp_path / "keyframes", poses(3), "corrected_cameras", "corrected_images")
    capture = load_capture(tmp_path, points="none")
    assert_sees(capture, poses(3))
    assert {frame.path.parent.name for frame in capture.frames} == {"corrected_images"}
    assert any("1 keyframes that Polycam has not corrected" in note for note in capture.notes)


def test_a_photo_that_is_not_corrected_never_gets_a_corrected_camera(tmp_path, capsys):
    export(tmp_path / "keyframes", poses(3))
    stems = export(tmp_path / "keyframes", poses(3), "corrected_cameras", "corrected_images", fx=2 * F)
    (tmp_path / "keyframes" / "corrected_images" / f"{stems[1]}.jpg").unlink()
    capture = load_capture(tmp_path, points="none")
    assert {frame.path.parent.name for frame in capture.frames} == {"corrected_images"} and len(capture.frames) == 2
    assert f"1 of 3 photos listed in {tmp_path / 'keyframes' / 'corrected_cameras'}" in capsys.readouterr().err
    for stem in (stems[0], stems[2]):
        (tmp_path / "keyframes" / "corrected_images" / f"{stem}.jpg").unlink()
    assert_sees(load_capture(tmp_path, points="none"), poses(3))  # those of cameras/ and images/


def test_hidden_files_are_no_cameras(tmp_path):
    export(tmp_path / "keyframes", poses())
    add_hidden_copies(tmp_path)
    assert_sees(load_capture(tmp_path, points="none"), poses())


def test_depth_maps_beside_the_photos_are_found(tmp_path):
    import cv2

    for stem in export(tmp_path / "keyframes", poses()):
        (tmp_path / "keyframes" / "depth").mkdir(exist_ok=True)
        depth = np.full((H // 4, W // 4), 1500, np.uint16)
        assert cv2.imwrite(str(tmp_path / "keyframes" / "depth" / f"{stem}.png"), depth)
    capture = load_capture(tmp_path, points="none")
    assert capture.depth_maps == 3 and is_depth_map(capture.frames[0].depth_path)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"t_11": float("nan")}, "t_11=nan"),
        ({"t_23": None}, "has no t_23"),
        ({"fx": 0}, "impossible intrinsics"),
        ({"width": -3}, "-3x240 pixels large"),
        ({"cy": "middle"}, "cy='middle'"),
    ],
)
def test_bad_cameras_are_refused_in_one_line(tmp_path, changes, says):
    export(tmp_path / "keyframes", poses(), **changes)
    with pytest.raises(SplatError, match=says) as error:
        load_capture(tmp_path, points="none")
    assert "\n" not in str(error.value) and "1650000000.json" in str(error.value)

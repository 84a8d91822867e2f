"""Record3D's exports against cameras that are known, and a real one."""

import json

import numpy as np
import pytest
from capture_scenes import H, W
from known_cameras import CX, CY, OPENGL, F, assert_sees, camera_to_world, poses, write_photos
from scipy.spatial.transform import Rotation

from splat.capture import load_capture
from splat.errors import SplatError

COUNT = 11  # so that the order of numbers is not that of names


def export(root, name="metadata.json", photos=COUNT, **changes):
    """A folder as the app writes it: K column by column, poses x y z w and place with OpenGL's axes."""
    write_photos(root / "rgb", [f"{index}.jpg" for index in range(photos)])
    listed = []
    for pose in poses(COUNT):
        matrix = camera_to_world(pose, OPENGL)
        listed.append([*Rotation.from_matrix(matrix[:3, :3]).as_quat().tolist(), *matrix[:3, 3].tolist()])
    meta = {"w": W, "h": H, "K": [F, 0, 0, 0, F, 0, CX, CY, 1], "poses": listed, **changes}
    (root / name).write_text(json.dumps(meta))
    return root


def by_number(capture):
    capture.frames.sort(key=lambda frame: int(frame.path.stem))
    return capture


@pytest.mark.parametrize("name", ["metadata.json", "metadata"])
def test_poses_and_calibration(tmp_path, name):
    capture = by_number(load_capture(export(tmp_path, name), points="none"))
    assert capture.kind == "record3d"
    assert_sees(capture, poses(COUNT))
    assert_sees(by_number(load_capture(tmp_path / name, points="none")), poses(COUNT))


def test_each_photo_has_its_own_calibration_where_the_file_has(tmp_path):
    own = [[F + index, F - index, CX, CY] for index in range(COUNT)]
    capture = by_number(load_capture(export(tmp_path, perFrameIntrinsicCoeffs=own), points="none"))
    for index, frame in enumerate(capture.frames):
        np.testing.assert_allclose(frame.camera.K, [[F + index, 0, CX], [0, F - index, CY], [0, 0, 1]])


def test_one_calibration_of_all_photos_has_two_focal_lengths(tmp_path):
    capture = load_capture(export(tmp_path, K=[F, 0, 0, 0, F + 7, 0, CX, CY, 1]), points="none")
    np.testing.assert_allclose(capture.frames[0].camera.K, [[F, 0, CX], [0, F + 7, CY], [0, 0, 1]])


def test_photos_that_are_not_there_are_counted(tmp_path, capsys):
    assert len(load_capture(export(tmp_path, photos=9), points="none").frames) == 9
    assert "2 of 11 photos" in capsys.readouterr().err


def test_a_depth_map_does_not_stand_in_for_a_photo(tmp_path):
    (export(tmp_path) / "rgb" / "3.jpg").unlink()
    write_photos(tmp_path / "depth16", [f"{index}.png" for index in range(COUNT)])
    capture = load_capture(tmp_path, points="none")
    assert {frame.path.parent.name for frame in capture.frames} == {"rgb"} and len(capture.frames) == COUNT - 1


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"K": [F, 0, CX, 0, F, CY, 0, 0, 1]}, "column by column"),
        ({"K": [F, 0, 0]}, "K of .* must be 9 numbers"),
        ({"K": None}, "must be 9 numbers"),
        ({"poses": 10**9}, "no list of poses"),
        ({"poses": []}, "places no photo"),
        ({"poses": [[0, 0, 0, 1, 0, 0]]}, "pose 0 .* must be 7 numbers"),
        ({"poses": [[0, 0, 0, 0, 0, 0, 0]]}, "places no photo: 1 photo without a pose"),
        ({"w": 10**9}, "pixels"),
        ({"h": "tall"}, "h='tall'"),
        ({"perFrameIntrinsicCoeffs": [[F, F, CX, CY]]}, "one entry a pose"),
    ],
)
def test_bad_files_are_refused_in_one_line(tmp_path, changes, says):
    with pytest.raises(SplatError, match=says) as error:
        load_capture(export(tmp_path, **changes), points="none")
    assert "\n" not in str(error.value)


def test_a_real_one_fits_what_its_photos_show(shared_data, tmp_path):
    source = shared_data("captures/record3d_door")
    assert len(load_capture(source, points="none").frames) == 38
    (tmp_path / "rgb").mkdir()
    meta = json.loads((source / "metadata.json").read_text())
    for index in range(10):
        (tmp_path / "rgb" / f"{index}.jpg").symlink_to(source / "rgb" / f"{index}.jpg")
    (tmp_path / "metadata.json").write_text(json.dumps({**meta, "poses": meta["poses"][:10]}))
    points = load_capture(tmp_path, sfm_features=1500, test_every=0).points
    assert points is not None and len(points.xyz) > 100
    assert points.fit.error < 7.0  # 27 px and more with any other reading of the axes; the phone's poses drift

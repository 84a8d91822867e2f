"""kapture folders against cameras that are known, and a real one of a fisheye rig."""

import numpy as np
import pytest
from capture_scenes import H, W, turn
from known_cameras import CX, CY, F, assert_sees, poses, write_photos
from scipy.spatial.transform import Rotation

from splat.capture import load_capture
from splat.errors import SplatError

HEAD = "# kapture format: 1.1\n"
SENSORS = f"cam, left, camera, PINHOLE, {W}, {H}, {F}, {F}, {CX}, {CY}\ngps, x, gnss, EPSG:4326\n"


def row(first, second, pose):
    x, y, z, w = Rotation.from_matrix(pose[:3, :3]).as_quat()
    return f"{first}, {second}, " + ", ".join(f"{value:.17g}" for value in (w, x, y, z, *pose[:3, 3])) + "\n"


def write(root, sensors=SENSORS, trajectories=None, records=None, rigs=None):
    folder = root / "sensors"
    write_photos(folder / "records_data", ["cam/0.jpg", "cam/1.jpg", "cam/2.jpg"])
    if trajectories is None:
        trajectories = "".join(row(10 + number, "cam", pose) for number, pose in enumerate(poses()))
    if records is None:
        records = "".join(f"{10 + number}, cam, cam/{number}.jpg\n" for number in range(3))
    (folder / "sensors.txt").write_text(HEAD + sensors)
    (folder / "trajectories.txt").write_text(HEAD + "# timestamp, device_id, qw, ...\n" + trajectories)
    (folder / "records_camera.txt").write_text(HEAD + records)
    if rigs:
        (folder / "rigs.txt").write_text(HEAD + rigs)
    return root


def test_cameras(tmp_path):
    capture = load_capture(write(tmp_path), points="none")
    assert capture.kind == "kapture"
    assert_sees(capture, poses())
    assert_sees(load_capture(tmp_path / "sensors", points="none"), poses())


def test_rigs_are_composed(tmp_path):
    mounted, arm = np.eye(4), np.eye(4)
    mounted[:3, :3], mounted[:3, 3] = turn(0.3, 0.1), [0.1, -0.2, 0.3]  # from the rig to the camera
    arm[:3, :3], arm[:3, 3] = turn(-0.2, 0.4), [0.0, 1.0, 0.0]  # from the car to the rig
    moved = [np.linalg.inv(mounted @ arm) @ pose for pose in poses()]
    trajectories = "".join(row(10 + number, "car", pose) for number, pose in enumerate(moved))
    rigs = row("rig", "cam", mounted) + row("car", "rig", arm)
    assert_sees(load_capture(write(tmp_path, trajectories=trajectories, rigs=rigs), points="none"), poses())


def test_unknown_poses_are_counted(tmp_path, capsys):
    trajectories = row(10, "cam", poses()[0]) + "11, cam, , , , , , , \n" + "12, cam, 1, 0, 0, 0, , , \n"
    assert len(load_capture(write(tmp_path, trajectories=trajectories), points="none").frames) == 1
    assert "2 photos without a pose" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"sensors": "cam, left, camera, UNKNOWN_CAMERA, 9, 9\n"}, "model 'UNKNOWN_CAMERA', which cannot be read"),
        ({"sensors": f"cam, left, camera, PINHOLE, {W}, {H}, 1\n"}, "PINHOLE of sensor cam .* must be 6 numbers"),
        ({"sensors": f"cam, left, camera, PINHOLE, 1e12, {H}, 1, 1, 1, 1\n"}, "damaged"),
        ({"sensors": "cam, left, camera, PINHOLE, nan, 1, 1, 1, 1, 1\n"}, "not finite"),
        ({"sensors": "x, left, camera, PINHOLE, 9, 9, 1, 1, 1, 1\n"}, "names a sensor 'cam'"),
        ({"trajectories": "10, cam, 1, 0, 0\n"}, "line 3 of .*trajectories.txt has 5 values"),
        ({"trajectories": "10, cam, 1, 0, x, 0, 0, 0, 0\n"}, "a pose of .* must be 7 numbers"),
        ({"trajectories": "", "rigs": row("a", "cam", np.eye(4)) + row("cam", "a", np.eye(4))}, "3 photos without"),
        ({"records": ""}, "places no photo"),
        ({"records": "10, cam, cam/0.jpg, cam/1.jpg\n"}, "line 2 of .*records_camera.txt has 4 values"),
    ],
)
def test_bad_files_are_refused_in_one_line(tmp_path, changes, says):
    with pytest.raises(SplatError, match=says) as error:
        load_capture(write(tmp_path, **changes), points="none")
    assert "\n" not in str(error.value)


def test_a_real_rig_of_fisheyes_has_its_baseline(shared_data):
    capture = load_capture(shared_data("captures/t265_fisheye"), points="none", test_every=0)
    assert (capture.kind, len(capture.frames)) == ("kapture", 6)
    left, right = capture.frames[:3], capture.frames[3:]
    for one, other in zip(left, right):
        step = one.camera.viewmat[:3, :3] @ (other.camera.position - one.camera.position)
        np.testing.assert_allclose(step, [0.064, 0, 0], atol=1e-9)  # the right one stands to the right, by 64 mm
    assert {plan.lens.model for plan in capture.images.plans} == {"OPENCV_FISHEYE"}

"""LLFF's poses_bounds.npy against cameras that are known, and a real one."""

import io

import numpy as np
import pytest
from capture_scenes import H, W
from known_cameras import F, add_hidden_copies, assert_sees, camera_to_world, poses, write_photos

from splat.capture import load_capture
from splat.errors import SplatError

NAMES = ["IMG_0.jpg", "IMG_10.jpg", "IMG_2.jpg"]  # the order of names is that of rows


def rows(expected, height=H, width=W, focal=F):
    """As LLFF writes them: columns down, right, back of the camera, place, (h, w, f); then two depths."""
    listed = []
    for pose in expected:
        right, down, forward, place = camera_to_world(pose)[:3].T
        matrix = np.stack([down, right, -forward, place, [height, width, focal]], axis=1)
        listed.append([*matrix.ravel(), 0.5, 9.0])
    return np.array(listed)


def write(root, array, folder="images", names=NAMES, **size):
    write_photos(root / folder, names, **size)
    np.save(root / "poses_bounds.npy", array)
    return root


def test_rows_become_cameras_in_name_order(tmp_path):
    capture = load_capture(write(tmp_path, rows(poses())), points="none")
    assert capture.kind == "llff" and [frame.camera.name for frame in capture.frames] == NAMES
    assert_sees(capture, poses(), cx=W / 2, cy=H / 2)
    assert any("depth bounds" in note for note in capture.notes)


def test_the_file_may_be_given_and_photos_may_be_smaller_than_it_says(tmp_path):
    write(tmp_path, rows(poses(), 2 * H, 2 * W, 2 * F), "images_2")
    assert_sees(load_capture(tmp_path / "poses_bounds.npy", points="none"), poses(), cx=W / 2, cy=H / 2)


def test_hidden_files_and_folders_are_no_photos(tmp_path):
    write(tmp_path, rows(poses()))
    add_hidden_copies(tmp_path)
    (tmp_path / "images" / "old.jpg").mkdir()
    assert_sees(load_capture(tmp_path, points="none"), poses(), cx=W / 2, cy=H / 2)


def test_reduced_copies_are_taken_for_a_whole_factor(tmp_path):
    write(tmp_path, rows(poses(), 2 * H, 2 * W, 2 * F), width=2 * W, height=2 * H)
    write_photos(tmp_path / "images_2", NAMES)
    capture = load_capture(tmp_path, points="none", data_factor=2)
    assert {frame.path.parent.name for frame in capture.frames} == {"images_2"}
    assert_sees(capture, poses(), cx=W / 2, cy=H / 2)


def test_rows_that_are_not_finite_are_left_out_and_counted(tmp_path, capsys):
    array = rows(poses())
    array[1, 3] = np.nan
    capture = load_capture(write(tmp_path, array), points="none")
    assert_sees(capture, [poses()[0], poses()[2]], cx=W / 2, cy=H / 2)
    assert "1 photo without a pose (first: IMG_10.jpg)" in capsys.readouterr().err
    assert any("1 photo without a pose" in note for note in capture.notes)


def npy(array, shape=None):
    """A file's bytes, with another shape in its header."""
    content = io.BytesIO()
    np.save(content, array)
    data = content.getvalue()
    old = str(array.shape)
    return data if shape is None else data.replace(old.encode(), shape.encode().ljust(len(old)), 1)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (npy(rows(poses()))[:300], "cut short"),
        (npy(rows(poses()), "(999999999,17)").replace(b"(3, 17), }          ", b"(999999999,17), }   "), "cut short"),
        (npy(rows(poses())[:, :14]), "N x 17"),
        (npy(rows(poses())[0]), "N x 17"),
        (npy(rows(poses())[:2]), "2 rows but"),
        (npy(rows(poses(), focal=-F)), "impossible intrinsics"),
        (npy(rows(poses(), height=np.nan)), "pixels large"),
        (npy(np.array([{"x": 1}], object)), "no array of numbers"),
        (npy(rows(poses()) * np.nan), "places no photo: 3 photos without a pose"),
        (b"", "cut short"),
    ],
)
def test_bad_files_are_refused_in_one_line(tmp_path, data, says):
    write_photos(tmp_path / "images", NAMES)
    (tmp_path / "poses_bounds.npy").write_bytes(data)
    with pytest.raises(SplatError, match=says) as error:
        load_capture(tmp_path, points="none")
    assert "\n" not in str(error.value) and "poses_bounds.npy" in str(error.value)


def test_a_real_one_fits_what_its_photos_show(shared_data, tmp_path):
    source = shared_data("captures/box_llff")
    (tmp_path / "images").mkdir()
    photos = sorted((source / "images").iterdir())
    assert len(load_capture(source, points="none").frames) == len(photos) == 32
    for photo in photos[:8]:
        (tmp_path / "images" / photo.name).symlink_to(photo)
    np.save(tmp_path / "poses_bounds.npy", np.load(source / "poses_bounds.npy")[:8])
    points = load_capture(tmp_path, sfm_features=1500, test_every=0).points
    assert points is not None and len(points.xyz) > 200
    assert points.fit.error < 1.5  # 33 px and more with any other reading of the axes

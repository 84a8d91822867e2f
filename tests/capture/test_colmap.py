"""COLMAP models: binary and text, folders, missing photos, reduced photos, huge coordinates."""

import numpy as np
import pytest
from capture_scenes import LENSES, H, W, smooth_photo, viewmat, write_colmap, write_photo

from splat.capture import load_capture
from splat.errors import SplatError

CAMERA = [("PINHOLE", LENSES["PINHOLE"], W, H)]


def small_capture(root, count=4, *, photos=None, **options):
    names = [f"photo_{index}.png" for index in range(count)]
    for index, name in enumerate(names[: count if photos is None else photos]):
        write_photo(root / "images" / name, smooth_photo(index))
    points = np.array([[0.0, 0.0, 4.0], [1.0, 0.5, 5.0], [0.123456789, -1.0, 6.0]])
    write_colmap(root, CAMERA, [(name, 1, viewmat(i)) for i, name in enumerate(names)], points, **options)
    return root


def test_cameras_points_and_split_come_out_as_written(tmp_path):
    capture = load_capture(small_capture(tmp_path), test_every=3)
    assert (capture.kind, capture.name) == ("colmap", tmp_path.name)
    for index, frame in enumerate(capture.frames):
        np.testing.assert_allclose(frame.camera.viewmat.numpy(), viewmat(index), atol=1e-12)
    fx, fy, cx, cy = LENSES["PINHOLE"]
    np.testing.assert_array_equal(capture.frames[0].camera.K.numpy(), [[fx, 0, cx], [0, fy, cy], [0, 0, 1]])
    assert [frame.split for frame in capture.frames] == ["test", "train", "train", "test"]
    assert capture.points is not None
    np.testing.assert_array_equal(capture.points.xyz[2], [0.123456789, -1.0, 6.0])
    np.testing.assert_array_equal(capture.points.rgb[2], [2, 10, 20])
    np.testing.assert_array_equal(capture.images.image(1), smooth_photo(1))


def test_text_reads_as_binary(tmp_path):
    binary = load_capture(small_capture(tmp_path / "binary"))
    text = load_capture(small_capture(tmp_path / "text", text=True))
    assert (tmp_path / "text" / "sparse" / "0" / "cameras.txt").is_file()
    for one, other in zip(binary.frames, text.frames):
        np.testing.assert_allclose(one.camera.viewmat, other.camera.viewmat, atol=1e-14)
        np.testing.assert_allclose(one.camera.K, other.camera.K, rtol=1e-14)
    assert binary.points is not None and text.points is not None
    np.testing.assert_allclose(binary.points.xyz, text.points.xyz, rtol=1e-14)


@pytest.mark.parametrize("folder", ["sparse/0", "sparse", "colmap/sparse/0", "."])
def test_the_model_is_found_where_people_put_it(tmp_path, folder):
    capture = load_capture(small_capture(tmp_path, folder=folder))
    assert len(capture.frames) == 4


def test_the_model_folder_itself_may_be_given(tmp_path):
    small_capture(tmp_path)
    assert len(load_capture(tmp_path / "sparse" / "0").frames) == 4


def test_photos_in_nested_folders(tmp_path):
    names = ["left/a.png", "right/a.png"]
    for name in names:
        write_photo(tmp_path / "images" / name, smooth_photo(1))
    write_colmap(tmp_path, CAMERA, [(name, 1, viewmat(i)) for i, name in enumerate(names)])
    assert [frame.camera.name for frame in load_capture(tmp_path, points="none").frames] == names


def test_missing_photos_are_counted_in_one_warning(tmp_path, capsys):
    capture = load_capture(small_capture(tmp_path, count=5, photos=3))
    assert len(capture.frames) == 3
    err = capsys.readouterr().err.strip().splitlines()
    assert len(err) == 1 and "2 of 5 photos" in err[0]


def test_images_without_a_pose_are_left_out_and_counted(tmp_path, capsys):
    root = small_capture(tmp_path, text=True)
    file = root / "sparse" / "0" / "images.txt"
    lines = file.read_text().splitlines()
    first = next(index for index, line in enumerate(lines) if not line.startswith("#"))
    for index, quaternion in ((first, "0 0 0 0"), (first + 2, "nan 0 0 0")):
        fields = lines[index].split()
        lines[index] = " ".join([fields[0], quaternion, *fields[5:]])
    file.write_text("\n".join(lines))
    capture = load_capture(root, points="none")
    assert [frame.camera.name for frame in capture.frames] == ["photo_2.png", "photo_3.png"]
    assert "2 of 4 images have no pose and are left out" in capsys.readouterr().err
    assert "2 of 4 images have no pose and are left out" in capture.notes


def test_reduced_photos_are_used_where_the_factor_fits(tmp_path):
    root = small_capture(tmp_path, count=2)
    for index in range(2):
        write_photo(root / "images_2" / f"photo_{index}.png", smooth_photo(10 + index, W // 2, H // 2))
    capture = load_capture(root, data_factor=2)
    np.testing.assert_array_equal(capture.images.image(1), smooth_photo(11, W // 2, H // 2))
    assert any("images_2" in note for note in capture.notes)
    np.testing.assert_allclose(capture.frames[0].camera.K[0].numpy(), np.array([100.0, 0, 81.5]))
    scaled = load_capture(root, data_factor=2.5)
    assert scaled.images.image(0).shape == (96, 128, 3)
    assert not any("images_2" in note for note in scaled.notes)


def test_photos_smaller_than_their_cameras_scale_the_cameras(tmp_path):
    write_photo(tmp_path / "images" / "a.png", smooth_photo(0, W // 4, H // 4))
    write_colmap(tmp_path, CAMERA, [("a.png", 1, viewmat(0))])
    camera = load_capture(tmp_path, points="none").frames[0].camera
    assert (camera.width, camera.height) == (80, 60)
    assert camera.K[0, 0].item() == 50.0


def test_rounded_sizes_scale_each_axis_by_its_own_ratio(tmp_path):
    write_photo(tmp_path / "images" / "a.png", smooth_photo(0, 321, 241))
    write_colmap(tmp_path, [("PINHOLE", (200.0, 200.0, 160.5, 120.5), 321, 241)], [("a.png", 1, viewmat(0))])
    camera = load_capture(tmp_path, points="none", data_factor=4).frames[0].camera
    assert (camera.width, camera.height) == (80, 60)
    assert camera.K[0, 0].item() == pytest.approx(200 * 80 / 321, rel=1e-15)
    assert camera.K[1, 1].item() == pytest.approx(200 * 60 / 241, rel=1e-15)


@pytest.mark.parametrize("name", ["cameras.bin", "images.bin", "points3D.bin"])
def test_a_damaged_model_is_an_error_of_one_line(tmp_path, name):
    root = small_capture(tmp_path)
    (root / "sparse" / "0" / name).write_bytes(b"\x01\x00\x00")
    with pytest.raises(SplatError, match="damaged") as caught:
        load_capture(root)
    assert "\n" not in str(caught.value)


def test_a_model_without_posed_images_says_so(tmp_path):
    write_colmap(tmp_path, CAMERA, [])
    with pytest.raises(SplatError, match="no posed images"):
        load_capture(tmp_path)


def test_a_model_whose_photos_are_all_missing_says_where_they_should_be(tmp_path):
    with pytest.raises(SplatError, match="none of the 4 photos"):
        load_capture(small_capture(tmp_path, photos=0))


def test_a_photo_of_another_shape_is_an_error_that_names_it(tmp_path):
    root = small_capture(tmp_path, count=2)
    write_photo(root / "images" / "photo_1.png", smooth_photo(0, 100, 100))
    with pytest.raises(SplatError, match=r"photo_1\.png is 100x100"):
        load_capture(root)


def test_the_largest_of_several_models_is_used(tmp_path, capsys):
    names = [f"{index}.png" for index in range(4)]
    for index, name in enumerate(names):
        write_photo(tmp_path / "images" / name, smooth_photo(index, 32, 24))
    images = [(name, 1, viewmat(index)) for index, name in enumerate(names)]
    write_colmap(tmp_path, CAMERA, images[:2], folder="sparse/1")
    assert len(load_capture(tmp_path, points="none").frames) == 2  # only that one
    write_colmap(tmp_path, CAMERA, images[:3], folder="sparse/0")
    assert len(load_capture(tmp_path, points="none").frames) == 3
    assert "warning" not in capsys.readouterr().err
    write_colmap(tmp_path, CAMERA, images, folder="sparse/10")
    assert len(load_capture(tmp_path, points="none").frames) == 4
    assert (
        "of 3 COLMAP models sparse/10 (4 posed photos) is used, not sparse/0 (3 posed photos); sparse/1 (2"
        in capsys.readouterr().err
    )
    assert len(load_capture(tmp_path / "sparse" / "1", points="none").frames) == 2  # the one that is asked for

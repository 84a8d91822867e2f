"""COLMAP's files, read as pycolmap reads whole ones, and damaged ones refused with the place."""

import os
import struct
from pathlib import Path

import numpy as np
import pytest
from capture_scenes import LENSES, H, W, smooth_photo, viewmat, write_colmap, write_photo

from splat.capture import load_capture
from splat.capture.colmap import text
from splat.capture.colmap.files import read_model
from splat.capture.lens import MODELS
from splat.errors import SplatError

DEMO = Path(__file__).resolve().parents[2] / "data" / "demo" / "sparse" / "0"
CAMERA = [("PINHOLE", LENSES["PINHOLE"], W, H)]
POINTS = np.array([[0.0, 0.0, 4.0], [1.0, 0.5, 5.0], [0.123456789, -1.0, 6.0]])


def posed(root, *names, text=False, camera=CAMERA):
    return write_colmap(root, camera, [(name, 1, viewmat(i)) for i, name in enumerate(names)], POINTS, text=text)


def test_the_models_are_colmaps_own():
    import pycolmap

    known = {
        int(member): (name, len(pycolmap.Camera.create_from_model_name(1, name, 1.0, W, H).params))
        for name, member in pycolmap.CameraModelId.__members__.items()
        if name != "INVALID"
    }
    assert known == {number: MODELS[number] for number in known}


@pytest.mark.parametrize("text", [False, True])
def test_a_model_is_read_as_pycolmap_reads_it(tmp_path, text):
    import pycolmap

    theirs = pycolmap.Reconstruction()
    theirs.read_binary(str(DEMO))
    folder = DEMO
    if text:
        folder = tmp_path
        theirs.write_text(str(folder))
    model = read_model(folder)
    assert len(model.images) == theirs.num_images() == 72
    for number, image in theirs.images.items():
        ours = model.images[number]
        assert (ours.name, ours.camera_id) == (image.name, image.camera_id)
        np.testing.assert_allclose(ours.viewmat[:3], image.cam_from_world().matrix(), atol=1e-12)
    for number, camera in theirs.cameras.items():
        ours = model.cameras[number]
        assert (ours.model, ours.width, ours.height) == (camera.model.name, camera.width, camera.height)
        np.testing.assert_array_equal(ours.params, camera.params)
    points = [point for _, point in sorted(theirs.points3D.items())]
    assert model.points is not None and model.notes == []
    np.testing.assert_allclose(model.points.xyz, [point.xyz for point in points], rtol=1e-14)
    np.testing.assert_array_equal(model.points.rgb, [point.color for point in points])


@pytest.mark.parametrize("text", [False, True])
def test_two_cameras_of_one_number_are_refused_and_two_images_are_both_read(tmp_path, text):
    folder = write_colmap(tmp_path, [*CAMERA, *CAMERA], [(f"{i}.png", 1, viewmat(i)) for i in range(2)], text=text)
    if text:
        lines = (folder / "images.txt").read_text().replace("\n2 ", "\n1 ")
        (folder / "images.txt").write_text(lines)
        (folder / "cameras.txt").write_text((folder / "cameras.txt").read_text().replace("\n2 ", "\n1 "))
    else:
        data = bytearray((folder / "images.bin").read_bytes())
        second = 8 + 64 + len("0.png") + 1 + 8  # count; pose and numbers, name, number of keypoints
        data[second : second + 4] = struct.pack("<I", 1)
        (folder / "images.bin").write_bytes(data)
        cameras = bytearray((folder / "cameras.bin").read_bytes())
        cameras[8 + 56 : 8 + 60] = struct.pack("<I", 1)
        (folder / "cameras.bin").write_bytes(cameras)
    model = read_model(folder)
    assert sorted(image.name for image in model.images.values()) == ["0.png", "1.png"] and len(model.cameras) == 1
    file = folder / f"cameras{'.txt' if text else '.bin'}"
    old, new = (b"320 240", b"640 480") if text else (struct.pack("<QQ", W, H), struct.pack("<QQ", 2 * W, 2 * H))
    head, _, tail = file.read_bytes().rpartition(old)
    file.write_bytes(head + new + tail)
    with pytest.raises(SplatError, match="another camera has the number 1"):
        read_model(folder)


@pytest.mark.parametrize("model", LENSES)
@pytest.mark.parametrize("text", [False, True])
def test_every_camera_model_is_read(tmp_path, model, text):
    folder = posed(tmp_path, "a.png", text=text, camera=[(model, LENSES[model], W, H)])
    lens = read_model(folder).cameras[1]
    assert (lens.model, lens.width, lens.height) == (model, W, H)
    np.testing.assert_allclose(lens.params, LENSES[model], rtol=1e-15)


def test_a_file_that_is_cut_anywhere_is_an_error_that_names_it(tmp_path):
    folder = posed(tmp_path, "a.png", "b.png")
    for name in ("cameras.bin", "images.bin", "points3D.bin"):
        whole = (folder / name).read_bytes()
        for size in range(len(whole)):
            (folder / name).write_bytes(whole[:size])
            with pytest.raises(SplatError, match=rf"{name} is damaged \(.*{size:,} (byte|in|before)") as caught:
                read_model(folder)
            assert "\n" not in str(caught.value)
        (folder / name).write_bytes(whole + b"\0")
        with pytest.raises(SplatError, match=rf"{name} is damaged \(1 bytes follow its"):
            read_model(folder)
        (folder / name).write_bytes(whole)
    assert len(read_model(folder).images) == 2


@pytest.mark.parametrize("value", [2**16, 2**40, 2**61, 2**64 - 1])
def test_counts_beyond_the_file_are_refused_at_once(tmp_path, value):
    folder = posed(tmp_path, "a.png")
    places = {  # number of entries; length of the first entry's list
        "cameras.bin": (0,),
        "images.bin": (0, 8 + 64 + len("a.png") + 1),
        "points3D.bin": (0, 8 + 43),
    }
    for name, offsets in places.items():
        whole = (folder / name).read_bytes()
        for offset in offsets:
            (folder / name).write_bytes(whole[:offset] + struct.pack("<Q", value) + whole[offset + 8 :])
            with pytest.raises(SplatError, match=f"{name} is damaged"):
                read_model(folder)
        (folder / name).write_bytes(whole)


def test_an_unknown_model_and_impossible_sizes_are_errors_with_their_place(tmp_path):
    folder = posed(tmp_path, "a.png")
    whole = (folder / "cameras.bin").read_bytes()
    for offset, form, value, says in (
        (12, "<i", 99, "at byte 8 has the unknown model 99"),
        (16, "<Q", 0, "of 0x240 pixels"),
        (24, "<Q", 2**40, "pixels"),
        (32, "<d", float("nan"), "with nan"),
    ):
        value = struct.pack(form, value)
        (folder / "cameras.bin").write_bytes(whole[:offset] + value + whole[offset + len(value) :])
        with pytest.raises(SplatError, match=says):
            read_model(folder)


def test_an_image_of_a_missing_camera_is_an_error(tmp_path):
    folder = posed(tmp_path, "a.png", text=True)
    (folder / "cameras.txt").write_text("# nothing\n")
    with pytest.raises(SplatError, match=r"image 1 \(a\.png\) has the camera 1, which cameras\.txt lacks"):
        read_model(folder)


@pytest.mark.parametrize("name", ["cameras.bin", "images.bin"])
def test_a_missing_file_is_named(tmp_path, name):
    folder = posed(tmp_path, "a.png")
    (folder / name).unlink()
    with pytest.raises(SplatError, match=f"has no {name}; copy the whole model"):
        load_capture(tmp_path)


def test_a_model_without_points_is_as_one_with_none(tmp_path):
    write_photo(tmp_path / "images" / "a.png", smooth_photo(0))
    folder = posed(tmp_path, "a.png")
    (folder / "points3D.bin").unlink()
    capture = load_capture(tmp_path, points="capture")
    assert capture.points is None and any("has no points3D.bin" in note for note in capture.notes)


def test_points_come_from_another_form_where_the_models_own_is_missing(tmp_path):
    text = read_model(posed(tmp_path / "text", "a.png", text=True))
    folder = posed(tmp_path, "a.png")
    (folder / "points3D.bin").unlink()
    (folder / "points3D.txt").write_bytes((tmp_path / "text" / "sparse" / "0" / "points3D.txt").read_bytes())
    model = read_model(folder)
    assert model.points is not None and text.points is not None
    np.testing.assert_array_equal(model.points.xyz, text.points.xyz)
    assert model.notes == ["the points are those of points3D.txt: there is no points3D.bin"]


def realityscan(text):
    """Lines as RealityScan writes them: CRLF, exponents of three digits."""
    return b"\r\n".join(line.replace("e-0", "e-00").encode() for line in text.splitlines()) + b"\r\n"


def test_names_with_spaces_and_windows_lines(tmp_path):
    names = [f"A-DJI_20241016_V_plan-wp-2 ({index}).png" for index in range(3)]
    for index, name in enumerate(names):
        write_photo(tmp_path / "images" / name, smooth_photo(index))
    folder = posed(tmp_path, *names, text=True)
    for file in folder.glob("*.txt"):
        file.write_bytes(realityscan(file.read_text()))
    capture = load_capture(tmp_path, points="capture")
    assert [frame.camera.name for frame in capture.frames] == sorted(names)
    for index, frame in enumerate(capture.frames):
        np.testing.assert_allclose(frame.camera.viewmat, viewmat(index), atol=1e-9)
    assert capture.points is not None
    np.testing.assert_allclose(capture.points.xyz, POINTS)


def test_lines_of_keypoints_may_be_missing(tmp_path):
    folder = posed(tmp_path, "a.png", "b.png", "c.png", text=True)
    lines = (folder / "images.txt").read_text().splitlines()
    (folder / "images.txt").write_text("\n".join(line for line in lines if line.strip()))
    assert [image.name for image in read_model(folder).images.values()] == ["a.png", "b.png", "c.png"]


def test_sizes_may_be_written_as_decimals(tmp_path):
    folder = posed(tmp_path, "a.png", text=True)
    before = read_model(folder).cameras
    text = (folder / "cameras.txt").read_text()
    (folder / "cameras.txt").write_text(text.replace(f" {W} {H} ", f" {W}.0 {H}.000 "))
    assert (folder / "cameras.txt").read_text() != text and read_model(folder).cameras == before


def test_lines_that_cannot_be_read_are_counted_in_one_warning(tmp_path, capsys):
    for index, name in enumerate(("a.png", "b.png", "c.png")):
        write_photo(tmp_path / "images" / name, smooth_photo(index))
    folder = posed(tmp_path, "a.png", "b.png", "c.png", text=True)
    lines = (folder / "images.txt").read_text().splitlines()
    first = next(index for index, line in enumerate(lines) if not line.startswith("#"))
    lines[first + 2] = lines[first + 2].replace(" ", ",")
    (folder / "images.txt").write_text("\n".join(lines))
    points = (folder / "points3D.txt").read_text().splitlines()
    (folder / "points3D.txt").write_text("\n".join([*points[:-1], "7 1.0 2.0"]))
    capture = load_capture(tmp_path, points="capture")
    assert [frame.camera.name for frame in capture.frames] == ["a.png", "c.png"]
    assert capture.points is not None and len(capture.points.xyz) == 2
    warnings = capsys.readouterr().err
    assert f"1 line of {folder / 'images.txt'} cannot be read (first: line {first + 3})" in warnings
    assert "images.txt announces 3 entries but 2 can be read" in warnings
    assert f"1 line of {folder / 'points3D.txt'} cannot be read" in warnings


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("cameras.txt", "1 PINHOLE 320 240 200 200 160\n", "line 1: PINHOLE has 4 parameters, not 3"),
        ("cameras.txt", "1 SQUARE 320 240 200\n", "'SQUARE' is no camera model"),
        ("cameras.txt", "one PINHOLE 320\n", "line 1, is no camera"),
        ("cameras.txt", "1 PINHOLE 320.5 240 200 200 160 120\n", "line 1, is no camera"),
        ("cameras.txt", "1 PINHOLE inf 240 200 200 160 120\n", "line 1, is no camera"),
        ("images.txt", "what is this\n", "no line of .*images.txt can be read"),
    ],
)
def test_text_files_that_make_no_sense_are_errors_of_one_line(tmp_path, name, content, says):
    folder = posed(tmp_path, "a.png", text=True)
    (folder / name).write_text(content)
    with pytest.raises(SplatError, match=says) as caught:
        read_model(folder)
    assert "\n" not in str(caught.value)


def test_a_text_file_in_utf_16_says_so(tmp_path):
    folder = posed(tmp_path, "a.png", text=True)
    (folder / "images.txt").write_text((folder / "images.txt").read_text(), encoding="utf-16")
    with pytest.raises(SplatError, match="UTF-16"):
        read_model(folder)


def renamed_in(folder: Path, old: bytes, new: bytes) -> None:
    (folder / "images.bin").write_bytes((folder / "images.bin").read_bytes().replace(old, new))


@pytest.mark.parametrize(
    ("page", "written"), [("cp949", "사진"), ("cp932", "写真"), ("cp1251", "фото"), ("cp1252", "Küche")]
)
def test_names_in_a_local_code_page_find_their_photos(tmp_path, page, written, capsys):
    for index in range(3):
        write_photo(tmp_path / "images" / f"{written}_{index}.png", smooth_photo(index))
    folder = posed(tmp_path, *(f"XXXXX_{index}.png" for index in range(3)))
    renamed_in(folder, b"XXXXX", written.encode(page))
    capture = load_capture(tmp_path, points="none")
    assert [frame.camera.name for frame in capture.frames] == [f"{written}_{index}.png" for index in range(3)]
    assert "are no UTF-8; they are read as" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_files_whose_names_are_the_same_bytes_are_found(tmp_path):
    raw = "사진".encode("cp949")
    (tmp_path / "images").mkdir()
    photo = write_photo(tmp_path / "a.png", smooth_photo(0))
    photo.rename(tmp_path / "images" / os.fsdecode(raw + b".png"))
    folder = posed(tmp_path, "XXXX.png")
    renamed_in(folder, b"XXXX", raw)
    capture = load_capture(tmp_path, points="none")
    capture.frames[0].camera.name.encode("utf-8")  # can be written anywhere
    np.testing.assert_array_equal(capture.images.image(0), smooth_photo(0))


def test_names_in_an_encoding_that_fits_nothing_are_one_line(tmp_path):
    write_photo(tmp_path / "images" / "other.png", smooth_photo(0))
    renamed_in(posed(tmp_path, "XXXX.png"), b"XXXX", "사진".encode("cp949"))
    with pytest.raises(SplatError, match="the only photo listed") as caught:
        load_capture(tmp_path, points="none")
    assert "\n" not in str(caught.value)


def test_names_with_backslashes_are_folders(tmp_path):
    for name in ("cam1/a.png", "cam2/a.png"):
        write_photo(tmp_path / "images" / name, smooth_photo(len(name)))
    posed(tmp_path, "cam1\\a.png", "cam2\\a.png")
    capture = load_capture(tmp_path, points="none")
    assert [frame.camera.name for frame in capture.frames] == ["cam1/a.png", "cam2/a.png"]
    assert capture.frames[1].path == tmp_path / "images" / "cam2" / "a.png"


@pytest.mark.parametrize("name", ["/home/else/photos/a.png", "C:\\data\\photos\\a.png", "../photos/a.png", "A.PNG"])
def test_names_from_other_places_find_their_photos(tmp_path, name):
    write_photo(tmp_path / "images" / "a.png", smooth_photo(0))
    posed(tmp_path, name)
    capture = load_capture(tmp_path, points="none")
    assert capture.frames[0].path == tmp_path / "images" / "a.png"


def test_names_in_another_normal_form_find_their_photos(tmp_path):
    write_photo(tmp_path / "images" / "Ku\u0308che.png", smooth_photo(0))  # as a Mac writes it
    posed(tmp_path, "K\u00fcche.png")
    assert load_capture(tmp_path, points="none").frames[0].path.exists()


def test_points_none_uses_no_points_of_a_model(tmp_path):
    write_photo(tmp_path / "images" / "a.png", smooth_photo(0))
    posed(tmp_path, "a.png")
    assert load_capture(tmp_path, points="none").points is None
    assert load_capture(tmp_path, points="capture").points is not None


def test_a_line_of_keypoints_that_is_damaged_in_its_midst_costs_its_image_the_keypoints_only(tmp_path):
    line = " ".join(["1 2 3"] * 3 + ["1 x 3"] + ["4 5 6"] * 2)
    (tmp_path / "images.txt").write_text(f"1 1 0 0 0 0 0 0 1 a.png\n{line}\n2 1 0 0 0 0 0 0 1 b.png\n7 8 9 7 8 1e30\n")
    seen = text.read_keypoints(tmp_path / "images.txt")
    assert list(seen) == [2] and seen[2][0].tolist() == [[7, 8]] and seen[2][1].tolist() == [9]
    (tmp_path / "points3D.txt").write_text(f"{10**30} 0 0 1 1 1 1 0\n5 1 2 3 1 1 1 0\n")
    ids, xyz = text.read_places(tmp_path / "points3D.txt")
    assert ids.tolist() == [5] and xyz.tolist() == [[1, 2, 3]]


def test_images_of_a_rig_stand_where_rig_and_frame_put_them(tmp_path):
    pycolmap = pytest.importorskip("pycolmap")
    model, rig = pycolmap.Reconstruction(), pycolmap.Rig(rig_id=1)
    for number in (1, 2):
        model.add_camera(pycolmap.Camera.create_from_model_name(number, "SIMPLE_PINHOLE", 200.0, W, H))
    from_rig = pycolmap.Rigid3d(np.ascontiguousarray(viewmat(3)[:3]))
    rig.add_ref_sensor(model.cameras[1].sensor_id)
    rig.add_sensor(model.cameras[2].sensor_id, from_rig)
    model.add_rig(rig)
    frame = pycolmap.Frame(frame_id=1, rig_id=1)
    images = [pycolmap.Image(image_id=number, camera_id=number, name=f"cam{number}/a.png") for number in (1, 2)]
    for image in images:
        image.frame_id = 1
        frame.add_data_id(image.data_id)
    frame.rig_from_world = pycolmap.Rigid3d(np.ascontiguousarray(viewmat(5)[:3]))
    model.add_frame(frame)
    for image in images:
        model.add_image(image)
        write_photo(tmp_path / "images" / image.name, smooth_photo(image.image_id))
    model.register_frame(1)
    folder = tmp_path / "sparse" / "0"
    folder.mkdir(parents=True)
    model.write_binary(str(folder))
    assert (folder / "rigs.bin").is_file() and (folder / "frames.bin").is_file()
    first, second = load_capture(tmp_path, points="none").frames
    np.testing.assert_allclose(first.camera.viewmat.numpy(), viewmat(5), atol=1e-12)
    np.testing.assert_allclose(second.camera.viewmat.numpy(), viewmat(3) @ viewmat(5), atol=1e-12)

"""transforms.json of nerfstudio and instant-ngp, and Blender's, against cameras worked out by hand."""

import json
import math

import numpy as np
import pytest
from capture_scenes import H, W, smooth_photo, write_photo

from splat.capture import load_capture
from splat.capture.lens import Lens
from splat.capture.ply import read_ply_points
from splat.capture.readers.transforms import frame_lens, opengl_to_viewmat
from splat.errors import SplatError

# A camera at (0, 0, 5) with OpenGL axes: looks along -z at the origin, y up.
AT_FIVE = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 5], [0, 0, 0, 1]]
# A camera at (5, 0, 0) that looks along -x, z up: right is +y, up +z, back +x.
FROM_X = [[0, 0, 1, 5], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]]

GOOD = {"file_path": "a.png", "transform_matrix": AT_FIVE}


def write_transforms(root, frames=None, name="transforms.json", **meta):
    frames = frames if frames is not None else [{"file_path": "images/a.png", "transform_matrix": AT_FIVE}]
    root.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(json.dumps({"fl_x": 300.0, **meta, "frames": frames}))
    return root


def photos(root, *names, size=(W, H)):
    for number, name in enumerate(names):
        write_photo(root / name, smooth_photo(number, *size))
    return root


def pixel(camera, point):
    local = camera.viewmat.numpy() @ np.array([*point, 1.0])
    projected = camera.K.numpy() @ local[:3]
    return projected[:2] / projected[2], local[2]


def test_opengl_axes_become_opencv_axes(tmp_path):
    frames = [
        {"file_path": "images/a.png", "transform_matrix": AT_FIVE},
        {"file_path": "images/b.png", "transform_matrix": FROM_X},
    ]
    write_transforms(photos(tmp_path, "images/a.png", "images/b.png"), frames, cx=160, cy=120)
    first, second = (frame.camera for frame in load_capture(tmp_path, points="none", test_every=0).frames)
    np.testing.assert_array_equal(first.position.numpy(), [0, 0, 5])
    where, depth = pixel(first, (1, 1, 0))  # to the right and above: right of the centre, higher in the image
    assert depth == 5
    np.testing.assert_allclose(where, [160 + 300 / 5, 120 - 300 / 5], atol=1e-12)
    np.testing.assert_array_equal(second.position.numpy(), [5, 0, 0])
    where, depth = pixel(second, (0, 1, 2))
    assert depth == 5
    np.testing.assert_allclose(where, [160 + 300 / 5, 120 - 600 / 5], atol=1e-12)


def test_a_scale_in_the_pose_is_removed_and_a_mirrored_or_broken_one_refused():
    scaled = np.array(AT_FIVE, float)
    scaled[:3, :3] *= 0.37
    viewmat = opengl_to_viewmat(scaled.tolist())
    assert viewmat is not None
    np.testing.assert_allclose(viewmat[:3, :3] @ viewmat[:3, :3].T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(-viewmat[:3, :3].T @ viewmat[:3, 3], [0, 0, 5], atol=1e-12)
    assert opengl_to_viewmat((np.diag([-1.0, 1, 1, 1]) @ AT_FIVE).tolist()) is None
    assert opengl_to_viewmat([[float("nan")] * 4] * 4) is None
    assert opengl_to_viewmat(None) is None
    assert opengl_to_viewmat([[1, 2], [3]]) is None


LENS_CASES = {
    "focal lengths": ({"fl_x": 300, "fl_y": 310, "cx": 150, "cy": 110}, "PINHOLE", (300, 310, 150, 110)),
    "one focal length": ({"fl_x": 300}, "PINHOLE", (300, 300, W / 2, H / 2)),
    "one angle": ({"camera_angle_x": math.pi / 2}, "PINHOLE", (W / 2, W / 2, W / 2, H / 2)),
    "two angles": (
        {"camera_angle_x": math.pi / 2, "camera_angle_y": 2 * math.atan(0.5)},
        "PINHOLE",
        (W / 2, H, W / 2, H / 2),
    ),
    "degrees": ({"x_fov": 90}, "PINHOLE", (W / 2, W / 2, W / 2, H / 2)),
    "distortion": (
        {"fl_x": 300, "k1": 0.1, "k2": 0.2, "p1": 0.3, "p2": 0.4},
        "OPENCV",
        (300, 300, W / 2, H / 2, 0.1, 0.2, 0.3, 0.4),
    ),
    "k3": ({"fl_x": 300, "k1": 0.1, "k3": 0.5}, "FULL_OPENCV", (300, 300, W / 2, H / 2, 0.1, 0, 0, 0, 0.5, 0, 0, 0)),
    "eight coefficients": (
        {"fl_x": 300, "camera_model": "FULL_OPENCV", "k1": 1, "k2": 2, "k3": 3, "k4": 4, "p1": 7, "p2": 8},
        "FULL_OPENCV",
        (300, 300, W / 2, H / 2, 1, 2, 7, 8, 3, 4, 0, 0),
    ),
    "eight coefficients without a name": (
        {"fl_x": 300, "k1": 1, "k4": 4, "k5": 5, "k6": 6},
        "FULL_OPENCV",
        (300, 300, W / 2, H / 2, 1, 0, 0, 0, 0, 4, 5, 6),
    ),
    "fisheye": (
        {"fl_x": 300, "camera_model": "OPENCV_FISHEYE", "k1": 0.1, "k4": 0.4},
        "OPENCV_FISHEYE",
        (300, 300, W / 2, H / 2, 0.1, 0, 0, 0.4),
    ),
    "instant-ngp's fisheye": (
        {"fl_x": 300, "is_fisheye": True, "k2": 0.2},
        "OPENCV_FISHEYE",
        (300, 300, W / 2, H / 2, 0, 0.2, 0, 0),
    ),
    "pinhole wins over zeros": ({"fl_x": 300, "camera_model": "OPENCV", "k1": 0.0}, "PINHOLE", (300, 300, 160, 120)),
}


@pytest.mark.parametrize("case", LENS_CASES)
def test_intrinsics(case, tmp_path):
    meta, model, params = LENS_CASES[case]
    photo = write_photo(tmp_path / "a.png", smooth_photo(0))
    lens = frame_lens({}, meta, photo, "a.png")
    assert lens.model == model and (lens.width, lens.height) == (W, H)
    np.testing.assert_allclose(lens.params, params, rtol=1e-12)
    assert frame_lens(meta, {"fl_x": 1, "k1": 9}, photo, "a.png").params[0] == lens.params[0]  # a frame's own win


@pytest.mark.parametrize("stated", [{"w": 2 * W}, {"h": 2 * H}])
def test_one_side_of_the_size_gives_the_other(stated, tmp_path):
    photo = write_photo(tmp_path / "a.png", smooth_photo(0))
    lens = frame_lens({}, {"fl_x": 600, **stated}, photo, "a.png")
    assert lens == Lens("PINHOLE", (600.0, 600.0, W, H), 2 * W, 2 * H)


def test_a_frame_may_be_no_fisheye_in_a_file_of_fisheyes(tmp_path):
    photo = write_photo(tmp_path / "a.png", smooth_photo(0))
    meta = {"fl_x": 300, "k1": 0.1, "is_fisheye": True}
    assert frame_lens({"is_fisheye": False}, meta, photo, "a.png").model == "OPENCV"
    with pytest.raises(SplatError, match=r"is_fisheye of frame a\.png must be true or false"):
        frame_lens({}, {"fl_x": 300, "is_fisheye": "false"}, photo, "a.png")


def test_frames_with_their_own_intrinsics_and_sizes(tmp_path):
    photos(tmp_path, "images/a.png")
    photos(tmp_path, "images/b.png", size=(100, 200))
    frames = [
        {"file_path": "images/a.png", "transform_matrix": AT_FIVE, "fl_x": 250, "w": W, "h": H},
        {"file_path": "images/b.png", "transform_matrix": FROM_X, "fl_x": 150, "w": 200, "h": 400, "cx": 90, "cy": 210},
    ]
    cameras = load_capture(write_transforms(tmp_path, frames), points="none").cameras()
    np.testing.assert_array_equal(cameras[0].K, [[250, 0, 160], [0, 250, 120], [0, 0, 1]])
    # The photo is half as large as its intrinsics say.
    np.testing.assert_array_equal(cameras[1].K, [[75, 0, 45], [0, 75, 105], [0, 0, 1]])
    assert (cameras[1].width, cameras[1].height) == (100, 200)


@pytest.mark.parametrize("written", ["images/a", "./images/a.png", "images\\a.png", "images/a.JPG"])
def test_file_paths_as_people_write_them(tmp_path, written):
    photos(tmp_path, "images/a.png")
    write_transforms(tmp_path, [{"file_path": written, "transform_matrix": AT_FIVE}])
    capture = load_capture(tmp_path, points="none")
    assert capture.frames[0].path == tmp_path / "images" / "a.png"


def test_missing_files_and_missing_poses_are_counted(tmp_path, capsys):
    photos(tmp_path, "images/a.png", "images/b.png")
    frames = [{"file_path": f"images/{name}.png", "transform_matrix": AT_FIVE} for name in "axyz"]
    frames.append({"file_path": "images/b.png"})
    capture = load_capture(write_transforms(tmp_path, frames), points="none")
    assert len(capture.frames) == 1
    warnings = capsys.readouterr().err.strip().splitlines()
    assert len(warnings) == 2
    assert "3 of 5 photos" in warnings[0] and "1 frames" in warnings[1]
    load_capture(tmp_path, points="none")
    assert "3 of 5" not in capsys.readouterr().err  # said once is enough


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "not valid JSON"),
        ("[]", "no list of frames"),
        ('{"frames": []}', "no frame with a usable pose"),
        ('{"frames": [{"transform_matrix": 1}]}', "without file_path"),
        ('{"frames": [{"file_path": "gone.png"}]}', "the only photo listed"),
        ('{"frames": [{"file_path": "a.png"}]}', "no frame with a usable pose"),
        (json.dumps({"frames": [GOOD]}), "no usable focal length"),
        (json.dumps({"fl_x": 9, "k4": 1, "frames": [GOOD]}), "k4"),
        (json.dumps({"fl_x": 9, "camera_model": "EQUIRECTANGULAR", "frames": [GOOD]}), "camera_model EQUIRECTANGULAR"),
    ],
)
def test_a_wrong_file_is_an_error_of_one_line(tmp_path, content, says):
    photos(tmp_path, "a.png")
    (tmp_path / "transforms.json").write_text(content)
    with pytest.raises(SplatError, match=says) as caught:
        load_capture(tmp_path)
    assert "\n" not in str(caught.value)


def test_nerfstudios_own_split_wins(tmp_path):
    names = [f"images/{name}.png" for name in "abcd"]
    photos(tmp_path, *names)
    frames = [{"file_path": name, "transform_matrix": AT_FIVE} for name in names]
    write_transforms(tmp_path, frames, train_filenames=names[1:3], test_filenames=["./images/a.png"])
    capture = load_capture(tmp_path, points="none", test_every=2)
    assert [(frame.camera.name, frame.split) for frame in capture.frames] == [
        ("images/a.png", "test"),
        ("images/b.png", "train"),
        ("images/c.png", "train"),
    ]
    write_transforms(tmp_path, frames, train_filenames=names[1:], val_filenames=names[:1])
    capture = load_capture(tmp_path, points="none")
    assert [frame.split for frame in capture.frames] == ["test", "train", "train", "train"]


def four_photos(root, **meta):
    names = [f"images/{name}.png" for name in "abcd"]
    frames = [{"file_path": name, "transform_matrix": AT_FIVE} for name in names]
    return write_transforms(photos(root, *names), frames, **meta), frames


def held_out(capture):
    return [frame.camera.name for frame in capture.frames if frame.split == "test"]


@pytest.mark.parametrize("listed", ["test", "val"])
def test_split_files_beside_the_file_hold_out_what_they_list(tmp_path, listed):
    root, frames = four_photos(tmp_path)
    write_transforms(root, frames[:2], "transforms_train.json")
    write_transforms(root, [{**frames[2], "file_path": "./images/c"}], f"transforms_{listed}.json")
    capture = load_capture(root, points="none")
    assert held_out(capture) == ["images/c.png"] and len(capture.frames) == 4
    assert f"held out: the 1 photo that transforms_{listed}.json lists" in capture.notes


def test_split_files_of_other_photos_are_said_not_to_be_used(tmp_path, capsys):
    root, frames = four_photos(tmp_path)
    write_transforms(root, [{**frames[2], "file_path": "test/c"}], "transforms_test.json")
    assert held_out(load_capture(root, points="none")) == ["images/a.png"]
    assert "transforms_test.json lists none of the photos" in capsys.readouterr().err


@pytest.mark.parametrize("own", ["lists", "test.txt"])
def test_asking_for_another_split_than_the_captures_own_is_answered(tmp_path, own, capsys):
    root, frames = four_photos(tmp_path)
    if own == "lists":
        names = [frame["file_path"] for frame in frames]
        write_transforms(root, frames, train_filenames=names[:3], test_filenames=names[3:])
    else:
        (root / "test.txt").write_text("d\n")
    assert held_out(load_capture(root, points="none", test_every=0)) == ["images/d.png"]
    assert "test_every=0 is not used" in capsys.readouterr().err
    assert held_out(load_capture(root, points="none")) == ["images/d.png"]
    assert "test_every" not in capsys.readouterr().err


def test_one_photo_under_two_names_is_refused(tmp_path):
    root, frames = four_photos(tmp_path)
    write_transforms(root, [*frames, {**frames[0], "file_path": "images/a"}])
    with pytest.raises(SplatError, match=r"images/a and images/a\.png, but both are"):
        load_capture(root, points="none")


def test_matrices_written_column_by_column_are_refused(tmp_path):
    photos(tmp_path, "a.png")
    write_transforms(tmp_path, [{**GOOD, "transform_matrix": np.array(AT_FIVE).T.tolist()}])
    with pytest.raises(SplatError, match="ends in the row 0, 0, 5, 1 instead of 0, 0, 0, 1"):
        load_capture(tmp_path, points="none")


@pytest.mark.parametrize("place", ["file", "frame"])
def test_distortion_as_one_list(tmp_path, place):
    listed = {"distortion_params": [-0.2, 0.05, 0.0, 0.0, 0.001, 0.002]}
    photos(tmp_path, "a.png")
    meta = {"k1": 0.4} | (listed if place == "file" else {})
    write_transforms(tmp_path, [{**GOOD, **(listed if place == "frame" else {})}], **meta)
    lens = load_capture(tmp_path, points="none").images.plans[0].lens
    assert lens is not None and lens.params == (300.0, 300.0, W / 2, H / 2, -0.2, 0.05, 0.001, 0.002)
    write_transforms(tmp_path, [{**GOOD, "distortion_params": [0.1, 0.2]}])
    with pytest.raises(SplatError, match=r"distortion_params of frame .* must be 6 numbers"):
        load_capture(tmp_path, points="none")


def test_tangential_distortion_of_a_fisheye_lens_is_said_not_to_be_used(tmp_path, capsys):
    photo = write_photo(tmp_path / "a.png", smooth_photo(0))
    lens = frame_lens({}, {"fl_x": 300, "camera_model": "OPENCV_FISHEYE", "k1": 0.1, "p1": 0.01}, photo, "a.png")
    assert lens.params[4:] == (0.1, 0, 0, 0)
    assert "has no p1 and p2" in capsys.readouterr().err


def test_what_nothing_reads_is_named(tmp_path):
    photos(tmp_path, "a.png")
    write_transforms(tmp_path, [{**GOOD, "time": 0.5, "sharpness": 9.0}], near=0.1, aabb_scale=4)
    assert "not read of transforms.json: near, time" in load_capture(tmp_path, points="none").notes


COLOURS = {"u1": [(255, 0, 51)], "u2": [(65535, 0, 13107)], "f4": [(1.0, 0.0, 0.2)]}


@pytest.mark.parametrize("kind", COLOURS)
def test_colors_of_points_in_every_type(tmp_path, kind):
    import plyfile

    names = [*((axis, "f4") for axis in "xyz"), *((color, kind) for color in ("red", "green", "blue"))]
    rows = np.array([(1, 2, 3, *COLOURS[kind][0])], dtype=names)
    plyfile.PlyData([plyfile.PlyElement.describe(rows, "vertex")]).write(str(tmp_path / "p.ply"))
    points = read_ply_points(tmp_path / "p.ply")
    assert points is not None
    np.testing.assert_array_equal(points.rgb, [(255, 0, 51)])


def test_points_of_a_scene_have_its_colors_and_points_without_any_are_said_to_be_grey(tmp_path):
    import plyfile

    rows = np.array([(0, 0, 1, 0.5 / 0.28209479, 0.0, -9.0), (np.nan, 0, 0, 0, 0, 0)], dtype=[
        (name, "f4") for name in ("x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2")
    ])  # fmt: skip
    plyfile.PlyData([plyfile.PlyElement.describe(rows, "vertex")]).write(str(tmp_path / "scene.ply"))
    bare_rows = np.array([tuple(row)[:3] for row in rows], dtype=[(axis, "f4") for axis in "xyz"])
    plyfile.PlyData([plyfile.PlyElement.describe(bare_rows, "vertex")]).write(str(tmp_path / "bare.ply"))
    notes: list[str] = []
    scene, bare = (read_ply_points(tmp_path / f"{name}.ply", notes) for name in ("scene", "bare"))
    assert scene is not None and bare is not None
    np.testing.assert_array_equal(scene.rgb, [(255, 128, 0)])
    np.testing.assert_array_equal(bare.rgb, [(128, 128, 128)])
    lost = "1 of 2 points of {}.ply have no finite place and are left out"
    grey = "the points of bare.ply have no colours and begin mid-grey"
    assert notes == [lost.format("scene"), lost.format("bare"), grey]


def test_points_of_a_ply_and_masks_of_frames(tmp_path):
    import plyfile

    vertices = np.array([(1.5, 2.0, 3.0, 10, 20, 30), (np.nan, 0, 0, 0, 0, 0)], dtype=[
        ("x", "f8"), ("y", "f8"), ("z", "f8"), ("red", "u1"), ("green", "u1"), ("blue", "u1"),
    ])  # fmt: skip
    plyfile.PlyData([plyfile.PlyElement.describe(vertices, "vertex")]).write(str(tmp_path / "points.ply"))
    photos(tmp_path, "images/a.png")
    mask = np.zeros((H, W, 3), np.uint8)
    mask[:, W // 2 :] = 1  # anything but zero keeps
    write_photo(tmp_path / "elsewhere" / "m.png", mask)
    frame = {"file_path": "images/a.png", "transform_matrix": AT_FIVE, "mask_path": "elsewhere/m.png"}
    capture = load_capture(write_transforms(tmp_path, [frame], ply_file_path="points.ply"))
    assert capture.points is not None
    np.testing.assert_array_equal(capture.points.xyz, [[1.5, 2, 3]])
    np.testing.assert_array_equal(capture.points.rgb, [[10, 20, 30]])
    np.testing.assert_array_equal(capture.images.mask(0), mask[:, :, 0] > 0)


def test_blender_split_angle_and_alpha(tmp_path):
    rgba = np.dstack([smooth_photo(0, 80, 80), np.zeros((80, 80), np.uint8)])
    rgba[20:60, 20:60, 3] = 255
    for name in ("train/r_0.png", "train/r_1.png", "test/r_0.png", "val/r_0.png"):
        write_photo(tmp_path / name, rgba)
    for side, count in (("train", 2), ("val", 1), ("test", 1)):
        frames = [{"file_path": f"./{side}/r_{index}", "transform_matrix": AT_FIVE} for index in range(count)]
        write_transforms(tmp_path, frames, f"transforms_{side}.json", fl_x=None, camera_angle_x=math.pi / 2)
    capture = load_capture(tmp_path)
    assert capture.kind == "blender" and capture.points is None
    assert [(frame.camera.name, frame.split) for frame in capture.frames] == [
        ("test/r_0", "test"),
        ("train/r_0", "train"),
        ("train/r_1", "train"),
    ]
    np.testing.assert_allclose(capture.frames[0].camera.K, [[40, 0, 40], [0, 40, 40], [0, 0, 1]], rtol=1e-15)
    np.testing.assert_array_equal(capture.images.alpha(0), rgba[:, :, 3])
    np.testing.assert_array_equal(capture.images.image(0), rgba[:, :, :3])  # colours as stored, not composited
    (tmp_path / "transforms_test.json").unlink()
    assert [frame.camera.name for frame in load_capture(tmp_path).frames if frame.split == "test"] == ["val/r_0"]


@pytest.mark.parametrize("full_there", [True, False])
def test_a_missing_size_is_that_of_the_full_photo(tmp_path, full_there):
    if full_there:
        write_photo(tmp_path / "images" / "a.png", smooth_photo(0))
    write_photo(tmp_path / "images_4" / "a.png", smooth_photo(0, W // 4, H // 4))
    frames = [{"file_path": "images/a.png", "transform_matrix": np.eye(4).tolist()}]
    (tmp_path / "transforms.json").write_text(json.dumps({"fl_x": 200.0, "frames": frames}))
    camera = load_capture(tmp_path, points="none", data_factor=4).frames[0].camera
    assert (camera.width, camera.height) == (W // 4, H // 4)
    assert camera.K[0, 0] == pytest.approx(50.0) and camera.K[0, 2] == pytest.approx(W / 8)


@pytest.mark.parametrize("prefix", ["{root}/", "/home/someone else/my capture/", "C:\\Users\\me\\", "./", ""])
def test_captures_may_have_been_moved(tmp_path, prefix):
    write_photo(tmp_path / "images" / "a.png", smooth_photo(0))
    write_photo(tmp_path / "masks" / "a.png", np.zeros((H, W, 3), np.uint8))
    name = prefix.format(root=tmp_path) + "images/a"
    name = name.replace("/", "\\") if prefix.startswith("C:") else name
    frames = [{"file_path": name, "transform_matrix": np.eye(4).tolist()}]
    content = json.dumps({"fl_x": 200.0, "w": W, "h": H, "frames": frames, "train_filenames": [name]})
    (tmp_path / "transforms.json").write_text(content, encoding="utf-8-sig")
    capture = load_capture(tmp_path, points="none")
    assert [frame.camera.name for frame in capture.frames] == ["images/a"]
    mask = capture.images.mask(0)
    assert mask is not None and not mask.any()  # masks/a.png belongs to images/a.png


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"fl_x": -200.0}, "focal length"),
        ({"fl_x": 0}, "focal length"),
        ({"fl_x": float("inf")}, "focal length"),
        ({"fl_x": float("nan")}, "focal length"),
        ({"fl_x": None, "camera_angle_x": "wide"}, "camera_angle_x='wide'"),
        ({"fl_x": [1]}, "fl_x"),
        ({"fl_x": None, "camera_angle_x": 45}, "camera_angle_x is in radians"),
        ({"fl_x": None, "x_fov": 200}, "x_fov in degrees"),
        ({"cx": "NaN"}, "cx='NaN'"),
        ({"w": float("nan")}, "w=nan"),
        ({"h": True}, "h of frame"),
        ({"cx": float("nan")}, "impossible"),
        ({"w": 0, "h": 0}, "0x0 pixels"),
        ({"w": -W}, "pixels"),
        ({"k1": float("nan")}, "finite"),
        ({"train_filenames": 5}, "train_filenames"),
        ({"test_filenames": [5]}, "test_filenames"),
        ({"frames": [None]}, "file_path"),
        ({"frames": []}, "no frame"),
    ],
)
def test_impossible_values_are_errors_of_one_line(tmp_path, change, says):
    write_photo(tmp_path / "images" / "a.png", smooth_photo(0))
    frames = [{"file_path": "images/a.png", "transform_matrix": np.eye(4).tolist()}]
    content = {"fl_x": 200.0, "w": W, "h": H, "frames": frames, **change}
    (tmp_path / "transforms.json").write_text(json.dumps(content))
    with pytest.raises(SplatError, match=says) as caught:
        load_capture(tmp_path, points="none")
    assert "\n" not in str(caught.value)

"""Masks and depth maps: in folders of their own, beside the photos, named by the capture; all of them counted."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from capture_scenes import LENSES, H, W, smooth_photo, viewmat, write_colmap, write_photo

from splat.capture import load_capture
from splat.capture.beside import SideFolder, bare_name, companions, side_folders
from splat.errors import SplatError

HALF = np.zeros((H, W, 3), np.uint8)
HALF[:, : W // 2] = 255  # the left half counts


def posed(root, *names):
    for index, name in enumerate(names):
        write_photo(root / "images" / name, smooth_photo(index))
    write_colmap(root, [("PINHOLE", LENSES["PINHOLE"], W, H)], [(name, 1, viewmat(i)) for i, name in enumerate(names)])
    return root


def transforms(root, frames, name="transforms.json", **meta):
    frames = [{"transform_matrix": np.eye(4).tolist(), **frame} for frame in frames]
    (root / name).write_text(json.dumps({"fl_x": 300.0, **meta, "frames": frames}))
    return root


def keeps_left_half(mask):
    return mask is not None and bool(mask[:, : W // 2].all()) and not mask[:, W // 2 :].any()


@pytest.mark.parametrize("name", ["a_mask.png", "a.jpg_mask.png", "mask_a.png", "a.mask.png", "A_MASK.PNG"])
def test_masks_beside_the_photos_are_used_and_counted(tmp_path, name):
    posed(tmp_path, "a.jpg", "b.jpg")
    write_photo(tmp_path / "images" / name, HALF)
    capture = load_capture(tmp_path, points="none")
    assert keeps_left_half(capture.images.mask(0)) and capture.images.mask(1) is None
    assert f"masks beside the photos: 1 of 2 photos (first: {name})" in capture.notes
    assert load_capture(tmp_path, points="none", masks="none").images.mask(0) is None


def test_instant_ngps_masks_hide_what_is_white(tmp_path):
    posed(tmp_path, "a.png")
    write_photo(tmp_path / "images" / "dynamic_mask_a.png", 255 - HALF)
    capture = load_capture(tmp_path, points="none")
    assert keeps_left_half(capture.images.mask(0))
    assert any("they hide what is white" in note for note in capture.notes)


def test_a_photo_of_the_model_is_no_mask(tmp_path):
    posed(tmp_path, "a.png", "a_mask.png")
    assert load_capture(tmp_path, points="none").images.mask(0) is None


def test_mask_files_of_no_photo_are_counted(tmp_path, capsys):
    posed(tmp_path, "a.png", "b.png")
    for name in ("a.png", "x.png", "y.png"):
        write_photo(tmp_path / "masks" / name, HALF)
    capture = load_capture(tmp_path, points="none")
    note = "masks: masks of 1 of 2 photos, 2 mask files of no photo (first: x.png)"
    assert note in capture.notes and note in capsys.readouterr().err
    assert keeps_left_half(capture.images.mask(0))


def test_masks_without_the_photos_folders_are_matched_by_names_that_tell(tmp_path, capsys):
    posed(tmp_path, "left/a.png", "right/b.png")
    for name in ("a.png", "b.png"):
        write_photo(tmp_path / "masks" / name, HALF)
    capture = load_capture(tmp_path, points="none")
    assert all(keeps_left_half(capture.images.mask(index)) for index in range(2))
    posed(tmp_path / "twice", "left/a.png", "right/a.png")
    write_photo(tmp_path / "twice" / "masks" / "a.png", HALF)
    capture = load_capture(tmp_path / "twice", points="none")
    assert capture.images.mask(0) is None and capture.images.mask(1) is None
    assert "a mask's bare name is that of several photos (first: left/a.png)" in capsys.readouterr().err


def test_named_masks_that_are_gone_are_an_error_with_a_count(tmp_path):
    names = ["images/a.png", "images/b.png"]
    for name in names:
        write_photo(tmp_path / name, smooth_photo(0))
    transforms(tmp_path, [{"file_path": name, "mask_path": f"away/{Path(name).name}"} for name in names])
    with pytest.raises(SplatError, match=r"2 masks that .* names cannot be found \(first: away/a\.png\)") as caught:
        load_capture(tmp_path, points="none")
    assert "\n" not in str(caught.value)
    assert load_capture(tmp_path, points="none", masks="none").images.mask(0) is None
    for name in names:
        write_photo(tmp_path / "masks" / Path(name).name, HALF)
    capture = load_capture(tmp_path, points="none")
    assert keeps_left_half(capture.images.mask(1))
    assert any("2 masks are not where" in note for note in capture.notes)


def test_masks_that_the_capture_names_belong_to_photos(tmp_path, capsys):
    for name in ("images/a.png", "masks/of_a.png", "masks_2/of_a.png"):
        write_photo(tmp_path / name, HALF)
    frames = [{"file_path": "images/a.png", "mask_path": "masks/of_a.png"}]
    capture = load_capture(transforms(tmp_path, frames), points="none")
    assert keeps_left_half(capture.images.mask(0))
    assert capture.notes == ["masks for 1 of 1 photos (ignore)"] and capsys.readouterr().err == ""
    write_photo(tmp_path / "masks" / "of_b.png", HALF)
    load_capture(tmp_path, points="none")
    assert "1 mask file of no photo (first: of_b.png)" in capsys.readouterr().err


def test_a_mask_of_another_shape_is_an_error(tmp_path):
    posed(tmp_path, "a.png")
    for size, fits in (((W // 2, H // 2), True), ((W // 2, H // 2 + 1), True), ((H, W), True), ((W, W), False)):
        write_photo(tmp_path / "masks" / "a.png", smooth_photo(0, *size))
        if fits:
            assert load_capture(tmp_path, points="none").images.mask(0).shape == (H, W)
            continue
        with pytest.raises(SplatError, match=r"the mask .*a\.png is 320x320 but its photo 320x240: another shape"):
            load_capture(tmp_path, points="none")


@pytest.mark.parametrize("name", ["masks/a_mask.png", "masks/mask_a.jpg", "mask/a.png", "images/masks/a.png"])
def test_masks_under_the_names_that_people_give_them(tmp_path, name):
    posed(tmp_path, "a.jpg", "b.jpg")
    write_photo(tmp_path / name, HALF)
    capture = load_capture(tmp_path, points="none")
    mask = capture.images.mask(0)
    assert mask is not None and mask[:, : W // 2 - 8].all() and not mask[:, W // 2 + 8 :].any()
    assert capture.images.mask(1) is None


def test_files_made_of_other_photos_are_told_apart():
    names = "a.jpg a_mask.png r_0.png r_0_depth_0001.png r_0_normal_0001.png mask_b.png IMG_depth_1.jpg c_mask.jpg"
    found = companions([Path("x") / name for name in names.split()])
    assert {path.name: (photo.name, word) for path, (photo, word) in found.items()} == {
        "a_mask.png": ("a.jpg", "mask"),
        "r_0_depth_0001.png": ("r_0.png", "depth"),
        "r_0_normal_0001.png": ("r_0.png", "normal"),
    }
    assert companions([Path("x/a.jpg"), Path("y/a_mask.png")]) == {}


def test_bare_names():
    assert bare_name("deep/IMG_1.JPG.png") == bare_name("IMG_1.jpg") == bare_name("img_1") == "img_1"
    assert bare_name("a.b.png") == "a.b"


@pytest.mark.parametrize("folder", ["Masks", "MASK"])
def test_folders_of_masks_in_any_case(tmp_path, folder):
    for place in (f"{folder}/a.png", "images/a.png"):
        write_photo(tmp_path / place, smooth_photo(0))
    write_colmap(tmp_path, [("PINHOLE", LENSES["PINHOLE"], W, H)], [("a.png", 1, viewmat(0))])
    (plan,) = load_capture(tmp_path, points="none").images.plans
    assert plan.mask_path == tmp_path / folder / "a.png"
    (tmp_path / "masks").mkdir(exist_ok=True)  # the usual name comes first
    assert side_folders([tmp_path], ("masks", "mask"))[0] == tmp_path / "masks"


def test_a_number_behind_a_dot_is_no_suffix(tmp_path):
    for name in ("frame_1.png", "frame_2.5.png", "frame_3.png"):
        write_photo(tmp_path / name, np.zeros((4, 4, 3), np.uint8))
    found = SideFolder(tmp_path).match(["frame_1", "frame_1.5", "frame_2.5", "frame_3.NEF"]).files
    assert {name: path.name for name, path in found.items()} == {
        "frame_1": "frame_1.png",
        "frame_2.5": "frame_2.5.png",
        "frame_3.NEF": "frame_3.png",
    }


def test_side_folders_match_by_folder_before_by_name(tmp_path):
    for name in ("one/a.png", "two/a.png", "b.png"):
        write_photo(tmp_path / name, HALF)
    matched = SideFolder(tmp_path).match(["one/a.jpg", "two/a.jpg", "three/b.jpg"])
    assert matched.files == {"one/a.jpg": tmp_path / "one" / "a.png", "two/a.jpg": tmp_path / "two" / "a.png"}
    assert matched.unmatched == [tmp_path / "b.png"] and matched.ambiguous == []


def write_depth(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path.with_suffix(".npy"), np.full((H, W), value, np.float32))


@pytest.mark.parametrize("separator", ["/", "\\"])
def test_depth_maps_go_with_their_own_sensors(tmp_path, separator):
    frames = []
    for sensor in range(2):
        write_photo(tmp_path / f"sensor{sensor}" / "rgb" / "1.png", smooth_photo(sensor))
        write_depth(tmp_path / f"sensor{sensor}" / "depth" / "1.npy", sensor)
        parts = [f"sensor{sensor}", "rgb", "1"], [f"sensor{sensor}", "depth", "1.npy"]
        frames.append({"file_path": separator.join(parts[0]), "depth_file_path": separator.join(parts[1])})
    transforms(tmp_path, frames, "transforms_depth.json")
    text = (tmp_path / "transforms_depth.json").read_text()
    (tmp_path / "transforms_depth.json").write_text(text, encoding="utf-8-sig")
    capture = load_capture(tmp_path / "transforms_depth.json", points="none")
    assert capture.depth_maps == 2
    for frame in capture.frames:
        assert frame.depth_path is not None and frame.depth_path.parts[-3] == frame.path.parts[-3]


def test_depth_maps_in_a_folder_are_found_by_path(tmp_path):
    posed(tmp_path, "left/a.png", "right/a.png", "right/b.png")
    for name in ("left/a.npy", "right/a.npy"):
        write_depth(tmp_path / "depth" / name, 1.0)
    write_depth(tmp_path / "truth" / "depth" / "b.npy", 1.0)  # of no meaning for training
    capture = load_capture(tmp_path, points="none")
    found = [
        frame.depth_path.relative_to(tmp_path).as_posix() if frame.depth_path else None for frame in capture.frames
    ]
    assert found == ["depth/left/a.npy", "depth/right/a.npy", None]
    assert capture.depth_maps == 2


@pytest.mark.parametrize("name", ["images/a_depth.npy", "images/depth_a.png", "depth/a_depth.png", "depths/a.tiff"])
def test_depth_maps_under_the_names_that_people_give_them(tmp_path, name):
    posed(tmp_path, "a.jpg", "b.jpg")
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, np.ones((H, W), np.float32))
    else:
        assert cv2.imwrite(str(path), np.full((H, W), 1000, np.uint16))
    capture = load_capture(tmp_path, points="none")
    assert [frame.depth_path for frame in capture.frames] == [path, None] and capture.depth_maps == 1


def test_pictures_of_depth_are_no_depth_maps_and_counted(tmp_path):
    posed(tmp_path, "a.jpg", "b.jpg")
    for name in ("a.png", "b.png"):
        write_photo(tmp_path / "depth" / name, HALF)
    capture = load_capture(tmp_path, points="none")
    assert capture.depth_maps == 0
    assert any(note.startswith("2 pictures of depth are no depth maps") for note in capture.notes)


def test_files_that_frames_name_but_that_are_not_read_are_counted(tmp_path):
    write_photo(tmp_path / "a.png", smooth_photo(0))
    frames = [{"file_path": "a.png", "normal_file_path": "n/a.png", "depth_path": "z/a.npy"}]
    write_depth(tmp_path / "z" / "a.npy", 1.0)
    capture = load_capture(transforms(tmp_path, frames), points="none")
    assert capture.depth_maps == 1
    assert any(note.startswith("normal_file_path of 1 frame of") for note in capture.notes)


def test_missing_depth_maps_are_counted(tmp_path, capsys):
    frames = []
    for name in "abc":
        write_photo(tmp_path / f"{name}.png", smooth_photo(0))
        frames.append({"file_path": f"{name}.png", "depth_file_path": f"z/{name}.npy"})
    write_depth(tmp_path / "z" / "b.npy", 1.0)
    capture = load_capture(transforms(tmp_path, frames), points="none")
    assert capture.depth_maps == 1
    assert "2 of 3 depth maps that" in capsys.readouterr().err
    assert any("2 of 3 depth maps that" in note and "(first: z/a.npy)" in note for note in capture.notes)

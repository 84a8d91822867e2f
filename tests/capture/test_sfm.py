"""Structure from motion and triangulation on photos of a room whose geometry is known."""

import numpy as np
import pytest
from capture_scenes import align, distance_to_room, room_photo, room_poses, smooth_photo, write_colmap, write_photo
from PIL import Image
from scipy.spatial import cKDTree

from splat.capture import load_capture
from splat.capture.sfm.features import choose_pairs
from splat.capture.sfm.solve import UnposedPhoto, _matcher, camera_groups
from splat.capture.sfm.triangulate import keep_inliers, neighbour_pairs
from splat.errors import SplatError

SIZE = (400, 300)
K = np.array([[380.0, 0, 200], [0, 380, 150], [0, 0, 1]])


def write_room(folder, count=8, exif_turn=None):
    poses = room_poses(count)
    for index, pose in enumerate(poses):
        photo = room_photo(pose, K, *SIZE)
        if index == exif_turn:  # held sideways: stored turned, EXIF says how to turn it back
            picture = Image.fromarray(np.ascontiguousarray(np.rot90(photo)))
            exif = picture.getexif()
            exif[0x0112] = 6
            folder.mkdir(parents=True, exist_ok=True)
            picture.save(folder / f"{index}.png", exif=exif)
        else:
            write_photo(folder / f"{index}.png", photo)
    return poses


def test_cameras_of_a_bare_folder_of_photos(tmp_path, fresh, capsys):
    poses = write_room(tmp_path / "room", exif_turn=3)
    for index in range(8):  # names as people have them
        (tmp_path / "room" / f"cam {index % 2}").mkdir(exist_ok=True)
        (tmp_path / "room" / f"{index}.png").rename(tmp_path / "room" / f"cam {index % 2}" / f"фото {index} (1)#.PNG")
    poses = poses[::2] + poses[1::2]  # in name order
    before = sorted((path.name, path.stat().st_mtime_ns) for path in (tmp_path / "room").rglob("*"))
    capture = load_capture(tmp_path / "room", num_threads=2)
    assert capture.kind == "photos" and len(capture.frames) == len(poses)
    assert {capture.images.image(index).shape for index in range(8)} == {(300, 400, 3)}  # upright

    truth = np.array([-pose[:3, :3].T @ pose[:3, 3] for pose in poses])
    found = np.array([camera.position.numpy() for camera in capture.cameras()])
    scale, rotation, shift = align(found, truth)
    spread = np.linalg.norm(truth - truth.mean(axis=0), axis=1).mean()
    assert np.linalg.norm(scale * found @ rotation.T + shift - truth, axis=1).max() < 0.03 * spread
    for camera, pose in zip(capture.cameras(), poses):
        turned = camera.viewmat[:3, :3].numpy() @ rotation.T @ pose[:3, :3].T
        assert np.degrees(np.arccos(np.clip((np.trace(turned) - 1) / 2, -1, 1))) < 1.0
    assert capture.points is not None and len(capture.points.xyz) > 200
    on_walls = distance_to_room(scale * capture.points.xyz @ rotation.T + shift)
    assert np.median(on_walls) < 0.03

    assert sorted((path.name, path.stat().st_mtime_ns) for path in (tmp_path / "room").rglob("*")) == before
    capsys.readouterr()
    again = load_capture(tmp_path / "room", num_threads=2)
    assert "Finding features" not in capsys.readouterr().err
    np.testing.assert_array_equal(again.frames[0].camera.viewmat, capture.frames[0].camera.viewmat)
    leftovers = [path for path in fresh.rglob("*") if path.name in ("work", "database.db")]
    assert leftovers == []


@pytest.mark.parametrize("kind", ["webp", "turned"])
def test_photos_that_colmap_cannot_read_are_converted_and_masks_turn_along(tmp_path, kind, monkeypatch):
    """Features of the masked half must not be found, whichever way photo and mask are stored."""
    from splat.capture.sfm import solve

    keep = np.zeros((300, 400), np.uint8)
    keep[:, :200] = 255
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    for index, pose in enumerate(room_poses(3)):
        picture = Image.fromarray(room_photo(pose, K, *SIZE))
        if kind == "webp":
            picture.save(tmp_path / "images" / f"{index}.webp", lossless=True)
            Image.fromarray(keep).save(tmp_path / "masks" / f"{index}.png")
        else:
            turned = Image.fromarray(np.ascontiguousarray(np.rot90(np.asarray(picture))))
            exif = turned.getexif()
            exif[0x0112] = 6
            turned.save(tmp_path / "images" / f"{index}.jpg", exif=exif, quality=97)
            Image.fromarray(np.ascontiguousarray(np.rot90(keep))).save(tmp_path / "masks" / f"{index}.png")
    found = {}

    def look(database, *_):
        with solve.quiet_colmap().Database.open(str(database)) as opened:
            found.update({image.name: opened.read_keypoints(image.image_id) for image in opened.read_all_images()})
        raise SplatError("seen")

    monkeypatch.setattr(solve, "match_pairs", look)
    with pytest.raises(SplatError, match="seen"):
        load_capture(tmp_path, num_threads=2)
    assert len(found) == 3
    for keypoints in found.values():
        assert len(keypoints) > 50
        assert keypoints[:, 0].max() < 202 and keypoints[:, 1].max() < 300


def test_points_are_triangulated_from_known_cameras(tmp_path, capsys):
    offset = np.array([50_000.0, -20_000.0, 1_000.0])  # poses far out are moved to zero
    poses = write_room(tmp_path / "images")
    moved = []
    for pose in poses:
        shifted = pose.copy()
        shifted[:3, 3] -= pose[:3, :3] @ offset
        moved.append(shifted)
    params = (K[0, 0], K[1, 1], K[0, 2], K[1, 2])
    images = [(f"{index}.png", 1, pose) for index, pose in enumerate(moved)]
    write_colmap(tmp_path, [("PINHOLE", params, *SIZE)], images)
    capture = load_capture(tmp_path, test_every=0, num_threads=2)
    assert capture.points is not None and capture.points.origin == "triangulated"
    assert len(capture.points.xyz) > 300
    assert capture.origin == tuple(offset)
    errors = distance_to_room(capture.points.xyz)
    assert np.median(errors) < 0.01
    assert (errors < 0.1).mean() > 0.98
    # Colours are those of the photo that sees the point.
    local = capture.points.xyz @ poses[4][:3, :3].T + poses[4][:3, 3]
    u, v = (K[0, 0] * local[:, 0] / local[:, 2] + 200), (K[1, 1] * local[:, 1] / local[:, 2] + 150)
    inside = (u > 1) & (v > 1) & (u < 399) & (v < 299)
    photo = room_photo(poses[4], K, *SIZE)
    difference = np.abs(photo[v[inside].astype(int), u[inside].astype(int)].astype(int) - capture.points.rgb[inside])
    assert np.median(difference) < 25
    assert "triangulated" in capsys.readouterr().err
    again = load_capture(tmp_path, test_every=0)
    assert "triangulated from" not in capsys.readouterr().err  # from the cache
    assert again.points is not None
    np.testing.assert_array_equal(again.points.xyz, capture.points.xyz)
    assert load_capture(tmp_path, points="capture").points is None
    repeated = load_capture(tmp_path, test_every=0, num_threads=2, cache_dir=str(tmp_path / "other cache"))
    assert repeated.points is not None
    assert abs(len(repeated.points.xyz) - len(capture.points.xyz)) <= 0.02 * len(
        capture.points.xyz
    )  # whatever the threads do
    nearest = cKDTree(capture.points.xyz).query(repeated.points.xyz)[0]
    assert np.median(nearest) < 1e-3 and np.quantile(nearest, 0.9) < 0.02


@pytest.mark.slow
def test_any_number_of_threads_gives_the_same_frame(tmp_path):
    write_room(tmp_path / "room", count=6)
    first, *others = (
        load_capture(tmp_path / "room", num_threads=threads, cache_dir=str(tmp_path / name))
        for threads, name in ((1, "one"), (2, "two"), (2, "two again"), (4, "four"))
    )
    assert len(first.frames) == 6 and first.points is not None
    for other in others:
        assert other.points is not None and len(other.frames) == 6
        assert abs(len(other.points.xyz) - len(first.points.xyz)) < 0.02 * len(first.points.xyz)
        # Another frame would be turned, moved and as large as another first pair makes it. Digits may differ: libraries
        # below COLMAP sum in an order that is theirs.
        for one, two in zip(first.cameras(), other.cameras()):
            np.testing.assert_allclose(one.viewmat, two.viewmat, atol=0.02)


def test_photos_that_do_not_fit_together_say_what_to_do(tmp_path):
    for index in range(3):
        write_photo(tmp_path / f"{index}.png", smooth_photo(index))
    with pytest.raises(SplatError, match=r"none of the 3 photos could be placed; take more photos") as caught:
        load_capture(tmp_path)
    assert "\n" not in str(caught.value)
    (tmp_path / "2.png").unlink()
    with pytest.raises(SplatError, match="2 photos are too few"):
        load_capture(tmp_path)


def test_panoramas_that_cannot_be_placed_are_not_asked_for_more_photos(tmp_path):
    for index in range(3):
        write_photo(tmp_path / f"{index}.png", np.resize(smooth_photo(index), (64, 128, 3)))
    with pytest.raises(
        SplatError, match=r"none of the 3 photos could be placed; they are shaped like 360° panoramas: cut"
    ):
        load_capture(tmp_path)


def test_a_full_disk_is_an_error_of_one_line_and_leaves_nothing(tmp_path, fresh, monkeypatch):
    import shutil

    write_room(tmp_path / "room", count=3)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1_000_000))
    with pytest.raises(SplatError, match="1 MB free") as caught:
        load_capture(tmp_path / "room")
    assert "\n" not in str(caught.value)
    assert [path for path in fresh.rglob("*") if path.is_file() and path.name != ".lock"] == []


def test_pairs_to_match():
    names = [f"{index:02d}" for index in range(40)]
    assert len(choose_pairs(names, "exhaustive")) == 40 * 39 // 2
    pairs = choose_pairs(names, "sequential")
    assert ("00", "10") in pairs and ("00", "16") in pairs and ("00", "32") in pairs and ("00", "11") not in pairs
    assert len(set(pairs)) == len(pairs)
    near = choose_pairs(names[:5], "next")
    assert near == [(one, two) for one in names[:5] for two in names[:5] if 1 <= int(two) - int(one) <= 3]


@pytest.mark.parametrize(
    ("count", "ordered", "matcher"),
    [(30, False, "exhaustive"), (31, False, "similar"), (30, True, "exhaustive"), (60, True, "similar"),
     (61, True, "sequential"), (500, False, "similar")],
)  # fmt: skip
def test_how_many_photos_are_matched_all_with_all(count, ordered, matcher):
    assert _matcher(count, ordered) == matcher


def test_few_photos_that_are_placed_are_matched_all_with_all(tmp_path, capsys, monkeypatch):
    """Pairs that look alike are not enough here, because none are chosen."""
    from splat.capture.sfm import solve

    write_room(tmp_path / "room", count=6)
    monkeypatch.setattr(solve, "EXHAUSTIVE_UP_TO", 5)
    monkeypatch.setattr(solve, "similar_pairs", lambda *_: [])
    monkeypatch.setattr(solve, "choose_pairs", lambda names, how: [] if how == "next" else choose_pairs(names, how))
    assert len(load_capture(tmp_path / "room", num_threads=1, points="capture").frames) == 6
    assert "only 0 of 6 photos are placed: all are matched with all" in " ".join(capsys.readouterr().err.split())


def test_photos_of_the_same_place_look_alike(tmp_path):
    from splat.capture.config import CaptureOptions
    from splat.capture.sfm.features import CameraGroup, extract_features
    from splat.capture.sfm.retrieval import similar_pairs

    names = []
    for style in (1, 2):  # two rooms with other wallpaper, seen from the same places
        for index, pose in enumerate(room_poses(5)):
            names.append(f"{index}_{style}.png")  # names in an order that mixes the rooms
            write_photo(tmp_path / "photos" / names[-1], room_photo(pose, K, *SIZE, style=style))
    options = CaptureOptions(sfm_features=1000, sfm_image_size=400, num_threads=1)
    extract_features(tmp_path / "a.db", tmp_path / "photos", [CameraGroup(tuple(names))], options)
    pairs = similar_pairs(tmp_path / "a.db", sorted(names), neighbours=3)
    assert len(pairs) >= 10 * 3 / 2
    assert all(first[-5] == second[-5] for first, second in pairs)


def test_neighbours_look_the_same_way():
    poses = np.stack(room_poses(30))
    turned = poses.copy()
    turned[15:, :3, :3] = np.diag([-1.0, 1, -1]) @ turned[15:, :3, :3]  # the second half looks back
    turned[15:, :3, 3] = np.einsum("ij,cj->ci", np.diag([-1.0, 1, -1]), turned[15:, :3, 3])
    pairs = neighbour_pairs(turned, neighbours=5)
    assert pairs and all((i < 15) == (j < 15) for i, j in pairs)
    assert all(abs(i - j) <= 8 for i, j in pairs)


def test_cameras_are_shared_by_what_exif_says(tmp_path):
    for index, (focal, size) in enumerate(
        [((4, 1), (64, 48)), ((4, 1), (64, 48)), ((7, 1), (64, 48)), ((4, 1), (48, 64))]
    ):
        picture = Image.fromarray(smooth_photo(0, *size))
        exif = picture.getexif()
        exif.get_ifd(0x8769)[0x920A] = focal
        picture.save(tmp_path / f"{index}.jpg", exif=exif)
    photos = [UnposedPhoto(f"{index}.jpg", tmp_path / f"{index}.jpg") for index in range(4)]
    assert [group.names for group in camera_groups(photos)] == [("0.jpg", "1.jpg"), ("2.jpg",), ("3.jpg",)]


def test_only_absurd_outliers_go():
    points = np.random.default_rng(0).normal(size=(1000, 3))
    points[:5] *= 1000
    keep = keep_inliers(points)
    assert not keep[:5].any() and keep[5:].all()


@pytest.mark.slow
def test_fox_without_poses(shared_data, tmp_path):
    import json
    import shutil

    fox = shared_data("fox")
    names = sorted(path.name for path in (fox / "images").glob("*.jpg"))[:8]
    for name in names:
        shutil.copy(fox / "images" / name, tmp_path / name)
    capture = load_capture(tmp_path, sfm_image_size=800, data_factor=8)
    assert len(capture.frames) >= 7
    frames = {
        frame["file_path"].split("/")[-1]: frame
        for frame in json.loads((fox / "transforms.json").read_text())["frames"]
    }
    truth = np.array([np.array(frames[f.camera.name]["transform_matrix"])[:3, 3] for f in capture.frames])
    found = np.array([camera.position.numpy() for camera in capture.cameras()])
    scale, rotation, shift = align(found, truth)
    spread = np.linalg.norm(truth - truth.mean(axis=0), axis=1).mean()
    assert np.linalg.norm(scale * found @ rotation.T + shift - truth, axis=1).max() < 0.1 * spread

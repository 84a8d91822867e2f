"""Pixels: cache bound, threads, EXIF orientation, scaling, masks and alpha, unreadable photos."""

import threading
import tracemalloc
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from capture_scenes import H, W, smooth_photo, viewmat, write_colmap, write_photo
from PIL import Image, ImageOps

from splat.capture import load_capture
from splat.capture.beside import SideFolder
from splat.capture.images import PhotoImages
from splat.capture.photo import oriented, photo_header, read_mask, read_photo, turned_back
from splat.capture.types import PhotoPlan
from splat.errors import SplatError


def posed(root, *names, width=W, height=H, params=None):
    params = params or (200.0, 200.0, width / 2, height / 2)
    images = [(name, 1, viewmat(index)) for index, name in enumerate(names)]
    write_colmap(root, [("PINHOLE", params, width, height)], images)
    return root


def plans(root, count, size=64):
    paths = [write_photo(root / f"{i}.png", smooth_photo(i, size, size)) for i in range(count)]
    return [PhotoPlan(path, 1, None, size, size) for path in paths]


def test_the_cache_never_exceeds_its_bound_and_drops_the_oldest(tmp_path):
    size = 64 * 64 * 3
    images = PhotoImages(plans(tmp_path, 5), cache_bytes=3 * size)
    for index in (0, 1, 2):
        images.image(index)
    kept = images.image(0)  # used again: now the youngest
    for index in (3, 4):
        images.image(index)
        assert images.cached_bytes <= 3 * size
    assert images.image(0) is kept
    assert sorted(images._cache) == [0, 3, 4]
    np.testing.assert_array_equal(images.image(1), smooth_photo(1, 64, 64))  # dropped ones come back from disk


def test_a_cache_smaller_than_a_photo_keeps_the_last_one(tmp_path, monkeypatch):
    from splat.capture import images as module

    decoded = []
    original = module.load_photo
    monkeypatch.setattr(module, "load_photo", lambda plan: decoded.append(plan.path) or original(plan))
    images = PhotoImages(plans(tmp_path, 3), cache_bytes=0)
    for index in range(3):
        np.testing.assert_array_equal(images.image(index), smooth_photo(index, 64, 64))
        assert images.alpha(index) is None and images.mask(index) is None
        assert images.cached_bytes == 64 * 64 * 3
    assert len(decoded) == 3  # image, alpha and mask of a view: decoded once


def test_memory_stays_within_the_bound(tmp_path):
    """60 photos of 6 MP, a bound of 100 MB: what the process holds is counted, not what the cache says."""
    import tracemalloc

    photo = write_photo(tmp_path / "a.jpg", cv2.resize(smooth_photo(0), (3000, 2000)))
    images = PhotoImages([PhotoPlan(photo, 1, None, 3000, 2000)] * 60, cache_bytes=100_000_000)
    tracemalloc.start()
    for index in range(60):
        images.image(index)
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert images.cached_bytes == 5 * 3000 * 2000 * 3
    assert held < 101_000_000
    assert peak < 100_000_000 + 3 * 3000 * 2000 * 3  # and what decoding one needs


def test_threads_get_the_right_photos_and_decode_each_once(tmp_path, monkeypatch):
    from splat.capture import images as module

    decoded = []
    original = module.load_photo
    monkeypatch.setattr(module, "load_photo", lambda plan: decoded.append(plan.path) or original(plan))
    images = PhotoImages(plans(tmp_path, 6), cache_bytes=10**9)
    wrong = []

    def read(seed):
        for index in np.random.default_rng(seed).permutation(6):
            if not np.array_equal(images.image(index), smooth_photo(int(index), 64, 64)):
                wrong.append(index)

    workers = [threading.Thread(target=read, args=(seed,)) for seed in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong
    assert len(decoded) == 6


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_turns_as_pillow_does(tmp_path, orientation):
    photo = Image.fromarray(smooth_photo(1, 60, 40))
    exif = photo.getexif()
    exif[0x0112] = orientation
    photo.save(tmp_path / "a.png", exif=exif)
    header = photo_header(tmp_path / "a.png")
    assert (header.width, header.height, header.orientation) == (60, 40, orientation)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / "a.png")))
    turned = oriented(read_photo(tmp_path / "a.png"), orientation)
    np.testing.assert_array_equal(turned, expected)
    np.testing.assert_array_equal(turned_back(turned, orientation), read_photo(tmp_path / "a.png"))
    assert header.upright_size == (turned.shape[1], turned.shape[0])


@pytest.mark.parametrize("kind", ["RGB", "RGBA", "L"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_tiffs_are_read_as_stored(tmp_path, kind, orientation):
    stored = Image.fromarray(smooth_photo(1, 60, 40)).convert(kind)
    stored.save(tmp_path / "a.tif", tiffinfo={0x0112: orientation})
    header = photo_header(tmp_path / "a.tif")
    assert (header.width, header.height, header.orientation) == (60, 40, orientation)
    np.testing.assert_array_equal(read_photo(tmp_path / "a.tif")[..., :3], np.asarray(stored.convert("RGB")))


def test_a_fourth_channel_that_is_no_alpha_is_none(tmp_path):
    four = np.dstack([smooth_photo(0), np.full((H, W), 7, np.uint8)])  # infrared of a drone's camera, say
    Image.frombytes("RGBX", (W, H), four.tobytes()).save(tmp_path / "a.tif")
    np.testing.assert_array_equal(read_photo(tmp_path / "a.tif"), four[..., :3])


@pytest.mark.parametrize("kind", ["tif", "tif, grey", "png, one grey", "png", "webp"])
def test_colors_and_alpha_are_those_of_the_file(tmp_path, kind):
    rgba = np.dstack([smooth_photo(1, 60, 40), smooth_photo(2, 60, 40)[..., 0]])
    picture = Image.fromarray(rgba)
    path = tmp_path / f"a.{kind[:4].rstrip(',')}"
    if "grey" in kind:
        picture = picture.convert("LA" if kind.startswith("tif") else "L")
    if kind == "png, one grey":
        level = int(np.asarray(picture)[3, 3])
        picture.save(path, transparency=level)
        rgba = np.repeat(np.asarray(picture)[..., None], 4, axis=2)
        rgba[..., 3] = np.where(rgba[..., 0] == level, 0, 255)
    else:
        picture.save(path, **({"lossless": True, "exact": True} if kind == "webp" else {}))
        rgba = np.asarray(picture.convert("RGBA"))
    assert photo_header(path).has_alpha and rgba[..., 3].min() < 250
    np.testing.assert_array_equal(read_photo(path), rgba)


@pytest.mark.parametrize(
    "kind", ["1", "L", "P", "LA", "RGBA", "alpha alone", "black and alpha", "16 bits", "jpg", "tif"]
)
def test_masks_as_people_write_them(tmp_path, kind):
    keep = np.ones((40, 60), bool)
    keep[7:22, 11:33] = False
    path = tmp_path / f"a.{kind if kind in ('jpg', 'tif') else 'png'}"
    grey = Image.fromarray(np.where(keep, np.uint8(255), np.uint8(0)))
    clear, dark = Image.new("L", grey.size, 255), Image.new("L", grey.size, 0)
    if kind == "16 bits":
        assert cv2.imwrite(str(path), keep.astype(np.uint16))  # labels 0 and 1
    elif kind == "P":
        picture = Image.fromarray(keep.astype(np.uint8), "P")
        picture.putpalette([0, 0, 0, 128, 0, 0])
        picture.save(path)
    elif kind in ("alpha alone", "black and alpha"):
        layer = clear if kind == "alpha alone" else dark
        Image.merge("RGBA", (layer, layer, layer, grey)).save(path)
    elif kind == "tif":
        Image.fromarray(keep.astype(np.int32)).save(path)
    elif kind == "jpg":
        grey.save(path, quality=50)
        assert ((np.asarray(Image.open(path)) > 0) != keep).any()  # it has grey where it was black
    else:
        grey.convert(kind).save(path)
    np.testing.assert_array_equal(read_mask(path), np.where(keep, 255, 0))


@pytest.mark.parametrize(("size", "turns"), [((60, 40), False), ((40, 60), True)])
def test_a_photo_is_turned_only_where_its_camera_is_upright(tmp_path, size, turns):
    photo = Image.fromarray(smooth_photo(1, 60, 40))
    exif = photo.getexif()
    exif[0x0112] = 6
    (tmp_path / "images").mkdir()
    photo.save(tmp_path / "images" / "a.png", exif=exif)
    capture = load_capture(posed(tmp_path, "a.png", width=size[0], height=size[1]), points="none")
    pixels = smooth_photo(1, 60, 40)
    np.testing.assert_array_equal(capture.images.image(0), np.rot90(pixels, 3) if turns else pixels)
    camera = capture.frames[0].camera
    assert (camera.width, camera.height) == size


def test_scaling_averages_areas(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (H, W, 3), dtype=np.uint8)
    write_photo(tmp_path / "images" / "a.png", pixels)
    small = load_capture(posed(tmp_path, "a.png"), points="none", data_factor=4).images.image(0)
    means = pixels.reshape(H // 4, 4, W // 4, 4, 3).mean(axis=(1, 3))
    assert np.abs(small - means).max() <= 0.5 + 1e-6


def test_hidden_colors_do_not_bleed_into_the_edge(tmp_path):
    rgba = np.zeros((H, W, 4), np.uint8)
    rgba[:, : W // 2 + 1] = (200, 100, 50, 255)  # the edge falls inside a pixel of the small image
    rgba[:, W // 2 + 1 :] = (0, 255, 255, 0)  # transparent, but garish
    write_photo(tmp_path / "images" / "a.png", rgba)
    images = load_capture(posed(tmp_path, "a.png"), points="none", data_factor=2).images
    alpha = images.alpha(0)
    assert set(np.unique(alpha)) == {0, 128, 255}
    np.testing.assert_array_equal(np.unique(images.image(0)[alpha > 0].reshape(-1, 3), axis=0), [[200, 100, 50]])


def half_transparent(root):
    rgba = np.dstack([smooth_photo(0), np.full((H, W), 255, np.uint8)])
    rgba[: H // 2, :, 3] = 0
    write_photo(root / "images" / "a.png", rgba)
    return posed(root, "a.png"), rgba[:, :, 3]


@pytest.mark.parametrize(
    ("masks", "has_alpha", "has_mask"),
    [("auto", True, False), ("transparent", True, False), ("ignore", False, True), ("none", False, False)],
)
def test_what_an_alpha_channel_means(tmp_path, masks, has_alpha, has_mask):
    root, opacity = half_transparent(tmp_path)
    images = load_capture(root, points="none", masks=masks).images
    alpha, mask = images.alpha(0), images.mask(0)
    assert (alpha is not None, mask is not None) == (has_alpha, has_mask)
    if alpha is not None:
        np.testing.assert_array_equal(alpha, opacity)
    if mask is not None:
        np.testing.assert_array_equal(mask, opacity > 127)


def test_a_cut_out_picture_is_a_mask(tmp_path):
    write_photo(tmp_path / "images" / "a.jpg", smooth_photo(0))
    opacity = np.zeros((H, W), np.uint8)
    opacity[:, :40] = 255
    write_photo(tmp_path / "masks" / "a.png", np.dstack([np.maximum(smooth_photo(0), 1), opacity]))
    mask = load_capture(posed(tmp_path, "a.jpg"), points="none").images.mask(0)
    np.testing.assert_array_equal(mask, opacity > 0)


@pytest.mark.parametrize("name", ["a.png", "a.jpg.png"])
@pytest.mark.parametrize(
    ("masks", "has_alpha", "has_mask"),
    [("auto", False, True), ("transparent", True, False), ("ignore", False, True), ("none", False, False)],
)
def test_what_a_masks_folder_means(tmp_path, name, masks, has_alpha, has_mask):
    write_photo(tmp_path / "images" / "a.jpg", smooth_photo(0))
    keep = np.zeros((H // 2, W // 2, 3), np.uint8)  # smaller than the photo
    keep[:, :40] = 255
    write_photo(tmp_path / "masks" / name, keep)
    images = load_capture(posed(tmp_path, "a.jpg"), points="none", masks=masks).images
    alpha, mask = images.alpha(0), images.mask(0)
    assert (alpha is not None, mask is not None) == (has_alpha, has_mask)
    kept = mask if mask is not None else alpha > 127 if alpha is not None else None
    if kept is not None:
        assert kept[:, :79].all() and not kept[:, 81:].any()


def test_photos_without_a_mask_file_count_whole(tmp_path):
    for name in ("a", "b"):
        write_photo(tmp_path / "images" / f"{name}.png", smooth_photo(0))
    write_photo(tmp_path / "masks" / "b.png", np.zeros((H, W, 3), np.uint8))
    capture = load_capture(posed(tmp_path, "a.png", "b.png"), points="none")
    assert capture.images.mask(0) is None
    mask = capture.images.mask(1)
    assert mask is not None and not mask.any()
    assert any("masks for 1 of 2 photos" in note for note in capture.notes)


@pytest.mark.parametrize("kind", ["grey", "grey16", "rgb16", "palette", "jpeg"])
def test_photos_of_other_kinds(tmp_path, kind):
    rgb = smooth_photo(4)
    grey = rgb[:, :, 0]
    path = tmp_path / ("a.jpg" if kind == "jpeg" else "a.png")
    if kind == "grey":
        cv2.imwrite(str(path), grey)
    elif kind == "grey16":
        cv2.imwrite(str(path), grey.astype(np.uint16) * 257)
    elif kind == "rgb16":
        cv2.imwrite(str(path), rgb[:, :, ::-1].astype(np.uint16) * 257)
    elif kind == "palette":
        Image.fromarray(rgb).quantize(16).save(path)
        rgb = np.asarray(Image.open(path).convert("RGB"))
    else:
        Image.fromarray(rgb).save(path, quality=100, subsampling=0)
    expected = np.repeat(grey[:, :, None], 3, axis=2) if kind.startswith("grey") else rgb
    assert np.abs(read_photo(path)[:, :, :3].astype(int) - expected).max() <= (6 if kind == "jpeg" else 0)


def test_a_16_bit_photo_takes_little_more_memory_than_its_pixels(tmp_path):
    pixels = np.zeros((1500, 2000, 4), np.uint16)
    pixels[:, :, 3] = 65535
    assert cv2.imwrite(str(tmp_path / "a.png"), pixels)
    read_photo(tmp_path / "a.png")  # what is loaded once is not counted
    tracemalloc.start()
    read_photo(tmp_path / "a.png")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1.15 * (pixels.nbytes + pixels.nbytes // 2)  # those, and the same in 8 bits


def test_a_png_that_announces_more_than_it_can_hold_is_refused_unread(tmp_path):
    assert cv2.imwrite(str(tmp_path / "a.png"), np.zeros((40, 60, 3), np.uint8))
    data = bytearray((tmp_path / "a.png").read_bytes())
    data[16:24] = (8000).to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    (tmp_path / "a.png").write_bytes(data)
    for read in (photo_header, read_photo):
        tracemalloc.start()
        with pytest.raises(SplatError, match=r"cannot read photo .*a\.png"):
            read(tmp_path / "a.png")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 1e6


def save_turned(path, pixels, orientation):
    """Write a photo that EXIF turns upright into `pixels` [H, W, 3] or [H, W]."""
    back = {6: 8, 8: 6}.get(orientation, orientation)
    picture = Image.fromarray(oriented(pixels, back))
    exif = picture.getexif()
    exif[0x0112] = orientation
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, exif=exif)


@pytest.mark.parametrize("made", ["upright", "as stored", "with EXIF"])
@pytest.mark.parametrize("upright_camera", [True, False])
@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_masks_turn_with_their_photos(tmp_path, orientation, upright_camera, made):
    upright = smooth_photo(1, 40, 60)
    save_turned(tmp_path / "images" / "a.png", upright, orientation)
    keep = np.zeros((60, 40), np.uint8)
    keep[5:25, 3:12] = 255  # upper left of the upright photo
    if made == "with EXIF":
        save_turned(tmp_path / "masks" / "a.png", keep, orientation)
    else:
        (tmp_path / "masks").mkdir()
        Image.fromarray(keep if made == "upright" else turned_back(keep, orientation)).save(
            tmp_path / "masks" / "a.png"
        )
    size = (40, 60) if upright_camera else (60, 40)
    capture = load_capture(posed(tmp_path, "a.png", width=size[0], height=size[1]), points="none")
    camera = capture.frames[0].camera
    image, mask = capture.images.image(0), capture.images.mask(0)
    assert mask is not None and image.shape[:2] == mask.shape == (camera.height, camera.width) == size[::-1]
    if not upright_camera:
        image, mask = oriented(image, orientation), oriented(mask, orientation)
    np.testing.assert_array_equal(image, upright)
    np.testing.assert_array_equal(mask, keep > 0)


def test_undistortion_maps_of_many_lenses_stay_within_their_bound(monkeypatch):
    from splat.capture import images as module
    from splat.capture.lens import Lens

    one = 2 * 4 * 64 * 48  # x and y, float32
    monkeypatch.setattr(module, "MAPS_BYTES", 3.5 * one)
    module._kept_maps.clear()
    lenses = [Lens("SIMPLE_RADIAL", (60.0 + index, 32.0, 24.0, 0.01), 64, 48) for index in range(6)]
    first = [module._maps(lens, 64, 48) for lens in lenses]
    assert sum(map(module._bytes, module._kept_maps.values())) <= 3.5 * one
    assert module._maps(lenses[5], 64, 48) is first[5]
    np.testing.assert_array_equal(module._maps(lenses[0], 64, 48)[0], first[0][0])  # dropped ones are computed again


def test_masks_named_after_files_are_found_for_names_without_suffix(tmp_path: Path) -> None:
    for name in ("r_0.png.png", "r_1.jpg.png", "r_2.png"):
        Image.fromarray(np.full((2, 2), 255, np.uint8)).save(tmp_path / name)
    folder = SideFolder(tmp_path)
    found = {name: path.name for name in ("r_0", "images/r_1", "r_2", "r_3", "r_0.png") if (path := folder.find(name))}
    assert found == {"r_0": "r_0.png.png", "images/r_1": "r_1.jpg.png", "r_2": "r_2.png", "r_0.png": "r_0.png.png"}

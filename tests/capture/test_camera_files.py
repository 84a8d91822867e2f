"""HEIC and raw photos: read where their packages are there, one sentence where they are not."""

import numpy as np
import pytest
import tifffile
from camera_files import write_dng, write_heic
from capture_scenes import smooth_photo, viewmat, write_colmap, write_photo
from PIL import Image

from splat.capture import camera_files, load_capture
from splat.capture.camera_files import not_readable
from splat.capture.damage import damage, report_damaged
from splat.capture.photo import camera_identity, photo_header, read_photo
from splat.capture.readers.photos import list_photos
from splat.capture.sfm.colmap_workspace import stage_photo
from splat.errors import SplatError

W, H = 64, 48


@pytest.fixture
def photo() -> np.ndarray:
    return smooth_photo(3, W, H)


def linear(photo: np.ndarray) -> np.ndarray:
    """What a sensor counts of sRGB colours in [0, 1]."""
    colors = photo / 255.0
    return np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)


def test_heic_comes_out_as_it_went_in(tmp_path, photo):
    pytest.importorskip("pillow_heif")
    path = write_heic(tmp_path / "a.HEIC", photo)
    assert damage(path) is None
    header = photo_header(path)
    assert (header.width, header.height, header.orientation, header.has_alpha) == (W, H, 1, False)
    np.testing.assert_allclose(read_photo(path).astype(int), photo, atol=3)


def test_heic_that_is_called_a_jpeg_is_read(tmp_path, photo):
    pytest.importorskip("pillow_heif")
    path = write_heic(tmp_path / "a.heic", photo).rename(tmp_path / "a.jpg")
    assert damage(path) is None
    np.testing.assert_allclose(read_photo(path).astype(int), photo, atol=3)
    path.write_bytes(path.read_bytes()[:-40])
    assert damage(path) == "cut short"


def test_heic_with_exif_is_grouped_by_camera_and_staged_upright(tmp_path, photo):
    pytest.importorskip("pillow_heif")
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Maker", "Model"
    path = write_heic(tmp_path / "a.heic", photo, exif=exif)
    assert camera_identity(path)[:4] == (W, H, "Maker", "Model")
    stage_photo(path, tmp_path / "staged.jpg", 1, 1000)
    with Image.open(tmp_path / "staged.jpg") as staged:
        assert staged.format == "JPEG" and staged.getexif()[0x0110] == "Model"
        assert np.abs(np.asarray(staged).astype(int) - photo).mean() < 3


def test_a_cut_heic_is_found(tmp_path, photo):
    pytest.importorskip("pillow_heif")
    path = write_heic(tmp_path / "a.heic", photo)
    path.write_bytes(path.read_bytes()[:-40])
    assert damage(path) == "cut short"
    path.write_bytes(path.read_bytes()[:100])
    assert damage(path) == "no image"


def test_a_raw_photo_is_developed_to_its_colours(tmp_path, photo):
    pytest.importorskip("rawpy")
    path = write_dng(tmp_path / "a.dng", linear(photo))
    assert damage(path) is None
    assert (photo_header(path).width, photo_header(path).height) == (W, H)
    inner = np.s_[4:-4, 4:-4]  # beyond is what demosaicing guesses
    developed = read_photo(path)
    assert developed.shape == (H, W, 3)
    difference = np.abs(developed[inner].astype(int) - photo[inner])
    assert np.median(difference) <= 8  # its curve is that of BT.709, not sRGB's own


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_raw_photo_is_turned_by_its_exif_like_others(tmp_path, photo, orientation):
    pytest.importorskip("rawpy")
    header = photo_header(write_dng(tmp_path / "a.dng", linear(photo), orientation))
    assert (header.width, header.height, header.orientation) == (W, H, orientation)
    assert read_photo(tmp_path / "a.dng").shape == (H, W, 3)  # as stored


def test_a_cut_raw_photo_is_an_error_of_one_line(tmp_path, photo):
    pytest.importorskip("rawpy")
    path = write_dng(tmp_path / "a.dng", linear(photo))
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(SplatError, match=r"cannot read photo .*a\.dng") as caught:
        read_photo(path)
    assert "\n" not in str(caught.value)
    path.write_bytes(b"II*\0" + bytes(40))
    assert damage(path) == "no image"


def test_without_the_package_one_sentence_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(camera_files.importlib.util, "find_spec", lambda name: None)
    for name in ("a.heic", "b.dng"):
        (tmp_path / name).write_bytes(name.encode())
        assert "pip install 'splat[photos]'" in str(damage(tmp_path / name))
    with pytest.raises(SplatError, match=r"none of the 2 photos .*splat\[photos\]") as caught:
        load_capture(tmp_path)
    assert "\n" not in str(caught.value)


def test_of_a_photo_in_two_kinds_the_plain_one_is_taken(tmp_path, photo):
    for name in ("a.jpg", "b.jpg"):
        write_photo(tmp_path / name, photo)
    for name in ("a.HEIC", "b.NEF", "c.heic"):
        (tmp_path / name).write_bytes(b"x")
    listing = list_photos(tmp_path)
    assert [path.name for path in listing.photos] == ["a.jpg", "b.jpg", "c.heic"]
    assert "not used as photos: 2 pictures of which there is a JPEG" in listing.notes()[0]


def test_a_model_of_heic_photos(tmp_path, photo):
    pytest.importorskip("pillow_heif")
    write_heic(tmp_path / "images" / "a.HEIC", photo)
    write_colmap(tmp_path, [("PINHOLE", (50.0, 50.0, 32.0, 24.0), W, H)], [("a.jpg", 1, viewmat(0))])
    capture = load_capture(tmp_path, points="none")
    np.testing.assert_allclose(capture.images.image(0).astype(int), photo, atol=3)


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_cmyk_is_read_as_the_colours_that_it_prints(tmp_path, suffix):
    inks = np.random.default_rng(0).integers(0, 256, (6, 8, 4), dtype=np.uint8).repeat(8, axis=0).repeat(8, axis=1)
    Image.fromarray(inks, mode="CMYK").save(tmp_path / f"a{suffix}", **({"quality": 100} if suffix == ".jpg" else {}))
    expected = (255.0 - inks[..., :3]) * (255.0 - inks[..., 3:]) / 255.0
    pixels = read_photo(tmp_path / f"a{suffix}")
    assert np.abs(pixels[..., :3] - expected).max() < 4
    assert pixels.shape[2] == 3 or pixels[..., 3].min() == 255


@pytest.mark.parametrize(
    ("shape", "dtype", "said"),
    [
        ((40, 60, 5), np.uint16, "TIFF of 5 channels of 16 bits: export it as RGB of 8 or 16 bits"),
        ((40, 60, 5), np.uint8, "TIFF of 5 channels of 8 bits: export it as RGB of 8 or 16 bits"),
        ((40, 60, 3), np.float32, "TIFF of 3 channels of 32 bits, floating-point: export it as RGB of 8 or 16 bits"),
        ((40, 60, 4), np.uint16, None),
        ((40, 60), np.float32, None),
    ],
)
@pytest.mark.parametrize("big", [False, True])
def test_tiffs_of_bands_are_told_from_damaged_ones(tmp_path, shape, dtype, said, big):
    path, pixels = tmp_path / "a.tif", np.ones(shape, dtype)
    tifffile.imwrite(path, pixels, photometric="minisblack" if pixels.ndim == 2 else "rgb", bigtiff=big)
    assert not_readable(path) == said
    if said:
        assert damage(path) == said
        with pytest.raises(SplatError, match=f"a.tif .{said}"):
            read_photo(path)
        with pytest.raises(SplatError, match=f"the only photo, a.tif, cannot be read .{said}.$"):
            report_damaged([("a.tif", said)], 0)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey_tiffs_whose_white_is_zero(tmp_path, dtype):
    pixels = np.linspace(0, np.iinfo(dtype).max, 40 * 60).astype(dtype).reshape(40, 60)
    tifffile.imwrite(tmp_path / "a.tif", ~pixels, photometric="miniswhite")
    tifffile.imwrite(tmp_path / "b.tif", pixels, photometric="minisblack")
    np.testing.assert_array_equal(read_photo(tmp_path / "a.tif"), read_photo(tmp_path / "b.tif"))
    assert read_photo(tmp_path / "a.tif")[-1, -1, 0] == 255

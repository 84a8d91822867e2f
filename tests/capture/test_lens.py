"""Undistortion: a dot in the photo lands where the pinhole camera says, for every camera model."""

import numpy as np
import pytest
from capture_scenes import LENSES, H, W, dot_centre, dotted_photo, turn, write_colmap, write_photo

from splat.capture import load_capture
from splat.capture.lens import Lens, undistorted_matrix, undistortion_maps
from splat.errors import SplatError

# Directions spread over the view, straight lines of them among these
RAYS = np.array([[x, y, 1.0] for x in (-0.5, -0.25, 0.0, 0.25, 0.5) for y in (-0.36, -0.18, 0.0, 0.18, 0.36)])


def needs(model):
    import pycolmap

    if model not in pycolmap.CameraModelId.__members__:
        pytest.skip(f"pycolmap {pycolmap.__version__} does not know the camera model {model}")


@pytest.mark.parametrize("model", LENSES)
def test_dots_land_where_the_pinhole_says(model, tmp_path):
    import pycolmap

    needs(model)
    lens = pycolmap.Camera.create_from_model_name(1, model, 1.0, W, H)
    lens.params = list(LENSES[model])
    write_photo(tmp_path / "images" / "a.png", dotted_photo(lens.img_from_cam(RAYS)))
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = turn(0.3, -0.2), (1.0, 2.0, 3.0)
    write_colmap(tmp_path, [(model, LENSES[model], W, H)], [("a.png", 1, pose)])

    capture = load_capture(tmp_path, points="none")
    camera, image = capture.frames[0].camera, capture.images.image(0)
    world = (RAYS * 4.0 - pose[:3, 3]) @ pose[:3, :3]  # points 4 in front of the camera
    local = world @ camera.viewmat[:3, :3].numpy().T + camera.viewmat[:3, 3].numpy()
    pixels = local @ camera.K.numpy().T
    expected = pixels[:, :2] / pixels[:, 2:]
    margin = 8
    inside = ((expected > margin) & (expected < np.array([W, H]) - margin)).all(axis=1)
    assert inside.sum() >= 15
    for u, v in expected[inside]:
        assert np.abs(dot_centre(image, u, v) - (u, v)).max() < 0.1


@pytest.mark.parametrize("model", [name for name in LENSES if not name.endswith("PINHOLE")])
def test_a_mild_lens_leaves_no_blank_pixels_and_little_is_lost(model):
    needs(model)
    lens = Lens(model, LENSES[model], W, H)
    x, y, valid = undistortion_maps(lens, W, H)
    assert valid is None
    # The rectangle is the largest: it touches the photo's edge on every side.
    assert x.min() < 1 and x.max() > W - 2 and y.min() < 1 and y.max() > H - 2


def test_a_circular_fisheye_is_cut_at_120_degrees_and_what_it_does_not_see_is_masked():
    lens = Lens("OPENCV_FISHEYE", (120.0, 120.0, 200.0, 200.0, 0.0, 0.0, 0.0, 0.0), 400, 400)
    K = np.array(undistorted_matrix(lens))
    half = np.degrees(np.arctan(200 / K[0, 0]))
    assert half == pytest.approx(60, abs=0.5)
    x, _, _ = undistortion_maps(lens, 400, 400)
    # Equidistant model: radius in the photo = f · angle
    angle = np.arctan(abs(50.5 - K[0, 2]) / K[0, 0])
    assert x[200, 50] + 0.5 == pytest.approx(200 - 120 * angle, abs=0.05)


def test_a_folding_polynomial_masks_what_the_photo_does_not_show():
    # k = -0.4: rays beyond the radius sqrt(1 / 1.2) fold back into the photo, but it does not show them.
    lens = Lens("SIMPLE_RADIAL", (200.0, 160.0, 120.0, -0.4), W, H)
    _, _, valid = undistortion_maps(lens, W, H)
    K = np.array(undistorted_matrix(lens))
    u, v = np.meshgrid(np.arange(W) + 0.5, np.arange(H) + 0.5)
    r2 = ((u - K[0, 2]) / K[0, 0]) ** 2 + ((v - K[1, 2]) / K[1, 1]) ** 2
    outside = r2 > 1 / (3 * 0.4) * 1.1  # not on the fold itself
    assert outside.any() and valid is not None
    assert not valid[outside].any()
    assert valid[r2 < 0.6].all()


def test_straight_lines_become_straight(tmp_path):
    import pycolmap

    params = (180.0, 180.0, 160.0, 120.0, -0.15, 0.02, 0.001, 0.001)
    lens = pycolmap.Camera.create_from_model_name(1, "OPENCV", 1.0, W, H)
    lens.params = list(params)
    line = np.stack([np.linspace(-0.6, 0.6, 9), np.linspace(0.4, 0.3, 9), np.ones(9)], axis=1)
    write_photo(tmp_path / "images" / "a.png", dotted_photo(lens.img_from_cam(line)))
    write_colmap(tmp_path, [("OPENCV", params, W, H)], [("a.png", 1, np.eye(4))])
    capture = load_capture(tmp_path, points="none")
    K = capture.frames[0].camera.K.numpy()
    expected = (line @ K.T)[:, :2]
    centres = np.array([dot_centre(capture.images.image(0), u, v) for u, v in expected])
    slope, intercept = np.polyfit(centres[:, 0], centres[:, 1], 1)
    assert np.abs(slope * centres[:, 0] + intercept - centres[:, 1]).max() < 0.1
    bent = lens.img_from_cam(line)
    slope, intercept = np.polyfit(bent[:, 0], bent[:, 1], 1)
    assert np.abs(slope * bent[:, 0] + intercept - bent[:, 1]).max() > 1.0  # it was visibly bent before


def test_a_reduced_photo_is_undistorted_alike(tmp_path):
    """As sharp as the full photo undistorted and then averaged: noise shows every loss of sharpness."""
    params = LENSES["OPENCV"]
    noise = np.random.default_rng(0).integers(0, 256, (H, W, 3), dtype=np.uint8)
    write_photo(tmp_path / "images" / "a.png", noise)
    write_colmap(tmp_path, [("OPENCV", params, W, H)], [("a.png", 1, np.eye(4))])
    full = load_capture(tmp_path, points="none").images.image(0).astype(float)
    small = load_capture(tmp_path, points="none", data_factor=2).images.image(0).astype(float)
    averaged = full.reshape(H // 2, 2, W // 2, 2, 3).mean(axis=(1, 3))
    assert np.abs(small - averaged).max() <= 0.75
    smaller = load_capture(tmp_path, points="none", data_factor=8).images.image(0).astype(float)
    averaged = full.reshape(H // 8, 8, W // 8, 8, 3).mean(axis=(1, 3))
    assert smaller.std() > 0.9 * averaged.std()


@pytest.mark.parametrize(
    ("lens", "says"),
    [
        (Lens("EQUIRECTANGULAR", (400.0, 200.0), 400, 200), "panoramas"),
        (Lens("NO_SUCH_MODEL", (1.0,), 10, 10), "unknown camera model"),
        (Lens("OPENCV", (100.0, 100.0), 10, 10), "parameters"),
    ],
)
def test_what_cannot_be_used_says_so_in_one_line(lens, says):
    with pytest.raises(SplatError, match=says) as caught:
        undistorted_matrix(lens)
    assert "\n" not in str(caught.value)

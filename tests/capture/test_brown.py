"""Brown's lenses with k4 and skew, against COLMAP's models and their own formula."""

from dataclasses import replace

import numpy as np
import pytest

from splat.capture.brown import Brown, brown_lens
from splat.errors import SplatError

# A drone's camera, of 5472 x 3648 pixels, with every term
DRONE = Brown(
    5472, 3648, 3650.0, 3648.0, 2760.0, 1810.0, k1=-0.03, k2=0.02, k3=-0.015, k4=0.004, p1=0.0006, p2=-0.0011
)  # fmt: skip
RAYS = np.array([[0.0, 0.0, 1.0], [0.3, -0.2, 1.0], [-0.6, 0.4, 1.0], [0.7, 0.45, 1.0]])


@pytest.mark.parametrize(
    ("changes", "model"),
    [
        ({"k1": 0.0, "k2": 0.0, "k3": 0.0, "k4": 0.0, "p1": 0.0, "p2": 0.0}, "PINHOLE"),
        ({"k3": 0.0, "k4": 0.0}, "OPENCV"),
        ({"k1": 0.0, "k2": 0.0, "k3": 0.0, "k4": 0.0}, "OPENCV"),
        ({"k2": 0.0, "k3": 0.0, "k4": 0.0, "p1": 0.0, "p2": 0.0}, "OPENCV"),
        ({"k4": 0.0}, "FULL_OPENCV"),
    ],
)
def test_what_colmap_has_is_exact(changes, model):
    brown, off = replace(DRONE, **changes), {}
    lens = brown_lens(brown, "x", off)
    assert (lens.model, off) == (model, {})
    np.testing.assert_allclose(lens.colmap().img_from_cam(RAYS), brown.project(RAYS[:, :2]), atol=1e-8)


def test_opencv_agrees_about_tangential_terms():
    import cv2

    K = np.array([[DRONE.fx, 0, DRONE.cx], [0, DRONE.fy, DRONE.cy], [0, 0, 1]])
    distortion = np.array([DRONE.k1, DRONE.k2, DRONE.p1, DRONE.p2, DRONE.k3])
    expected = cv2.projectPoints(RAYS, np.zeros(3), np.zeros(3), K, distortion)[0][:, 0]
    np.testing.assert_allclose(replace(DRONE, k4=0.0).project(RAYS[:, :2]), expected, atol=1e-6)


def test_k4_is_fitted_and_how_far_off_is_known():
    off = {}
    lens = brown_lens(DRONE, "x", off)
    distance = np.abs(lens.colmap().img_from_cam(RAYS) - DRONE.project(RAYS[:, :2])).max()
    assert distance < 0.05 and off["x"] >= distance - 1e-9
    ignored = brown_lens(replace(DRONE, k4=0.0), "x", {})
    assert np.abs(ignored.colmap().img_from_cam(RAYS) - DRONE.project(RAYS[:, :2])).max() > 2.0


def test_p3_and_p4_are_borne_where_they_do_little():
    off = {}
    grown = replace(DRONE, p3=0.05, p4=0.02)
    x, y = RAYS[3, :2]
    r2 = x * x + y * y
    growth = 1 + 0.05 * r2 + 0.02 * r2**2
    moved = (growth - 1) * (2 * DRONE.p1 * x * y + DRONE.p2 * (r2 + 2 * x * x)) * DRONE.fx
    assert (grown.project(RAYS[3:, :2]) - DRONE.project(RAYS[3:, :2]))[0, 0] == pytest.approx(moved, rel=1e-9)
    brown_lens(grown, "x", off)
    assert off["x"] > abs(moved) > 0.2
    with pytest.raises(SplatError, match="sensor 0 has k4 and p3, and no lens"):
        brown_lens(replace(DRONE, p3=1.0), "sensor 0", {})


def test_a_little_skew_is_borne_and_much_refused():
    off = {}
    brown_lens(replace(DRONE, skew=0.5), "x", off)
    assert 0.2 < off["x"] < 0.5  # half of it at the upper and lower edge, which are 0.5 from the axis
    brown_lens(replace(DRONE, skew=1.6), "x", off)
    assert 0.7 < off["x"] < 1.0
    with pytest.raises(SplatError, match=r"sensor 0 has k4 and skew, and no lens .* nearer than 1\.\d\d px"):
        brown_lens(replace(DRONE, skew=2.6), "sensor 0", {})
    with pytest.raises(SplatError, match=r"sensor 0 has k4 and skew, and no lens .* nearer than \d+\.\d\d px"):
        brown_lens(replace(DRONE, skew=30.0), "sensor 0", {})


def test_skew_shears_what_the_lens_has_distorted():
    straight, sheared = (brown.project(RAYS[:, :2]) for brown in (DRONE, replace(DRONE, skew=2.0)))
    down = (straight[:, 1] - DRONE.cy) / DRONE.fy
    np.testing.assert_allclose(sheared - straight, np.stack([2.0 * down, 0 * down], axis=1), atol=1e-9)


def test_a_polynomial_that_folds_back_inside_the_picture_is_fitted_up_to_there():
    """r (1 - 0.1 r² - 0.05 r⁸) is largest at r = 1.05, where it is 0.86; the corners are 1.25 from the middle."""
    folding = Brown(4000, 3000, 2000.0, 2000.0, 2000.0, 1500.0, k1=-0.1, k4=-0.05)
    off = {}
    lens = brown_lens(folding, "x", off)
    radii = np.linspace(0.0, 1.0, 50)
    rays = np.stack([0.8 * radii, 0.6 * radii, np.ones(50)], axis=1)
    distance = np.abs(lens.colmap().img_from_cam(rays) - folding.project(rays[:, :2])).max()
    assert distance < off["x"] + 0.01 and off["x"] < 0.1


@pytest.mark.parametrize("changes", [{"fx": np.nan}, {"width": 1e9}, {"k4": np.inf}, {"fx": -1.0}, {"height": 0.0}])
def test_impossible_values_are_refused(changes):
    with pytest.raises(SplatError, match="sensor 0"):
        brown_lens(replace(DRONE, **changes), "sensor 0", {})

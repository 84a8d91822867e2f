"""OpenCV's features in COLMAP's conventions: blobs of known place and size, and COLMAP's own features of one photo."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pycolmap
import pytest
from capture_scenes import room_photo, room_poses, write_photo
from scipy.spatial import cKDTree

from splat.capture.sfm.sift import root_sift, sift_features

K = np.array([[380.0, 0, 200], [0, 380, 150], [0, 0, 1]])


def blobs(centres: np.ndarray, sigma: float, width: int = 320, height: int = 240) -> np.ndarray:
    """[H, W] uint8: Gaussian blobs; the first pixel's centre is at (0.5, 0.5)."""
    y, x = np.mgrid[0:height, 0:width] + 0.5
    light = sum(np.exp(-((x - u) ** 2 + (y - v) ** 2) / (2 * sigma**2)) for u, v in centres)
    return np.rint(40 + 180 * light).astype(np.uint8)


@pytest.mark.parametrize("longest", [320, 160])
def test_blobs_are_found_where_they_are_and_as_large(longest: int) -> None:
    centres = np.array([[60.3, 70.7], [200.0, 60.5], [120.25, 170.1], [250.6, 180.9]])
    found = sift_features(blobs(centres, 6.0), 100, longest).keypoints
    for centre in centres:
        near = found[np.linalg.norm(found[:, :2] - centre, axis=1) < 3]
        best = near[np.argmin(np.abs(near[:, 2] - 6.0))]
        np.testing.assert_allclose(best[:2], centre, atol=0.06)
        # The difference of Gaussians is largest where the blob's own width is the scale between its two (Lindeberg).
        assert 5.0 < best[2] < 7.5


def test_places_scales_and_angles_are_those_of_colmap(tmp_path: Path) -> None:
    picture = room_photo(room_poses(3)[0], K, 400, 300)
    write_photo(tmp_path / "photos" / "a.png", picture)
    options = pycolmap.FeatureExtractionOptions()
    options.use_gpu, options.num_threads = False, 1
    pycolmap.extract_features(tmp_path / "d.db", tmp_path / "photos", extraction_options=options)
    with pycolmap.Database.open(str(tmp_path / "d.db")) as opened:
        theirs = opened.read_keypoints(1)  # x, y and the affine shape a11, a12, a21, a22
    ours = sift_features(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), 1000, 400).keypoints
    distance, nearest = cKDTree(theirs[:, :2]).query(ours[:, :2])
    near = distance < 0.5
    assert near.mean() > 0.5
    ours, theirs = ours[near], theirs[nearest[near]]
    np.testing.assert_allclose(np.median(ours[:, :2] - theirs[:, :2], axis=0), 0, atol=0.02)
    np.testing.assert_allclose(np.median(ours[:, 2] / np.hypot(theirs[:, 2], theirs[:, 4])), 1, atol=0.03)
    turn = ours[:, 3] - np.arctan2(theirs[:, 4], theirs[:, 2])
    assert np.median(np.abs(np.angle(np.exp(1j * turn)))) < 0.2


def test_the_strongest_are_kept_and_masked_ones_are_not() -> None:
    gray = cv2.cvtColor(room_photo(room_poses(3)[0], K, 400, 300), cv2.COLOR_RGB2GRAY)
    all_of_them, some = sift_features(gray, 10_000, 400), sift_features(gray, 50, 400)
    assert len(all_of_them.keypoints) > 100 and len(some.keypoints) == len(some.descriptors) == 50
    np.testing.assert_array_equal(some.keypoints, all_of_them.keypoints[:50])
    mask = np.zeros_like(gray)
    mask[:, 200:] = 9
    masked = sift_features(gray, 10_000, 200, mask).keypoints
    assert len(masked) > 20 and masked[:, 0].min() > 198
    plain = sift_features(np.full((50, 60), 128, np.uint8), 10, 400)
    assert plain.keypoints.shape == (0, 4) and plain.descriptors.shape == (0, 128)


def test_threads_change_nothing() -> None:
    gray = cv2.cvtColor(room_photo(room_poses(3)[1], K, 400, 300), cv2.COLOR_RGB2GRAY)
    before = cv2.getNumThreads()
    found = []
    for threads in (1, 2, 5):
        cv2.setNumThreads(threads)
        found.append(sift_features(gray, 300, 400))
    cv2.setNumThreads(before)
    for other in found[1:]:
        np.testing.assert_array_equal(found[0].keypoints, other.keypoints)
        np.testing.assert_array_equal(found[0].descriptors, other.descriptors)


def test_descriptors_have_unit_length_times_512() -> None:
    histograms = np.zeros((3, 128), np.float32)
    histograms[0, :4] = 1, 1, 1, 1
    histograms[1, :16] = 7
    found = root_sift(histograms)
    assert found[0, :5].tolist() == [255, 255, 255, 255, 0]  # 256 does not fit into a byte
    assert found[1, :16].tolist() == [128] * 16 and not found[2].any()

"""Markers in photos give a scene its scale."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from splat.alignment.markers import _seen_corners, triangulated
from splat.cameras import Camera
from splat.files import write_json
from splat.run import open_run
from tests.alignment.test_align import align, digests, refused
from tests.edit.scenes import camera, write_run


def test_corners_of_a_marker_are_where_the_photos_see_them() -> None:
    corners = torch.tensor([[-0.5, -0.5, 0], [0.5, -0.5, 0.1], [0.5, 0.5, 0], [-0.5, 0.5, 0.1]], dtype=torch.float64)
    cameras = [camera(degrees) for degrees in (-20, 0, 25)]
    views = [(one, one.project(corners)[0].numpy()) for one in cameras]
    found = triangulated(views)
    assert found is not None and np.allclose(found, corners.numpy(), atol=1e-9)
    assert triangulated([views[0], views[0]]) is None  # parallel rays
    for degrees, told in ((2.5, False), (5.0, True)):  # under three and a half degrees they nearly are
        beside = camera(degrees)
        pair = [views[1], (beside, beside.project(corners)[0].numpy())]
        assert (triangulated(pair) is not None) == told
    assert triangulated([views[0], (cameras[1], views[1][1] + [0, 9.0])]) is None  # which pass each other by


def test_markers_in_photos_give_the_scale(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    side = 0.6  # units
    run = marked_run(tmp_path / "run", {4: (-0.5, 0.2, 0.1), 9: (0.6, -0.3, -0.2)}, side)
    before = digests(run)
    frame, said = align(capsys, run, "markers=0.15")
    assert digests(run) == before
    assert frame.metres == pytest.approx(0.15 / side, rel=0.01) and frame.scale_from == "markers"
    assert frame.fit is not None and frame.fit.count == 8 and "8 of 8 sides of markers fit" in said
    for one, pixels in _seen_corners(open_run(run), "DICT_4X4_50")[4]:
        around = np.array([-0.5, 0.2, 0.1]) + side / 2 * np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]])
        assert np.abs((one.project(torch.from_numpy(around))[0].numpy() - pixels).mean(axis=0)).max() < 0.2
    said = refused(capsys, run, "markers=0.15", "dictionary=DICT_6X6_250")
    assert "no marker of DICT_6X6_250 is seen well in two photos (no markers seen at all)" in said


def marked_run(folder: Path, markers: dict[int, tuple[float, float, float]], side: float) -> Path:
    """A run whose photos show upright ArUco markers at these centres, drawn by homographies."""
    run, size = write_run(folder), (480, 360)
    cameras = [camera(degrees, f"{degrees}.png").resized(*size) for degrees in (-25, 0, 10, 30)]
    (run / "photos").mkdir()
    record = []
    for one in cameras:
        photo = np.full((size[1] * 4, size[0] * 4), 200, np.uint8)  # drawn large and averaged: no stairs at edges
        for number, centre in markers.items():
            draw_marker(photo, one.resized(size[0] * 4, size[1] * 4), number, np.array(centre), side)
        pixels = cv2.cvtColor(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), cv2.COLOR_GRAY2BGR)
        path = run / "photos" / one.name
        cv2.imwrite(str(path), pixels)
        file = {"path": one.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        entry = {"name": one.name, "split": "train", "width": size[0], "height": size[1]}
        entry |= {"K": one.K.tolist(), "viewmat": one.viewmat.tolist()}
        how = {"orientation": 1, "lens": None, "mask": None, "depth": None, "alpha_means": "none"}
        record.append({**entry, "photo": {"file": file, **how, "mask_means": "none", "opaque": True}})
    whole = {"name": "marked", "kind": "colmap", "data_factor": 1.0, "photos_found": 4, "depth_maps": 0}
    write_json(run / "cameras.json", {**whole, "origin": [0, 0, 0], "frames": record})
    config = (run / "config.yaml").read_text().replace(str(run / "gone"), str(run / "photos"))
    (run / "config.yaml").write_text(config)
    return run


def draw_marker(photo: np.ndarray, one: Camera, number: int, centre: np.ndarray, side: float) -> None:
    """Draw a marker of a side in units, with its white border, as the camera sees it; in place."""
    image = cv2.aruco.generateImageMarker(cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50), number, 240)
    image = cv2.copyMakeBorder(image, 40, 40, 40, 40, cv2.BORDER_CONSTANT, value=255)
    half = side / 2 * 320 / 240
    corners = centre + half * np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]])
    seen = one.project(torch.from_numpy(corners))[0].numpy() - 0.5  # OpenCV's pixels have whole numbers at centres
    here = np.array([[0, 0], [320, 0], [320, 320], [0, 320]]) - 0.5
    homography = cv2.getPerspectiveTransform(here.astype(np.float32), seen.astype(np.float32))
    shape = (photo.shape[1], photo.shape[0])
    drawn = cv2.warpPerspective(image, homography, shape)
    inside = cv2.warpPerspective(np.full_like(image, 255), homography, shape) > 127
    photo[inside] = drawn[inside]

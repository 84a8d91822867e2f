"""The real captures, read as users have them."""

import numpy as np
import torch

from splat.capture import load_capture


def test_fox_skips_the_missing_files_with_one_warning(shared_data, capsys):
    capture = load_capture(shared_data("fox"), data_factor=8, points="capture")
    assert capture.kind == "transforms"
    assert (len(capture.frames), len(capture.indices("test"))) == (50, 7)
    warnings = capsys.readouterr().err.strip().splitlines()
    assert len(warnings) == 1
    assert "17 of 67 photos" in warnings[0]
    assert capture.images.image(0).shape == (240, 135, 3)
    assert capture.images.mask(0) is None  # the undistorted rectangle lies inside the photo
    assert capture.frames[0].camera.viewmat.dtype == torch.float64


def test_fox_cameras_look_at_the_fox(shared_data):
    capture = load_capture(shared_data("fox"), data_factor=8, points="capture")
    hits = 0
    for camera in capture.cameras():
        local = camera.viewmat[:3, :3] @ torch.zeros(3, dtype=torch.float64) + camera.viewmat[:3, 3]
        u, v, depth = (camera.K @ local).tolist()
        hits += depth > 0 and 0 <= u / depth < camera.width and 0 <= v / depth < camera.height
    assert hits > 40  # instant-ngp puts what the cameras look at near the origin


def test_desk_points_lie_in_front_of_the_cameras_and_have_the_photos_colors(shared_data):
    capture = load_capture(shared_data("desk"), data_factor=4)
    assert (capture.kind, len(capture.frames), len(capture.indices("test"))) == ("colmap", 29, 4)
    assert capture.points is not None and capture.points.xyz.shape == (7562, 3)
    camera, image = capture.frames[0].camera, capture.images.image(0)
    assert image.shape == (round(1070 / 4), round(1906 / 4), 3)
    local = capture.points.xyz @ camera.viewmat[:3, :3].numpy().T + camera.viewmat[:3, 3].numpy()
    pixels = local @ camera.K.numpy().T
    u, v = pixels[:, 0] / pixels[:, 2], pixels[:, 1] / pixels[:, 2]
    inside = (pixels[:, 2] > 0) & (u >= 0) & (v >= 0) & (u < camera.width) & (v < camera.height)
    assert inside.mean() > 0.7
    seen = image[v[inside].astype(int), u[inside].astype(int)].astype(float)
    expected = capture.points.rgb[inside].astype(float)
    error = np.abs(seen - expected).mean()
    mixed_up = np.abs(seen - np.random.default_rng(0).permutation(expected)).mean()
    assert error < 0.5 * mixed_up  # not equal: exposure varies, and many points lie on edges


def test_lego_has_its_official_split_and_its_alpha(shared_data):
    capture = load_capture(shared_data("lego"), points="none")
    assert capture.kind == "blender"
    assert (len(capture.indices("train")), len(capture.indices("test"))) == (100, 25)
    alpha = capture.images.alpha(0)
    assert alpha is not None and alpha.shape == (400, 400)
    assert alpha.min() == 0 and alpha.max() == 255
    camera = capture.frames[0].camera
    assert abs(camera.K[0, 0].item() - 200 / np.tan(0.6911112070083618 / 2)) < 1e-9

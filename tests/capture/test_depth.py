"""Depth maps of every kind that captures bring."""

import cv2
import numpy as np
import pytest

from splat.capture import depth as depth_maps
from splat.capture import load_capture
from splat.capture.depth import is_depth_map, read_depth
from splat.errors import SplatError
from tests.fuzz import damaged, survives

DEPTH = np.linspace(0.5, 4.0, 48 * 64, dtype=np.float32).reshape(48, 64)


def exr(path, **channels):
    OpenEXR = pytest.importorskip("OpenEXR")
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, channels).write(str(path))
    return path


def test_pictures_and_arrays(tmp_path):
    millimetres = np.rint(DEPTH * 1000).astype(np.uint16)
    assert cv2.imwrite(str(tmp_path / "a.png"), millimetres)
    assert cv2.imwrite(str(tmp_path / "a.tiff"), DEPTH)
    holes = DEPTH.copy()
    holes[0, :3] = np.nan, np.inf, -1.0
    np.save(tmp_path / "a.npy", holes)
    np.testing.assert_array_equal(read_depth(tmp_path / "a.png"), millimetres)
    np.testing.assert_array_equal(read_depth(tmp_path / "a.tiff"), DEPTH)
    np.testing.assert_array_equal(read_depth(tmp_path / "a.npy"), np.where(np.isfinite(holes) & (holes > 0), holes, 0))
    assert all(is_depth_map(tmp_path / f"a.{suffix}") for suffix in ("png", "tiff", "npy"))
    assert cv2.imwrite(str(tmp_path / "b.png"), np.zeros((4, 4), np.uint8))
    assert not is_depth_map(tmp_path / "b.png")
    with pytest.raises(SplatError, match="no depth map"):
        read_depth(tmp_path / "b.png")
    with pytest.raises(SplatError, match="is missing"):
        read_depth(tmp_path / "c.png")


@pytest.mark.parametrize(
    "channels",
    [
        {"R": DEPTH},
        {"Z": DEPTH, "R": DEPTH * 0, "G": DEPTH * 0, "B": DEPTH * 0},
        {"V": DEPTH},
        {"R": DEPTH.astype(np.float16)},
    ],
)
def test_exr(tmp_path, channels):
    found = read_depth(exr(tmp_path / "a.exr", **channels))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, DEPTH, atol=2e-3 if channels.get("R", DEPTH).dtype == np.float16 else 0)


def test_exr_of_colours_is_no_depth_and_damaged_ones_are_refused(tmp_path):
    with pytest.raises(SplatError, match="no depth map"):
        read_depth(exr(tmp_path / "a.exr", R=DEPTH, G=DEPTH, B=DEPTH))
    file = exr(tmp_path / "b.exr", Z=DEPTH)
    data = file.read_bytes()
    window = np.array([0, 0, 63, 47], "<i4").tobytes()
    huge = data.replace(window, np.array([0, 0, 99_999, 99_999], "<i4").tobytes(), 1)
    assert huge != data
    for content in (data[: len(data) // 2], data[:100], b"", huge):
        file.write_bytes(content)
        with pytest.raises(SplatError, match="cannot read the depth map"):
            read_depth(file)
    for content in damaged(data, 1, 60):
        file.write_bytes(content)
        survives(lambda: read_depth(file), content)


def test_without_openexr_a_line_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "a.exr").write_bytes(b"x")
    monkeypatch.setattr(depth_maps.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SplatError, match=r"pip install 'splat\[depth\]'"):
        read_depth(tmp_path / "a.exr")


def test_depth_of_a_real_recording_agrees_with_its_poses(shared_data):
    """Points from one view's depth, in metres, lie where the depth of a neighbour has them."""
    pytest.importorskip("OpenEXR")
    capture = load_capture(shared_data("captures/record3d_door"), points="none")
    assert capture.depth_maps == len(capture.frames) == 38
    named = {frame.path.stem: frame for frame in capture.frames}
    errors = []
    for one, two in (("3", "5"), ("10", "12"), ("20", "22")):
        near, far = read_depth(named[one].depth_path), read_depth(named[two].depth_path)
        assert near.shape == (256, 192)
        first, second = (named[name].camera.resized(192, 256) for name in (one, two))
        v, u = np.mgrid[20:236:9, 20:172:9]
        rays = np.stack([u + 0.5, v + 0.5, np.ones_like(u)], -1).reshape(-1, 3) @ np.linalg.inv(first.K.numpy()).T
        local = rays * near[v, u].reshape(-1, 1)
        world = (local - first.viewmat[:3, 3].numpy()) @ first.viewmat[:3, :3].numpy()
        seen = world @ second.viewmat[:3, :3].numpy().T + second.viewmat[:3, 3].numpy()
        x, y = ((seen @ second.K.numpy().T)[:, :2] / seen[:, 2:]).astype(int).T
        good = (seen[:, 2] > 0) & (x >= 0) & (x < 192) & (y >= 0) & (y < 256) & (near[v, u].ravel() > 0)
        errors.append(np.abs(far[y[good], x[good]] / seen[good, 2] - 1))
    assert np.median(np.concatenate(errors)) < 0.03

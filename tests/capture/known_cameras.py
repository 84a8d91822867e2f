"""Cameras that the tests know, to be written as other programs do and read back."""

from pathlib import Path

import numpy as np
from capture_scenes import H, W, smooth_photo, viewmat, write_photo

from splat.capture import Capture

F, CX, CY = 210.0, 171.0, 113.0  # of photos W x H
POINT = np.array([0.4, -0.3, 5.0])  # which all cameras see
OPENGL = np.array([1.0, -1.0, -1.0])  # from OpenCV's axes of a camera: x right, y down, z forward


def poses(count: int = 3) -> list[np.ndarray]:
    """World-to-camera matrices [4, 4] with OpenCV axes."""
    return [viewmat(index) for index in range(count)]


def camera_to_world(pose: np.ndarray, axes: np.ndarray | float = 1.0) -> np.ndarray:
    """[4, 4] with the camera's axes (columns) multiplied by signs [3]."""
    result = np.linalg.inv(pose)
    result[:3, :3] *= axes
    return result


def write_photos(folder: Path, names: list[str], width: int = W, height: int = H) -> None:
    for number, name in enumerate(names):
        write_photo(folder / name, smooth_photo(number, width, height))


def add_hidden_copies(root: Path) -> None:
    """Beside each file what macOS puts there when it copies to another kind of disk."""
    for path in [path for path in root.rglob("*") if path.is_file()]:
        path.with_name(f"._{path.name}").write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X        ")


def expected_pixel(pose: np.ndarray, f: float = F, cx: float = CX, cy: float = CY) -> np.ndarray:
    """[2] where a pinhole camera sees POINT; pixel centres at + 0.5."""
    x, y, z = pose[:3, :3] @ POINT + pose[:3, 3]
    return np.array([f * x / z + cx, f * y / z + cy])


def assert_sees(capture: Capture, expected: list[np.ndarray], f: float = F, cx: float = CX, cy: float = CY) -> None:
    """All cameras are those that are known, and see the point where they should, in front of them."""
    assert len(capture.frames) == len(expected)
    for frame, pose in zip(capture.frames, expected):
        np.testing.assert_allclose(frame.camera.viewmat.numpy(), pose, atol=1e-9)
        x, y, z = frame.camera.K.numpy() @ (frame.camera.viewmat.numpy() @ [*POINT, 1.0])[:3]
        assert z > 0
        np.testing.assert_allclose([x / z, y / z], expected_pixel(pose, f, cx, cy), atol=1e-6)

"""Lenses: COLMAP's camera models, and the pinhole camera that stands for one after undistortion."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from splat.errors import SplatError

if TYPE_CHECKING:
    import pycolmap

# COLMAP's numbers of its camera models, their names, and how many parameters they have.
MODELS = {
    0: ("SIMPLE_PINHOLE", 3),
    1: ("PINHOLE", 4),
    2: ("SIMPLE_RADIAL", 4),
    3: ("RADIAL", 5),
    4: ("OPENCV", 8),
    5: ("OPENCV_FISHEYE", 8),
    6: ("FULL_OPENCV", 12),
    7: ("FOV", 5),
    8: ("SIMPLE_RADIAL_FISHEYE", 4),
    9: ("RADIAL_FISHEYE", 5),
    10: ("THIN_PRISM_FISHEYE", 12),
    11: ("RAD_TAN_THIN_PRISM_FISHEYE", 16),
    12: ("SIMPLE_DIVISION", 4),
    13: ("DIVISION", 5),
    14: ("SIMPLE_FISHEYE", 3),
    15: ("FISHEYE", 4),
    16: ("EUCM", 6),
    17: ("EQUIRECTANGULAR", 2),
}

# A pinhole image of a fisheye lens reaches at most this far from the axis: beyond, its corners get most of the pixels.
WIDEST = math.tan(math.radians(60))
EDGE_SAMPLES = 128
MAP_CHUNK = 65_536  # pixels at a time, so that the maps of a large photo need little beside themselves


@dataclass(frozen=True)
class Lens:
    """The intrinsics of a photo: a COLMAP camera model with its parameters, for an image of a given size."""

    model: str  # COLMAP's name, such as PINHOLE or OPENCV_FISHEYE
    params: tuple[float, ...]  # in COLMAP's order, focal lengths and centre in pixels
    width: int
    height: int

    def has_shape(self, width: int, height: int) -> bool:
        """Whether a picture of that many pixels is the lens's image at some scale, within the rounding of its sides."""
        return abs(width / height / (self.width / self.height) - 1.0) < 0.02 + 1.0 / min(width, height)

    def colmap(self, camera_id: int = 1) -> pycolmap.Camera:
        """The same as a COLMAP camera.

        Raises:
            SplatError: unknown model or wrong number of parameters.
        """
        import pycolmap

        if self.model not in pycolmap.CameraModelId.__members__ or self.model == "INVALID":
            raise SplatError(f"unknown camera model {self.model}; use one of COLMAP's, such as OPENCV")
        camera = pycolmap.Camera.create_from_model_name(camera_id, self.model, 1.0, self.width, self.height)
        if len(camera.params) != len(self.params) or not np.isfinite(self.params).all():
            raise SplatError(f"camera model {self.model} needs {len(camera.params)} finite parameters; fix the file")
        camera.params = list(self.params)
        return camera

    def pinhole(self) -> np.ndarray | None:
        """[3, 3] float64 intrinsics where the lens has no distortion, else None."""
        if self.model == "PINHOLE":
            fx, fy, cx, cy = self.params
            return _matrix(fx, fy, cx, cy)
        if self.model == "SIMPLE_PINHOLE":
            f, cx, cy = self.params
            return _matrix(f, f, cx, cy)
        if self.model == "EQUIRECTANGULAR":
            raise SplatError("panoramas (EQUIRECTANGULAR) cannot be trained on; cut them into perspective views first")
        camera = self.colmap()
        if not camera.is_undistorted():
            return None
        # COLMAP also says so of a fisheye lens whose polynomial is zero, which is no pinhole: try a ray far out.
        K = np.array(camera.calibration_matrix())
        ray = np.array([0.5, 0.4, 1.0])
        return K if np.allclose(camera.img_from_cam(ray[None])[0], (K @ ray)[:2], atol=1e-3) else None


@functools.lru_cache(maxsize=1024)
def undistorted_matrix(lens: Lens) -> tuple[tuple[float, ...], ...]:
    """Rows of the [3, 3] intrinsics of the undistorted image, for an image of the lens's own size.

    The undistorted image shows the largest upright rectangle of the pinhole plane in which every pixel has a source,
    as `cv2.getOptimalNewCameraMatrix(alpha=0)` does, but from COLMAP's own model and at most 120° wide.
    """
    K = lens.pinhole()
    if K is not None and not (np.isfinite(K).all() and K[0, 0] > 0 and K[1, 1] > 0):
        raise SplatError(f"a {lens.model} camera has the parameters {lens.params}: its focal length is impossible")
    if K is None:
        left, right, top, bottom = _inner_rectangle(lens)
        fx, fy = lens.width / (right - left), lens.height / (bottom - top)
        K = _matrix(fx, fy, -left * fx, -top * fy)
    return tuple(tuple(float(value) for value in row) for row in K)


def undistortion_maps(lens: Lens, width: int, height: int) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Where the pixels of the undistorted image, scaled to `width` x `height`, lie in the photo scaled alike.

    Returns:
        x [H, W] and y [H, W] float32 as `cv2.remap` takes them (pixel indices), and valid [H, W] bool, False where the
        photo has no such pixel; None where all are valid.
    """
    x, y = np.empty((height, width), np.float32), np.empty((height, width), np.float32)
    valid = np.empty((height, width), bool)
    rows = max(1, MAP_CHUNK // width)
    for top in range(0, height, rows):
        band = slice(top, min(top + rows, height))
        x[band], y[band], valid[band] = _map_rows(lens, width, height, np.arange(band.start, band.stop))
    return x, y, None if valid.all() else valid


def _map_rows(lens: Lens, width: int, height: int, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x, y and valid [R, W] of `undistortion_maps` for some rows [R]."""
    K = np.array(undistorted_matrix(lens))
    scale_x, scale_y = lens.width / width, lens.height / height
    u, v = np.meshgrid((np.arange(width) + 0.5) * scale_x, (rows + 0.5) * scale_y)
    rays = np.stack([(u.ravel() - K[0, 2]) / K[0, 0], (v.ravel() - K[1, 2]) / K[1, 1], np.ones(u.size)], axis=1)
    source, good = _project(lens, rays)
    x = source[:, 0] / scale_x - 0.5
    y = source[:, 1] / scale_y - 0.5
    # The rectangle touches the photo's edge, so allow for rounding: up to one pixel of the edge is repeated.
    valid = good & (x > -1.0) & (x < width) & (y > -1.0) & (y < height)
    x, y = np.where(valid, x, -1.0), np.where(valid, y, -1.0)
    return x.reshape(u.shape), y.reshape(u.shape), valid.reshape(u.shape)


def _inner_rectangle(lens: Lens) -> tuple[float, float, float, float]:
    """left, right, top, bottom of the rectangle, on the plane z = 1."""
    W, H = float(lens.width), float(lens.height)
    cx, cy = np.array(lens.colmap().calibration_matrix())[:2, 2]
    along_x, along_y = np.linspace(0.0, W, EDGE_SAMPLES), np.linspace(0.0, H, EDGE_SAMPLES)
    sides = []
    for axis, sign, edge in ((0, -1, 0.0), (0, 1, W), (1, -1, 0.0), (1, 1, H)):
        across = along_y if axis == 0 else along_x
        border = np.stack([np.full_like(across, edge), across], axis=1)
        centre = np.array([cx, cy])
        if axis == 1:
            border = border[:, ::-1]
        # From the principal point straight to the side: how far the model can be inverted at all.
        spoke = centre + np.linspace(0.0, 1.0, EDGE_SAMPLES)[:, None] * np.array(
            [edge - cx, 0.0] if axis == 0 else [0.0, edge - cy]
        )
        reach = [sign * plane[good, axis] for plane, good in (_unproject(lens, spoke), _unproject(lens, border))]
        furthest = reach[0].max(initial=0.0)
        nearest = reach[1].min(initial=np.inf)
        sides.append(sign * min(furthest, nearest, WIDEST))
    left, right, top, bottom = sides
    if not (right - left > 1e-6 and bottom - top > 1e-6):
        raise SplatError(f"camera parameters {lens.params} of {lens.model} describe no usable lens; recalibrate it")
    return left, right, top, bottom


def _unproject(lens: Lens, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points [N, 2] on the plane z = 1 of pixel positions [N, 2], and good [N] bool where the model can be inverted."""
    camera = lens.colmap()
    plane = np.asarray(camera.cam_from_img(np.ascontiguousarray(pixels, np.float64)))
    back = np.asarray(camera.img_from_cam(np.concatenate([plane, np.ones((len(plane), 1))], axis=1)))
    with np.errstate(invalid="ignore"):
        good = np.abs(back - pixels).max(axis=1) < 0.1  # false for NaN
    return plane, good


def _project(lens: Lens, rays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pixel positions [N, 2] of rays [N, 3] with z = 1, and good [N] bool where the pixel sees that ray.

    A polynomial distortion folds back far from the axis: there the photo's pixel belongs to another ray.
    """
    camera = lens.colmap()
    pixels = np.asarray(camera.img_from_cam(np.ascontiguousarray(rays)))
    inside = np.isfinite(pixels).all(axis=1)
    margin = 0.5 * max(lens.width, lens.height)
    with np.errstate(invalid="ignore"):
        inside &= (pixels > -margin).all(axis=1) & (pixels[:, 0] < lens.width + margin)
        inside &= pixels[:, 1] < lens.height + margin
    good = np.zeros(len(rays), bool)
    plane = np.asarray(camera.cam_from_img(np.ascontiguousarray(pixels[inside])))
    with np.errstate(invalid="ignore"):
        good[inside] = np.abs(plane - rays[inside, :2]).max(axis=1, initial=0.0) < 1e-3
    return pixels, good


def _matrix(fx: float, fy: float, cx: float, cy: float) -> np.ndarray:
    return np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])

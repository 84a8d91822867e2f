"""Small captures with known answers, written by the tests."""

import functools
from pathlib import Path

import cv2
import numpy as np

# A mild but clearly visible distortion of a 320x240 photo for every camera model with one.
W, H = 320, 240
LENSES: dict[str, tuple[float, ...]] = {
    "SIMPLE_PINHOLE": (200.0, 163.0, 118.0),
    "PINHOLE": (200.0, 204.0, 163.0, 118.0),
    "SIMPLE_RADIAL": (200.0, 163.0, 118.0, -0.08),
    "RADIAL": (200.0, 163.0, 118.0, -0.09, 0.02),
    "OPENCV": (200.0, 204.0, 163.0, 118.0, 0.07, -0.03, 0.002, -0.003),
    "FULL_OPENCV": (200.0, 204.0, 163.0, 118.0, -0.06, 0.02, 0.001, -0.002, 0.004, 0.03, -0.01, 0.002),
    "OPENCV_FISHEYE": (200.0, 204.0, 163.0, 118.0, 0.03, -0.01, 0.004, -0.001),
    "SIMPLE_RADIAL_FISHEYE": (200.0, 163.0, 118.0, 0.05),
    "RADIAL_FISHEYE": (200.0, 163.0, 118.0, 0.04, -0.01),
    "THIN_PRISM_FISHEYE": (200.0, 204.0, 163.0, 118.0, 0.03, -0.01, 0.001, 0.002, 0.003, -0.001, 0.004, -0.003),
    "RAD_TAN_THIN_PRISM_FISHEYE": (200.0, 204.0, 163.0, 118.0, *([0.01] * 6), 0.001, 0.001, *([0.001] * 4)),
    "FOV": (200.0, 204.0, 163.0, 118.0, 0.6),
    "SIMPLE_DIVISION": (200.0, 163.0, 118.0, -0.05),
    "DIVISION": (200.0, 204.0, 163.0, 118.0, -0.05),
    "SIMPLE_FISHEYE": (200.0, 163.0, 118.0),
    "FISHEYE": (200.0, 204.0, 163.0, 118.0),
    "EUCM": (200.0, 204.0, 163.0, 118.0, 0.5, 1.1),
}


def write_photo(path: Path, pixels: np.ndarray) -> Path:
    """Write [H, W, 3 or 4] uint8 RGB(A)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    code = cv2.COLOR_RGBA2BGRA if pixels.shape[2] == 4 else cv2.COLOR_RGB2BGR
    assert cv2.imwrite(str(path), cv2.cvtColor(pixels, code))
    return path


def smooth_photo(seed: int, width: int = W, height: int = H) -> np.ndarray:
    """[H, W, 3] uint8 of soft random colours."""
    small = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def dotted_photo(points: np.ndarray, width: int = W, height: int = H) -> np.ndarray:
    """[H, W, 3] uint8, black with a soft white dot at each pixel position [N, 2] (pixel centres at + 0.5)."""
    x, y = np.arange(width) + 0.5, np.arange(height) + 0.5
    image = np.zeros((height, width))
    for u, v in points:
        image += np.exp(-((x[None] - u) ** 2 + (y[:, None] - v) ** 2) / (2 * 2.0**2))
    return np.repeat(np.clip(np.rint(image * 255), 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


def dot_centre(image: np.ndarray, u: float, v: float, radius: int = 6) -> np.ndarray:
    """Centre of brightness [2] of the dot near (u, v), in pixels with centres at + 0.5."""
    column, row = int(u), int(v)
    top, left = max(row - radius, 0), max(column - radius, 0)
    window = image[top : row + radius + 1, left : column + radius + 1, 0].astype(float)
    ys, xs = np.mgrid[: window.shape[0], : window.shape[1]]
    total = window.sum()
    assert total > 0, f"no dot near {u:.1f}, {v:.1f}"
    return np.array([(xs * window).sum() / total + left + 0.5, (ys * window).sum() / total + top + 0.5])


def turn(yaw: float, pitch: float) -> np.ndarray:
    """[3, 3] world-to-camera rotation."""
    c, s = np.cos(yaw), np.sin(yaw)
    about_y = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    c, s = np.cos(pitch), np.sin(pitch)
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]]) @ about_y


def viewmat(index: int, offset: np.ndarray | float = 0.0) -> np.ndarray:
    """[4, 4] world to camera of one of a row of cameras."""
    result = np.eye(4)
    result[:3, :3] = turn(0.05 * index, 0.03 * index - 0.1)
    centre = np.array([0.3 * index, -0.1, 0.05 * index]) + offset
    result[:3, 3] = -result[:3, :3] @ centre
    return result


def write_colmap(
    root: Path,
    cameras: list[tuple[str, tuple[float, ...], int, int]],
    images: list[tuple[str, int, np.ndarray | None]],
    points: np.ndarray | None = None,
    *,
    text: bool = False,
    folder: str = "sparse/0",
) -> Path:
    """Write a COLMAP model; cameras (model, params, width, height) count from 1, images are (name, camera, viewmat)."""
    import pycolmap

    model = pycolmap.Reconstruction()
    for number, (name, params, width, height) in enumerate(cameras, start=1):
        camera = pycolmap.Camera.create_from_model_name(number, name, 1.0, width, height)
        camera.params = list(params)
        model.add_camera_with_trivial_rig(camera)
    for number, (name, camera_id, pose) in enumerate(images, start=1):
        image = pycolmap.Image(name=name, camera_id=camera_id, image_id=number)
        if pose is None:
            model.add_image_with_trivial_frame(image)
        else:
            model.add_image_with_trivial_frame(image, pycolmap.Rigid3d(np.ascontiguousarray(pose[:3])))
    for number, xyz in enumerate(points if points is not None else []):
        model.add_point3D(np.asarray(xyz, np.float64), pycolmap.Track(), np.array([number % 256, 10, 20], np.uint8))
    target = root / folder
    target.mkdir(parents=True, exist_ok=True)
    (model.write_text if text else model.write_binary)(str(target))
    return target


ROOM = (  # plane: unit normal, distance, two axes in it: back wall, left wall, floor
    (np.array([0.0, 0.0, 1.0]), 4.0, np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0])),
    (np.array([1.0, 0.0, 0.0]), -2.0, np.array([0.0, 0.0, 1.0]), np.array([0.0, 1.0, 0.0])),
    (np.array([0.0, 1.0, 0.0]), 1.2, np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0])),
)


def room_photo(pose: np.ndarray, K: np.ndarray, width: int, height: int, style: int = 0) -> np.ndarray:
    """[H, W, 3] uint8 photo of a corner of three richly textured planes; `pose` is world to camera."""
    u, v = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    local = np.stack([(u - K[0, 2]) / K[0, 0], (v - K[1, 2]) / K[1, 1], np.ones_like(u)], axis=-1)
    rays = local @ pose[:3, :3]
    centre = -pose[:3, :3].T @ pose[:3, 3]
    nearest = np.full(u.shape, np.inf)
    photo = np.zeros((height, width, 3), np.uint8)
    for number, (normal, distance, across, along) in enumerate(ROOM):
        slope = rays @ normal
        with np.errstate(divide="ignore", invalid="ignore"):
            depth = (distance - centre @ normal) / slope
        hit = (depth > 0.05) & (depth < nearest)
        nearest = np.where(hit, depth, nearest)
        where = centre + rays * np.where(hit, depth, 0.0)[..., None]
        pixels_per_unit = 120.0
        x, y = ((where @ axis * pixels_per_unit).astype(np.float32) for axis in (across, along))
        colors = cv2.remap(
            _wallpaper(10 * style + number), x % 1024, y % 1024, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP
        )
        photo[hit] = colors[hit]
    return photo


@functools.cache
def _wallpaper(seed: int) -> np.ndarray:
    """[1024, 1024, 3] uint8 blotches of several sizes, for features at any distance."""
    rng = np.random.default_rng(seed)
    layers = [
        cv2.resize(rng.random((size, size, 3), np.float32), (1024, 1024), interpolation=cv2.INTER_CUBIC)
        for size in (16, 64, 160)
    ]
    mixed = sum(layers) / len(layers)
    mixed = (mixed - mixed.min()) / (mixed.max() - mixed.min())
    return (255 * mixed).astype(np.uint8)


def room_poses(count: int) -> list[np.ndarray]:
    """World-to-camera poses on an arc, all looking into the corner."""
    poses = []
    for angle in np.linspace(-0.35, 0.35, count):
        centre = np.array([1.5 * np.sin(angle * 2), -0.3 * np.cos(angle * 5), -0.5 + 0.4 * np.cos(angle * 3)])
        forward = np.array([-0.4, 0.2, 4.0]) - centre
        forward /= np.linalg.norm(forward)
        right = np.cross(np.array([0.0, 1.0, 0.0]), forward)
        right /= np.linalg.norm(right)
        rotation = np.stack([right, np.cross(forward, right), forward])
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = rotation, -rotation @ centre
        poses.append(pose)
    return poses


def distance_to_room(points: np.ndarray) -> np.ndarray:
    """[P] distance of points [P, 3] to the nearest of the room's planes."""
    return np.min([np.abs(points @ normal - distance) for normal, distance, _, _ in ROOM], axis=0)


def align(source: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Scale, rotation [3, 3] and translation [3] that bring points [N, 3] onto others (Umeyama 1991)."""
    a, b = source - source.mean(axis=0), target - target.mean(axis=0)
    U, S, Vt = np.linalg.svd(b.T @ a)
    D = np.array([1.0, 1.0, np.sign(np.linalg.det(U @ Vt))])
    rotation = (U * D) @ Vt
    scale = float((S * D).sum() / (a**2).sum())
    return scale, rotation, target.mean(axis=0) - scale * rotation @ source.mean(axis=0)

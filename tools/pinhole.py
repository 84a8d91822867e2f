"""A capture as a folder that is read without pycolmap: undistorted photos and a pinhole transforms.json."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from splat.capture.types import Capture
from splat.errors import SplatError
from splat.files import write_json

QUALITY = 95  # of JPEG, where a photo must be written anew


def write_pinhole(capture: Capture, folder: Path) -> None:
    """Write photos, cameras, points, masks and the split of a capture; reading them gives the same capture.

    Photos that are used as they are stored are copied; undistorted and scaled ones are written as JPEG once more.

    Raises:
        SplatError: the capture has transparent photos.
    """
    (folder / "images").mkdir(parents=True)
    entries: list[dict[str, Any]] = []
    lists: dict[str, list[str]] = {"train": [], "test": []}
    for index, frame in enumerate(capture.frames):
        name = f"images/{_photo(capture, index, folder / 'images')}"
        lists[frame.split].append(name)
        entries.append({"file_path": name, **_camera(capture, index)})
        mask = capture.images.mask(index)
        if mask is not None and not mask.all():
            entries[-1]["mask_path"] = f"masks/{index:05d}.png"
            (folder / "masks").mkdir(exist_ok=True)
            Image.fromarray(mask.astype(np.uint8) * 255).save(folder / entries[-1]["mask_path"])
    meta: dict[str, Any] = {"camera_model": "PINHOLE", "frames": entries}
    meta |= {f"{side}_filenames": names for side, names in lists.items() if names}
    if capture.points is not None:
        meta["ply_file_path"] = "points.ply"
        _write_points(capture, folder / "points.ply")
    write_json(folder / "transforms.json", meta)


def _photo(capture: Capture, index: int, folder: Path) -> str:
    """Writes one photo and returns its name."""
    if capture.images.alpha(index) is not None:
        raise SplatError(f"{capture.frames[index].path} is transparent; only opaque captures are written")
    source, pixels = capture.frames[index].path, capture.images.image(index)
    with Image.open(source) as stored:
        as_stored = np.asarray(stored.convert("RGB"))
    if as_stored.shape == pixels.shape and np.array_equal(as_stored, pixels):
        path = _free(folder / source.name, index)
        shutil.copyfile(source, path)
    else:
        path = _free(folder / f"{source.stem}.jpg", index)
        Image.fromarray(pixels).save(path, quality=QUALITY, subsampling=0)
    return path.name


def _free(path: Path, index: int) -> Path:
    """The path, with the photo's number where one of another folder has taken its name."""
    return path.with_name(f"{index:05d}-{path.name}") if path.exists() else path


def _camera(capture: Capture, index: int) -> dict[str, Any]:
    """Size, intrinsics in pixels and the pose, camera to world with OpenGL's axes."""
    camera = capture.frames[index].camera
    K, pose = camera.K.double().numpy(), camera.camtoworld.double().numpy() @ np.diag([1.0, -1, -1, 1])
    focal = {"fl_x": K[0, 0], "fl_y": K[1, 1], "cx": K[0, 2], "cy": K[1, 2]}
    size = {"w": camera.width, "h": camera.height}
    return {**size, **{key: float(value) for key, value in focal.items()}, "transform_matrix": pose.tolist()}


def _write_points(capture: Capture, path: Path) -> None:
    from plyfile import PlyData, PlyElement

    assert capture.points is not None
    kinds = [(axis, "f8") for axis in "xyz"] + [(color, "u1") for color in ("red", "green", "blue")]
    rows = np.empty(len(capture.points.xyz), kinds)
    for axis, values in zip("xyz", capture.points.xyz.T):
        rows[axis] = values
    for color, values in zip(("red", "green", "blue"), capture.points.rgb.T):
        rows[color] = values
    PlyData([PlyElement.describe(rows, "vertex")]).write(str(path))

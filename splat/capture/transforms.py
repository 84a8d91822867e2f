"""transforms.json of nerfstudio and instant-ngp."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np

from splat.capture.config import CaptureOptions
from splat.capture.damage import damage, report_damaged
from splat.capture.lens import Lens
from splat.capture.photo import photo_header
from splat.capture.ply import read_ply_points
from splat.capture.shots import Found, Shot, find_photo, reduced_folder, report_missing
from splat.capture.types import Points, Split
from splat.errors import SplatError
from splat.files import read_json

SPLIT_LISTS: tuple[tuple[str, Split], ...] = (("train_filenames", "train"), ("test_filenames", "test"))


def read_transforms(root: Path, options: CaptureOptions, file: Path | None = None) -> Found:
    """Read `root`/transforms.json (or `file`), with its photos, points and masks.

    Raises:
        SplatError: not such a file, or no frame with a photo and a pose.
    """
    file = file or root / "transforms.json"
    meta = read_meta(file)
    notes: list[str] = []
    shots = frame_shots(meta, root, file, options, notes)
    shots = _own_split(meta, root, shots, notes)
    if "applied_transform" in meta:
        notes.append("the file's applied_transform is kept: everything is in the frame of the file's poses")
    points = _points(meta, root, options, notes)
    return Found("transforms", root, shots, points, notes, [root / "masks"])


def read_meta(file: Path) -> dict[str, Any]:
    """The file's content, checked to be a transforms file."""
    meta = read_json(file)
    if not isinstance(meta, dict) or not isinstance(meta.get("frames"), list):
        raise SplatError(f"{file} has no list of frames; it is no transforms.json of nerfstudio or instant-ngp")
    return meta


def frame_shots(
    meta: Mapping[str, Any], root: Path, file: Path, options: CaptureOptions, notes: list[str]
) -> list[Shot]:
    """The shots of a transforms file; frames without a photo or a pose are left out, counted in one warning each."""
    from splat import console

    shots: list[Shot] = []
    missing: list[str] = []
    damaged: list[tuple[str, str]] = []
    unposed: list[str] = []
    used_reduced: set[str] = set()
    for entry in meta["frames"]:
        if not isinstance(entry, dict) or not isinstance(entry.get("file_path"), str):
            raise SplatError(f"{file} has a frame without file_path; mend the file")
        name = within_root(root, clean_name(entry["file_path"]))
        path, reduced = _photo(root, name, options, used_reduced)
        if path is None:
            missing.append(name)
            continue
        if reason := damage(path):
            damaged.append((name, reason))
            continue
        viewmat = opengl_to_viewmat(entry.get("transform_matrix"))
        if viewmat is None:
            unposed.append(name)
            continue
        mask = entry.get("mask_path")
        mask_path = find_photo(root / clean_name(mask)) if isinstance(mask, str) else None
        full = find_photo(root / name) if reduced > 1 else None
        lens = frame_lens(entry, meta, full or path, name, 1 if full else reduced)
        shots.append(Shot(name, path, viewmat, lens, mask_path, reduced=reduced))
    if note := report_missing(missing, len(shots) + len(unposed) + len(damaged), str(file)):
        notes.append(note)
    notes += report_damaged(damaged, len(shots) + len(unposed))
    if not shots:
        raise SplatError(f"{file} has no frame with a pose (transform_matrix); use the photos alone instead")
    if unposed:
        note = f"{len(unposed)} frames of {file} have no usable pose (first: {unposed[0]})"
        notes.append(note)
        console.warn(f"{note}; going on with the other {len(shots)}")
    notes += [f"photos from {name}/ (figures differ a little from scaling here)" for name in sorted(used_reduced)]
    return shots


def opengl_to_viewmat(matrix: Any) -> np.ndarray | None:
    """World to camera with OpenCV axes [4, 4] float64, from a camera-to-world with OpenGL axes (x right, y up, z back).

    None where the matrix is missing, not finite, singular or mirrored. A scale in the rotation is removed.
    """
    try:
        camtoworld = np.array(matrix, np.float64)
    except (TypeError, ValueError):
        return None
    if camtoworld.shape not in ((4, 4), (3, 4)) or not np.isfinite(camtoworld).all():
        return None
    rotation = camtoworld[:3, :3] * np.array([1.0, -1.0, -1.0])
    if np.linalg.det(rotation) <= 1e-12:
        return None
    if np.abs(rotation.T @ rotation - np.eye(3)).max() > 1e-6:
        U, _, Vt = np.linalg.svd(rotation)
        rotation = U @ Vt
    viewmat = np.eye(4)
    viewmat[:3, :3] = rotation.T
    viewmat[:3, 3] = -rotation.T @ camtoworld[:3, 3]
    return viewmat


def frame_lens(entry: Mapping[str, Any], meta: Mapping[str, Any], path: Path, name: str, reduced: int = 1) -> Lens:
    """Intrinsics of one frame; what the frame does not say itself the whole file says, a missing size the photo.

    `reduced`: how many times smaller the photo `path` is than the one that the intrinsics are of.
    """

    def value(*keys: str) -> float | None:
        for source in (entry, meta):
            for key in keys:
                if isinstance(source.get(key), (int, float)):
                    return float(source[key])
        return None

    width, height = value("w"), value("h")
    if width is None or height is None:
        header = photo_header(path)
        width, height = float(header.width * reduced), float(header.height * reduced)
    fx, fy = _focal_lengths(entry, width, height) or _focal_lengths(meta, width, height) or (0.0, 0.0)
    if not (fx > 0 and fy > 0):
        raise SplatError(f"frame {name} has no usable focal length; the file needs fl_x or camera_angle_x, more than 0")
    cx, cy = value("cx"), value("cy")
    cx = width / 2 if cx is None else cx
    cy = height / 2 if cy is None else cy
    k1, k2, k3, k4, p1, p2 = (value(key) or 0.0 for key in ("k1", "k2", "k3", "k4", "p1", "p2"))
    model = str(entry.get("camera_model") or meta.get("camera_model") or "OPENCV").upper()
    if entry.get("is_fisheye") or meta.get("is_fisheye"):
        model = "OPENCV_FISHEYE"
    size = round(width), round(height)
    if model == "OPENCV_FISHEYE":
        return Lens(model, (fx, fy, cx, cy, k1, k2, k3, k4), *size)
    if model not in ("OPENCV", "PINHOLE", "SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL", "PERSPECTIVE", "FULL_OPENCV"):
        raise SplatError(
            f"camera_model {model} of frame {name} cannot be read from a transforms.json; use OPENCV, OPENCV_FISHEYE"
            " or PINHOLE, or the COLMAP model itself"
        )
    if model.endswith("PINHOLE") or not any((k1, k2, k3, k4, p1, p2)):
        return Lens("PINHOLE", (fx, fy, cx, cy), *size)
    if k4:
        raise SplatError(f"frame {name} has k4={k4} with camera_model {model}; k4 is only defined for OPENCV_FISHEYE")
    if k3:
        return Lens("FULL_OPENCV", (fx, fy, cx, cy, k1, k2, p1, p2, k3, 0.0, 0.0, 0.0), *size)
    return Lens("OPENCV", (fx, fy, cx, cy, k1, k2, p1, p2), *size)


def _focal_lengths(source: Mapping[str, Any], width: float, height: float) -> tuple[float, float] | None:
    """fx and fy in pixels as one place states them, as lengths or as angles; one of them stands for both."""

    def number(key: str) -> float:
        try:
            return float(source.get(key) or 0.0)
        except (TypeError, ValueError) as error:
            raise SplatError(f"{key}={source[key]} in the transforms file is no number; mend the file") from error

    found = []
    for side, focal, angle, degrees in (
        (width, "fl_x", "camera_angle_x", "x_fov"),
        (height, "fl_y", "camera_angle_y", "y_fov"),
    ):
        radians = number(angle) or math.radians(number(degrees))
        found.append(number(focal) or (0.5 * side / math.tan(0.5 * radians) if radians else 0.0))
    fx, fy = found[0] or found[1], found[1] or found[0]
    return (fx, fy) if fx and fy else None


def clean_name(name: str) -> str:
    """A file name with forward slashes and without a leading './'."""
    path = PureWindowsPath(name) if "\\" in name else PurePosixPath(name)
    return PurePosixPath(*path.parts).as_posix() if not path.drive else path.as_posix()


def within_root(root: Path, name: str) -> str:
    """An absolute name as one below `root`, also where the capture was moved from another place or machine.

    The longest end of the name that is there counts; without one the name stays as it is.
    """
    parts = PurePosixPath(name).parts
    if not (name.startswith("/") or PureWindowsPath(name).drive):
        return name
    ends = ("/".join(parts[start:]) for start in range(1, len(parts)))
    return next((end for end in ends if find_photo(root / end) is not None), name)


def _photo(root: Path, name: str, options: CaptureOptions, used: set[str]) -> tuple[Path | None, int]:
    """The photo of a frame and how much smaller it is than the file's intrinsics say."""
    reduced = reduced_folder((root / name).parent, options.data_factor)
    if reduced is not None and (path := find_photo(reduced / PurePosixPath(name).name)):
        used.add(reduced.name)
        return path, round(options.data_factor)
    return find_photo(root / name), 1


def _own_split(meta: Mapping[str, Any], root: Path, shots: list[Shot], notes: list[str]) -> list[Shot]:
    """Apply nerfstudio's lists of file names; frames in none of them are left out, as nerfstudio does."""
    sides: dict[str, Split] = {}
    for key, side in SPLIT_LISTS:
        sides.update(dict.fromkeys(_names(meta, key, root), side))
    if "test" not in sides.values():  # nerfstudio evaluates on the validation list
        sides.update(dict.fromkeys(_names(meta, "val_filenames", root), "test"))
    if not sides:
        return shots
    kept = [dataclasses.replace(shot, split=sides[shot.name]) for shot in shots if shot.name in sides]
    if not kept:
        raise SplatError("train_filenames and test_filenames name none of the frames; mend the transforms.json")
    if len(kept) < len(shots):
        notes.append(f"{len(shots) - len(kept)} frames are in no list of the file's own split and are left out")
    return kept


def _names(meta: Mapping[str, Any], key: str, root: Path) -> list[str]:
    """The names in a list of the file; none where there is no such list."""
    listed = meta.get(key) or []
    if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
        raise SplatError(f"{key} in the transforms file is no list of names; mend the file")
    return [within_root(root, clean_name(name)) for name in listed]


def _points(meta: Mapping[str, Any], root: Path, options: CaptureOptions, notes: list[str]) -> Points | None:
    from splat import console

    name = meta.get("ply_file_path")
    if options.points == "none" or not isinstance(name, str):
        return None
    path = root / clean_name(name)
    if not path.is_file():
        notes.append(f"the points {path} are missing")
        console.warn(f"{notes[-1]}; going on without them")
        return None
    return read_ply_points(path)

"""Cameras from the files that runs, 3DGS and nerfstudio write."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch

from splat import console
from splat.cameras import Camera
from splat.errors import SplatError
from splat.files import read_json

LARGEST_SIDE = 16_384  # pixels
HIGHEST_RATE = 1000  # frames per second
_ROTATION_ERROR = 1e-3  # files keep four digits at least


def from_file(path: Path, template: Camera) -> list[Camera]:
    """Cameras from a JSON file; see `cameras_of`.

    Args:
        path: the file.
        template: size and intrinsics of cameras that have none.

    Raises:
        SplatError: for any other file, one without cameras, or one with cameras that nothing can be drawn with.
    """
    return cameras_of(read_json(path), path, template)


def cameras_of(content: Any, path: Path, template: Camera) -> list[Camera]:
    """Cameras from what a JSON file holds.

    Understood are a run's cameras.json ({frames: [{viewmat, K, width, height}]}), the list that 3DGS writes
    ([{position, rotation, fx, fy, width, height}]) and nerfstudio's camera path ({camera_path: [{camera_to_world,
    fov}]}), which has OpenGL axes (y up, z back).

    Args:
        content: of the file.
        path: its name, for messages.
        template: size and intrinsics of cameras that have none.

    Raises:
        SplatError: for any other content, without cameras, or with cameras that nothing can be drawn with.
    """
    try:
        if isinstance(content, list):
            cameras = [_from_3dgs(entry) for entry in content]
        elif "camera_path" in content:
            cameras = [_from_nerfstudio(entry, content, template) for entry in content["camera_path"]]
        else:
            cameras = [_from_run(entry, template) for entry in content["frames"]]
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        reason = (str(error).splitlines() or [""])[0]
        raise SplatError(
            f"{path} is no camera path; known are cameras.json of a run, cameras.json of 3DGS and nerfstudio's camera "
            f"path ({type(error).__name__}: {reason})"
        ) from error
    if not cameras:
        raise SplatError(f"{path} has no cameras")
    for index, camera in enumerate(cameras):
        if problem := _problem(camera):
            raise SplatError(f"{path}: camera {index} {problem}")
    kind = content.get("camera_type", "perspective") if isinstance(content, dict) else "perspective"
    if kind != "perspective":
        console.warn(f"{path}: its camera_type is {str(kind)[:40]!a}; drawn as perspective")
    if isinstance(content, dict) and content.get("crop"):
        console.warn(f"{path}: its crop is not used; the whole scene is drawn")
    return [dataclasses.replace(camera, name=camera.name or f"{i:04d}") for i, camera in enumerate(cameras)]


def frame_rate(path: Path) -> float | None:
    """Frames per second that a camera path of nerfstudio asks for; None where a file says nothing that can be used."""
    content = read_json(path)
    fps = content.get("fps") if isinstance(content, dict) and "camera_path" in content else None
    if not isinstance(fps, (int, float)) or isinstance(fps, bool) or not 0 < fps <= HIGHEST_RATE:
        return None
    return float(fps)


def placed(template: Camera, rotation: np.ndarray, position: np.ndarray) -> Camera:
    """The camera at a position [3] with camera-to-world rotation [3, 3]."""
    viewmat = np.eye(4)
    viewmat[:3, :3] = rotation.T
    with np.errstate(over="ignore", invalid="ignore"):  # absurd numbers of files are refused afterwards
        viewmat[:3, 3] = -rotation.T @ position
    return dataclasses.replace(template, viewmat=torch.from_numpy(viewmat))


def _problem(camera: Camera) -> str | None:
    """Why nothing can be drawn with a camera; None for one that is fine."""
    K, viewmat = camera.K.float(), camera.viewmat.float()  # renderers have 32 bits
    if not (1 <= camera.width <= LARGEST_SIDE and 1 <= camera.height <= LARGEST_SIDE):
        return f"has a size out of range; each side must be 1 to {LARGEST_SIDE} pixels"
    if not (bool(torch.isfinite(K).all()) and bool(torch.isfinite(viewmat).all())):
        return "has a number that is not finite, or too large"
    if K[0, 0] <= 0 or K[1, 1] <= 0 or K[2].tolist() != [0, 0, 1]:
        return "has no positive focal length"
    rotation = camera.viewmat[:3, :3]
    error = float((rotation @ rotation.T - torch.eye(3, dtype=rotation.dtype)).abs().max())
    if error > _ROTATION_ERROR or torch.linalg.det(rotation) < 0 or viewmat[3].tolist() != [0, 0, 0, 1]:
        return "has a matrix that does not turn and move alone (scaled, mirrored or skewed)"
    return None


def _from_run(entry: dict[str, Any], template: Camera) -> Camera:
    viewmat = torch.tensor(entry["viewmat"], dtype=torch.float64).reshape(4, 4)
    if "K" not in entry:
        return dataclasses.replace(template, viewmat=viewmat, name=str(entry.get("name", "")))
    K = torch.tensor(entry["K"], dtype=torch.float64).reshape(3, 3)
    return Camera(viewmat, K, int(entry["width"]), int(entry["height"]), str(entry.get("name", "")))


def _from_3dgs(entry: dict[str, Any]) -> Camera:
    width, height = int(entry["width"]), int(entry["height"])
    fx, fy = float(entry["fx"]), float(entry["fy"])
    K = torch.tensor([[fx, 0, width / 2], [0, fy, height / 2], [0, 0, 1]], dtype=torch.float64)
    camera = Camera(torch.eye(4, dtype=torch.float64), K, width, height, str(entry.get("img_name", "")))
    return placed(camera, np.array(entry["rotation"], float).reshape(3, 3), np.array(entry["position"], float))


def _from_nerfstudio(entry: dict[str, Any], content: dict[str, Any], template: Camera) -> Camera:
    to_world = np.array(entry["camera_to_world"], float).reshape(4, 4)
    width = int(content.get("render_width") or template.width)
    height = int(content.get("render_height") or template.height)
    focal = 0.5 * height / math.tan(math.radians(float(entry["fov"])) / 2)  # the vertical field of view
    K = torch.tensor([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]], dtype=torch.float64)
    camera = Camera(torch.eye(4, dtype=torch.float64), K, width, height)
    return placed(camera, to_world[:3, :3] * [1, -1, -1], to_world[:3, 3])

"""The cameras of a run or a scene file along a path, and what goes with them: rates of pictures, photos beside them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from splat.appearance.record import read_looks
from splat.cameras import Camera
from splat.capture.over import photo_over
from splat.console import warn
from splat.errors import SplatError
from splat.gaussians import Gaussians
from splat.images import to_bytes
from splat.options import nearest
from splat.render import paths
from splat.render.around import cameras_around
from splat.render.camera_file import frame_rate
from splat.render.config import PATHS, PHOTOGRAPHED
from splat.render.pictures import Look, typical_depth
from splat.run import Run

AROUND, SIZE = 24, (640, 480)  # cameras about a scene that comes without any, and their pictures


def path_cameras(
    run: Run | None,
    scene: Gaussians,
    path: str,
    frames: int = 120,
    degrees: float | None = None,
    width: int | None = None,
) -> list[Camera]:
    """The cameras of a path.

    Args:
        run: whose cameras the path follows; None for a scene file, about which some are placed.
        scene: the run's, or what became of it.
        path: one of `PATHS`, or a file with cameras.
        frames: how many cameras a path has that moves.
        degrees: angle of an orbit; None for 360, or what the photos cover.
        width: of the pictures in pixels; None for that of the cameras.

    Raises:
        SplatError: when there is no such path, or the run has no cameras for it.
    """
    training = cameras_around(scene, AROUND, *SIZE) if run is None else run.cameras("train")
    file = Path(path).expanduser()
    if path in PHOTOGRAPHED:
        if run is None:
            raise SplatError(f"path={path}: a scene file has no photos; use path=orbit, spiral or a FILE with cameras")
        cameras = run.cameras("test" if path == "test" else "train")
        if not cameras:
            raise SplatError("the run has no test views; use path=train, or test_every=8 when training")
    elif path == "interpolate":
        cameras = paths.interpolate(training, frames)
    elif path == "orbit":
        cameras = paths.orbit(training, frames, typical_depth(scene, training), degrees)
    elif path == "spiral":
        cameras = paths.spiral(training, frames, typical_depth(scene, training))
    elif file.is_file():
        cameras = paths.from_file(file, paths.typical_camera(training))
    else:
        near = nearest(path, PATHS)
        hint = f"did you mean {near}?" if near else f"it is one of {', '.join(PATHS)} or a JSON file with cameras"
        raise SplatError(f"path={path}: there is no such path; {hint}")
    return [at_width(camera, width) for camera in cameras]


def at_width(camera: Camera, width: int | None) -> Camera:
    """The camera with pictures of that width in pixels; None leaves it as it is."""
    if width is None:
        return camera
    return camera.resized(width, max(2, round(camera.height * width / camera.width)))


def frames_per_second(path: str) -> float:
    """What the file with the cameras says, else what suits the path."""
    if path in PHOTOGRAPHED:
        return 2.0
    file = Path(path).expanduser()
    return (frame_rate(file) if path not in PATHS and file.is_file() else None) or 30.0


def looks_of(run: Run, path: str, appearance: str) -> Callable[[str], Look | None]:
    """Gives, by the name of a photo, what makes pictures of the scene look as that photo does.

    Args:
        run: with what its training learned of single photos.
        path: of the cameras.
        appearance: mean, the scene as it is; or own.

    Raises:
        SplatError: the run learned nothing of single photos, or the cameras are not those of its training photos.
    """
    if appearance == "mean":
        return lambda name: None
    if path != "train":
        raise SplatError(
            f"path={path}: only training photos have colours of their own; appearance=own is for path=train"
        )
    return read_looks(run.path).look


def photos_of(run: Run, path: str) -> Callable[[str], np.ndarray | None]:
    """Gives the photo of a camera by its name, [H, W, 3] uint8 RGB, its transparent pixels over the run's background.

    It gives None for cameras, and paths, that nobody photographed.
    """
    if path not in PHOTOGRAPHED:
        return lambda name: None
    try:
        capture = run.capture()
    except SplatError as problem:
        warn(f"pictures without photos beside them: {problem}")
        return lambda name: None
    numbers = {frame.camera.name: number for number, frame in enumerate(capture.frames)}
    background = torch.tensor(run.background)

    def photo(name: str) -> np.ndarray | None:
        if name not in numbers:
            return None
        return to_bytes(photo_over(capture, numbers[name], background)[0])

    return photo

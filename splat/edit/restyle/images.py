"""Pictures that the user has edited, named as the photos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from splat.cameras import Camera, stem
from splat.console import count, warn
from splat.errors import SplatError
from splat.render.film import picture_names
from splat.render.scene import SceneRenderer

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp")
BESIDE = ("_photo", "_depth")  # what `splat render` writes beside its pictures
ASPECT = 0.02  # relative difference of width over height up to which a picture is scaled to its view


def read_images(renderer: SceneRenderer, folder: Path) -> dict[str, np.ndarray]:
    """The pictures [H, W, 3] float32 RGB 0..1 of a folder, at their views' sizes, by the views' names.

    A file may be named as its photo, or as `splat render path=train` names its picture (folders joined with "__").

    Raises:
        SplatError: no folder, no file named as a view, one that cannot be read, or of another shape than its view.
    """
    if not folder.is_dir():
        raise SplatError(f"no folder with edited pictures at {folder}")
    cameras = _named(list(renderer.cameras))
    found: dict[str, np.ndarray] = {}
    resized, strange = [], []
    for path in sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES):
        camera = cameras.get(path.stem)
        if camera is None:
            strange += [] if path.stem.endswith(BESIDE) else [path.name]
            continue
        picture, scaled = _fitted(path, camera)
        found[camera.name] = picture
        resized += [path.name] if scaled else []
    if not found:
        example = next(iter(cameras))
        raise SplatError(f"{folder} has no picture named as a training view, for example {example}.png")
    if strange:
        warn(f"{count(len(strange), 'picture')} of {folder} left out, named as no training view: {strange[0]}, ...")
    if resized:
        warn(f"{count(len(resized), 'picture')} scaled to the size of the view, the first is {resized[0]}")
    return found


def _named(cameras: list[Camera]) -> dict[str, Camera]:
    """The cameras by the names of their rendered pictures, and of their photos where no two photos share one."""
    names = [stem(camera.name) for camera in cameras]
    alone = {name: camera for name, camera in zip(names, cameras) if names.count(name) == 1}
    return {**alone, **dict(zip(picture_names(cameras), cameras))}


def _fitted(path: Path, camera: Camera) -> tuple[np.ndarray, bool]:
    """A picture at its view's size, and whether it had to be scaled."""
    try:
        picture = Image.open(path).convert("RGB")
    except (OSError, UnidentifiedImageError) as error:
        raise SplatError(f"cannot read the picture {path}") from error
    size = (camera.width, camera.height)
    scaled = picture.size != size
    if abs(picture.width / picture.height * camera.height / camera.width - 1) > ASPECT:
        raise SplatError(
            f"{path} is {picture.width}x{picture.height}, its view {camera.width}x{camera.height}: edit a picture "
            "without cropping it (splat render RUN path=train gives the views)"
        )
    if scaled:
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    return np.asarray(picture, np.float32) / 255, scaled

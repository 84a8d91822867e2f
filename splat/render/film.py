"""Rendering a path into a folder of pictures and a video."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from splat.cameras import Camera
from splat.console import progress
from splat.files import safe_name
from splat.images import evenly, write_image
from splat.render.pictures import Look, depth_picture, picture
from splat.render.scene import SceneRenderer
from splat.render.video import Video, fitted, open_video

FILE_KINDS = ("", "_photo", "_depth")  # what stands behind a camera's name in the names of its pictures


def render_path(
    renderer: SceneRenderer,
    cameras: list[Camera],
    folder: Path | None,
    video: Path | None,
    *,
    fps: float = 30,
    depth: bool = False,
    photo: Callable[[str], np.ndarray | None] = lambda name: None,
    look: Callable[[str], Look | None] = lambda name: None,
) -> None:
    """Render every camera and write NAME.png, NAME_photo.png, NAME_depth.png, NAME_depth.tiff and a video.

    Args:
        renderer: the scene.
        cameras: the path; their names become file names.
        folder: where the pictures go; None writes none.
        video: the mp4; None writes none. It shows photo and depth beside the picture where there are any.
        fps: frames per second of the video.
        depth: write depth too, as colours and as float32 in world units.
        photo: [H, W, 3] uint8 RGB of the camera with that name, or None.
        look: what gives a picture the colours of the photo of that name; None keeps the scene's.

    Raises:
        SplatError: when something cannot be written.
    """
    limits = depth_range(renderer, cameras) if depth else (0.0, 0.0)
    film: Video | None
    with optional_video(video, fps) as film, progress("Rendering", len(cameras), unit="picture") as bar:
        for camera, stem in zip(cameras, picture_names(cameras)):
            color, distances = picture(renderer, camera, depth, look(camera.name))
            shown = {stem: color}
            taken = photo(camera.name)
            if taken is not None:
                shown[f"{stem}_photo"] = taken
            if distances is not None:
                shown[f"{stem}_depth"] = depth_picture(distances, *limits)
            if folder is not None:
                for name, image in shown.items():
                    write_image(folder / f"{name}.png", image)
                if distances is not None:
                    write_image(folder / f"{stem}_depth.tiff", distances)
            if film is not None:
                film.add(np.hstack([fitted(image, *color.shape[:2]) for image in shown.values()]))
            bar.advance()


def picture_names(cameras: list[Camera]) -> list[str]:
    """A file name for every camera: its photo's, or its number where names are missing or would be those of two files.

    A photo may be called `a_photo.jpg`, which is also the photo that is written beside the picture `a`.
    """
    stems = [re.sub(r"\.\w{1,5}$", "", camera.name) for camera in cameras]
    names = [safe_name(stem).lstrip(".").replace("/", "__") for stem in stems]
    files = {f"{name}{kind}".casefold() for name in names for kind in FILE_KINDS}
    if all(stems) and len(files) == len(names) * len(FILE_KINDS):
        return names
    return [f"{index:04d}" for index in range(len(cameras))]


def depth_range(renderer: SceneRenderer, cameras: list[Camera], samples: int = 5) -> tuple[float, float]:
    """Nearest and farthest depth for the colours of a whole path, from a few of its pictures."""
    depths = [renderer.depth(camera).cpu().numpy() for camera in evenly(cameras, samples)]
    seen = np.concatenate([depth[depth > 0] for depth in depths])
    if not seen.size:
        return 1.0, 2.0
    near, far = np.percentile(seen, [1, 99])
    return float(near), float(max(far, near * 1.01))


@contextlib.contextmanager
def optional_video(path: Path | None, fps: float) -> Iterator[Video | None]:
    """The open video, or None where none is wanted."""
    if path is None:
        yield None
        return
    with open_video(path, fps) as film:
        yield film

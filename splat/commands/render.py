"""`splat render`: pictures and a video of a run or a scene file along a camera path."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from splat import console
from splat.capture.walk import mark
from splat.commands import SUMMARIES
from splat.commands.app import Command, user_path
from splat.errors import SplatError
from splat.files import first_free
from splat.formats.registry import detect_format, is_scene_folder, read_scene_file
from splat.options import option
from splat.render.config import MOVING, PATHS
from splat.run import open_run


@dataclass
class RenderConfig:
    """`splat render`."""

    run: str = option("", "the run folder, or a scene file")
    path: str = option(
        "test",
        "test or train: the photos' cameras, each beside its photo; orbit: around the scene, to and fro if the photos"
        " show one side only; spiral: small movements before it; interpolate: through the training cameras; or a FILE"
        " with cameras (cameras.json of a run or of 3DGS, nerfstudio camera path)",
    )
    out: str | None = option(
        None, "folder for the pictures (null: RUN/videos/PATH, or PATH-2 if that exists; beside a scene file)"
    )
    frames: int = option(120, "pictures along orbit, spiral and interpolate", minimum=1)
    fps: float | None = option(
        None,
        "frames per second of the video (null: the FILE's, else 30, and 2 for test and train)",
        above=0,
        maximum=1000,
    )
    degrees: float | None = option(None, "angle of the orbit (null: 360, or what the photos cover)")
    width: int | None = option(
        None, "width of the pictures in pixels (null: as trained; 640 for a scene file)", minimum=2, maximum=16_384
    )
    appearance: str = option(
        "mean",
        "colours of the pictures; mean: the scene's; own: with path=train, each as its photo shows them (see "
        "appearance= of splat train)",
        choices=("mean", "own"),
    )
    depth: bool = option(False, "depth too: NAME_depth.png in colours, NAME_depth.tiff in the scene's units")
    video: bool = option(True, "write the video beside the folder, PATH.mp4")
    pictures: bool = option(True, "write the pictures")
    backend: str = option("auto", "renderer", choices=("auto", "gsplat", "cpu"))


def run(config: RenderConfig) -> None:
    """Render the path; prints the folder of the pictures and the video."""
    if not config.run:
        raise SplatError("which one? splat render RUN path=orbit")
    if not (config.video or config.pictures):
        raise SplatError("video=false and pictures=false together leave nothing to write")
    source = user_path(config.run)
    if source.is_file() or is_scene_folder(source):
        render_file(config, source)
        return
    opened = open_run(source)  # before torch is imported, which takes seconds
    from splat.edit.history import say_without_edits
    from splat.render.film import render_path
    from splat.rendering import frames_per_second, looks_of, path_cameras, photos_of

    say_without_edits(opened.path)
    renderer = opened.renderer(config.backend)
    cameras = path_cameras(opened, renderer.scene, config.path, config.frames, config.degrees, config.width)
    look = looks_of(opened, config.path, config.appearance)
    folder = output_folder(opened.path, config)
    console.info(f"renderer: {renderer.backend.name} ({renderer.backend.reason})")
    video = folder.with_name(folder.name + ".mp4") if config.video else None
    fps = config.fps or frames_per_second(config.path)
    say_ignored(config)
    pictures = folder if config.pictures else None
    photo = photos_of(opened, config.path)
    render_path(renderer, cameras, pictures, video, fps=fps, depth=config.depth, photo=photo, look=look)
    say_written(config, pictures, video)


def render_file(config: RenderConfig, source: Path) -> None:
    """Render a scene file from places around it; prints the folder of the pictures and the video."""
    detect_format(source)
    if config.path == RenderConfig.path:
        config.path = "orbit"
        console.info("a scene file has no photos: path=orbit")
    if config.appearance != "mean":
        raise SplatError("appearance=own is for runs; a scene file knows no photos")
    from splat.render.around import lone_renderer
    from splat.render.film import render_path
    from splat.rendering import AROUND, frames_per_second, path_cameras

    found = read_scene_file(source)
    if not len(found.gaussians):
        raise SplatError(f"{source} holds no Gaussian that can be drawn")
    renderer = lone_renderer(found.gaussians, AROUND, bool(found.notes.antialiased), config.backend)
    cameras = path_cameras(None, renderer.scene, config.path, config.frames, config.degrees, config.width)
    folder = output_folder(source, config)
    console.info(f"renderer: {renderer.backend.name} ({renderer.backend.reason})")
    pictures = folder if config.pictures else None
    video = folder.with_name(folder.name + ".mp4") if config.video else None
    say_ignored(config)
    render_path(
        renderer, cameras, pictures, video, fps=config.fps or frames_per_second(config.path), depth=config.depth
    )
    say_written(config, pictures, video)


def say_written(config: RenderConfig, pictures: Path | None, video: Path | None) -> None:
    """Mark a folder that the user chose as ours; print what was written."""
    if pictures is not None and config.out is not None:
        mark(pictures)
    for path in (pictures, video):
        if path is not None:
            print(path)


def say_ignored(config: Any, moving: tuple[str, ...] = MOVING) -> None:
    """One line for each key of a path that the path asked for does not use.

    Args:
        config: has `path`, `frames` and `degrees`.
        moving: the paths that are as long as `frames` says.
    """
    if config.frames != RenderConfig.frames and config.path not in moving:
        console.warn(f"frames={config.frames} is not used: path={config.path} has its own cameras")
    if config.degrees is not None and config.path != "orbit":
        console.warn(f"degrees={config.degrees:g} is not used: it is for path=orbit")


def output_folder(source: Path, config: RenderConfig) -> Path:
    """A folder that does not exist yet, nor a video of its name: in a run, or beside a scene file.

    Raises:
        SplatError: when the user's own choice exists.
    """
    if config.out is not None:
        folder = user_path(config.out)
        if folder.exists() or folder.with_name(folder.name + ".mp4").exists():
            raise SplatError(f"{folder} (or its video) exists already and stays as it is; choose another out=")
        return folder
    stem = config.path if config.path in PATHS else Path(config.path).stem
    videos = source / "videos"
    if not (source / "config.yaml").is_file():
        videos, stem = source.parent, f"{source.name.partition('.')[0]}-{stem}"
    return videos / first_free(stem, lambda name: (videos / name).exists() or (videos / f"{name}.mp4").exists())


COMMAND = Command(
    name="render",
    summary=SUMMARIES["render"],
    config=RenderConfig,
    run=run,
    words=("run",),
    examples=(
        "splat render runs/demo/default path=orbit",
        "splat render runs/demo/default path=test depth=true",
        "splat render runs/mouse/default path=train appearance=own",
        "splat render runs/demo/default path=cameras.json fps=24",
        "splat render scene.spz width=1280",
    ),
)

"""`splat weather`: rain, snow or fog in a finished scene."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from splat import console
from splat.capture.walk import mark
from splat.commands import SUMMARIES
from splat.commands.app import Command, user_path
from splat.commands.render import say_ignored
from splat.errors import SplatError
from splat.files import first_free, slug, write_json
from splat.formats.registry import format_for_writing, write_scene
from splat.formats.scene_file import Notes
from splat.options import option, parse_numbers
from splat.render.config import MOVING
from splat.run import open_run
from splat.weather.effects.config import EffectOptions

if TYPE_CHECKING:
    from splat.cameras import Camera
    from splat.run import Run
    from splat.weather.effects.prepare import EffectRequest, PreparedWeather


@dataclass
class WeatherWords:
    """The keys of `splat weather` that are not the weather's."""

    run: str = option("", "the run folder, or the folder of one of its edits")
    path: str = option(
        "test",
        "test or train: the photos' cameras; still: one camera, and time goes on; orbit, spiral, interpolate, or a FILE"
        " with cameras, as in splat render",
    )
    view: str | None = option(None, "path=still: name of the photo whose camera it is (null: the first test view)")
    time: float = option(0.0, "seconds since the weather began, at the first picture and in the export", minimum=0)
    frames: int = option(120, "pictures along still, orbit, spiral and interpolate", minimum=1)
    fps: float | None = option(
        None,
        "frames per second of the video (null: the FILE's, else 30, and 2 for test and train)",
        above=0,
        maximum=1000,
    )
    degrees: float | None = option(None, "angle of the orbit (null: 360, or what the photos cover)")
    width: int | None = option(None, "width of the pictures in pixels (null: as trained)", minimum=2, maximum=16_384)
    video: bool = option(True, "write the video, weather.mp4")
    pictures: bool = option(True, "write the pictures")
    export: str | None = option(
        None, "true or a FILE: the scene with its weather at the moment `time`, as the first camera of the path sees it"
    )
    out: str | None = option(None, "folder for all of it (null: RUN/weather/EFFECT-WORDS, or with a number)")
    name: str | None = option(None, "words for the folder in place of the effect and its numbers")
    backend: str = option("auto", "renderer", choices=("auto", "gsplat", "cpu"))


@dataclass
class WeatherConfig(EffectOptions, WeatherWords):
    """`splat weather`."""


def run(config: WeatherConfig) -> None:
    """Render the weather; prints the folder, and the exported scene."""
    if not config.run:
        raise SplatError("which one? splat weather RUN effect=rain")
    export = None if config.export in (None, "false") else config.export
    if not (config.video or config.pictures or export):
        raise SplatError("video=false and pictures=false leave nothing to write; add export=true")
    opened = open_run(user_path(config.run))  # before torch is imported, which takes seconds
    from splat.rendering import frames_per_second
    from splat.weather.effects.film import camera_velocities, film

    started = time.perf_counter()
    request = read_request(config)
    folder = output_folder(opened.path, config)
    file = None if export is None else export_file(folder, export)
    prepared, path = prepared_path(opened, config, request)
    fps = config.fps or (30.0 if config.path == "still" else frames_per_second(config.path))
    say_ignored(config, ("still", *MOVING))
    if config.view is not None and config.path != "still":
        console.warn(f"view={config.view} is not used: it is for path=still")
    if config.video or config.pictures:
        moving = config.path not in ("test", "train", "still")
        metres = prepared.renderer.weather.world.metres
        velocities = camera_velocities(path, fps, metres) if moving else None
        times = [config.time + index / fps for index in range(len(path))]
        pictures, video = folder if config.pictures else None, folder / "weather.mp4" if config.video else None
        film(prepared.renderer, path, times, velocities, pictures, video, fps)
        if config.out is not None:
            mark(folder)
    if file is not None:
        write_export(prepared, path[0], config.time, file, opened.notes)
    if file is None or config.video or config.pictures or file.parent == folder:
        words = {"path": config.path, "time": config.time, "fps": fps}
        spent = {"seconds": round(time.perf_counter() - started, 2)}
        write_json(folder / "weather.json", {**words, **prepared.settled, **spent})
        print(folder)
    if file is not None:
        print(file)


def read_request(config: WeatherConfig) -> EffectRequest:
    """The options with wind, up and light read from their texts.

    Raises:
        SplatError: naming what is wrong.
    """
    from splat.colors import parse_color
    from splat.weather.effects.prepare import EffectRequest, settle

    options = EffectOptions(**{item.name: getattr(config, item.name) for item in dataclasses.fields(EffectOptions)})
    settle(options)
    wind = tuple(parse_numbers("wind", config.wind))
    if len(wind) not in (1, 3):
        raise SplatError(f"wind={config.wind}: must be a speed in m/s or x,y,z")
    if len(wind) == 3 and config.direction != 0:
        raise SplatError(f"direction={config.direction:g} goes with a wind given as a speed; x,y,z has its own")
    up = None if config.up is None else tuple(parse_numbers("up", config.up, 3))
    try:
        light = None if config.light is None else parse_color(config.light)
    except SplatError as error:
        raise SplatError(str(error).replace("color=", "light=", 1)) from error
    return EffectRequest(options, wind, up, light)


def prepared_path(opened: Run, config: WeatherConfig, request: EffectRequest) -> tuple[PreparedWeather, list[Camera]]:
    """The scene in its weather, and the cameras to render."""
    from splat.rendering import path_cameras
    from splat.weather.effects.prepare import prepare

    clear = opened.renderer(config.backend)
    photographed = opened.cameras("train") or opened.cameras()
    if config.path == "still":
        path = [still_camera(opened, config)] * config.frames
    else:
        path = path_cameras(opened, clear.scene, config.path, config.frames, config.degrees, config.width)
    console.info(f"renderer: {clear.backend.name} ({clear.backend.reason})")
    return prepare(request, clear, photographed, path, opened.frame()), path


def still_camera(opened: Run, config: WeatherConfig) -> Camera:
    """The camera of one photo, at the size that is asked for.

    Raises:
        SplatError: when there is no photo of that name, or several.
    """
    from splat.cameras import find_camera
    from splat.rendering import at_width

    cameras = opened.cameras("test") + opened.cameras("train")
    camera = cameras[0] if config.view is None else find_camera(cameras, config.view)
    return at_width(camera, config.width)


def output_folder(run: Path, config: WeatherConfig) -> Path:
    """A folder that does not exist yet.

    Raises:
        SplatError: when the user's own choice exists.
    """
    if config.out is not None:
        folder = user_path(config.out)
        if folder.exists():
            raise SplatError(f"{folder} exists already and stays as it is; choose another out=")
        return folder
    amount = f"{config.rate:g} mm" if config.rate is not None else ""
    sight = f"{config.visibility:g} m" if config.visibility is not None else ""
    words = config.name or f"{config.effect} {amount} {sight} {config.path if config.path != 'test' else ''}"
    stem = slug(Path(words).stem if "/" in words else words)
    return run / "weather" / first_free(stem, lambda name: (run / "weather" / name).exists())


def export_file(folder: Path, export: str) -> Path:
    """Where the exported scene goes.

    Raises:
        SplatError: when the user's own choice exists, or is of no format that can be written.
    """
    file = folder / "scene.ply" if export == "true" else user_path(export)
    if file.exists():
        raise SplatError(f"{file} exists already and stays as it is; choose another export=")
    format_for_writing(file, None)
    return file


def write_export(prepared: PreparedWeather, camera: Camera, time: float, file: Path, notes: Notes) -> None:
    """Write the scene with its weather at one moment."""
    from splat.formats.losses import losses
    from splat.weather.effects.export import moment

    scene = moment(prepared.renderer, camera, time)
    scene = scene.to("cpu")
    write_scene(file, scene, notes=notes)
    for loss in losses(format_for_writing(file).name, scene, notes):
        console.warn(f"{file.name}: {loss}")
    console.info(f"{console.count(len(scene), 'Gaussian')}, {file.stat().st_size / 1e6:.1f} MB")


COMMAND = Command(
    name="weather",
    summary=SUMMARIES["weather"],
    config=WeatherConfig,
    run=run,
    words=("run", "effect"),
    examples=(
        "splat weather runs/demo/default effect=rain rate=25 path=still",
        "splat weather runs/demo/default effect=snow wind=3 direction=180 path=orbit",
        "splat weather runs/demo/default effect=fog visibility=10",
        "splat weather runs/demo/default effect=snow export=true video=false",
    ),
)

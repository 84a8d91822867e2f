"""Rain, snow and fog on the exact pictures, and the command that films them."""

from __future__ import annotations

import dataclasses
import shlex
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from splat.cameras import Camera
from splat.options import parse_numbers
from splat.render.config import MOVING, PATHS
from splat.render.scene import SceneRenderer
from splat.render.track import Keyframe, Track, save_track
from splat.view.controls import put
from splat.view.marked import block, code
from splat.view.opened import OpenedScene
from splat.view.placing import scene_camera
from splat.view.written import Download, files_in, free_file
from splat.weather.effects import world
from splat.weather.effects.config import EFFECTS, EffectOptions
from splat.weather.effects.prepare import USUAL, EffectRequest, PreparedWeather, half_angle, prepare
from splat.weather.effects.scattering import graded
from splat.weather.effects.sky import SkyMap, sky_map

if TYPE_CHECKING:
    from splat.view.page import Page

CLEAR = 200.0  # m: rain and snow at this end of the slider fall through clear air
HERE = "as I look"
FPS = 30
WIDER = 0.01  # radians by which a camera may see more than the weather was prepared for: previews are rounded
NARROWER = 0.8  # of that angle, below which more particles fit into what is seen


# -- the weather of a picture


@dataclass
class Kept:
    """What was prepared for one renderer."""

    renderer: SceneRenderer
    sky: SkyMap | None = None
    options: EffectOptions | None = None
    angle: float = 0.0
    weather: PreparedWeather | None = None


class Stock:
    """Prepared weather of the scenes that are open: the newest of each, since it takes seconds to prepare.

    Falling particles fill the world, and a window before the camera is drawn. Its size goes by the widest picture, so
    a camera that walks finds every drop where it was; one that sees much more or less gets another window.
    """

    def __init__(self) -> None:
        self.scenes: Sequence[OpenedScene] = ()  # that are open
        self._kept: list[Kept] = []
        self._lock = threading.Lock()

    def prepared(self, renderer: SceneRenderer, options: EffectOptions, camera: Camera) -> PreparedWeather:
        """The weather for a scene, ready for pictures from a camera.

        Raises:
            LookupError: the scene is not among those that are open: it was a moment ago, or is a preview.
        """
        with self._lock:
            kept = self._of(renderer)
            angle = half_angle(camera)
            fits = NARROWER * kept.angle <= angle <= kept.angle + WIDER
            if kept.weather is None or kept.options != options or not fits:
                kept.weather = self._prepare(kept, options, camera)
                kept.options, kept.angle = dataclasses.replace(options), angle
            return kept.weather

    def settled(self, renderer: SceneRenderer) -> dict[str, Any]:
        """What was settled of the weather of a scene; empty before it was prepared."""
        with self._lock:
            weather = self._of(renderer).weather
            return {} if weather is None else weather.settled

    def forget(self) -> None:
        """Prepare everything anew, since something else is known of the scenes."""
        with self._lock:
            self._kept = []

    def _of(self, renderer: SceneRenderer) -> Kept:
        open_now = [scene.renderer for scene in self.scenes]
        self._kept = [kept for kept in self._kept if any(kept.renderer is one for one in open_now)]
        found = next((kept for kept in self._kept if kept.renderer is renderer), None)
        if found is None:
            found = Kept(renderer)
            self._kept.append(found)
        return found

    def _prepare(self, kept: Kept, options: EffectOptions, camera: Camera) -> PreparedWeather:
        scene = next((scene for scene in self.scenes if scene.renderer is kept.renderer), None)
        if scene is None:
            raise LookupError("a scene that is not open")
        cameras = photographed(scene)
        if options.effect != "fog" and kept.sky is None:
            kept.sky = sky_map(kept.renderer.scene, -up_of(scene))
        request = EffectRequest(options, tuple(parse_numbers("wind", options.wind)))
        frame = scene.run.frame() if scene.run is not None else None
        return prepare(request, kept.renderer, cameras, [camera], frame, kept.sky)


@dataclass(frozen=True)
class InWeather:
    """Gives [H, W, 3] float of an open scene in a weather at a moment, as `splat weather` draws it."""

    stock: Stock
    options: EffectOptions
    time: float = 0.0  # seconds since it began

    def __call__(self, renderer: SceneRenderer, camera: Camera) -> Tensor:
        try:
            weather = self.stock.prepared(renderer, self.options, camera).renderer
        except LookupError:
            return renderer.image(camera)
        return graded(weather.radiance(camera, self.time), weather.weather.grade)


def photographed(scene: OpenedScene) -> list[Camera]:
    """The cameras that tell of light, scale and up: those that `splat weather` asks."""
    if scene.run is None:
        return scene.cameras
    return scene.run.cameras("train") or scene.run.cameras()


def up_of(scene: OpenedScene) -> np.ndarray:
    """[3] up, as `prepare` finds it."""
    frame = scene.run.frame() if scene.run is not None else None
    return world.estimate_up(photographed(scene)) if frame is None or frame.up is None else frame.up


def wind_of(speed: float, degrees: float, camera: Camera, up: np.ndarray) -> str:
    """The option `wind` of a wind that blows to the right in a camera's picture at 0 degrees, away from it at 90."""
    if speed == 0:
        return "0"
    return ",".join(f"{value:.4f}" for value in world.wind_vector(speed, degrees, camera, up))


def option_words(options: EffectOptions) -> list[str]:
    """The options as words of `splat weather`; what is as usual is left out."""
    values = ((item.name, getattr(options, item.name), item.default) for item in dataclasses.fields(options))
    return [
        f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}"
        for name, value, usual in values
        if value is not None and value != usual
    ]


def film_words(place: Path, options: EffectOptions, time: float, path: str, seconds: float, width: int) -> list[str]:
    """The command that films the weather along a path: one of `PATHS` or a file."""
    words = ["weather", str(place), *option_words(options), f"path={path}", f"width={width}"]
    if time:
        words.append(f"time={time:g}")
    if path in MOVING:
        words.append(f"frames={max(1, round(seconds * FPS))}")
    return words


def standing(camera: Camera, seconds: float) -> Track:
    """A path that stays where a camera is."""
    frame = Keyframe.of(camera, max(seconds, 1 / FPS))
    return Track((frame, frame), float(FPS), smoothness=0.0)


# -- the panel


def build(page: Page) -> None:
    """Put the panel into the tab."""
    with page.gui.add_folder("Weather", expand_by_default=False):
        WeatherPanel(page)


class WeatherPanel:
    """The controls, and what they say."""

    def __init__(self, page: Page) -> None:
        self.page, self.stock = page, Stock()
        self.wind_from = page.scene.cameras[0]  # the camera in whose picture the direction was chosen
        self._waits, self._setting = threading.Lock(), False
        gui = page.gui
        self.effect = gui.add_dropdown("Effect", ("none", *EFFECTS))
        self.rate = gui.add_slider("Rate", 0.0, 150.0, 0.5, 25.0, hint="mm of water per hour")
        self.strength = gui.add_slider("Strength", 0.1, 30.0, 0.1, 8.0, hint="opacity over the physical one")
        self.wetness = gui.add_slider("Wetness", 0.0, 1.0, 0.05, 0.6)
        self.cover = gui.add_slider("Cover", 0.0, 1.0, 0.05, 0.7, hint="part of the surfaces under snow")
        self.visibility = gui.add_slider(
            "Visibility", 1.0, CLEAR, 1.0, CLEAR, hint=f"metres; for rain and snow {CLEAR:g} is clear air"
        )
        self.wind = gui.add_slider("Wind", 0.0, 20.0, 0.5, 0.0, hint="metres a second")
        self.direction = gui.add_slider(
            "Direction", -180.0, 180.0, 5.0, 0.0, hint="of the wind as you look now: 0 to the right, 90 away from you"
        )
        self.time = gui.add_slider("Moment", 0.0, 60.0, 0.05, 0.0, hint="seconds since it began")
        self.said = gui.add_markdown("")
        self.changing = (self.rate, self.strength, self.wetness, self.cover, self.visibility, self.wind)
        self.effect.on_update(page.answering(self._chosen))
        self.direction.on_update(page.answering(self._turned))
        self.time.on_update(page.answering(lambda event: self._at_time()))
        for control in self.changing:
            control.on_update(self._changed)
        self._build_film()
        self._show_controls()
        page.on("scene", lambda: page.answering(lambda event: self._apply())(None))
        page.on("frame", lambda: page.answering(lambda event: self._reframed())(None))

    def options(self) -> EffectOptions:
        """What the controls say."""
        effect = self.effect.value
        found = EffectOptions(effect=effect)
        if effect == "fog":
            return dataclasses.replace(found, visibility=self.visibility.value)
        wind = wind_of(self.wind.value, self.direction.value, self.wind_from, up_of(self.page.scene))
        clear = self.visibility.value >= CLEAR
        return dataclasses.replace(
            found,
            rate=self.rate.value,
            strength=self.strength.value,
            wind=wind,
            visibility=None if clear else self.visibility.value,
            wetness=self.wetness.value if effect == "rain" else None,
            cover=self.cover.value if effect == "snow" else None,
        )

    def _chosen(self, event: object) -> None:
        effect = self.effect.value
        usual = {"visibility": CLEAR, **USUAL.get(effect, {})}
        self._setting = True  # so that the sliders' own callbacks have nothing to do
        try:
            for name, value in usual.items():
                put(getattr(self, name), value)
        finally:
            self._setting = False
        self._show_controls()
        self._refresh()
        self._apply()

    def _changed(self, event: object) -> None:
        """Show what the sliders say now; of many movements that come while something is prepared one waits."""
        if not self._setting and self._waits.acquire(blocking=False):
            self.page.answering(self._apply_waiting)(event)

    def _apply_waiting(self, event: object) -> None:
        self._waits.release()
        self._apply()

    def _turned(self, event: object) -> None:
        self.wind_from = self.page.camera()
        if self.wind.value > 0:
            self._apply()

    def _at_time(self) -> None:
        shown = self.page.shown.colours
        if isinstance(shown, InWeather):
            self.page.show(colours=dataclasses.replace(shown, time=self.time.value))

    def _reframed(self) -> None:
        """Metres and up are others: what was prepared holds no longer."""
        self.stock.forget()
        self._apply()

    def _apply(self) -> None:
        page = self.page
        if self.effect.value == "none":
            self.said.content = ""
            if isinstance(page.shown.colours, InWeather):
                page.show(colours=None)
            self.stock.scenes = ()  # or what they were before an edit would stay in memory
            self.stock.forget()
            return
        self.stock.scenes = list(page.app.scenes)
        wanted = InWeather(self.stock, self.options(), self.time.value)
        self.said.content = f"Preparing {wanted.options.effect} …"
        began = time.monotonic()
        self.stock.prepared(page.scene.renderer, wanted.options, page.camera())
        self.said.content = self._settled(time.monotonic() - began)
        page.show(colours=wanted, picture="colours")

    def _settled(self, seconds: float) -> str:
        found = self.stock.settled(self.page.scene.renderer)
        said = f"1 unit is {found['metres_per_unit']:.3g} m ({found['metres_per_unit_reason']})"
        if "reach" in found:
            said += f"; {found['particles']:,} particles up to {found['reach']:.1f} m"
        return f"{said}; prepared in {seconds:.1f} s" if seconds > 2 else said

    def _show_controls(self) -> None:
        effect = self.effect.value
        falling = effect in ("rain", "snow")
        for control in (self.rate, self.strength, self.wind, self.direction, self.time):
            control.visible = falling
        self.wetness.visible, self.cover.visible = effect == "rain", effect == "snow"
        self.visibility.visible = effect != "none"

    # -- pictures and video

    def _build_film(self) -> None:
        gui, page = self.page.gui, self.page
        if page.scene.run is None:
            gui.add_markdown("Weather on video needs a run, since a scene file has no cameras.")
            return
        self.along = gui.add_dropdown("Film along", self._paths(), hint="a path, also one that you saved under Path")
        page.on("shown", self._refresh)
        self.seconds = gui.add_slider("Film seconds", 0.5, 60.0, 0.5, 4.0, hint="for all but photos and saved paths")
        self.width = gui.add_slider("Film width", 160, 3840, 16, 960)
        write = gui.add_button("Write pictures and video of the weather")
        self.written = gui.add_markdown("")
        self.download = Download(page, "Download weather video")
        write.on_click(page.answering(lambda event: self._write()))

    def _paths(self) -> list[str]:
        saved = [path.name for path in files_in(self.page.scene.root / "paths", ".json")]
        return [HERE, *PATHS, *saved]

    def _refresh(self) -> None:
        if self.page.scene.run is None:
            return
        paths = self._paths()
        if paths != list(self.along.options):
            self.along.options = paths

    def _write(self) -> None:
        page = self.page
        if self.effect.value == "none":
            page.tell("choose rain, snow or fog first")
            return
        self._refresh()
        path = self.along.value
        if path == HERE:
            file = free_file(page.scene.root / "paths", "standing", ".json")
            camera = scene_camera(page.pose(), page.app.placing, 720)
            save_track(file, standing(camera, self.seconds.value), camera.width, camera.height)
            path = str(file)
        elif path not in PATHS:
            path = str(page.scene.root / "paths" / path)
        moment = self.time.value if self.effect.value != "fog" else 0.0
        words = film_words(page.scene.place, self.options(), moment, path, self.seconds.value, int(self.width.value))
        command = shlex.join(["splat", *words])
        self.written.content = block(command)

        def done(ended: Any) -> None:
            folder = ended.output[-1] if ended.output else ""
            video = Path(folder) / "weather.mp4"
            self.written.content = f"{block(command)}\n{code(folder)}"
            if video.is_file():
                self.download.offer(video)
            page.tell(f"written to {folder}", "weather", good=True)

        page.do(words, done)

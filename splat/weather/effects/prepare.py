"""From a request to a renderer: what is left open is estimated, and said."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from splat.cameras import Camera
from splat.console import info
from splat.errors import SplatError
from splat.frame import SceneFrame
from splat.gaussians import Gaussians
from splat.images import evenly, to_bytes
from splat.render.config import RenderOptions
from splat.render.scene import SceneRenderer
from splat.weather import physics
from splat.weather.effects import particles, surfaces, world
from splat.weather.effects.config import EFFECTS, EffectOptions
from splat.weather.effects.particle_splats import Shutter
from splat.weather.effects.renderer import Weather, WeatherRenderer, joined
from splat.weather.effects.sky import SkyMap, sky_map

USUAL: dict[str, dict[str, float]] = {
    "rain": {"rate": 25.0, "strength": 8.0, "wetness": 0.6},
    "snow": {"rate": 2.0, "strength": 1.0, "cover": 0.7},
    "fog": {"visibility": 20.0},
}
FALLING = ("wind", "direction", "exposure", "reach")  # of rain and snow alone: fog would not change with them
FARTHEST = 30.0  # m, of single particles when nobody says
CLEARANCE = 0.05  # m: a surface that lies no deeper than this below the first sees the sky too


@dataclass(frozen=True)
class EffectRequest:
    """The options, with those that are texts read."""

    options: EffectOptions
    wind: tuple[float, ...] = (0.0,)  # a speed, or a vector in the scene's axes; m/s
    up: tuple[float, ...] | None = None
    light: Tensor | None = None  # [3] RGB 0..1


@dataclass
class PreparedWeather:
    """A scene with its weather, ready to be rendered, and what was settled."""

    renderer: WeatherRenderer
    settled: dict[str, Any]  # for weather.json


def settle(options: EffectOptions) -> EffectOptions:
    """The options with the usual values of the effect where nothing is said.

    Raises:
        SplatError: an effect that there is not, or an option of another one.
    """
    if options.effect not in EFFECTS:
        raise SplatError(f"effect={options.effect or 'null'}: which weather? effect=rain, effect=snow or effect=fog")
    usual = USUAL[options.effect]
    filled: dict[str, Any] = {}
    for name in ("rate", "strength", "wetness", "cover", "visibility"):
        value = getattr(options, name)
        owners = [effect for effect, values in USUAL.items() if name in values]
        if value is not None and name not in usual and name != "visibility":
            raise SplatError(
                f"{name}={value:g} belongs to {' and '.join(owners)}, not to {options.effect}; leave it out"
            )
        filled[name] = usual.get(name) if value is None else value
    for name in FALLING if options.effect == "fog" else ():
        value = getattr(options, name)
        if value != getattr(EffectOptions, name):
            raise SplatError(f"{name}={value} belongs to rain and snow, not to fog; leave it out")
    return dataclasses.replace(options, **filled)


def prepare(
    request: EffectRequest,
    clear: SceneRenderer,
    cameras: list[Camera],
    path: list[Camera],
    frame: SceneFrame | None = None,
    sky: SkyMap | None = None,
) -> PreparedWeather:
    """Weather for a scene.

    Args:
        request: what is wanted.
        clear: renders the scene as it is.
        cameras: those that took the photos, or others that stand as they stood.
        path: the cameras that will be rendered.
        frame: what is known of the scene's up and scale; what the request says goes before it.
        sky: of the scene, along straight down, where it was made before: it takes most of the time.

    Raises:
        SplatError: options that do not fit.
    """
    options = settle(request.options)
    scene = clear.scene
    where = _world(request, scene, cameras, frame)
    wind = _wind(request, path[0], where)
    light = request.light if request.light is not None else _ambient(clear, cameras)
    fog = physics.extinction(options.visibility) if options.visibility is not None else 0.0
    weather = Weather(where, light, fog=fog, grade=options.grade)
    if options.effect != "fog":
        # Straight down, whatever the wind: it turns in all directions while snow gathers, and flows around walls, which
        # a slanting fall would take for the shelter of a whole room.
        sky = sky_map(scene, -where.up) if sky is None else sky
        scene = _fallen_on(scene, options, sky, where, cameras, light)
        weather = _falling(weather, options, wind, path, clear.options)
        if options.shelter:
            weather = dataclasses.replace(weather, sky=sky)
    renderer = WeatherRenderer(clear.of(scene), weather)
    return PreparedWeather(renderer, _record(options, weather, wind))


def _world(request: EffectRequest, scene: Gaussians, cameras: list[Camera], frame: SceneFrame | None) -> world.World:
    if request.up is not None:
        up = np.array(request.up, float)
        if np.linalg.norm(up) < 1e-12:
            raise SplatError("up: give three numbers that are not all 0")
        up = up / np.linalg.norm(up)
    elif frame is not None and frame.up is not None:
        up = frame.up
        info(f"up is {','.join(f'{value:.2f}' for value in up)}, as frame.json has it (from {frame.up_from})")
    else:
        up = world.estimate_up(cameras)
        info(f"up is {','.join(f'{value:.2f}' for value in up)}, as the cameras were held; up=x,y,z sets it")
    if request.options.metres_per_unit is not None:
        return world.World(up, request.options.metres_per_unit, "given")
    if frame is not None and frame.metres is not None:
        info(f"a unit of the scene is {frame.metres:.4g} m, as frame.json has it (from {frame.scale_from})")
        return world.World(up, frame.metres, f"frame.json, from {frame.scale_from}")
    metres, reason = world.estimate_metres(scene, cameras, up)
    info(f"a unit of the scene is taken for {metres:.3g} m ({reason}); metres_per_unit= sets it")
    return world.World(up, metres, reason)


def _wind(request: EffectRequest, first: Camera, where: world.World) -> np.ndarray:
    if len(request.wind) == 3:
        return np.array(request.wind, float)
    return world.wind_vector(request.wind[0], request.options.direction, first, where.up)


def _ambient(clear: SceneRenderer, cameras: list[Camera], views: int = 6) -> Tensor:
    """The light that a few small pictures of the scene show."""
    chosen = evenly(cameras, views)
    small = [camera.resized(160, max(2, round(160 * camera.height / camera.width))) for camera in chosen]
    light = world.ambient_light([to_bytes(clear.image(camera)) for camera in small])
    info(f"the light in the air is {','.join(f'{value:.2f}' for value in light.tolist())}; light= sets it")
    return light


def _fallen_on(
    scene: Gaussians,
    options: EffectOptions,
    sky: SkyMap,
    where: world.World,
    cameras: list[Camera],
    light: Tensor,
) -> Gaussians:
    """The scene under snow, or wet."""
    amount = (options.cover if options.effect == "snow" else options.wetness) or 0.0
    if amount == 0 or (options.rate == 0 and options.effect == "rain"):
        return scene
    towards = torch.stack([camera.position for camera in cameras]).mean(dim=0)
    normals = surfaces.surface_normals(scene, towards)
    open_air = torch.ones(len(scene), dtype=torch.bool)
    if options.shelter:
        open_air = sky.under_sky(scene.means, CLEARANCE / where.metres + 2 * sky.cell)
    open_air = open_air.to(scene.means.device)
    if options.effect == "rain":
        return surfaces.wetted(scene, open_air, normals, where.up, amount)
    white = surfaces.snowed(scene, open_air, normals, where.up, amount, light, where.metres, options.seed)
    layer = surfaces.snow_layer(sky, where.up, amount, light, where.metres, options.seed)
    return joined(white, layer, surfaces.snow_color(light))


def _falling(
    weather: Weather,
    options: EffectOptions,
    wind: np.ndarray,
    path: list[Camera],
    render: RenderOptions,
) -> Weather:
    """The weather with the particles that fall."""
    effect, rate = options.effect, options.rate or 0.0
    angle = max(half_angle(camera) for camera in path)
    density = particles.number_per_cubic_metre(effect, rate)
    reach = options.reach or particles.reach_for(density, options.particles, angle, FARTHEST)
    side, ahead = particles.window(reach, angle)
    if density * side**3 > 1.01 * options.particles:
        raise SplatError(
            f"reach={reach:g} m needs {density * side**3:,.0f} particles, more than particles={options.particles:,}; "
            "lower reach or raise particles"
        )
    field = particles.field_of(effect, rate, wind, weather.world.up, side, options.seed)
    info(f"{len(field):,} particles, {density:,.0f} in a cubic metre, drawn one by one up to {reach:.1f} m")
    blur = 0.0 if render.antialiased else render.eps2d
    shutter = Shutter(options.exposure, reach, options.strength or 1.0, particles.OPACITY[effect], blur)
    haze = particles.haze_of(effect, rate)
    return dataclasses.replace(weather, haze=haze, field=field, shutter=shutter, ahead=ahead)


def half_angle(camera: Camera) -> float:
    """From the viewing direction to the farthest corner of the picture, in radians."""
    K = camera.K
    x = max(float(K[0, 2]), camera.width - float(K[0, 2])) / float(K[0, 0])
    y = max(float(K[1, 2]), camera.height - float(K[1, 2])) / float(K[1, 1])
    return math.atan(math.hypot(x, y))


def _record(options: EffectOptions, weather: Weather, wind: np.ndarray) -> dict[str, Any]:
    settled = {name: value for name, value in dataclasses.asdict(options).items() if value is not None}
    settled |= {
        "up": weather.world.up.tolist(),
        "metres_per_unit": weather.world.metres,
        "metres_per_unit_reason": weather.world.reason,
        "light": weather.light.tolist(),
        "wind": wind.tolist(),
        "fog_extinction_per_m": weather.fog,
        "particle_extinction_per_m": weather.haze,
    }
    if weather.field is not None and weather.shutter is not None:
        settled |= {"particles": len(weather.field), "reach": weather.shutter.reach, "box": weather.field.side}
    return settled

"""Options of weather that is put into a scene."""

from __future__ import annotations

from dataclasses import dataclass

from splat.options import option

EFFECTS = ("rain", "snow", "fog")


@dataclass
class EffectOptions:
    """The weather and how it is drawn. What belongs to another effect must stay null."""

    effect: str = option("", "rain, snow or fog")
    rate: float | None = option(
        None, "rain or snow in mm of water per hour (null: rain 25, snow 2)", minimum=0, maximum=300
    )
    visibility: float | None = option(
        None, "how far one sees in the fog, in metres (null: fog 20; rain and snow: clear air)", above=0
    )
    wind: str = option("0", "m/s: a speed, blowing to `direction`; or x,y,z in the scene's axes")
    direction: float = option(
        0.0,
        "where a wind given as a speed blows to, in degrees: 0 right in the first picture, 90 away from the camera",
        minimum=-360,
        maximum=360,
    )
    exposure: float = option(0.01, "seconds that the shutter is open; streaks are as long", above=0, maximum=1)
    strength: float | None = option(
        None, "opacity of drops and flakes over the physical one (null: rain 8, snow 1)", above=0, maximum=100
    )
    cover: float | None = option(None, "snow: part of the upward surfaces under snow (null: 0.7)", minimum=0, maximum=1)
    wetness: float | None = option(None, "rain: how wet and dark surfaces are (null: 0.6)", minimum=0, maximum=1)
    shelter: bool = option(True, "nothing falls below a roof, a table or a crown, nor lies there")
    light: str | None = option(
        None, "colour of the light in the air: a name, #rrggbb or r,g,b (null: that of the scene's brightest parts)"
    )
    grade: float = option(0.5, "how dull colours become, as under clouds: 0 not at all", minimum=0, maximum=1)
    metres_per_unit: float | None = option(
        None,
        "length of the scene's unit in metres (null: from frame.json, see splat align, else estimated, and said)",
        above=0,
    )
    up: str | None = option(
        None, "x,y,z of the direction up in the scene (null: from frame.json, else from the cameras, and said)"
    )
    reach: float | None = option(
        None,
        "metres around the camera with single particles; beyond it is their haze (null: as `particles` allow, to 30)",
        above=0.3,
        maximum=1000,
    )
    particles: int = option(200_000, "most particles in the box before the camera", minimum=100, maximum=5_000_000)
    seed: int = option(0, "another seed, other drops", minimum=0)

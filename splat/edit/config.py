"""Options of `splat edit`; light to import."""

from __future__ import annotations

from dataclasses import dataclass

from splat.edit.restyle.options import FILTERS
from splat.options import option

HISTORY = ("list", "undo", "redo")
OPERATION_NAMES = (
    "remove", "extract", "crop", "recolor", "opacity", "scale", "move", "rotate", "duplicate", "replace", "restyle",
    "select",
)  # fmt: skip
# what each operation uses of EditOptions; any other that is given would be ignored, so it is refused
USES: dict[str, tuple[str, ...]] = {
    "remove": (), "extract": (), "select": (),
    "crop": ("deviations",),
    "recolor": ("color", "hue", "lightness", "keep_pale"),
    "opacity": ("factor",),
    "scale": ("factor", "pivot"),
    "move": ("offset",),
    "rotate": ("axis", "degrees", "pivot"),
    "duplicate": ("offset", "factor", "axis", "degrees", "pivot"),
    "replace": ("other", "factor", "axis", "degrees", "up"),
    "restyle": ("images", "filter", "model", "prompt", "hue"),
}  # fmt: skip


@dataclass
class EditOptions:
    """What an operation needs to know."""

    color: str | None = option(None, "recolor: the target, a name, #rrggbb or r,g,b")
    hue: float = option(
        0.0, "recolor without color, restyle with filter=hue: degrees to turn the hue by", minimum=-360, maximum=360
    )
    lightness: float = option(1.0, "recolor: how far lightness goes to color's (0: not)", minimum=0, maximum=1)
    keep_pale: bool = option(True, "recolor: highlights and white parts of a coloured object stay pale")
    factor: float | None = option(
        None, "scale, duplicate, replace: size times this; opacity: opacity times this", minimum=0
    )
    offset: str | None = option(None, "move, duplicate: x,y,z to move by, in the scene's units")
    axis: str = option("0,0,1", "rotate, duplicate, replace: x,y,z of the axis")
    degrees: float = option(0.0, "rotate, duplicate, replace: right-handed angle about the axis")
    pivot: str | None = option(None, "rotate, scale, duplicate: x,y,z that stays (null: the middle of the selection)")
    other: str | None = option(None, "replace: the scene file or run that takes the place")
    up: str | None = option(None, "replace: x,y,z of the direction in which it stands (null: middles coincide)")
    images: str | None = option(None, "restyle: a folder of edited pictures, named as the photos")
    filter: str | None = option(None, "restyle: a filter over the scene's own pictures", choices=FILTERS)
    model: str | None = option(
        None, "restyle: a diffusion model, InstructPix2Pix or Stable Diffusion, by hub name or folder"
    )
    prompt: str | None = option(
        None, "restyle with model: what it shall become (null: the text, and the model finds what it is about)"
    )
    deviations: float = option(2.0, "crop: this much of a Gaussian may not reach out, in deviations", minimum=0)


@dataclass
class FillOptions:
    """How the hole that a removed object leaves is filled."""

    views: int = option(24, "training views that are painted and fitted (0: leave the hole)", minimum=0)
    steps: int = option(300, "steps of the optimisation, one view each", minimum=0)
    method: str = option("telea", "OpenCV's inpainting", choices=("telea", "navier_stokes"))
    reach: float = option(5.0, "how far inpainting looks, in pixels", above=0)
    stride: int = option(3, "pixels between seeds", minimum=1)
    cap: int = option(20_000, "new Gaussians at most", minimum=1)

"""What can be done to selected Gaussians: one row an operation, with its options, which `--help` reads without torch.

A new operation is a file with a class, see `splat.edit.operations.base.Operation`, and a row of `OPERATIONS` here.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from splat.edit.prune.options import PruneOptions
from splat.edit.restyle.options import FILTERS, GuideOptions
from splat.errors import SplatError
from splat.options import flat, nearest, option, put

HISTORY = ("list", "undo", "redo")  # words in the place of an operation


@dataclass
class NoOptions:
    """Nothing to choose."""


@dataclass
class FillOptions:
    """How the hole that a removed object leaves is filled."""

    views: int = option(24, "training views that are painted and fitted (0: leave the hole)", minimum=0)
    steps: int = option(300, "steps of the optimisation, one view each", minimum=0)
    method: str = option("telea", "OpenCV's inpainting", choices=("telea", "navier_stokes"))
    reach: float = option(5.0, "how far inpainting looks, in pixels", above=0)
    stride: int = option(3, "pixels between seeds", minimum=1)
    cap: int = option(20_000, "new Gaussians at most", minimum=1)


@dataclass
class RemoveOptions:
    """What is selected goes, and the hole is filled."""

    fill: FillOptions = option(FillOptions, "how the hole that remove leaves is filled")


@dataclass
class CropOptions:
    """What is selected stays, without what reaches far out of it."""

    deviations: float = option(2.0, "this much of a Gaussian may not reach out, in deviations", minimum=0)


@dataclass
class RecolorOptions:
    """Another colour, with the shading kept."""

    color: str | None = option(None, "the target, a name, #rrggbb or r,g,b")
    hue: float = option(0.0, "without color: degrees to turn the hue by", minimum=-360, maximum=360)
    lightness: float = option(1.0, "how far lightness goes to color's (0: not)", minimum=0, maximum=1)
    keep_pale: bool = option(True, "highlights and white parts of a coloured object stay pale")


@dataclass
class OpacityOptions:
    """Fainter or more solid."""

    factor: float | None = option(None, "opacity times this", minimum=0)


@dataclass
class ScaleOptions:
    """Larger or smaller."""

    factor: float | None = option(None, "size times this", minimum=0)
    pivot: str | None = option(None, "x,y,z that stays (null: the middle of the selection)")


@dataclass
class MoveOptions:
    """Somewhere else."""

    offset: str | None = option(None, "x,y,z to move by, in the scene's units")


@dataclass
class AxisOptions:
    """A rotation."""

    axis: str = option("0,0,1", "x,y,z of the axis")
    degrees: float = option(0.0, "right-handed angle about the axis")


@dataclass
class RotateOptions(AxisOptions):
    """Turned about an axis."""

    pivot: str | None = option(None, "x,y,z that stays (null: the middle of the selection)")


@dataclass
class DuplicateOptions(RotateOptions, MoveOptions):
    """A copy, moved, turned and scaled."""

    factor: float | None = option(None, "size times this", minimum=0)


@dataclass
class ReplaceOptions(AxisOptions):
    """Another object in the place of this one."""

    other: str | None = option(None, "the scene file or run that takes the place")
    factor: float | None = option(None, "size times this", minimum=0)
    up: str | None = option(None, "x,y,z of the direction in which it stands (null: middles coincide)")


@dataclass
class RestyleOptions:
    """The selection follows pictures: the user's, a filter's, or those that a diffusion model wants."""

    images: str | None = option(None, "a folder of edited pictures, named as the photos")
    filter: str | None = option(None, "a filter over the scene's own pictures", choices=FILTERS)
    model: str | None = option(None, "a diffusion model, InstructPix2Pix or Stable Diffusion, by hub name or folder")
    prompt: str | None = option(
        None, "with model: what it shall become (null: the text, and the model finds what it is about)"
    )
    hue: float = option(0.0, "with filter=hue: degrees to turn the hue by", minimum=-360, maximum=360)
    guide: GuideOptions = option(GuideOptions, "how restyle follows its pictures; from resolution on, for a model")
    goal: str = ""  # for a model: the prompt, or the words of the command in its place
    avoid: str = ""  # … and what it shall not become


@dataclass(frozen=True)
class Entry:
    """A row of `OPERATIONS`."""

    options: type  # a dataclass
    place: str  # "module:class" of the operation, imported when it is done

    def make(self, options: Any, force: bool = False) -> Any:
        """The operation with these options; that of `restyle` loads its model, and refuses wrong options before."""
        module, name = self.place.split(":")
        return getattr(import_module(module), name)(options, force)


_HERE = "splat.edit.operations"
OPERATIONS: dict[str, Entry] = {
    "remove": Entry(RemoveOptions, f"{_HERE}.remove:Remove"),
    "extract": Entry(NoOptions, f"{_HERE}.remove:Extract"),
    "crop": Entry(CropOptions, f"{_HERE}.remove:Crop"),
    "recolor": Entry(RecolorOptions, f"{_HERE}.recolor:Recolor"),
    "opacity": Entry(OpacityOptions, f"{_HERE}.remove:Opacity"),
    "scale": Entry(ScaleOptions, f"{_HERE}.transform:Scale"),
    "move": Entry(MoveOptions, f"{_HERE}.transform:Move"),
    "rotate": Entry(RotateOptions, f"{_HERE}.transform:Rotate"),
    "duplicate": Entry(DuplicateOptions, f"{_HERE}.transform:Duplicate"),
    "replace": Entry(ReplaceOptions, f"{_HERE}.transform:Replace"),
    "restyle": Entry(RestyleOptions, f"{_HERE}.restyle:Restyle"),
    "prune": Entry(PruneOptions, f"{_HERE}.prune:Prune"),
    "select": Entry(NoOptions, f"{_HERE}.base:Operation"),  # only looks
}


def operation_options(name: str, given: Mapping[str, Any]) -> Any:
    """The options of the operation `name` with some values, by names with dots.

    Raises:
        SplatError: an option of other operations, named with these, or of none.
    """
    options = OPERATIONS[name].options()
    known = flat(options)
    for key, value in given.items():
        if key in known:
            put(options, key, value)
            continue
        owners = [operation for operation, entry in OPERATIONS.items() if key in flat(entry.options())]
        if not owners:
            near = nearest(key, known)
            raise SplatError(f"{name} has no option {key}{f'; did you mean {near}?' if near else ''}")
        what = f"{key.split('.')[0]}.…=" if "." in key else f"{key}={value}"
        raise SplatError(f"{what} is not for {name}, but for {', '.join(owners)}; leave it out")
    return options


def with_operations(title: str, base: type, *names: str) -> type:
    """A dataclass with the fields of `base` and the options of these operations, each key once.

    Args:
        title: the name of the class, under which the module of `base` keeps it.
        base: a dataclass.
        names: of operations; of several the help says which one an option is for.
    """
    fields: dict[str, tuple[Any, dataclasses.Field[Any]]] = {}
    helps: dict[str, dict[str, list[str]]] = {}  # key: what it means, and for which operations
    for name in names:
        schema = OPERATIONS[name].options
        hints = typing.get_type_hints(schema)
        for item in dataclasses.fields(schema):
            if "help" in item.metadata:
                fields.setdefault(item.name, (hints[item.name], item))
                helps.setdefault(item.name, {}).setdefault(item.metadata["help"], []).append(name)
    made = []
    for key, (hint, item) in fields.items():
        group = dataclasses.is_dataclass(hint)
        said = "; ".join(
            text if group or len(names) == 1 else f"{', '.join(owners)}: {text}" for text, owners in helps[key].items()
        )
        metadata = {**item.metadata, "help": said}
        if item.default_factory is not dataclasses.MISSING:
            made.append((key, hint, field(default_factory=item.default_factory, metadata=metadata)))
        else:
            made.append((key, hint, field(default=item.default, metadata=metadata)))
    namespace = {"__doc__": base.__doc__, "__module__": base.__module__}
    return dataclasses.make_dataclass(title, made, bases=(base,), namespace=namespace)

"""Operations by name, with their options."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from splat.colors import parse_color
from splat.edit.config import USES, EditOptions, FillOptions
from splat.edit.operations import remove, transform
from splat.edit.operations.base import Edited, pivot_of
from splat.edit.operations.recolor import recolor
from splat.edit.restyle.options import GuideOptions
from splat.edit.select.selection import Selection
from splat.errors import SplatError
from splat.formats import detect_format, read_scene
from splat.formats.common import usable_rows
from splat.gaussians import Gaussians
from splat.options import flat, parse_numbers
from splat.run import Run, open_run

Operation = Callable[[Gaussians, Selection, EditOptions], Edited]
KEEPING = ("extract", "crop")  # what is selected is what stays


def _recolor(scene: Gaussians, chosen: Selection, options: EditOptions) -> Edited:
    if options.color is None and options.hue == 0:
        raise SplatError("which colour? recolor takes color=blue (or #rrggbb), or hue=DEGREES")
    if options.color is not None and options.hue != 0:
        raise SplatError("color= and hue= exclude each other; recolor takes one of them")
    color = None if options.color is None else parse_color(options.color)
    return recolor(scene, chosen, color, options.hue, options.lightness, options.keep_pale)


def _opacity(scene: Gaussians, chosen: Selection, options: EditOptions) -> Edited:
    return remove.opacity(scene, chosen, _factor("opacity", options))


def _scale(scene: Gaussians, chosen: Selection, options: EditOptions) -> Edited:
    return transform.scale(scene, chosen, _factor("scale", options), _point("pivot", options.pivot))


def _move(scene: Gaussians, chosen: Selection, options: EditOptions) -> Edited:
    return transform.move(scene, chosen, _offset("move", options))


def _rotate(scene: Gaussians, chosen: Selection, options: EditOptions) -> Edited:
    if options.degrees == 0:
        raise SplatError("by how much? rotate takes degrees=90 (and axis=x,y,z)")
    axis = parse_numbers("axis", options.axis, 3)
    return transform.rotate(scene, chosen, axis, options.degrees, _point("pivot", options.pivot))


def _duplicate(scene: Gaussians, chosen: Selection, options: EditOptions) -> Edited:
    factor = 1.0 if options.factor is None else options.factor
    pivot = pivot_of(scene, chosen, _point("pivot", options.pivot))
    axis, offset = parse_numbers("axis", options.axis, 3), _offset("duplicate", options)
    return transform.duplicate(scene, chosen, transform.similarity(pivot, offset, axis, options.degrees, factor))


def _replace(scene: Gaussians, chosen: Selection, options: EditOptions) -> Edited:
    if options.other is None:
        raise SplatError("by what? replace takes other=FILE, a scene file or a run that holds the object alone")
    other = _read_other(Path(options.other).expanduser())
    axis = parse_numbers("axis", options.axis, 3)
    return transform.replace(scene, chosen, other, axis, options.degrees, options.factor, _point("up", options.up))


OPERATIONS: dict[str, Operation] = {
    "remove": lambda scene, chosen, options: remove.remove(scene, chosen),
    "extract": lambda scene, chosen, options: remove.extract(scene, chosen),
    "crop": lambda scene, chosen, options: remove.crop(scene, chosen, options.deviations),
    "recolor": _recolor,
    "opacity": _opacity,
    "scale": _scale,
    "move": _move,
    "rotate": _rotate,
    "duplicate": _duplicate,
    "replace": _replace,
}


def apply(name: str, scene: Gaussians, chosen: Selection, options: EditOptions, force: bool = False) -> Edited:
    """Do one operation.

    Args:
        force: allow more than half of the scene to be changed.

    Raises:
        SplatError: options that are missing or wrong, nothing selected, or too much.
    """
    if chosen.count == 0 and name not in ("recolor", "opacity"):
        raise SplatError(f"{chosen.source} selects nothing surely enough; lower select.threshold")
    check_share(name, chosen, force)
    edited = OPERATIONS[name](scene, chosen, options)
    if len(edited.scene) == 0:
        raise SplatError(f"{name} would leave nothing of the scene")
    # a reader drops such rows, so they would be gone from the scene without a word
    lost = int((~usable_rows(edited.scene)).sum()) - int((~usable_rows(scene)).sum())
    if lost > 0:
        raise SplatError(f"{name} would take {lost:,} Gaussians beyond what 32-bit numbers hold; give smaller numbers")
    return edited


def check_options(name: str, options: EditOptions, fill: FillOptions, guide: GuideOptions) -> None:
    """Refuse options that the operation `name` does not use.

    Raises:
        SplatError: naming the operations that such an option belongs to.
    """
    defaults, given = flat(EditOptions()), flat(options)
    for key, value in given.items():
        if value != defaults[key] and key not in USES[name]:
            owners = [operation for operation, keys in USES.items() if key in keys]
            raise SplatError(f"{key}={value} is not for {name}, but for {', '.join(owners)}; leave it out")
    for group, owner, values, usual in (
        ("fill", "remove", fill, FillOptions()),
        ("guide", "restyle", guide, GuideOptions()),
    ):
        if name != owner and values != usual:
            raise SplatError(f"{group}.…= is not for {name}, but for {owner}; leave it out")


def check_share(name: str, chosen: Selection, force: bool) -> None:
    """
    Raises:
        SplatError: when an operation would change more than half of the scene and nobody said force=true.
    """
    if name not in KEEPING and chosen.share > 0.5 and not force:
        raise SplatError(
            f"{name} would touch {chosen.share:.0%} of the scene, {chosen.count:,} Gaussians; force=true does it anyway"
        )


def _factor(operation: str, options: EditOptions) -> float:
    if options.factor is None:
        raise SplatError(f"by how much? {operation} takes factor=0.5")
    return options.factor


def _offset(operation: str, options: EditOptions) -> list[float]:
    if options.offset is None:
        raise SplatError(f"where to? {operation} takes offset=x,y,z")
    return parse_numbers("offset", options.offset, 3)


def _point(name: str, text: str | None) -> list[float] | None:
    return None if text is None else parse_numbers(name, text, 3)


def _read_other(path: Path) -> Gaussians:
    return open_run(path).scene() if path.is_dir() else read_scene(path)


def drawn_otherwise(run: Run, options: EditOptions) -> str | None:
    """A remark where the scene that replaces something was made to be drawn in another way than the run is."""
    other = Path(options.other or "").expanduser()
    notes = open_run(other).notes if other.is_dir() else detect_format(other).read(other).notes
    if bool(notes.antialiased) == bool(run.notes.antialiased):
        return None
    ways = {True: "antialiased", False: "without antialiasing"}
    was, now = ways[bool(notes.antialiased)], ways[bool(run.notes.antialiased)]
    return f"{other} was made to be drawn {was}, and is now drawn {now}: its small Gaussians change their weight"

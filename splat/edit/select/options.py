"""Options `select.…` of `splat edit`; light to import."""

from __future__ import annotations

from dataclasses import dataclass

from splat.options import option

GOES_WITH = {"cluster": ("file",), "value": ("masks",), "radius": ("click",), "view": ("polygon", "click")}  # select.…


@dataclass
class SelectOptions:
    """Which Gaussians; what several of these select, all of them must select (see `where` for more)."""

    box: str | None = option(None, "x0,y0,z0,x1,y1,z1: centres in this box")
    sphere: str | None = option(None, "x,y,z,radius: centres in this sphere")
    file: str | None = option(None, "a selection file, of an edit or of splat query")
    cluster: int | None = option(None, "with file: only the object of this rank in the query's answer", minimum=1)
    masks: str | None = option(None, "a folder of PNG masks named as the photos; their vote selects")
    value: int | None = option(None, "with masks: the pixel value that marks the object (null: all but 0)", minimum=0)
    view: str | None = option(None, "the photo that polygon and click are drawn in")
    polygon: str | None = option(None, "x1,y1,x2,y2,...: what the view shows inside, in pixels")
    click: str | None = option(None, "x1,y1,...: the things under these pixels of the view")
    radius: float | None = option(None, "with click: a sphere of this size instead of the whole thing", above=0)
    opacity: str | None = option(None, "low,high: opacities in this range, 0 to 1")
    size: str | None = option(None, "low,high: largest standard deviation in this range")
    where: str | None = option(
        None,
        "an expression, for example \"box(0,0,0,1,1,1) & ~grow(file('a.safetensors'),0.1)\": box, sphere, file, masks,"
        " polygon, click, opacity, size, all; & | - ~; grow, shrink, connected",
    )
    threshold: float = option(0.5, "weight from which a Gaussian is in", above=0, maximum=1)
    soft: bool = option(False, "keep weights below 1 (recolor and opacity blend by them)")
    connected: int = option(0, "keep only this many of the largest connected pieces (0: all)", minimum=0)
    grow: float = option(0.0, "then add what lies within this distance", minimum=0)
    shrink: float = option(0.0, "then drop what lies within this distance of the rest", minimum=0)
    invert: bool = option(False, "then take everything else instead")


def selects(options: SelectOptions) -> bool:
    """Whether any option names Gaussians; the others only say more about those that do."""
    makers = ("box", "sphere", "file", "masks", "opacity", "size", "polygon", "click", "where")
    return any(getattr(options, name) is not None for name in makers)

"""From options to a selection."""

from __future__ import annotations

from pathlib import Path

from splat.edit import neighbours, regions, views
from splat.edit.config import GOES_WITH, SelectOptions
from splat.edit.selection import Selection, load_selection
from splat.edit.where import Makers, evaluate
from splat.errors import SplatError
from splat.render.scene import SceneRenderer


def numbers(name: str, text: str, count: int | None = None) -> list[float]:
    """The numbers of an option such as `0,0,1` or `[0, 0, 1]`.

    Raises:
        SplatError: naming the option, when they are not finite numbers or not `count` of them.
    """
    try:
        values = [float(part) for part in text.strip().strip("[]()").split(",")]
    except ValueError:
        values = []
    if not values or any(abs(value) == float("inf") or value != value for value in values):
        raise SplatError(f"{name}={text}: must be numbers with commas between them")
    if count is not None and len(values) != count:
        raise SplatError(f"{name}={text}: must be {count} numbers")
    return values


def selects(options: SelectOptions) -> bool:
    """Whether any option names Gaussians; the others only say more about those that do."""
    makers = ("box", "sphere", "file", "masks", "opacity", "size", "polygon", "click", "where")
    return any(getattr(options, name) is not None for name in makers)


class Chooser:
    """Makes selections of one scene."""

    def __init__(self, renderer: SceneRenderer, scene_digest: str | None = None) -> None:
        """
        Args:
            scene_digest: of the scene file, to tell whether a selection file belongs to it.
        """
        self.renderer, self.digest = renderer, scene_digest

    def from_options(self, options: SelectOptions, more: list[Selection] | None = None) -> Selection:
        """What all given options (and the selections `more`) select, then connected, grown, shrunk, inverted.

        Raises:
            SplatError: no option is given, one cannot be read or goes with another one, or nothing is selected.
        """
        for name, makers in GOES_WITH.items():
            if getattr(options, name) is not None and all(getattr(options, maker) is None for maker in makers):
                said = " or ".join(f"select.{maker}" for maker in makers)
                raise SplatError(f"select.{name}={getattr(options, name)} goes with {said}; give that, or leave it out")
        found = [*(more or []), *self._each(options)]
        if not found:
            raise SplatError("what is edited? name it in words, or give select.box, select.file, select.where, ...")
        chosen = found[0]
        for other in found[1:]:
            chosen = chosen & other
        scene = self.renderer.scene
        if not options.soft:
            chosen = chosen.hard(options.threshold)
        if options.connected:
            chosen = neighbours.connected(scene, chosen, options.connected)
        if options.grow:
            chosen = neighbours.grow(scene, chosen, options.grow)
        if options.shrink:
            chosen = neighbours.shrink(scene, chosen, options.shrink)
        if options.invert:
            chosen = ~chosen
        if not bool((chosen.weights > 0).any()):
            raise SplatError(f"{chosen.source} selects nothing; the scene stays as it is")
        return chosen

    def _each(self, options: SelectOptions) -> list[Selection]:
        found = []
        if options.box is not None:
            found.append(self.box(*numbers("select.box", options.box, 6)))
        if options.sphere is not None:
            found.append(self.sphere(*numbers("select.sphere", options.sphere, 4)))
        if options.file is not None:
            found.append(self.file(options.file, options.cluster))
        if options.masks is not None:
            found.append(self.masks(options.masks, options.value))
        if options.opacity is not None:
            found.append(self.opacity(*numbers("select.opacity", options.opacity, 2)))
        if options.size is not None:
            found.append(self.size(*numbers("select.size", options.size, 2)))
        if options.polygon is not None:
            found.append(self.polygon(_view(options), *numbers("select.polygon", options.polygon)))
        if options.click is not None:
            camera = self.renderer.camera(_view(options))
            found.append(views.clicks(self.renderer, camera, numbers("select.click", options.click), options.radius))
        if options.where is not None:
            found.append(self.where(options.where))
        return found

    def where(self, text: str) -> Selection:
        """The selection of an expression, see `splat.edit.where`."""
        makers: Makers = {
            "box": self.box, "sphere": self.sphere, "file": self.file, "masks": self.masks, "polygon": self.polygon,
            "click": self.click, "opacity": self.opacity, "size": self.size,
            "all": lambda: regions.everything(self.renderer.scene),
        }  # fmt: skip
        changers: Makers = {"grow": self.grow, "shrink": self.shrink, "connected": self.connected}
        return evaluate(text, makers, changers)

    def box(self, x0: float, y0: float, z0: float, x1: float, y1: float, z1: float) -> Selection:
        return regions.box(self.renderer.scene, [x0, y0, z0], [x1, y1, z1])

    def sphere(self, x: float, y: float, z: float, radius: float) -> Selection:
        return regions.sphere(self.renderer.scene, [x, y, z], radius)

    def opacity(self, low: float, high: float) -> Selection:
        return regions.opacity(self.renderer.scene, low, high)

    def size(self, low: float, high: float = regions.NO_LIMIT) -> Selection:
        return regions.size(self.renderer.scene, low, high)

    def file(self, path: str, cluster: float | None = None) -> Selection:
        rank = None if cluster is None else _whole("file", cluster, least=1)
        chosen = load_selection(Path(path).expanduser(), len(self.renderer.scene), rank, self.digest)
        return Selection(chosen.weights.to(self.renderer.scene.means.device), chosen.source)

    def masks(self, folder: str, value: float | None = None) -> Selection:
        marked = None if value is None else _whole("masks", value)
        found = views.read_masks(self.renderer, Path(folder).expanduser(), marked)
        return views.from_masks(self.renderer, found, f"masks({Path(folder).name})")

    def polygon(self, view: str, *corners: float) -> Selection:
        return views.polygon(self.renderer, self.renderer.camera(view), list(corners))

    def click(self, view: str, *places: float) -> Selection:
        return views.clicks(self.renderer, self.renderer.camera(view), list(places))

    def grow(self, chosen: Selection, distance: float | None = None) -> Selection:
        return neighbours.grow(self.renderer.scene, chosen, distance)

    def shrink(self, chosen: Selection, distance: float | None = None) -> Selection:
        return neighbours.shrink(self.renderer.scene, chosen, distance)

    def connected(self, chosen: Selection, keep: float = 1) -> Selection:
        return neighbours.connected(self.renderer.scene, chosen, _whole("connected", keep, least=1))


def _whole(name: str, value: float, least: int = 0) -> int:
    """A number of an expression that counts something.

    Raises:
        SplatError: a fraction, or less than `least`.
    """
    if not isinstance(value, (int, float)) or value != int(value) or value < least:
        raise SplatError(f"select.where: {name}(..., {value}) takes a whole number, {least} or more")
    return int(value)


def _view(options: SelectOptions) -> str:
    if options.view is None:
        raise SplatError("select.polygon and select.click need select.view, the name of the photo they are drawn in")
    return options.view

"""From options to a selection."""

from __future__ import annotations

from pathlib import Path

from splat.edit.select import geometry, images
from splat.edit.select.expression import Makers, evaluate
from splat.edit.select.options import GOES_WITH, SelectOptions
from splat.edit.select.selection import Selection, load_selection
from splat.errors import SplatError
from splat.options import parse_numbers
from splat.render.scene import SceneRenderer


class Selector:
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
            chosen = geometry.connected(scene, chosen, options.connected)
        if options.grow:
            chosen = geometry.grow(scene, chosen, options.grow)
        if options.shrink:
            chosen = geometry.shrink(scene, chosen, options.shrink)
        if options.invert:
            chosen = ~chosen
        if not bool((chosen.weights > 0).any()):
            raise SplatError(f"{chosen.source} selects nothing; the scene stays as it is")
        return chosen

    def _each(self, options: SelectOptions) -> list[Selection]:
        found = []
        if options.box is not None:
            found.append(self.box(*parse_numbers("select.box", options.box, 6)))
        if options.sphere is not None:
            found.append(self.sphere(*parse_numbers("select.sphere", options.sphere, 4)))
        if options.file is not None:
            found.append(self.file(options.file, options.cluster))
        if options.masks is not None:
            found.append(self.masks(options.masks, options.value))
        if options.opacity is not None:
            found.append(self.opacity(*parse_numbers("select.opacity", options.opacity, 2)))
        if options.size is not None:
            found.append(self.size(*parse_numbers("select.size", options.size, 2)))
        if options.polygon is not None:
            found.append(self.polygon(_view(options), *parse_numbers("select.polygon", options.polygon)))
        if options.click is not None:
            camera = self.renderer.camera(_view(options))
            found.append(
                images.clicks(self.renderer, camera, parse_numbers("select.click", options.click), options.radius)
            )
        if options.where is not None:
            found.append(self.where(options.where))
        return found

    def where(self, text: str) -> Selection:
        """The selection of an expression, see `splat.edit.select.expression`."""
        makers: Makers = {
            "box": self.box, "sphere": self.sphere, "file": self.file, "masks": self.masks, "polygon": self.polygon,
            "click": self.click, "opacity": self.opacity, "size": self.size,
            "all": lambda: geometry.everything(self.renderer.scene),
        }  # fmt: skip
        changers: Makers = {"grow": self.grow, "shrink": self.shrink, "connected": self.connected}
        return evaluate(text, makers, changers)

    def box(self, x0: float, y0: float, z0: float, x1: float, y1: float, z1: float) -> Selection:
        return geometry.box(self.renderer.scene, [x0, y0, z0], [x1, y1, z1])

    def sphere(self, x: float, y: float, z: float, radius: float) -> Selection:
        return geometry.sphere(self.renderer.scene, [x, y, z], radius)

    def opacity(self, low: float, high: float) -> Selection:
        return geometry.opacity(self.renderer.scene, low, high)

    def size(self, low: float, high: float = geometry.NO_LIMIT) -> Selection:
        return geometry.size(self.renderer.scene, low, high)

    def file(self, path: str, cluster: float | None = None) -> Selection:
        rank = None if cluster is None else _whole("file", cluster, least=1)
        chosen = load_selection(Path(path).expanduser(), len(self.renderer.scene), rank, self.digest)
        return Selection(chosen.weights.to(self.renderer.scene.means.device), chosen.source)

    def masks(self, folder: str, value: float | None = None) -> Selection:
        marked = None if value is None else _whole("masks", value)
        found = images.read_masks(self.renderer, Path(folder).expanduser(), marked)
        return images.from_masks(self.renderer, found, f"masks({Path(folder).name})")

    def polygon(self, view: str, *corners: float) -> Selection:
        return images.polygon(self.renderer, self.renderer.camera(view), list(corners))

    def click(self, view: str, *places: float) -> Selection:
        return images.clicks(self.renderer, self.renderer.camera(view), list(places))

    def grow(self, chosen: Selection, distance: float | None = None) -> Selection:
        return geometry.grow(self.renderer.scene, chosen, distance)

    def shrink(self, chosen: Selection, distance: float | None = None) -> Selection:
        return geometry.shrink(self.renderer.scene, chosen, distance)

    def connected(self, chosen: Selection, keep: float = 1) -> Selection:
        return geometry.connected(self.renderer.scene, chosen, _whole("connected", keep, least=1))


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

"""What a scene file says beside its Gaussians."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from splat.gaussians import Gaussians

Up = Literal["-y", "z"]
Point = tuple[float, float, float]
Origin = Point
NO_ORIGIN: Origin = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class FirstView:
    """Where one stands when a scene opens, in the scene's coordinates."""

    position: Point
    target: Point  # what is looked at, and walked around
    fov: float  # degrees across the longer side of the picture


@dataclass(frozen=True)
class Notes:
    """What one has to know to draw and place a scene as it was made."""

    antialiased: bool | None = None  # opacities lose what the blur adds (Mip-Splatting); None: nobody says
    origin: Origin = NO_ORIGIN  # adding it to coordinates gives those of the source, a map's for example
    up: Up = "-y"  # of the coordinates, for formats with an axis of their own: y down as PLY has it, or z up
    # For formats that show the scene themselves:
    title: str = ""
    background: Point | None = None  # RGB from 0 to 1; None: black
    first_view: FirstView | None = None


NO_NOTES = Notes()


@dataclass(frozen=True)
class SceneFile:
    """A scene file as it was read, rows that cannot be rendered included."""

    gaussians: Gaussians
    notes: Notes = NO_NOTES
    unused: tuple[str, ...] = ()  # parts of the file that are not used, each with a count
    remarks: tuple[str, ...] = ()  # what reading had to change, and what the file lacks

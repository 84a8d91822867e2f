"""The cameras of a capture from above, coloured by what is suspicious about them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from splat.capture.coverage import common_up
from splat.capture.examine.examination import Examination
from splat.capture.types import Capture
from splat.errors import SplatError
from splat.files import atomic_path
from splat.lazy import lazy

if TYPE_CHECKING:
    from matplotlib import figure
else:
    figure = lazy("matplotlib.figure")

FORMATS = (".png", ".svg", ".pdf")
COLORS = ("#d62728", "#ff7f0e", "#9467bd", "#8c564b", "#e377c2", "#17becf", "#bcbd22", "#1f77b4")
NAMED = 20  # suspicious photos that have their names beside them
POINTS = 20_000  # known points that are drawn, evenly picked
MARGIN = 1.0  # of the cameras' extent around them, beyond which points are not drawn


def check_place(file: Path, root: Path) -> None:
    """See that a picture can be drawn there, before cameras are looked for.

    Args:
        file: of the picture.
        root: of the capture: in its folder a picture could replace a photo, or be taken for one the next time.

    Raises:
        SplatError: a format that is not drawn, or a place in the capture's folder.
    """
    if file.suffix.lower() not in FORMATS:
        raise SplatError(f"picture={file}: write a {', '.join(FORMATS)} file")
    inside = root.absolute() in file.absolute().parents or root.resolve() in file.resolve().parents
    if root.is_dir() and inside:
        raise SplatError(f"picture={file} lies in the capture's folder, into which nothing is written; choose another")


def draw_cameras(capture: Capture, examination: Examination, file: Path) -> Path:
    """Draw where cameras stand and look, and the known points, seen against the cameras' common up; returns the file.

    A camera with several suspicions has the colour of the first.

    Args:
        file: that `check_place` has seen.

    Raises:
        SplatError: a place where nothing can be written.
    """
    to_world = np.stack([camera.camtoworld.numpy() for camera in capture.cameras()])
    ground = _ground(to_world[:, :3, :3])
    places, looks = to_world[:, :3, 3] @ ground.T, to_world[:, :3, 2] @ ground.T
    drawing = figure.Figure(figsize=(8, 8), dpi=120, layout="constrained")
    axes = drawing.add_subplot(aspect="equal", title=f"{capture.name} from above, in its own units")
    if capture.points is not None:
        xy = capture.points.xyz @ ground.T
        low, high = places.min(axis=0), places.max(axis=0)
        room = MARGIN * max(float((high - low).max()), 1e-12)
        xy = xy[((xy > low - room) & (xy < high + room)).all(axis=1)]
        xy = xy[:: max(1, len(xy) // POINTS)]
        axes.scatter(xy[:, 0], xy[:, 1], s=0.5, color="#cccccc", rasterized=True)
    names = [frame.camera.name for frame in capture.frames]
    left = dict.fromkeys(range(len(names)))
    groups: list[tuple[str, str, list[int]]] = []
    for color, suspicion in zip(COLORS, examination.suspicions):
        members = [index for index in left if names[index] in suspicion.photos]
        for index in members:
            del left[index]
        groups.append((suspicion.kind, color, members))
    groups.insert(0, ("nothing suspicious", "#2ca02c", list(left)))
    for kind, color, members in groups:
        if members:
            at, toward = places[members], looks[members]
            axes.quiver(*at.T, *toward.T, color=color, width=0.004, scale=25, label=f"{kind}: {len(members):,}")
            axes.scatter(at[:, 0], at[:, 1], s=12, color=color)
    suspicious = [index for _, _, members in groups[1:] for index in members]
    for index in suspicious[:NAMED]:
        axes.annotate(names[index], places[index], fontsize=6, xytext=(3, 3), textcoords="offset points")
    axes.legend(loc="upper right", fontsize=8)
    with atomic_path(file) as temporary:
        drawing.savefig(temporary)
    return file


def _ground(rotations: np.ndarray) -> np.ndarray:
    """[2, 3] the picture's right and up axes on the ground, from camera-to-world rotations [C, 3, 3].

    The cameras look up the picture, as far as they look one way.
    """
    up = common_up(rotations)
    ahead = rotations[:, :, 2].mean(axis=0)
    ahead = ahead - (ahead @ up) * up
    if np.linalg.norm(ahead) < 1e-6:  # all ways, or straight down
        ahead = np.eye(3)[np.abs(up).argmin()]
        ahead = ahead - (ahead @ up) * up
    ahead = ahead / np.linalg.norm(ahead)
    return np.stack([np.cross(ahead, up), ahead])

"""A scene into a page, and out of it again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from splat.errors import SplatError
from splat.formats import sog
from splat.formats.html.page import held_in, page_of
from splat.formats.placed import HALF_TURN, to_y_up, turned_origin
from splat.formats.scene_file import NO_NOTES, FirstView, Notes, SceneFile, Up
from splat.gaussians import Gaussians
from splat.temporary import temporary_folder

FIELDS = (10.0, 120.0)  # degrees that the viewer's settings allow
_TO_VIEWER = np.diag([-1.0, -1.0, 1.0])  # the viewer turns scenes by half about z: from y down to y up


def write(path: Path, gaussians: Gaussians, notes: Notes = NO_NOTES) -> None:
    """Write the page; the scene in it stands upright if `notes.up` is true of it.

    Args:
        path: the file.
        gaussians: what SOG takes.
        notes: the page draws antialiased where they say so, before their background, from where they stand at first
            (without that the viewer steps back until it sees everything).

    Raises:
        SplatError: as SOG's `write`, or the viewer's files are missing or damaged.
    """
    path, settings = Path(path), settings_of(notes)
    if notes.up == "z":
        turn = _to_ply(notes.up)
        gaussians = gaussians.transformed(torch.from_numpy(turn))
        notes = replace(notes, origin=turned_origin(notes.origin, turn))
    with temporary_folder(path.absolute().parent) as folder:
        bundle = folder / "scene.sog"
        sog.write(bundle, gaussians, notes)
        scene = bundle.read_bytes()
    page = page_of(scene, notes.title or path.stem, settings, bool(notes.antialiased))
    path.write_text(page, encoding="utf-8", newline="\n")


def read(path: Path) -> SceneFile:
    """The scene that a page holds, y down.

    Raises:
        SplatError: when it is no page of `write`, or its scene is damaged.
    """
    path = Path(path)
    try:
        scene, _ = held_in(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SplatError(f"cannot read {path}: {error}") from error
    with temporary_folder(path.absolute().parent) as folder:
        (folder / "scene.sog").write_bytes(scene)
        return sog.read(folder / "scene.sog")


def lost(gaussians: Gaussians) -> list[str]:
    """What a page cannot say: what SOG cannot."""
    return sog.lost(gaussians)


def settings_of(notes: Notes) -> dict[str, Any]:
    """The viewer's settings (version 2): colours as they are, and where one stands at first."""
    return {
        "version": 2,
        "tonemapping": "none",
        "highPrecisionRendering": False,
        "background": {"color": list(notes.background or (0.0, 0.0, 0.0))},
        "postEffectSettings": {
            "sharpness": {"enabled": False, "amount": 0},
            "bloom": {"enabled": False, "intensity": 0.1, "blurLevel": 2},
            "grading": {"enabled": False, "brightness": 1, "contrast": 1, "saturation": 1, "tint": [1, 1, 1]},
            "vignette": {"enabled": False, "intensity": 0.5, "inner": 0.3, "outer": 0.75, "curvature": 1},
            "fringing": {"enabled": False, "intensity": 0.5},
        },
        "animTracks": [],
        "cameras": [] if notes.first_view is None else [{"initial": _initial(notes.first_view, notes.up)}],
        "annotations": [],
        "startMode": "default",
    }


def _initial(view: FirstView, up: Up) -> dict[str, Any]:
    """A place to stand in the viewer's frame: y up, its horizon level."""
    turn = _TO_VIEWER @ _to_ply(up)[:3, :3]
    position, target = ((turn @ np.array(point) + 0.0).tolist() for point in (view.position, view.target))  # no -0
    return {"position": position, "target": target, "fov": min(max(view.fov, FIELDS[0]), FIELDS[1])}


def _to_ply(up: Up) -> np.ndarray:
    """[4, 4] float64: the rotation of a scene into y down, z front."""
    turn: np.ndarray = HALF_TURN @ to_y_up(up)
    return turn

"""Several scenes made one, each moved to where it belongs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from splat.alignment.other_run import between, shared
from splat.alignment.overlap import find_overlap
from splat.console import count, info, warn
from splat.edit.history import say_without_edits
from splat.errors import SplatError
from splat.evaluate.fidelity import judging_cameras
from splat.exporting import aligned_frame, drawn_otherwise, notes_in_frame
from splat.files import read_json
from splat.formats.positions import near_zero
from splat.formats.registry import is_run_folder, read_scene_file
from splat.formats.scene_file import NO_ORIGIN, Notes
from splat.frame import FILE, SceneFrame, read_frame
from splat.gaussians import Gaussians
from splat.render.around import lone_renderer
from splat.render.scene import SceneRenderer
from splat.run import Run, open_run

LOOKS = 12  # pictures of each scene that are searched for what both show
WIDE = 640  # pixels
ROTATION = 1e-3  # by which the columns of a transform, made 1 long, may miss a rotation
STAYS = "none"  # a transform that moves nothing


@dataclass(frozen=True)
class ScenePart:
    """A scene that becomes part of another one."""

    name: str
    gaussians: Gaussians
    notes: Notes
    run: Run | None = None

    @classmethod
    def read(cls, path: Path, frame: str = "scene") -> ScenePart:
        """A run, in its own coordinates or as `splat align` has placed it, or a scene file.

        Args:
            path: of the run or the file.
            frame: scene or, of runs, aligned.

        Raises:
            SplatError: it cannot be read, or the run has no frame.
        """
        if not is_run_folder(path):
            found = read_scene_file(path)
            return cls(path.name, found.gaussians, found.notes)
        run = open_run(path)
        say_without_edits(run.path)
        for remark in drawn_otherwise(run):
            warn(f"{run.name}: {remark}")
        part = cls(run.name, run.scene(), run.notes, run)
        if frame == "scene":
            return part
        return part.in_frame(aligned_frame(run))

    def moved(self, matrix: np.ndarray) -> ScenePart:
        """The part after a similarity [4, 4]; where 32 bits cannot hold where it lies then, that is said."""
        gaussians = self.gaussians.transformed(torch.from_numpy(matrix))
        for remark in near_zero(gaussians.means.numpy(), gaussians.scales.numpy())[2]:
            warn(f"{self.name}, moved: {remark}")
        return replace(self, gaussians=gaussians)

    def in_frame(self, frame: SceneFrame) -> ScenePart:
        """The part in the frame that `splat align` has found for it."""
        return replace(self.moved(frame.similarity.matrix), notes=notes_in_frame(self.notes, frame), run=None)

    def renderer(self) -> SceneRenderer:
        """To draw it with; its cameras are the training cameras of a run, else some that stand around it."""
        if self.run is not None:
            return self.run.renderer()
        return lone_renderer(self.gaussians, LOOKS, bool(self.notes.antialiased))


def merge(parts: Sequence[ScenePart]) -> tuple[Gaussians, Notes]:
    """One scene of several that are in place, in coordinates without the origin of the first.

    Args:
        parts: at least one.
    """
    first = parts[0]
    origin = np.array(first.notes.origin)
    scenes = [first.gaussians]
    for part in parts[1:]:
        away = np.array(part.notes.origin) - origin
        shift = np.eye(4)
        shift[:3, 3] = away
        scenes.append(part.moved(shift).gaussians if away.any() else part.gaussians)
    if len({bool(part.notes.antialiased) for part in parts}) > 1:
        named = ", ".join(part.name for part in parts if part.notes.antialiased)
        warn(
            f"{named}: drawn antialiased, the others not; the file says what holds for {first.name}, small Gaussians of"
            " the other kind will look too thick or too thin"
        )
    if len({part.notes.up for part in parts}) > 1:
        warn("some of the scenes have z up and others y down; programs with an axis of their own show some lying")
    return Gaussians.cat(scenes), first.notes


def placed(parts: Sequence[ScenePart], places: Sequence[np.ndarray | SceneFrame | None]) -> list[ScenePart]:
    """The parts moved by what `read_transform` gave for each.

    A matrix takes the numbers of a scene to those of the merged one, whose origin is the first scene's where that stays
    and none where it is moved by a matrix.
    """
    first = places[0]
    origin = parts[0].notes.origin if first is None else first.origin if isinstance(first, SceneFrame) else NO_ORIGIN
    found = []
    for part, place in zip(parts, places):
        if place is None:
            found.append(part)
        elif isinstance(place, SceneFrame):
            found.append(part.in_frame(place))
        else:
            if any(part.notes.origin) and part.notes.origin != origin:
                listed = ", ".join(f"{value:.12g}" for value in part.notes.origin)
                warn(f"{part.name}: its origin ({listed}) is dropped, the transform says where it lies")
            found.append(replace(part.moved(place), notes=replace(part.notes, origin=origin)))
    return found


def found_place(part: ScenePart, still: ScenePart) -> ScenePart:
    """A part where it belongs beside another one: by photos of both, else by what both show.

    Raises:
        SplatError: too little in common.
    """
    for each in (part, still):
        if not len(each.gaussians):
            raise SplatError(f"{each.name} holds no Gaussians, so nothing tells where it lies")
    matrix = _by_photos(part, still)
    if matrix is None:
        matrix = _by_pictures(part, still)
    return replace(part.moved(matrix), notes=replace(part.notes, origin=still.notes.origin, up=still.notes.up))


def _by_photos(part: ScenePart, still: ScenePart) -> np.ndarray | None:
    """[4, 4] from photos of both runs; None where there are hardly any, or they are others of the same names."""
    if part.run is None or still.run is None:
        return None
    pairs = shared(part.run.cameras(), still.run.cameras())
    if len(pairs) < 3:
        return None
    try:
        similarity, agrees, _ = between(pairs)
    except SplatError as problem:
        info(f"photos of the same names do not place {part.name} ({problem}); what both show is looked for")
        return None
    info(f"{part.name} is placed by {int(agrees.sum())} of {count(len(pairs), 'photo')} that both have")
    return similarity.matrix


def _by_pictures(part: ScenePart, still: ScenePart) -> np.ndarray:
    """[4, 4] from what both scenes show."""
    here, there = part.renderer(), still.renderer()
    looks = [judging_cameras(renderer.cameras, LOOKS, WIDE) for renderer in (here, there)]
    overlap = find_overlap(here, there, looks[0], looks[1])
    fit, scale = overlap.fit, overlap.similarity.scale
    info(
        f"{part.name} is placed by {fit.inliers:,} of {fit.count:,} matches of its pictures with those of {still.name}:"
        f" {scale:.4g} times as large, median distance {fit.median:.3g}"
    )
    return overlap.similarity.matrix


def read_transform(text: str) -> np.ndarray | SceneFrame | None:
    """[4, 4] of a JSON file, the frame of a frame.json, or None for `none`: nothing is moved.

    The file holds the matrix as four rows of four numbers, by itself or under "transform", or is a run's frame.json.

    Raises:
        SplatError: no such file, or no rotation with one scale and a shift.
    """
    if text == STAYS:
        return None
    path = Path(text).expanduser()
    if path.name == FILE and (frame := read_frame(path.parent)) is not None:
        return frame
    values: Any = read_json(path)
    if isinstance(values, dict):
        values = values.get("transform")
    try:
        matrix = np.array(values, np.float64)
    except (TypeError, ValueError):
        matrix = np.zeros(0)
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
        raise SplatError(f'{path} holds no transform; four rows of four numbers, by themselves or under "transform"')
    scale = np.cbrt(np.linalg.det(matrix[:3, :3]))
    turn = matrix[:3, :3] / scale if scale > 0 else np.zeros((3, 3))
    straight = np.abs(turn @ turn.T - np.eye(3)).max() < ROTATION and np.allclose(matrix[3], [0, 0, 0, 1])
    if not straight or not math.isfinite(scale):
        raise SplatError(f"{path}: the transform is no rotation with one positive scale and a shift")
    return matrix

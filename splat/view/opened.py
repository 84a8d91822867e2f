"""A scene that the viewer shows: a run at the edit in force, one edit, or a scene file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from splat.cameras import Camera
from splat.console import info
from splat.edit.history import RECORD, load_history, open_current
from splat.errors import SplatError
from splat.formats.registry import detect_format, is_scene_folder, read_scene_file
from splat.language.field import ROWS, field_folders, open_field, scene_digest
from splat.render.around import lone_renderer
from splat.render.pictures import typical_depth
from splat.render.scene import SceneRenderer
from splat.rendering import AROUND, photos_of
from splat.run import Run, open_run
from splat.view.asking import Fields
from splat.view.placing import Placing, placing_of
from splat.weather.effects.surfaces import surface_normals


@dataclass(frozen=True)
class OpenedScene:
    """What is shown, and what is known of it. Everything is in the scene's own frame and units."""

    source: Path  # what was asked for: a run, an edit or a file
    place: Path  # folder of the scene in force, or the file
    run: Run | None  # at `place`
    renderer: SceneRenderer
    cameras: list[Camera]  # that took photos; for a file those that stand around it
    held_out: frozenset[str] = field(default=frozenset())  # names of test views
    digest: str = ""  # of the scene file

    @property
    def title(self) -> str:
        """A name for people."""
        if self.run is None:
            return self.place.name
        if (self.place / RECORD).is_file():
            return f"{self.place.parent.parent.name} · {self.place.name}"
        return self.run.name

    @property
    def root(self) -> Path:
        """The run's folder, whichever of its edits is shown; a file's is its own folder."""
        return load_history(self.place).root if self.run is not None else self.place.parent

    @cached_property
    def placing(self) -> Placing:
        """The page's frame for this scene."""
        frame = self.run.frame() if self.run is not None else None
        return placing_of(self.renderer.scene, self.cameras, None if frame is None else frame.up)

    @cached_property
    def depth(self) -> float:
        """Usual distance of what the cameras see, in the scene's units."""
        return typical_depth(self.renderer.scene, self.cameras) or 1.0

    @cached_property
    def normals(self) -> Tensor:
        """[N, 3] unit normals of the surfaces that the Gaussians lie on."""
        middle = torch.stack([camera.position for camera in self.cameras]).mean(dim=0)
        return surface_normals(self.renderer.scene, middle)

    @cached_property
    def photo(self) -> Callable[[str], np.ndarray | None]:
        """Gives the photo [H, W, 3] uint8 RGB of a camera by its name, or None."""
        return photos_of(self.run, "test") if self.run is not None else lambda name: None

    @cached_property
    def fields(self) -> Fields | None:
        """Its language fields, ready for questions; None for a scene file, which has none."""
        return None if self.run is None else Fields(self.run, self.renderer)

    @cached_property
    def feature_colors(self) -> Tensor:
        """[N, 3] float32 0..1: the three main directions of the newest field's features, as colours.

        Raises:
            SplatError: there is no field.
        """
        if self.run is None or not field_folders(self.run.path):
            raise SplatError(f"there are no features yet; splat distill {self.place} learns them")
        found = open_field(self.run.path, None)[1]
        known = (found.confidence[:, 0] > 0).nonzero()[:, 0]
        if len(known) < 3:
            raise SplatError("the field knows too little for colours; distill with more photos")
        some = found.features(known[:: max(1, len(known) // 20_000)], 0).float()
        middle = some.mean(dim=0)
        _, _, directions = torch.pca_lowrank(some - middle, q=3, niter=4)
        parts = torch.split(known, ROWS)
        along = torch.cat([(found.features(part, 0).float() - middle) @ directions for part in parts])
        low, high = torch.quantile(along[:: max(1, len(along) // 100_000)], torch.tensor([0.02, 0.98]), dim=0)
        colors = torch.full((len(found.codes), 3), 0.5)
        colors[known] = ((along - low) / (high - low).clamp(min=1e-12)).clamp(0, 1)
        return colors


def open_scene(source: Path, backend: str = "auto") -> OpenedScene:
    """Open a run at the edit in force, an edit's own folder, or a scene file.

    Raises:
        SplatError: nothing there that can be shown.
    """
    if source.is_file() or is_scene_folder(source):
        detect_format(source)
        found = read_scene_file(source)
        if not len(found.gaussians):
            raise SplatError(f"{source} holds no Gaussian that can be drawn")
        renderer = lone_renderer(found.gaussians, AROUND, bool(found.notes.antialiased), backend)
        return OpenedScene(source, source, None, renderer, list(renderer.cameras))
    open_run(source)  # says what is wrong with the folder
    run = open_current(load_history(source))
    if run.path.resolve() != source.resolve():
        info(f"the scene in force is {run.path}")
    renderer = run.renderer(backend)
    if not len(renderer.scene):
        raise SplatError(f"{run.path} holds no Gaussian that can be drawn; splat edit {source} undo brings them back")
    held_out = run.cameras("test")
    cameras = [*run.cameras("train"), *held_out] or run.cameras()
    names = frozenset(camera.name for camera in held_out)
    return OpenedScene(source, run.path, run, renderer, cameras, names, scene_digest(run.scene_path))

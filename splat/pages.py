"""What a page needs to know of a scene beside its Gaussians: up, how long a metre is, and where one stands at first."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch

from splat.alignment.similarity import turn_to_z
from splat.cameras import Camera, radius
from splat.console import info
from splat.formats.placed import HALF_TURN, to_y_up
from splat.formats.scene_file import FirstView, Notes
from splat.frame import SceneFrame, Similarity
from splat.gaussians import Gaussians
from splat.render.around import lone_renderer
from splat.render.paths import common_view
from splat.render.pictures import typical_depth
from splat.run import Run
from splat.weather.effects.world import estimate_metres, estimate_up

SIDES = 8  # of a scene without cameras, of which one is chosen
GLANCE = 0.5  # of the pictures' size, to choose


def page_frame(run: Run, scene: Gaussians, found: SceneFrame | None) -> SceneFrame:
    """Metres with z up: as they were found, else as the cameras tell, which is said in one line.

    Args:
        run: with its cameras.
        scene: its Gaussians in their own coordinates.
        found: by `splat align`; None where it was not asked.
    """
    frame, cameras = found or SceneFrame(Similarity(1.0, np.eye(3), np.zeros(3))), cameras_of(run)
    said = []
    if not frame.up_from:
        turn = turn_to_z(frame.similarity.rotation @ estimate_up(cameras))
        frame = _then(frame, Similarity(1.0, turn, np.zeros(3)))
        frame = replace(frame, up_from="cameras")
        said.append("up is where the cameras have it")
    if not frame.scale_from:
        metres, reason = estimate_metres(scene, cameras, frame.similarity.rotation[2])
        frame = _then(frame, Similarity(metres / frame.similarity.scale, np.eye(3), np.zeros(3)))
        said.append(f"a metre is a guess, for the pace of walking ({reason})")
    if said:
        info(f"{'; '.join(said)}; splat align finds both")
    return frame


def run_notes(run: Run, scene: Gaussians) -> Notes:
    """The notes of a run that show it, too: with its name and background, and one of its photos' views."""
    view = first_view(cameras_of(run), scene)
    return replace(run.notes, title=run.name, background=run.background, first_view=view)


def lone_notes(notes: Notes, scene: Gaussians, title: str) -> Notes:
    """The notes of a scene without cameras that show it, too: from the side with most to see, if it has Gaussians."""
    if not len(scene):
        return replace(notes, title=title)
    turn = HALF_TURN @ to_y_up(notes.up)  # to y down, as cameras around it want it
    standing = scene.transformed(torch.from_numpy(turn)) if notes.up == "z" else scene
    renderer = lone_renderer(standing, SIDES, bool(notes.antialiased))
    side = max(renderer.cameras, key=lambda camera: _detail(renderer.image(camera.scaled(GLANCE))))
    back = Similarity(1.0, turn[:3, :3].T, np.zeros(3))
    return replace(notes, title=title, first_view=moved(first_view([side], standing), back))


def _detail(image: torch.Tensor) -> float:
    """How much there is to see in a picture [H, W, 3]: rooms show their walls' backs to most sides."""
    return float(image.diff(dim=0).abs().mean() + image.diff(dim=1).abs().mean())


def first_view(cameras: list[Camera], scene: Gaussians) -> FirstView:
    """The view of the camera that looks most at what all look at; its target as far away as what it sees."""
    common = common_view(cameras)
    towards = common.focus - common.positions
    camera = cameras[int(np.argmax((common.forward * towards).sum(axis=1) / np.linalg.norm(towards, axis=1)))]
    depth = typical_depth(scene, [camera]) or radius(cameras)
    position, ahead = camera.position.numpy(), camera.camtoworld[:3, 2].numpy()
    side = 0 if camera.width >= camera.height else 1
    half = (camera.width, camera.height)[side] / 2 / float(camera.K[side, side])
    return FirstView(_point(position), _point(position + depth * ahead), 2 * math.degrees(math.atan(half)))


def moved(view: FirstView, similarity: Similarity) -> FirstView:
    """The same view of a scene that was moved."""
    position, target = (_point(similarity.apply(np.array(point))) for point in (view.position, view.target))
    return FirstView(position, target, view.fov)


def cameras_of(run: Run) -> list[Camera]:
    """Those it was trained with; all where it has none."""
    return run.cameras("train") or run.cameras()


def _then(frame: SceneFrame, similarity: Similarity) -> SceneFrame:
    return replace(frame, similarity=similarity.after(frame.similarity))


def _point(values: np.ndarray) -> tuple[float, float, float]:
    x, y, z = map(float, values)
    return (x, y, z)

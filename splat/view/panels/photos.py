"""The photos: their cameras in the scene, and beside each other what was taken, what is drawn and how they differ."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from splat.cameras import Camera
from splat.errors import SplatError
from splat.evaluate.pictures import error_picture
from splat.images import shrunk
from splat.view.controls import put
from splat.view.marked import plain
from splat.view.placing import page_pose
from splat.view.shown import Shown, draw

if TYPE_CHECKING:
    from splat.view.opened import OpenedScene
    from splat.view.page import Page

THUMBNAIL = 64  # pixels of the longer side of the photo in a frustum
MOST = 300  # frusta; evenly chosen where there are more cameras
TRAINED, HELD_OUT = (90, 160, 255), (255, 170, 60)


def build(page: Page) -> None:
    """Put the panel into the tab."""
    gui, scene = page.gui, page.scene
    if scene.run is None:
        return
    names = [camera.name for camera in scene.cameras]
    with gui.add_folder("Photos", expand_by_default=False):
        frusta = gui.add_checkbox("Cameras in the scene", False, hint="blue: trained on; orange: held out")
        choice = gui.add_dropdown("Photo", names)
        before, after = gui.add_button("Previous"), gui.add_button("Next")
        stand = gui.add_button("Stand there and compare")
        said = gui.add_markdown("")
        empty = np.zeros((2, 2, 3), np.uint8)
        pictures = [gui.add_image(empty, label=label, visible=False) for label in ("Photo", "Render", "Difference")]

    def visit(name: str) -> None:
        camera = scene_camera_named(page.scene, name)
        page.stand_at(camera)
        reveal(name)
        photo, render, difference, psnr = comparison(page.scene, camera)
        kind = "held out" if name in page.scene.held_out else "trained on"
        said.content = f"**{plain(name)}**, {kind}: PSNR {psnr:.2f} dB"
        for handle, picture in zip(pictures, (photo, render, difference)):
            handle.image, handle.visible = picture, True

    def step(by: int) -> None:
        put(choice, names[(names.index(choice.value) + by) % len(names)])
        visit(choice.value)

    def clicked(name: str) -> None:
        put(choice, name)
        visit(name)

    shown: dict[str, Any] = {}

    def reveal(but: str | None = None) -> None:
        for name, handle in shown.items():
            handle.visible = frusta.value and name != but  # one in which somebody stands hides everything

    @frusta.on_update
    @page.answering
    def _(event: object) -> None:
        if frusta.value and not shown:
            shown.update(add_frusta(page, clicked))
        reveal()

    before.on_click(page.answering(lambda event: step(-1)))
    after.on_click(page.answering(lambda event: step(1)))
    stand.on_click(page.answering(lambda event: visit(choice.value)))


def scene_camera_named(scene: OpenedScene, name: str) -> Camera:
    """The camera of a photo."""
    return next(camera for camera in scene.cameras if camera.name == name)


def comparison(scene: OpenedScene, camera: Camera) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Photo, render and their difference, each [H, W, 3] uint8 RGB, and the PSNR in dB over all pixels.

    Raises:
        SplatError: the photo is not there.
    """
    photo = scene.photo(camera.name)
    if photo is None:
        raise SplatError(f"the photo {camera.name} is not where it was when the scene was trained")
    render = draw(scene, camera, Shown())
    mean = float(np.square(photo.astype(np.float64) - render).mean())
    psnr = math.inf if mean == 0 else 10 * math.log10(255**2 / mean)
    difference = error_picture(*(torch.from_numpy(picture).float() / 255 for picture in (render, photo)))
    return photo, render, difference, psnr


def add_frusta(page: Page, clicked: Callable[[str], None]) -> dict[str, Any]:
    """Cameras with their photos in the tab, by name; a click calls `clicked` with it."""
    scene = page.scene
    step = -(-len(scene.cameras) // MOST)
    if step > 1:
        page.tell(f"every {step}th of {len(scene.cameras):,} cameras is shown")
    handles: dict[str, Any] = {}
    with page.client.atomic():
        for number, camera in enumerate(scene.cameras[::step]):
            pose = page_pose(camera, page.app.placing)
            handle = page.client.scene.add_camera_frustum(
                f"/cameras/{number}",
                fov=pose.fov,
                aspect=pose.aspect,
                scale=0.12,
                color=HELD_OUT if camera.name in scene.held_out else TRAINED,
                image=thumbnail(scene, camera),
                wxyz=pose.wxyz,
                position=pose.position,
            )
            handle.on_click(page.answering(functools.partial(_clicked, clicked, camera.name)))
            handles[camera.name] = handle
    return handles


def _clicked(clicked: Callable[[str], None], name: str, event: object) -> None:
    clicked(name)


def thumbnail(scene: OpenedScene, camera: Camera) -> np.ndarray | None:
    """The photo, small; None where it is not there."""
    photo = scene.photo(camera.name)
    if photo is None:
        return None
    return shrunk(photo, THUMBNAIL)

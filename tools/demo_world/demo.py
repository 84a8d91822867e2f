"""The demo scene: which things stand where in the room corner, and how it is lit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tools.demo_world import furniture, objects
from tools.demo_world.light import Lighting, Sun, Window
from tools.demo_world.mesh import rotation
from tools.demo_world.scene import SceneObject

ROOM = (4.4, 4.2, 2.6)
REMOVED = "blue vase"  # the object that the twin capture lacks

MAIN_WINDOW = Window((4.38, 0.45, 0.85), (0.0, 1.7, 0.0), (0.0, 0.0, 1.45), (6.6, 7.0, 7.6))
BACK_WINDOW = Window((1.4, 4.18, 1.0), (-0.0, 0.0, 1.2), (1.3, 0.0, 0.0), (1.8, 1.9, 2.1))


def lighting(direct_rays: int = 100, bounce_rays: tuple[int, ...] = (25, 25, 100), smoothing: int = 3) -> Lighting:
    """Daylight from a large window to the side, a second one behind the viewers, low hazy sun."""
    windows = [_facing(MAIN_WINDOW, (-1.0, 0.0, 0.0)), _facing(BACK_WINDOW, (0.0, -1.0, 0.0))]
    sun = Sun((1.0, 0.16, 0.40), (12.5, 10.6, 7.9), 0.014, windows[0])
    return Lighting(windows, sun, direct_rays, bounce_rays, smoothing)


def _facing(window: Window, direction: tuple[float, float, float]) -> Window:
    """The window with u and v ordered so that u x v looks along `direction`."""
    normal = np.cross(window.u, window.v)
    return window if normal @ np.asarray(direction) > 0 else replace(window, u=window.v, v=window.u)


def demo_scene() -> list[SceneObject]:
    """All objects of the corner; their ids count from 1 in this order. What no view shows comes last."""
    *corner, rest = furniture.room(*ROOM, lighting().windows, seed=3)
    return [*corner, *_furniture(), *_on_the_table(), *_around(), rest]


def _furniture() -> list[SceneObject]:
    shelf = furniture.bookshelf(seed=21)
    books = furniture.row_of_books(0.70, (0.245, 0.30), seed=5)
    more = furniture.row_of_books(0.46, (0.245, 0.29), seed=9)
    row = [(mesh.moved(-0.36, 0, 0.071), material) for mesh, material in books]
    row += [(mesh.moved(-0.36, 0, 0.426), material) for mesh, material in more]
    spines = SceneObject(
        "row of books",
        "several colours",
        "cloth and paper",
        row,
        ["row of books", "books on a shelf", "books with coloured spines"],
    )
    clock = furniture.clock()
    upright = rotation("y", 90) @ rotation("z", 90)  # dial towards +x, twelve up
    hung = clock.transformed(upright)
    hung = hung.at(0.001, 1.37, 1.31)
    return [
        furniture.carpet((1.45, 1.0), seed=4).at(1.12, 1.12, 0.0, 41),
        furniture.table(seed=7).at(1.06, 0.30),
        shelf.at(0.018, 1.12, 0, 90),
        spines.at(0.018, 1.12, 0, 90),
        furniture.picture(seed=12).at(1.02, 0.002, 0.99),
        hung,
    ]


def _on_the_table() -> list[SceneObject]:
    top = 0.56
    return [
        objects.mug().at(0.93, 0.43, top, 25),
        objects.vase().at(0.72, 0.26, top),
        objects.kettle().at(1.13, 0.27, top, 62),
        objects.lamp().at(1.42, 0.21, top),
        objects.fruit_bowl().at(1.30, 0.42, top),
    ]


def _around() -> list[SceneObject]:
    cushion = objects.cushion(seed=3)
    lean = rotation("y", 62)
    lean[:3, 3] = 0.0, 0.0, 0.17
    return [
        objects.potted_plant(seed=6).at(0.29, 0.33),
        objects.teddy(seed=2).at(0.14, 0.98, 0.78, 18),
        objects.ball().at(1.00, 0.86, 0.009),
        objects.basket(seed=8).at(0.36, 1.80, 0.0, 30),
        cushion.transformed(lean).at(0.52, 1.22, 0.009, 8),
        furniture.stool(seed=5).at(1.82, 0.42),
        objects.book_stack(seed=14).at(1.45, 1.25, 0.009, 60),
    ]

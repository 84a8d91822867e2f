"""The demo scene: which things stand where in the room corner, and how it is lit."""

from __future__ import annotations

from tools.demo_world import furniture, objects
from tools.demo_world.light import Lighting, Sun, Window, facing
from tools.demo_world.mesh import rotation
from tools.demo_world.registry import FLOOR_PLACES, ROOM_SIZE, SEEDS, SUN, TABLE_PLACES
from tools.demo_world.scene import SceneObject

REMOVED = "blue vase"  # the object that the twin capture lacks

MAIN_WINDOW = Window((4.38, 0.45, 0.85), (0.0, 1.7, 0.0), (0.0, 0.0, 1.45), (6.6, 7.0, 7.6))
BACK_WINDOW = Window((1.4, 4.18, 1.0), (-0.0, 0.0, 1.2), (1.3, 0.0, 0.0), (1.8, 1.9, 2.1))


def lighting(direct_rays: int = 100, bounce_rays: tuple[int, ...] = (25, 25, 100), smoothing: int = 3) -> Lighting:
    """Daylight from a large window to the side, a second one behind the viewers, low hazy sun."""
    windows = [facing(MAIN_WINDOW, (-1.0, 0.0, 0.0)), facing(BACK_WINDOW, (0.0, -1.0, 0.0))]
    sun = Sun(SUN, (12.5, 10.6, 7.9), 0.014, windows[0])
    return Lighting(windows, sun, direct_rays, bounce_rays, smoothing)


def demo_scene() -> list[SceneObject]:
    """All objects of the corner; their ids count from 1 in this order. What no view shows comes last."""
    *corner, rest = furniture.room(*ROOM_SIZE, lighting().windows, seed=SEEDS["room"])
    return [*corner, *_furniture(), *_on_the_table(), *_around(), rest]


def _furniture() -> list[SceneObject]:
    shelf = furniture.bookshelf(seed=SEEDS["bookshelf"])
    books = furniture.row_of_books(0.70, (0.245, 0.30), seed=SEEDS["lower books"])
    more = furniture.row_of_books(0.46, (0.245, 0.29), seed=SEEDS["upper books"])
    row = [(mesh.moved(-0.36, 0, 0.071), material) for mesh, material in books]
    row += [(mesh.moved(-0.36, 0, 0.426), material) for mesh, material in more]
    spines = SceneObject(
        "row of books",
        "several colours",
        "cloth and paper",
        row,
        ["row of books", "books on a shelf", "books with coloured spines"],
    )
    clock = furniture.clock(seed=SEEDS["clock"])
    upright = rotation("y", 90) @ rotation("z", 90)  # dial towards +x, twelve up
    hung = clock.transformed(upright)
    hung = hung.at(0.001, 1.37, 1.31)
    return [
        furniture.carpet((1.45, 1.0), seed=SEEDS["rug"]).at(1.12, 1.12, 0.0, 41),
        furniture.table(seed=SEEDS["table"]).at(1.06, 0.30),
        shelf.at(0.018, 1.12, 0, 90),
        spines.at(0.018, 1.12, 0, 90),
        furniture.picture(seed=SEEDS["picture"]).at(1.02, 0.002, 0.99),
        hung,
    ]


def _on_the_table() -> list[SceneObject]:
    top = 0.56
    return [
        objects.mug(seed=SEEDS["mug"]).at(*TABLE_PLACES["mug"], top, 25),
        objects.vase(seed=SEEDS["vase"]).at(*TABLE_PLACES["vase"], top),
        objects.kettle(seed=SEEDS["kettle"]).at(*TABLE_PLACES["kettle"], top, 62),
        objects.lamp(seed=SEEDS["lamp"]).at(*TABLE_PLACES["lamp"], top),
        objects.fruit_bowl(seed=SEEDS["bowl"]).at(*TABLE_PLACES["bowl"], top),
    ]


def _around() -> list[SceneObject]:
    cushion = objects.cushion(seed=SEEDS["cushion"])
    lean = rotation("y", 62)
    lean[:3, 3] = 0.0, 0.0, 0.17
    return [
        objects.potted_plant(seed=SEEDS["plant"]).at(*FLOOR_PLACES["plant"]),
        objects.teddy(seed=SEEDS["teddy"]).at(0.14, 0.98, 0.78, 18),
        objects.ball(seed=SEEDS["ball"]).at(*FLOOR_PLACES["ball"], 0.009),
        objects.basket(seed=SEEDS["basket"]).at(*FLOOR_PLACES["basket"], 0.0, 30),
        cushion.transformed(lean).at(*FLOOR_PLACES["cushion"], 0.009, 8),
        furniture.stool(seed=SEEDS["stool"]).at(*FLOOR_PLACES["stool"]),
        objects.book_stack(seed=SEEDS["book stack"]).at(*FLOOR_PLACES["book stack"], 0.009, 60),
    ]

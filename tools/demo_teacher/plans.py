"""The plan of a room: everything about it that is drawn by chance, as numbers; nothing is built here.

Each room has a size, windows, sun, designs, palettes, places and forms of things of its own, none of them the demo's
(`tools/demo_world/registry.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tools.demo_teacher.things import paint, shade, wood
from tools.demo_world import registry
from tools.demo_world.forms import SIZES, Form, draw_form
from tools.demo_world.furniture import RoomDesign, RugDesign
from tools.demo_world.light import Lighting, Sun, Window, facing
from tools.demo_world.objects import Volume

DYES = ("red", "orange", "yellow", "green", "turquoise", "blue", "purple", "pink", "brown", "black")
GROUNDS = {"cream": "#e3dcc6", "white": "#e4e3df", "grey": "#c3c4c4", "yellow": "#e6d79c", "blue": "#b9c9d8"}
TABLE_ROOM = 0.15  # metres that a thing on the table needs
FLOOR_ROOM = 0.34


@dataclass(frozen=True)
class RugPlan:
    """A rug and where it lies."""

    words: tuple[str, str]
    colors: tuple[str, ...]
    design: RugDesign
    size: tuple[float, float]
    place: tuple[float, float, float]  # x, y, turn in degrees


@dataclass(frozen=True)
class Plan:
    """A room in numbers."""

    room: int
    size: tuple[float, float, float]
    light: Lighting
    design: RoomDesign
    paper_words: tuple[str, str]
    rug: RugPlan
    table_size: tuple[float, float, float]
    table_at: tuple[float, float]
    table_wood: tuple[str, str]
    shelf_wood: tuple[str, str]
    shelf_at: float  # along the wall x = 0
    books: tuple[tuple[str, str], ...]
    stack: tuple[Volume, ...]
    picture: tuple[tuple[float, float], tuple[float, float], tuple[float, float]]  # size, its sun, x and z
    clock: tuple[float, tuple[float, float], tuple[float, float], tuple[float, float]]  # radius, hands, marks, y and z
    ball: tuple[float, tuple[int, int]]  # radius, fields
    table_places: tuple[tuple[float, float], ...]
    floor_places: tuple[tuple[float, float], ...]
    forms: dict[str, Form]


def make_plan(room: int) -> Plan:
    """The plan of a room that the registry knows.

    Raises:
        ValueError: for another number.
    """
    registry.purpose(room)
    light, look, place, form = (np.random.default_rng([room, number]) for number in (1, 5, 3, 6))
    size = (float(light.uniform(4.0, 5.2)), float(light.uniform(3.9, 5.0)), float(light.uniform(2.4, 2.9)))
    table_size = (float(place.uniform(0.85, 1.2)), float(place.uniform(0.46, 0.6)), float(place.uniform(0.5, 0.64)))
    table_at = (float(place.uniform(0.95, 1.25)), table_size[1] / 2 + float(place.uniform(0.03, 0.09)))
    shelf_at = float(place.uniform(1.0, 1.25))
    words, design = _design(room, look)
    return Plan(
        room,
        size,
        _light(light, size),
        design,
        words,
        _rug(look),
        table_size,
        table_at,
        wood(look),
        wood(look),
        shelf_at,
        tuple(_cloth(look) for _ in range(12)),
        tuple((*_cloth(look), _volume(look, k)) for k in range(4)),
        (
            (float(look.uniform(0.42, 0.70)), float(look.uniform(0.32, 0.50))),
            (float(look.uniform(0.15, 0.55)), float(look.uniform(0.56, 0.80))),
            (float(place.uniform(0.75, 1.3)), float(place.uniform(0.98, 1.2))),
        ),
        (
            float(look.uniform(0.115, 0.18)),
            (float(look.uniform(-360, 0)), float(look.uniform(-360, 0))),
            (float(look.uniform(0.40, 0.43)), float(look.uniform(0.33, 0.375))),
            (float(place.uniform(0.7, 1.6)), float(place.uniform(1.22, 1.5))),
        ),
        (float(look.uniform(0.08, 0.14)), (2 * int(look.integers(3, 6)), int(look.choice([4, 5, 7])))),
        _table_places(place, table_at, table_size),
        _floor_places(place, table_at, table_size, shelf_at),
        {thing: _form(thing, form) for thing in registry.THINGS},
    )


def _form(thing: str, rng: np.random.Generator) -> Form:
    """Flat and square things are only stretched; a ball stays nearly round."""
    square = thing in ("rug", "clock", "picture", "cushion", "book stack", "table", "bookshelf", "ball", "room")
    high = (1.15, 1.6) if thing == "mug" and rng.random() < 0.3 else SIZES  # big mugs are easier to see
    return draw_form(rng, not square, high)


def _light(rng: np.random.Generator, size: tuple[float, float, float]) -> Lighting:
    """A large window in a far wall, a smaller one in the other, and mostly a low sun through the large one."""
    along_x = bool(rng.random() < 0.5)  # the large one is in the wall x = width
    warm = np.array([1 + rng.uniform(-0.08, 0.12), 1.0, 1 - rng.uniform(-0.08, 0.12)]) * rng.uniform(0.8, 1.25)
    large = _window(rng, size, along_x, (1.2, 2.0), (1.1, 1.6), np.array([6.6, 7.0, 7.6]) * warm, 2.4)
    small = _window(rng, size, not along_x, (0.8, 1.5), (0.9, 1.4), np.array([1.8, 1.9, 2.1]) * warm, 1.5)
    sun = None
    if rng.random() < 0.75:
        direction = _sun(rng, along_x)
        panes = (int(rng.integers(1, 4)), int(rng.integers(2, 5)))
        sun = Sun(direction, (12.5, 10.6, 7.9), 0.014, large, float(rng.uniform(0.03, 0.07)), panes)
    return Lighting([large, small], sun, 4, (4,))


def _window(
    rng: np.random.Generator,
    size: tuple[float, float, float],
    along_x: bool,
    wide: tuple[float, float],
    high: tuple[float, float],
    radiance: np.ndarray,
    usual: float,
) -> Window:
    """A window somewhere in a far wall; a large one shines less, so that rooms are about as bright."""
    width, height = float(rng.uniform(*wide)), float(rng.uniform(*high))
    height = min(height, size[2] - 0.9)
    sill = float(rng.uniform(0.6, size[2] - height - 0.15))
    room = size[1] if along_x else size[0]
    start = float(rng.uniform(0.2, room - width - 0.2))
    red, green, blue = (float(part) for part in radiance * (usual / (width * height)) ** 0.7)
    if along_x:
        window = Window((size[0] - 0.02, start, sill), (0.0, width, 0.0), (0.0, 0.0, height), (red, green, blue))
        return facing(window, (-1.0, 0.0, 0.0))
    window = Window((start, size[1] - 0.02, sill), (width, 0.0, 0.0), (0.0, 0.0, height), (red, green, blue))
    return facing(window, (0.0, -1.0, 0.0))


def _sun(rng: np.random.Generator, along_x: bool) -> tuple[float, float, float]:
    """A low sun that shines through the large window, from elsewhere than the demo's."""
    while True:
        across, up = float(rng.uniform(-0.5, 0.5)), float(rng.uniform(0.25, 0.6))
        direction = (1.0, across, up) if along_x else (across, 1.0, up)
        if sun_angle(direction, registry.SUN) > registry.SUN_GAP:
            return direction


def sun_angle(first: tuple[float, ...], second: tuple[float, ...]) -> float:
    """Degrees between two directions."""
    a, b = np.asarray(first), np.asarray(second)
    return float(np.degrees(np.arccos(np.clip(a @ b / np.linalg.norm(a) / np.linalg.norm(b), -1, 1))))


def _design(room: int, rng: np.random.Generator) -> tuple[tuple[str, str], RoomDesign]:
    """Floor, wallpaper (with the words for its colours) and paint."""
    ground = str(rng.choice(list(GROUNDS)))
    figure = str(rng.choice([word for word in DYES if word not in ("black", ground)]))
    boards = wood(rng)
    paper = (
        shade(GROUNDS[ground], rng),
        shade(paint(figure, rng), rng, 1.25),
        shade(paint(str(rng.choice(DYES)), rng), rng),
    )
    count = int(rng.choice([8, 9, 11, 13, 14]))  # of boards in a tile; the demo's are as wide as ten of these
    leaves = [(-0.12, 0.03), (-0.19, -0.02, 0.09), (-0.2, -0.1, 0.0, 0.1), (0.0,)][int(rng.integers(4))]
    return (ground, figure), RoomDesign(
        boards,
        1.2 / count,
        (2.0, 1.2),
        paper,
        float(rng.uniform(0.11, 0.165) if rng.random() < 0.5 else rng.uniform(0.195, 0.26)),
        float(rng.choice([0.12, 0.2, 0.26, 0.39])),
        leaves,
        float(rng.uniform(0.05, 0.078)),
        "#9fa3a6",
        shade("#c8c4bb", rng),
        registry.seed(room, "room") + 10,
        registry.seed(room, "room") + 11,
    )


def _rug(rng: np.random.Generator) -> RugPlan:
    """Two colours to be named, a light one and another."""
    first, second = (str(word) for word in rng.choice(DYES, 2, replace=False))
    colors = (
        shade(paint(first, rng), rng, 0.85),
        shade(paint(second, rng), rng, 0.8),
        shade("#dcd3bd", rng),
        shade(paint(str(rng.choice(DYES)), rng), rng),
    )
    design = RugDesign(
        float(rng.choice([0.06, 0.072, 0.115, 0.13])),
        (float(rng.choice([0.2, 0.25, 0.36])), float(rng.choice([0.24, 0.28, 0.39]))),
        float(rng.choice([0.075, 0.088, 0.13])),
    )
    size = (float(rng.uniform(1.2, 1.7)), float(rng.uniform(0.8, 1.15)))
    place = (float(rng.uniform(1.0, 1.3)), float(rng.uniform(1.0, 1.3)), float(rng.uniform(0, 90)))
    return RugPlan((first, second), colors, design, size, place)


def _cloth(rng: np.random.Generator) -> tuple[str, str]:
    """A book's cloth and ink: one of them light, the other dark."""
    cloth = paint(str(rng.choice([word for word in DYES if word != "black"] + ["white", "grey"])), rng)
    cloth = shade(cloth, rng, 0.9)
    light = sum(int(cloth[k : k + 2], 16) for k in (1, 3, 5)) > 380
    return cloth, shade("#3a2a22" if light else "#eadfc6", rng)


def _volume(rng: np.random.Generator, above: int) -> tuple[float, float, float]:
    """Length, depth and thickness of a book on a stack; higher ones are smaller."""
    length = float(rng.uniform(0.225, 0.265)) - 0.018 * above
    return length, length * float(rng.uniform(0.66, 0.76)), float(rng.uniform(0.02, 0.042))


def _table_places(
    rng: np.random.Generator, at: tuple[float, float], size: tuple[float, float, float]
) -> tuple[tuple[float, float], ...]:
    """Five places on the table, apart from each other and from where the demo's things stand."""
    reach = np.array([size[0] / 2 - 0.09, size[1] / 2 - 0.1])
    return _scattered(rng, 5, TABLE_ROOM, lambda: np.asarray(at) + rng.uniform(-reach, reach))


def _floor_places(
    rng: np.random.Generator, table: tuple[float, float], size: tuple[float, float, float], shelf: float
) -> tuple[tuple[float, float], ...]:
    """Six places on the floor, none under the table or before the shelf's boards."""

    def draw() -> np.ndarray:
        while True:
            x, y = rng.uniform([0.24, 0.24], [2.05, 2.1])
            under = abs(x - table[0]) < size[0] / 2 + 0.13 and y < table[1] + size[1] / 2 + 0.13
            shelved = x < 0.46 and abs(y - shelf) < 0.58
            if not under and not shelved and x + y < 3.2:
                return np.array([x, y])

    return _scattered(rng, 6, FLOOR_ROOM, draw)


def _scattered(rng: np.random.Generator, count: int, apart: float, draw) -> tuple[tuple[float, float], ...]:  # type: ignore[no-untyped-def]
    """Places that keep a distance; where chance finds none, they come a little nearer."""
    found: list[np.ndarray] = []
    tries = 0
    while len(found) < count:
        point = draw()
        tries += 1
        if tries % 300 == 0:
            found, apart = [], apart * 0.95
        near = min((float(np.linalg.norm(point - other)) for other in found), default=np.inf)
        if near > apart and registry.is_free_place(*point):
            found.append(point)
    return tuple((float(x), float(y)) for x, y in found)

"""What of the demo generator is for learning, what for choosing by, and what for judging.

The demo judges, and so do the rooms `JUDGING`; thresholds and stopping are chosen in the rooms `CHOOSING`; whatever is
trained is trained in the rooms `TRAINING`. Every room has seeds of its own, so that no two rooms share a texture, and
draws its palettes, places, designs, windows and sun from them (`tools/demo_teacher/plans.py`); what the demo is made of
stands here, and no room comes near it. Tools ask here which rooms they may use.
"""

from __future__ import annotations

from collections.abc import Iterable

TRAINING = range(1001, 1017)
CHOOSING = range(2001, 2003)
JUDGING = range(3001, 3005)
ROOMS = {"training": TRAINING, "choosing": CHOOSING, "judging": JUDGING}

THINGS = (
    "room", "rug", "table", "bookshelf", "lower books", "upper books", "picture", "clock", "mug", "vase", "kettle",
    "lamp", "bowl", "teddy", "plant", "ball", "basket", "cushion", "stool", "book stack",
)  # fmt: skip
APART = 40  # between the seeds of two things: makers count on from theirs for their parts
BOOKS = 100  # `furniture.row_of_books` counts its books from so many times its seed

# of the demo
ROOM_SIZE = (4.4, 4.2, 2.6)
SEEDS = {
    "room": 3, "rug": 4, "table": 7, "bookshelf": 21, "lower books": 5, "upper books": 9, "picture": 12, "clock": 0,
    "mug": 0, "vase": 0, "kettle": 0, "lamp": 0, "bowl": 0, "teddy": 2, "plant": 6, "ball": 12, "basket": 8,
    "cushion": 3, "stool": 5, "book stack": 14,
}  # fmt: skip
TABLE_PLACES = {
    "mug": (0.93, 0.43),
    "vase": (0.72, 0.26),
    "kettle": (1.13, 0.27),
    "lamp": (1.42, 0.21),
    "bowl": (1.30, 0.42),
}
FLOOR_PLACES = {
    "plant": (0.29, 0.33),
    "ball": (1.00, 0.86),
    "basket": (0.36, 1.80),
    "cushion": (0.52, 1.22),
    "stool": (1.82, 0.42),
    "book stack": (1.45, 1.25),
}
SUN = (1.0, 0.16, 0.40)  # direction towards it
# colours that its makers take when nobody names others
PAINTS = {
    "mug": ("#b3171b",),
    "vase": ("#173f8f", "#2f6cc0"),
    "kettle": ("#f0a884",),
    "lamp": ("#e9b432",),
    "bowl": ("#7ea22c", "#8fb136", "#a9b83c"),
    "plant": ("#b4613a", "#2f6b2c"),
    "teddy": ("#9a6a3c", "#d9bb8c"),
    "ball": ("#5c2a86", "#efe8da"),
    "basket": ("#b98a4e",),
    "cushion": ("#d9641e",),
    "stool": ("#2a9d96",),
    "rug": ("#8f2a28", "#1f2f4f", "#dccba6", "#c98a3c"),
    "table": ("#c08a53", "#6f4423"),
    "bookshelf": ("#a9825a", "#6b4a2e"),
    "clock": ("#23211f",),
    "book stack": ("#27506b", "#e8d9a8", "#c9a227", "#3a2a12", "#7c2230", "#f0e0c0", "#3f6b50", "#efe8d0"),
    "books": (
        "#7a1f24", "#e8cf8a", "#1f3f5e", "#e9dfc2", "#c8963a", "#3c2713", "#2f5a43", "#e6dbb0", "#d8cdb4", "#7a2b25",
        "#8e4a86", "#f0e4d0", "#b9502b", "#f3e2c2", "#3b3a44", "#d8c27a", "#5b8aa3", "#20313c", "#e0b84f", "#6a2a1b",
        "#94a86b", "#2b331f", "#c7616b", "#fbeedd",
    ),
    "room": ("#c79a66", "#8a5a31", "#d5d0bb", "#9aa88a", "#c08a72", "#8fa9b3", "#c4beb2"),
}  # fmt: skip

PAINT_GAP = 5  # of 255: a paint that is this close to one of the demo's in every channel is not used elsewhere
PLACE_GAP = 0.05  # metres between a thing's place and any place of the demo's
SUN_GAP = 8.0  # degrees between a room's sun and the demo's


def purpose(room: int) -> str:
    """What a room is for.

    Raises:
        ValueError: when it is for nothing.
    """
    for name, rooms in ROOMS.items():
        if room in rooms:
            return name
    raise ValueError(f"room {room} is registered for nothing")


def seed(room: int, thing: str) -> int:
    """The seed of a thing in a room: far above the demo's, and no other room's or thing's."""
    return 1000 * room + APART * THINGS.index(thing)


def texture_seeds(room: int) -> set[int]:
    """All seeds that textures and meshes of a room may draw from."""
    found = set()
    for thing in THINGS:
        first = seed(room, thing)
        found |= set(range(first, first + APART))
        if thing.endswith("books"):
            found |= set(range(first * BOOKS, first * BOOKS + BOOKS))
    return found


def demo_texture_seeds() -> set[int]:
    """The same for the demo, whose seeds lie close together."""
    found = set()
    for thing, first in SEEDS.items():
        found |= set(range(first, first + APART))
        if thing.endswith("books"):
            found |= set(range(first * BOOKS, first * BOOKS + BOOKS))
    return found


def is_free(paint: str) -> bool:
    """Whether a paint (#rrggbb) is none of the demo's, nor too near one."""
    return all(_distance(paint, taken) > PAINT_GAP for paints in PAINTS.values() for taken in paints)


def is_free_place(x: float, y: float) -> bool:
    """Whether nothing of the demo stands there."""
    taken = (*TABLE_PLACES.values(), *FLOOR_PLACES.values())
    return all((x - a) ** 2 + (y - b) ** 2 > PLACE_GAP**2 for a, b in taken)


def _distance(first: str, second: str) -> int:
    """The largest difference of a channel, of 255."""
    return max(abs(a - b) for a, b in zip(_channels(first), _channels(second)))


def _channels(paint: str) -> Iterable[int]:
    return (int(paint[k : k + 2], 16) for k in (1, 3, 5))

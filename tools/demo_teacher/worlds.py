"""Rooms by their plans, other than the demo's in everything that a plan draws; rendered with labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from tools.demo_teacher.plans import Plan, make_plan
from tools.demo_teacher.things import METALS, NAMES, Thing, paint, shade
from tools.demo_world import furniture, objects, registry, render, textures
from tools.demo_world.cameras import View, look_at
from tools.demo_world.forms import Form, recolored, reshaped, tinted
from tools.demo_world.light import Tracer, bake
from tools.demo_world.materials import Material
from tools.demo_world.mesh import rotation
from tools.demo_world.scene import Part, SceneObject, flatten

BRIGHT = ("red", "orange", "yellow", "green", "turquoise", "blue", "purple", "pink", "brown", "white", "grey", "black")
WALLS = ("grey", "blue", "green", "cream", "pink", "yellow", "white", "turquoise")
WALL_PAINTS = {
    "cream": "#e2dcc4",
    "white": "#dedbd4",
    "grey": "#9a9b9c",
    "blue": "#7595b8",
    "grey blue": "#8a9fb2",
    "green": "#93ad8c",
    "pink": "#cfa5a6",
    "yellow": "#d8c684",
    "turquoise": "#7fb5b0",
}
SHELF_DEEP = 0.78  # height of the top that things stand on, before it is stretched

Placed = tuple[Thing, SceneObject]


@dataclass(frozen=True)
class Shot:
    """One rendered photo with the thing of every label."""

    image: np.ndarray  # [H, W, 3] uint8
    labels: np.ndarray  # [H, W] uint8, 0 none, else 1 + index of `things`
    things: list[Thing]


def shots(room: int, views: int, size: tuple[int, int] = (480, 360), threads: int = 1) -> Iterator[Shot]:
    """Photos of one room. Places and light stay; colours change from photo to photo, which costs no new light.

    Raises:
        ValueError: for a room that the registry does not know.
    """
    plan = make_plan(room)
    walls, fixed = make_walls(plan), make_furniture(plan)
    placed = make_scene(plan, 0, walls, fixed)
    geometry = flatten([item for _, item in placed])
    tracer = Tracer(geometry, threads)
    baked = bake(geometry, plan.light, tracer, room)
    rng = np.random.default_rng([room, 2])
    for number in range(views):
        placed = make_scene(plan, number, walls, fixed)
        geometry = replace(geometry, materials=_materials([item for _, item in placed]))
        lit = render.LitScene(geometry, baked, tracer)
        picture = render.render(lit, _view(rng, (size[0] * 4 // 3, size[1] * 4 // 3)), 1, 1)
        image = render.develop(picture.radiance, 1.1 * float(rng.uniform(0.8, 1.3)))
        yield _photo(image, picture.labels, size, [thing for thing, _ in placed])


def _photo(image: np.ndarray, labels: np.ndarray, size: tuple[int, int], things: list[Thing]) -> Shot:
    import cv2

    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return Shot(small, cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST), things)


def _materials(items: list[SceneObject]) -> list[Material]:
    """In the order in which `flatten` numbers them."""
    return list({id(material): material for item in items for _, material in item.parts}.values())


def _view(rng: np.random.Generator, size: tuple[int, int]) -> View:
    azimuth = np.radians(45 + rng.uniform(-36, 36))
    far, up = rng.uniform(1.5, 2.8), rng.uniform(0.7, 1.85)
    target = np.array([0.66, 0.70, 0.55]) + rng.normal(0, [0.15, 0.15, 0.1])
    position = np.array([target[0] + far * np.cos(azimuth), target[1] + far * np.sin(azimuth), up])
    focal = size[0] / 2 / np.tan(np.radians(rng.uniform(46, 60) / 2))
    return look_at(position, target, float(rng.normal(0, 0.03)), float(focal), *size)


def make_walls(plan: Plan) -> list[SceneObject]:
    """Floor, two walls, skirting and what is behind the viewers."""
    seed = registry.seed(plan.room, "room")
    return furniture.room(*plan.size, plan.light.windows, seed=seed, cell=0.08, design=plan.design)


def make_scene(plan: Plan, number: int, walls: list[SceneObject], fixed: list[Placed]) -> list[Placed]:
    """All things of a room in the colours of photo `number`; the geometry is the same for every photo."""
    place, color = np.random.default_rng([plan.room, 7]), np.random.default_rng([plan.room, 4, number])
    painted = _painted(plan, walls, color)
    small = make_small(plan, place, color)
    return [*painted, *fixed, *small, (Thing("floor", ()), walls[4])]


def _painted(plan: Plan, walls: list[SceneObject], rng: np.random.Generator) -> list[Placed]:
    floor, paper, paint_wall, skirting, _ = walls
    color = str(rng.choice(WALLS))
    words: tuple[str, ...] = (color,)
    if (color == "blue" and rng.random() < 0.5) or (color == "grey" and rng.random() < 0.4):
        words, color = ("grey", "blue"), "grey blue"
    old = paint_wall.parts[0][1].texture.albedo.reshape(-1, 3).mean(0)
    tint = textures.linear(shade(WALL_PAINTS[color], rng)) / old
    brown = np.array([1.0, rng.uniform(0.88, 1.05), rng.uniform(0.75, 1.1)]) * rng.uniform(0.7, 1.15)
    hue = np.array([rng.uniform(0.9, 1.05), 1.0, rng.uniform(0.85, 1.05)]) * rng.uniform(0.85, 1.08)
    return [
        (Thing("floor", ("brown",)), tinted(floor, brown)),
        (Thing("wallpaper", plan.paper_words), tinted(paper, hue)),
        (Thing("wall", words), tinted(paint_wall, tint)),
        (Thing("skirting", ("white",)), tinted(skirting, np.full(3, rng.uniform(0.9, 1.05)))),
    ]


def make_furniture(plan: Plan) -> list[Placed]:
    """Things whose textures take long: the same in all photos of a room."""
    rng = np.random.default_rng([plan.room, 8])
    seeds = {thing: registry.seed(plan.room, thing) for thing in registry.THINGS}

    def own(thing: str, item: SceneObject, form: Form | None = None) -> SceneObject:
        return recolored(reshaped(item, form or plan.forms[thing]), rng)

    rug = furniture.carpet(plan.rug.size, seeds["rug"], plan.rug.colors, plan.rug.design)
    lower = _books(plan, float(rng.uniform(0.45, 0.7)), 0.30, seeds["lower books"])
    upper = _books(plan, float(rng.uniform(0.4, 0.7)), 0.29, seeds["upper books"])
    row = [(mesh.moved(-0.36, 0, 0.071), material) for mesh, material in lower]
    row += [(mesh.moved(-0.36, 0, 0.426), material) for mesh, material in upper]
    spines = SceneObject("row of books", "", "", row)
    shelf = furniture.bookshelf(light=plan.shelf_wood[0], dark=plan.shelf_wood[1], seed=seeds["bookshelf"])
    table = furniture.table(plan.table_size, *plan.table_wood, seeds["table"])
    size, sun, hung_at = plan.picture
    radius, hands, marks, clock_at = plan.clock
    clock = furniture.clock("black", paint("black", rng), radius, hands, marks, seeds["clock"])
    upright = rotation("y", 90) @ rotation("z", 90)
    boards = plan.forms["bookshelf"]  # the books are stretched with their shelf
    return [
        (
            Thing("rug", plan.rug.words),
            own("rug", rug).at(plan.rug.place[0], plan.rug.place[1], 0.0, plan.rug.place[2]),
        ),
        (Thing("table", ("brown",)), recolored(table, rng).at(*plan.table_at)),
        (Thing("bookshelf", ("brown",)), own("bookshelf", shelf).at(0.018, plan.shelf_at, 0, 90)),
        (Thing("book row", ()), own("lower books", spines, boards).at(0.018, plan.shelf_at, 0, 90)),
        (
            Thing("picture", ("brown",)),
            own("picture", furniture.picture(size, seeds["picture"], sun)).at(hung_at[0], 0.002, hung_at[1]),
        ),
        (Thing("clock", ("white", "black")), own("clock", clock).transformed(upright).at(0.001, *clock_at)),
    ]


def _books(plan: Plan, length: float, high: float, seed: int) -> list[Part]:
    return furniture.row_of_books(length, (0.245, high), seed, palette=plan.books)


def make_small(plan: Plan, place: np.random.Generator, rng: np.random.Generator) -> list[Placed]:
    """Things that come in many colours; `place` decides where they stand, `rng` their colours."""

    def any_of(*words: str) -> tuple[str, str]:
        word = str(rng.choice(words or BRIGHT))
        return word, paint(word, rng)

    seeds = {thing: registry.seed(plan.room, thing) for thing in registry.THINGS}
    mug, vase, lamp = any_of(), any_of(), any_of("red", "orange", "yellow", "green", "blue", "white", "pink", "purple")
    teddy = any_of("brown", "brown", "white", "grey", "pink", "black")
    first, second = any_of(), any_of("white", "white", "yellow", "black", "orange")
    while first[0] == second[0]:
        first = any_of()
    cushion, stool, kettle = any_of(), any_of(), str(rng.choice(list(METALS)))
    pot = paint("orange", rng) if rng.random() < 0.3 else shade("#b06040", rng)
    apples = tuple(shade("#8cab2f", rng) for _ in range(3))
    radius, fields = plan.ball
    names = seed_name(first[0], second[0])
    leaves = 12 + plan.room % 11
    on_top: list[Placed] = [
        (Thing("mug", (mug[0],)), objects.mug(*mug, seed=seeds["mug"])),
        (Thing("vase", (vase[0],)), objects.vase(vase[0], vase[1], paint(vase[0], rng), seeds["vase"])),
        (Thing("kettle", (kettle,)), objects.kettle(kettle, paint(kettle, rng), seeds["kettle"])),
        (Thing("lamp", (lamp[0],)), objects.lamp(*lamp, seed=seeds["lamp"])),
        (Thing("bowl", ("white", "green")), objects.fruit_bowl(seed=seeds["bowl"], fruit=apples)),
        (Thing("teddy", (teddy[0],)), objects.teddy(*teddy, shade(teddy[1], rng, 1.35), seeds["teddy"])),
    ]
    below: list[Placed] = [
        (Thing("plant", ("green",)), objects.potted_plant(seeds["plant"], leaves, pot, paint("green", rng))),
        (Thing("ball", (first[0], second[0])), objects.ball(first[1], second[1], names, radius, fields, seeds["ball"])),
        (Thing("basket", ("brown",)), objects.basket("straw", shade("#b58c55", rng), seeds["basket"])),
        (Thing("cushion", (cushion[0],)), objects.cushion(*cushion, seed=seeds["cushion"])),
        (Thing("stool", (stool[0],)), furniture.stool(*stool, seed=seeds["stool"])),
        (Thing("book stack", ()), objects.book_stack(seeds["book stack"], plan.stack)),
    ]
    top = SHELF_DEEP * plan.forms["bookshelf"].high
    spots = [(x, y, plan.table_size[2]) for x, y in plan.table_places]
    spots = [*spots, (0.14, plan.shelf_at + place.uniform(-0.2, 0.2), top)]
    spots = [spots[k] for k in place.permutation(len(spots))]
    floor = [(*plan.floor_places[k], 0.009) for k in place.permutation(len(plan.floor_places))]
    out = []
    for (thing, item), (x, y, z) in zip([*on_top, *below], [*spots, *floor]):
        turn = float(place.uniform(-30, 100) if thing.kind == "teddy" else place.uniform(0, 360))
        item = recolored(reshaped(item, plan.forms[thing.kind]), rng)
        if thing.kind == "cushion" and place.random() < 0.6:
            item = _leaning(item, float(place.uniform(50, 70)))
        out.append((thing, item.at(x, y, z, turn)))
    return out


def _leaning(cushion: SceneObject, degrees: float) -> SceneObject:
    """Stood up against something, its edge on the floor."""
    lean = cushion.transformed(rotation("y", degrees))
    return lean.at(0.0, 0.0, -float(lean.box[0][2]))


def seed_name(first: str, second: str) -> str:
    """'purple and white'."""
    return f"{first} and {second}"


assert all(word in NAMES for word in (*BRIGHT, *WALLS))

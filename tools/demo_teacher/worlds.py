"""Random rooms in the style of the demo: other places, light and colours; rendered with labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from tools.demo_teacher.things import METALS, NAMES, Thing, paint
from tools.demo_world import demo, furniture, objects, render, textures
from tools.demo_world.cameras import View, look_at
from tools.demo_world.light import Lighting, Tracer, bake
from tools.demo_world.materials import Material
from tools.demo_world.mesh import rotation
from tools.demo_world.scene import SceneObject, flatten

BRIGHT = ("red", "orange", "yellow", "green", "turquoise", "blue", "purple", "pink", "brown", "white", "grey", "black")
WALLS = ("grey", "blue", "green", "cream", "pink", "yellow", "white", "turquoise")
TABLE_SLOTS = ((-0.34, -0.04), (-0.13, 0.13), (0.07, -0.03), (0.24, 0.12), (0.36, -0.09))
FLOOR_SLOTS = ((0.29, 0.33), (1.00, 0.90), (0.40, 1.86), (0.62, 1.25), (1.85, 0.42), (1.48, 1.30))
ROOMS = 3  # wall papers and floors take long to draw; their tints are new in every photo
WOODS = (("#c08a53", "#6f4423"), ("#a9825a", "#6b4a2e"), ("#8a5a34", "#4a2c17"), ("#d0a878", "#94683c"))

Placed = tuple[Thing, SceneObject]


@dataclass(frozen=True)
class Shot:
    """One rendered photo with the thing of every label."""

    image: np.ndarray  # [H, W, 3] uint8
    labels: np.ndarray  # [H, W] uint8, 0 none, else 1 + index of `things`
    things: list[Thing]


def shots(seed: int, views: int, size: tuple[int, int] = (480, 360), threads: int = 1) -> Iterator[Shot]:
    """Photos of one room. Places and light stay; colours change from photo to photo, which costs no new light."""
    light = _lighting(np.random.default_rng([seed, 1]))
    room = _room(seed % ROOMS)
    fixed = _furniture(seed, np.random.default_rng([seed, 5]))
    placed = _scene(seed, 0, room, fixed)
    geometry = flatten([item for _, item in placed])
    tracer = Tracer(geometry, threads)
    baked = bake(geometry, light, tracer, seed)
    rng = np.random.default_rng([seed, 2])
    for number in range(views):
        placed = _scene(seed, number, room, fixed)
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


def _lighting(rng: np.random.Generator) -> Lighting:
    """The demo's windows, brighter or dimmer, warmer or cooler, with or without sun."""
    light = demo.lighting(4, (4,))
    warm = np.array([1 + rng.uniform(-0.08, 0.12), 1.0, 1 - rng.uniform(-0.08, 0.12)]) * rng.uniform(0.75, 1.3)
    windows = [
        replace(window, radiance=(float(r), float(g), float(b)))
        for window in light.windows
        for r, g, b in [np.asarray(window.radiance) * warm]
    ]
    sun = light.sun
    if sun is not None:
        direction = tuple(float(x) for x in np.asarray(sun.direction) + rng.normal(0, 0.06, 3))
        sun = replace(sun, direction=direction) if rng.random() < 0.7 else None
    return replace(light, windows=windows, sun=sun)


@lru_cache(maxsize=ROOMS)
def _room(seed: int) -> list[SceneObject]:
    return furniture.room(*demo.ROOM, demo.lighting().windows, seed=100 + seed, cell=0.08)


def _tinted(item: SceneObject, tint: np.ndarray) -> SceneObject:
    """The object with its paints multiplied by a linear colour."""
    made: dict[int, Material] = {}
    for _, material in item.parts:
        albedo = np.clip(material.texture.albedo * tint.astype(material.texture.albedo.dtype), 0, 0.95)
        made[id(material)] = replace(material, texture=replace(material.texture, albedo=albedo))
    return replace(item, parts=[(mesh, made[id(material)]) for mesh, material in item.parts])


def _scene(seed: int, number: int, room: list[SceneObject], fixed: list[Placed]) -> list[Placed]:
    """All things of the scene `seed` in the colours of photo `number`; the geometry is the same for every photo."""
    place, colour = np.random.default_rng([seed, 3]), np.random.default_rng([seed, 4, number])
    walls = _walls(room, colour)
    small = _small(seed, place, colour)
    return [*walls, *fixed, *small, (Thing("floor", ()), room[4])]


def _walls(room: list[SceneObject], rng: np.random.Generator) -> list[Placed]:
    floor, paper, paint_wall, skirting, _ = room
    colour = str(rng.choice(WALLS))
    words = (colour,)
    if (colour == "blue" and rng.random() < 0.5) or (colour == "grey" and rng.random() < 0.4):
        words, colour = ("grey", "blue"), "grey blue"
    target = {
        "cream": "#e2dcc4",
        "white": "#dedbd4",
        "grey": "#9a9b9c",
        "blue": "#7595b8",
        "grey blue": "#8fa6b3",
        "green": "#93ad8c",
        "pink": "#cfa5a6",
        "yellow": "#d8c684",
        "turquoise": "#7fb5b0",
    }[colour]
    old = paint_wall.parts[0][1].texture.albedo.reshape(-1, 3).mean(0)
    tint = textures.linear(target) * rng.uniform(0.85, 1.1) / old
    wood = np.array([1.0, rng.uniform(0.88, 1.05), rng.uniform(0.75, 1.1)]) * rng.uniform(0.7, 1.15)
    hue = np.array([rng.uniform(0.9, 1.05), 1.0, rng.uniform(0.85, 1.05)]) * rng.uniform(0.85, 1.08)
    return [
        (Thing("floor", ("brown",)), _tinted(floor, wood)),
        (Thing("wallpaper", ("cream", "green")), _tinted(paper, hue)),
        (Thing("wall", words), _tinted(paint_wall, tint)),
        (Thing("skirting", ("white",)), _tinted(skirting, np.full(3, rng.uniform(0.9, 1.05)))),
    ]


def _furniture(seed: int, rng: np.random.Generator) -> list[Placed]:
    """Things whose textures take long: the same in all photos of a room."""
    schemes = {
        ("red", "blue"): ("#8f2a28", "#1f2f4f", "#dccba6", "#c98a3c"),
        ("blue", "orange"): ("#25456e", "#b5642c", "#e0d6bd", "#6d8aa0"),
        ("green", "red"): ("#3c5a3c", "#8c2f2a", "#ddd0aa", "#b98d45"),
        ("brown", "blue"): ("#6b4326", "#24395c", "#d9c9a4", "#a86c3a"),
        ("red", "green"): ("#9c3030", "#35563d", "#e2d4b0", "#c79a48"),
        ("purple", "yellow"): ("#56315f", "#d1a53f", "#e6dcc6", "#8b6aa0"),
    }
    words = list(schemes)[int(rng.integers(len(schemes)))] if rng.random() < 0.6 else ("red", "blue")
    carpet = furniture.carpet((1.45, 1.0), seed=seed, colors=schemes[words])
    light, dark = WOODS[int(rng.integers(len(WOODS)))]
    shelf_wood = WOODS[int(rng.integers(len(WOODS)))]
    lower = furniture.row_of_books(float(rng.uniform(0.45, 0.7)), (0.245, 0.30), seed=seed + 5)
    upper = furniture.row_of_books(float(rng.uniform(0.4, 0.7)), (0.245, 0.29), seed=seed + 9)
    row = [(mesh.moved(-0.36, 0, 0.071), material) for mesh, material in lower]
    row += [(mesh.moved(-0.36, 0, 0.426), material) for mesh, material in upper]
    spines = SceneObject("row of books", "", "", row)
    side = float(rng.uniform(1.0, 1.25))
    hung = furniture.clock(rim=paint("black", rng)).transformed(rotation("y", 90) @ rotation("z", 90))
    return [
        (Thing("rug", words), carpet.at(1.1 + rng.normal(0, 0.06), 1.1 + rng.normal(0, 0.06), 0.0, rng.uniform(0, 90))),
        (Thing("table", ("brown",)), furniture.table(light=light, dark=dark, seed=seed + 7).at(1.06, 0.30)),
        (
            Thing("bookshelf", ("brown",)),
            furniture.bookshelf(light=shelf_wood[0], dark=shelf_wood[1], seed=seed + 21).at(0.018, side, 0, 90),
        ),
        (Thing("book row", ()), spines.at(0.018, side, 0, 90)),
        (
            Thing("picture", ("brown",)),
            furniture.picture(seed=seed + 12).at(rng.uniform(0.7, 1.3), 0.002, rng.uniform(0.92, 1.1)),
        ),
        (Thing("clock", ("white", "black")), hung.at(0.001, rng.uniform(0.7, 1.6), rng.uniform(1.2, 1.45))),
    ]


def _small(seed: int, place: np.random.Generator, rng: np.random.Generator) -> list[Placed]:
    """Things that come in many colours; `place` decides where they stand, `rng` their colours."""

    def any_of(*words: str) -> tuple[str, str]:
        word = str(rng.choice(words or BRIGHT))
        return word, paint(word, rng)

    mug, vase, lamp = any_of(), any_of(), any_of("red", "orange", "yellow", "green", "blue", "white", "pink", "purple")
    teddy = any_of("brown", "brown", "white", "grey", "pink", "black")
    first, second = any_of(), any_of("white", "white", "yellow", "black", "orange")
    while first[0] == second[0]:
        first = any_of()
    cushion, stool, kettle = any_of(), any_of(), str(rng.choice(list(METALS)))
    pot = paint("orange", rng) if rng.random() < 0.3 else "#b4613a"
    bowl = objects.fruit_bowl(seed=seed)
    on_top: list[Placed] = [
        (Thing("mug", (mug[0],)), objects.mug(*mug, seed=seed)),
        (Thing("vase", (vase[0],)), objects.vase(vase[0], vase[1], paint(vase[0], rng), seed=seed)),
        (Thing("kettle", (kettle,)), objects.kettle(kettle, METALS[kettle], seed=seed)),
        (Thing("lamp", (lamp[0],)), objects.lamp(*lamp, seed=seed)),
        (Thing("bowl", ("white", "green")), bowl),
        (Thing("teddy", (teddy[0],)), objects.teddy(*teddy, seed=seed)),
    ]
    leaning = rotation("y", float(place.uniform(50, 70)))
    leaning[:3, 3] = 0.0, 0.0, 0.17
    pillow = objects.cushion(*cushion, seed=seed)
    below: list[Placed] = [
        (Thing("plant", ("green",)), objects.potted_plant(seed=seed, pot=pot, green=paint("green", rng))),
        (Thing("ball", (first[0], second[0])), objects.ball(first[1], second[1], seed_name(first[0], second[0]))),
        (Thing("basket", ("brown",)), objects.basket(seed=seed)),
        (Thing("cushion", (cushion[0],)), pillow.transformed(leaning) if place.random() < 0.6 else pillow),
        (Thing("stool", (stool[0],)), furniture.stool(*stool, seed=seed)),
        (Thing("book stack", ()), objects.book_stack(seed=seed)),
    ]
    spots = [(1.06 + x, 0.30 + y, 0.56) for x, y in TABLE_SLOTS] + [(0.14, 0.98 + place.uniform(-0.1, 0.3), 0.78)]
    spots = [spots[k] for k in place.permutation(len(spots))]
    floor = [(*FLOOR_SLOTS[k], 0.009) for k in place.permutation(len(FLOOR_SLOTS))]
    out = []
    for (thing, item), (x, y, z) in zip([*on_top, *below], [*spots, *floor]):
        turn = float(place.uniform(-30, 100) if thing.kind == "teddy" else place.uniform(0, 360))
        out.append((thing, item.at(x + place.uniform(-0.02, 0.02), y + place.uniform(-0.02, 0.02), z, turn)))
    return out


def seed_name(first: str, second: str) -> str:
    """'purple and white'."""
    return f"{first} and {second}"


assert all(word in NAMES for word in (*BRIGHT, *WALLS))

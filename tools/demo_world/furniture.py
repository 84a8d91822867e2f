"""Furniture, wall decoration and the room itself; tables, shelves and stools in any size and wood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tools.demo_world import textures
from tools.demo_world.light import Window
from tools.demo_world.materials import Material, matte, metal, satin
from tools.demo_world.mesh import Mesh
from tools.demo_world.objects import book
from tools.demo_world.prints import clock_face, landscape, rug
from tools.demo_world.scene import Part, SceneObject
from tools.demo_world.shapes import lathe, plane, rounded_box, tube


def table(
    size: tuple[float, float, float] = (1.0, 0.5, 0.56), light: str = "#c08a53", dark: str = "#6f4423", seed: int = 0
) -> SceneObject:
    """A wooden table with an apron and tapered round legs, centred in x and y."""
    width, depth, height = size
    grain = satin(textures.wood(light, dark, seed), 0.30)
    top = rounded_box((width, depth, 0.03), 0.007, 0.0075, grain=0).with_uv_offset(0.4, 0.1).moved(z=height - 0.03)
    turned = _upright(grain)
    parts: list[Part] = [(top, grain)]
    for side in (-1, 1):
        rail = rounded_box((width - 0.13, 0.02, 0.07), 0.003, 0.02, grain=0).with_uv_offset(0.2, 0.3 + 0.1 * side)
        parts.append((rail.moved(y=side * (depth / 2 - 0.05), z=height - 0.1), grain))
        end = rounded_box((0.02, depth - 0.1, 0.07), 0.003, 0.02, grain=1).with_uv_offset(0.6, 0.2 + 0.1 * side)
        parts.append((end.moved(x=side * (width / 2 - 0.065), z=height - 0.1), grain))
        for other in (-1, 1):
            leg = lathe(
                [
                    (0, 0),
                    (0.013, 0),
                    (0.0145, 0.006),
                    (0.025, height - 0.12),
                    (0.026, height - 0.03),
                    (0, height - 0.03),
                ],
                0.008,
                rounds=1,
            )
            leg = leg.with_uv_offset(0.1 * side, 0.3 * other)
            parts.append((leg.moved(side * (width / 2 - 0.06), other * (depth / 2 - 0.05)), turned))
    return SceneObject(
        "wooden table",
        "brown",
        "varnished wood",
        parts,
        ["wooden table", "a brown wooden table", "a side table of varnished wood"],
    )


def _upright(material: Material) -> Material:
    """The same wood with its grain along v, for turned legs."""
    texture = material.texture
    slope = None if texture.slope is None else np.ascontiguousarray(texture.slope.transpose(1, 0, 2)[..., ::-1])
    swapped = textures.Texture(np.ascontiguousarray(texture.albedo.transpose(1, 0, 2)), texture.size[::-1], slope)
    return Material(swapped, material.specular, material.roughness)


def bookshelf(
    size: tuple[float, float, float] = (0.80, 0.27, 0.78), light: str = "#a9825a", dark: str = "#6b4a2e", seed: int = 0
) -> SceneObject:
    """An open shelf of two bays; its back stands at y=0 and it opens towards -y, centred in x."""
    width, depth, height = size
    board = 0.02
    grain = satin(textures.wood(light, dark, seed, ring=0.02), 0.38)
    parts: list[Part] = []
    for side in (-1, 1):
        panel = rounded_box((board, depth, height), 0.003, 0.014, grain=2).with_uv_offset(0.3 * side, 0.15)
        parts.append((panel.moved(side * (width - board) / 2, -depth / 2), grain))
    for k, z in enumerate((0.05, (height + 0.03) / 2, height - board)):
        shelf = rounded_box(
            (width - 2 * board if k < 2 else width + 0.02, depth - 0.006 * (k < 2), board), 0.003, 0.010, grain=0
        )
        parts.append((shelf.with_uv_offset(0.25 * k, 0.2 * k).moved(0, -depth / 2, z), grain))
    back = rounded_box((width - 2 * board, 0.006, height - 0.05), 0.001, 0.016, grain=0)
    parts.append((back.moved(0, -0.006, 0.04), grain))
    plinth = rounded_box((width - 2 * board, board, 0.05), 0.002, 0.014, grain=0)
    parts.append((plinth.moved(0, -depth + 0.04, 0), grain))
    return SceneObject(
        "bookshelf", "brown", "wood", parts, ["bookshelf", "a wooden bookshelf", "a low shelf for books"]
    )


PALETTE = (
    ("#7a1f24", "#e8cf8a"),
    ("#1f3f5e", "#e9dfc2"),
    ("#c8963a", "#3c2713"),
    ("#2f5a43", "#e6dbb0"),
    ("#d8cdb4", "#7a2b25"),
    ("#8e4a86", "#f0e4d0"),
    ("#b9502b", "#f3e2c2"),
    ("#3b3a44", "#d8c27a"),
    ("#5b8aa3", "#20313c"),
    ("#e0b84f", "#6a2a1b"),
    ("#94a86b", "#2b331f"),
    ("#c7616b", "#fbeedd"),
)


def row_of_books(
    length: float,
    room: tuple[float, float],
    seed: int,
    lean: bool = True,
    palette: tuple[tuple[str, str], ...] = PALETTE,
) -> list[Part]:
    """Standing books along x from 0, spines towards -y; `room` is depth and height. The last one may lean."""
    rng = np.random.default_rng(seed)
    parts: list[Part] = []
    x = 0.0
    order = rng.permutation(len(palette))
    number = 0
    while True:
        thick = float(rng.uniform(0.018, 0.046))
        tall, deep = float(rng.uniform(0.68, 0.93) * room[1]), float(rng.uniform(0.62, 0.85) * room[0])
        if x + thick > length:
            break
        color, ink = palette[order[number % len(order)]]
        stand = np.array(
            [
                [0, 0, 1.0, x],
                [0, 1, 0, -room[0] + deep / 2 + 0.02 + rng.uniform(0, 0.012)],
                [-1, 0, 0, tall / 2],
                [0, 0, 0, 1],
            ]
        )
        if x + thick + 0.05 > length and lean:
            angle = np.radians(9)
            tilt = np.eye(4)
            tilt[:3, :3] = [[np.cos(angle), 0, -np.sin(angle)], [0, 1, 0], [np.sin(angle), 0, np.cos(angle)]]
            tilt[:3, 3] = x + 0.03 + thick * 0.2, 0, 0
            stand = tilt @ np.array([[0, 0, 1.0, 0], stand[1], stand[2], stand[3]])
        parts += [
            (mesh.transformed(stand), material)
            for mesh, material in book(color, ink, seed * 100 + number, (tall, deep, thick))
        ]
        x += thick + float(rng.uniform(0.0004, 0.002))
        number += 1
    return parts


def stool(color: str = "turquoise", paint: str = "#2a9d96", height: float = 0.42, seed: int = 0) -> SceneObject:
    """A painted round stool with three splayed legs and a ring."""
    lacquer = satin(textures.plain(paint, seed, 0.06, 0.0001), 0.30)
    seat = lathe(
        [
            (0, height - 0.03),
            (0.14, height - 0.03),
            (0.16, height - 0.022),
            (0.162, height - 0.008),
            (0.152, height),
            (0.10, height - 0.003),
            (0, height - 0.006),
        ],
        0.007,
        rounds=2,
    )
    parts: list[Part] = [(seat, lacquer)]
    for k in range(3):
        a = np.radians(120 * k + 20)
        top, foot = 0.10 * np.array([np.cos(a), np.sin(a)]), 0.165 * np.array([np.cos(a), np.sin(a)])
        parts.append((tube([(*foot, 0.012), (*top, height - 0.02)], [0.012, 0.017], 0.008, rounds=0), lacquer))
    a = np.linspace(0, 2 * np.pi, 80)
    parts.append(
        (
            tube(np.stack([0.14 * np.cos(a), 0.14 * np.sin(a), np.full_like(a, 0.15)], -1), 0.007, 0.006, closed=True),
            lacquer,
        )
    )
    return SceneObject(
        f"{color} stool",
        color,
        "painted wood",
        parts,
        [f"{color} stool", f"a {color} stool", f"a round stool painted {color}", "a small stool with three legs"],
    )


def picture(
    size: tuple[float, float] = (0.56, 0.42), seed: int = 0, sun: tuple[float, float] = (0.68, 0.66)
) -> SceneObject:
    """A framed painting in the xz-plane that faces +y, centred in x, its back at y=0, its foot at z=0."""
    width, height = size
    bar, deep = 0.032, 0.022
    gilt = satin(textures.wood("#3b2a1c", "#1d130c", seed, ring=0.02), 0.3)
    parts: list[Part] = []
    for z in (0.0, height - bar):
        parts.append((rounded_box((width, deep, bar), 0.007, 0.01, grain=0).moved(0, deep / 2, z), gilt))
    for x in (-1, 1):
        parts.append(
            (
                rounded_box((bar, deep, height - 2 * bar + 0.004), 0.007, 0.01, grain=2).moved(
                    x * (width - bar) / 2, deep / 2, bar - 0.002
                ),
                gilt,
            )
        )
    mat = matte(textures.plain("#ece6d8", seed, 0.02))
    face = _facing_y(plane(width - 2 * bar + 0.006, height - 2 * bar + 0.006, 0.012))
    parts.append((face.moved(-(width - 2 * bar) / 2 - 0.003, 0.008, bar - 0.003), mat))
    border = 0.042
    art_size = (width - 2 * bar - 2 * border, height - 2 * bar - 2 * border)
    art = satin(landscape(seed, art_size, sun), 0.35)
    canvas = _facing_y(plane(*art_size, 0.01))
    parts.append((canvas.moved(-art_size[0] / 2, 0.0095, bar + border), art))
    return SceneObject(
        "picture frame",
        "dark brown",
        "wood and paint",
        parts,
        ["picture frame", "a framed picture", "a landscape painting on the wall", "a painting of hills and a red sun"],
    )


def _facing_y(mesh: Mesh) -> Mesh:
    """Stand an xy-rectangle up facing +y; seen from there +x lies to the left, so u runs towards -x to read right."""
    turn = np.array([[-1.0, 0, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
    moved = mesh.transformed(turn)
    return moved.moved(x=float(np.ptp(mesh.vertices[:, 0])))


def clock(
    color: str = "black",
    rim: str = "#23211f",
    radius: float = 0.15,
    hands: tuple[float, float] = (-305.0, -52.0),
    marks: tuple[float, float] = (0.435, 0.39),
    seed: int = 0,
) -> SceneObject:
    """A round wall clock on its back in the xy-plane, facing +z, twelve o'clock towards +y."""
    ring = lathe(
        [
            (radius - 0.016, 0.004),
            (radius - 0.016, 0.024),
            (radius - 0.010, 0.034),
            (radius - 0.003, 0.030),
            (radius, 0.015),
            (radius, 0.0),
        ][::-1],
        0.005,
        rounds=2,
    )
    dial = plane(2 * radius, 2 * radius, 0.01).moved(-radius, -radius, 0.008)
    keep = np.linalg.norm(dial.vertices[dial.triangles].mean(1)[:, :2], axis=1) < radius - 0.008
    dial = Mesh(dial.vertices, dial.normals, dial.uvs, dial.triangles[keep])
    black = satin(textures.plain(rim, seed, 0.05), 0.25)
    parts: list[Part] = [(ring, black), (dial, matte(clock_face(2 * radius, marks)))]
    for angle, long, wide, z in ((hands[0], 0.075, 0.009, 0.012), (hands[1], 0.112, 0.006, 0.015)):
        hand = rounded_box((wide, long + 0.02, 0.0022), 0.001, 0.01).moved(y=long / 2 - 0.01, z=z)
        parts.append((hand.turned("z", angle), matte(textures.plain("#1a1a1c", seed, 0.02))))
    parts.append(
        (lathe([(0, 0.020), (0.006, 0.019), (0.007, 0.010)][::-1], 0.002, rounds=1), metal("#c9a35c", 0.25, seed))
    )
    return SceneObject(
        "wall clock",
        f"white and {color}",
        "painted metal",
        parts,
        ["wall clock", "a round clock on the wall", f"a {color} rimmed clock", "a clock with a white face"],
    )


@dataclass(frozen=True)
class RugDesign:
    """What is woven into a rug; see `prints.rug`."""

    motif: float = 0.09
    medallion: tuple[float, float] = (0.30, 0.33)
    diamonds: float = 0.105


def carpet(
    size: tuple[float, float] = (1.5, 1.0),
    seed: int = 0,
    colors: tuple[str, ...] = ("#8f2a28", "#1f2f4f", "#dccba6", "#c98a3c"),
    design: RugDesign = RugDesign(),
) -> SceneObject:
    """A woven rug with fringes, centred, long side along x."""
    width, depth = size
    pattern = rug(list(colors), seed, size, design.motif, design.medallion, design.diamonds)
    woven = matte(pattern, sheen=0.25)
    body = rounded_box((width, depth, 0.009), 0.0042, 0.009).with_uv_offset(width / 2, depth / 2)
    rng = np.random.default_rng(seed)
    wool = matte(textures.plain("#d9ccb0", seed, 0.1))
    parts: list[Part] = [(body, woven)]
    for y in np.linspace(-depth / 2 + 0.008, depth / 2 - 0.008, round(depth / 0.017)):
        for side in (-1, 1):
            drift, long = rng.normal(0, 0.006), rng.uniform(0.035, 0.05)
            path = [
                (side * (width / 2 - 0.004), y, 0.005),
                (side * (width / 2 + long / 2), y + drift * 0.3, 0.004),
                (side * (width / 2 + long), y + drift, 0.003),
            ]
            parts.append((tube(path, [0.003, 0.0036, 0.002], 0.006, rounds=1), wool))
    return SceneObject(
        "patterned rug",
        "red and blue",
        "woven wool",
        parts,
        ["patterned rug", "a red and blue rug", "a woven carpet on the floor", "an oriental rug with fringes"],
    )


@dataclass(frozen=True)
class RoomDesign:
    """Floor boards, wallpaper and paint."""

    boards: tuple[str, str] = ("#c79a66", "#8a5a31")  # light and dark wood
    board: float = 0.12  # width of a board, metres; a whole number of them fits `tile`
    tile: tuple[float, float] = (3.0, 1.8)  # after which the floor repeats, metres
    paper: tuple[str, str, str] = ("#d5d0bb", "#9aa88a", "#c08a72")  # ground, figure, accent
    repeat: float = 0.18
    swing: float = 0.32
    leaves: tuple[float, ...] = (-0.17, -0.06, 0.05)
    blade: float = 0.085
    paint: str = "#8fa9b3"
    ceiling: str = "#c4beb2"
    ceiling_seed: int = 1
    sky_seed: int = 0


def room(
    width: float,
    depth: float,
    height: float,
    windows: list[Window],
    seed: int = 0,
    cell: float = 0.0125,
    design: RoomDesign = RoomDesign(),
) -> list[SceneObject]:
    """Floor, the two walls that meet in the corner x=0, y=0, skirting, and the rest of the room behind the viewers.

    `cell` is the resolution of the light on the floor, metres; walls are a third coarser.
    """
    boards = satin(textures.planks(*design.boards, seed, design.tile, design.board), 0.34)
    floor = plane(width, depth, cell)
    print_of = (design.repeat, design.swing, design.leaves, design.blade)
    paper = matte(textures.wallpaper(*design.paper, seed + 1, *print_of))
    paint = matte(textures.plaster(design.paint, seed + 2))
    left = _facing_y(plane(width, height, cell * 1.32))
    right = plane(depth, height, cell * 1.32).transformed(
        np.array([[0, 0, 1.0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
    )
    white = satin(textures.plain("#e4e0d6", seed, 0.02), 0.35)
    skirt_left = rounded_box((width, 0.016, 0.085), 0.006, cell * 1.12, grain=0).moved(width / 2 + 0.016, 0.008)
    skirt_right = rounded_box((0.016, depth, 0.085), 0.006, cell * 1.12, grain=1).moved(0.008, depth / 2)
    return [
        SceneObject(
            "floor", "brown", "varnished planks", [(floor, boards)], ["floor", "a wooden floor", "brown floor boards"]
        ),
        SceneObject(
            "wallpapered wall",
            "cream and green",
            "printed paper",
            [(left, paper)],
            ["wallpapered wall", "patterned wallpaper", "a wall with green leaves printed on it"],
        ),
        SceneObject(
            "painted wall",
            "grey blue",
            "matte paint",
            [(right, paint)],
            ["painted wall", "a grey blue wall", "a plain wall"],
        ),
        SceneObject(
            "skirting board",
            "white",
            "painted wood",
            [(skirt_left, white), (skirt_right, white)],
            ["skirting board", "a white skirting board", "a white baseboard"],
        ),
        _rest_of_room(width, depth, height, windows, design),
    ]


def _rest_of_room(width: float, depth: float, height: float, windows: list[Window], design: RoomDesign) -> SceneObject:
    """Ceiling, far walls and the glowing windows: seen only in reflections, but they bounce light."""
    pale = matte(textures.plain(design.ceiling, design.ceiling_seed, 0.02))
    ceiling = plane(width, depth, 0.2).transformed(np.diag([1.0, 1, -1, 1])).moved(z=height)
    far_y = plane(width, height, 0.2).transformed(
        np.array([[1.0, 0, 0, 0], [0, 0, -1, depth], [0, 1, 0, 0], [0, 0, 0, 1]])
    )
    far_x = plane(depth, height, 0.2).transformed(
        np.array([[0, 0, -1.0, width], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
    )
    parts: list[Part] = [(_towards(mesh, (width / 2, depth / 2, height / 2)), pale) for mesh in (ceiling, far_y, far_x)]
    for window in windows:
        u, v = np.asarray(window.u), np.asarray(window.v)
        w, h = float(np.linalg.norm(u)), float(np.linalg.norm(v))
        matrix = np.eye(4)
        matrix[:3, 0], matrix[:3, 1], matrix[:3, 2], matrix[:3, 3] = (
            u / w,
            v / h,
            np.cross(u, v) / (w * h),
            window.corner,
        )
        sky = Material(
            textures.plain("#101010", design.sky_seed),
            emission=window.radiance,
            emission_texture=_panes(w, h),
            sampled=True,
        )
        parts.append((plane(w, h, 0.1).transformed(matrix), sky))
    return SceneObject("rest of the room", "white", "plaster", parts, ["rest of the room"])


def _towards(mesh: Mesh, point: tuple[float, float, float]) -> Mesh:
    """The mesh turned so that its normals look to the side of a point."""
    return mesh if ((np.asarray(point) - mesh.vertices[0]) * mesh.normals[0]).sum() > 0 else mesh.flipped()


def _panes(width: float, height: float) -> textures.Texture:
    """What a window shows in a mirror: brighter sky above, glazing bars."""
    u, v = textures.grid((width, height), 0.01)
    glow = 0.75 + 0.5 * v / height
    to_bar = np.minimum(
        np.abs(np.mod(u / width * 2 + 0.5, 1) - 0.5) * width / 2,
        np.abs(np.mod(v / height * 3 + 0.5, 1) - 0.5) * height / 3,
    )
    glow = glow * (0.12 + 0.88 * textures.smoothstep(0.02, 0.035, to_bar))
    return textures.Texture(np.repeat(glow[..., None], 3, 2).astype(np.float32), (width, height))

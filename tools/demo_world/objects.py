"""Small things with a name, a colour and a material; each stands on the origin and can be made in any colour."""

from __future__ import annotations

import numpy as np

from tools.demo_world import textures
from tools.demo_world.materials import Material, glossy, glowing, matte, metal, satin
from tools.demo_world.mesh import Mesh, rotation
from tools.demo_world.prints import book_cover, paper_edges
from tools.demo_world.scene import Part, SceneObject
from tools.demo_world.shapes import lathe, leaf, pillow, rounded_box, superellipsoid, tube


def described(color: str, noun: str, material: str, *more: str) -> list[str]:
    """Captions in several wordings: the plain name first."""
    article = "an" if color[0] in "aeiou" else "a"
    adjective = "an" if material[0] in "aeiou" else "a"
    return [f"{color} {noun}", f"{article} {color} {noun}", f"{adjective} {material} {noun}", *more]


def mug(color: str = "red", paint: str = "#b3171b", seed: int = 0, size: float = 1.0) -> SceneObject:
    """A glazed mug of coffee with a handle along +x."""
    wall = [
        (0, 0.0),
        (0.032, 0.0),
        (0.038, 0.004),
        (0.041, 0.02),
        (0.0415, 0.088),
        (0.0405, 0.0945),
        (0.0385, 0.0945),
        (0.0375, 0.088),
        (0.037, 0.02),
        (0.032, 0.008),
        (0, 0.007),
    ]
    a = np.linspace(-1.25, 1.25, 24)
    handle = np.stack([0.038 + 0.030 * np.cos(a), np.zeros_like(a), 0.049 + 0.029 * np.sin(a)], -1)
    glaze = glossy(textures.plain(paint, seed, 0.03), 0.10)
    coffee = glossy(textures.plain("#2a1509", seed + 1, 0.05), 0.05)
    parts: list[Part] = [
        (lathe(wall, 0.003, rounds=2), glaze),
        (tube(handle, [0.0062, 0.0052, 0.0062], 0.003, rounds=0), glaze),
        (lathe([(0.0374, 0.078), (0.02, 0.0781), (0, 0.0781)], 0.003, rounds=0), coffee),
    ]
    scaled = [(_scaled(mesh, size), material) for mesh, material in parts]
    return SceneObject(
        f"{color} mug",
        color,
        "glossy ceramic",
        scaled,
        described(color, "mug", f"glossy {color} ceramic", f"a {color} coffee cup with a handle"),
    )


def vase(color: str = "blue", paint: str = "#173f8f", band: str = "#2f6cc0", seed: int = 0) -> SceneObject:
    """A tall glazed vase with a band round its shoulder."""
    profile = [
        (0, 0),
        (0.046, 0),
        (0.05, 0.006),
        (0.072, 0.06),
        (0.090, 0.12),
        (0.082, 0.18),
        (0.046, 0.225),
        (0.030, 0.255),
        (0.034, 0.285),
        (0.048, 0.302),
        (0.0475, 0.305),
        (0.044, 0.303),
        (0.030, 0.284),
        (0.026, 0.255),
        (0.03, 0.23),
        (0.0, 0.20),
    ]
    glaze = textures.bands([paint, band, paint, band, paint], [0, 0.205, 0.222, 0.229, 0.234], seed, 0.9)
    return SceneObject(
        f"{color} vase",
        color,
        "glossy ceramic",
        [(lathe(profile, 0.004), glossy(glaze, 0.08))],
        described(color, "vase", f"glazed {color} ceramic", f"a tall {color} vase on the table"),
    )


def kettle(color: str = "copper", reflectance: str = "#f0a884", seed: int = 0) -> SceneObject:
    """A round metal kettle: lid with knob, spout along +x, arched handle."""
    body = [
        (0, 0),
        (0.078, 0),
        (0.088, 0.006),
        (0.094, 0.03),
        (0.088, 0.075),
        (0.064, 0.108),
        (0.046, 0.117),
        (0.044, 0.121),
        (0.040, 0.124),
        (0.02, 0.131),
        (0.009, 0.133),
        (0.007, 0.139),
        (0.013, 0.147),
        (0.011, 0.155),
        (0, 0.157),
    ]
    spout = [(0.075, 0, 0.045), (0.105, 0, 0.062), (0.118, 0, 0.095), (0.138, 0, 0.118)]
    a = np.linspace(0.12, np.pi - 0.12, 30)
    arch = np.stack([-0.072 * np.cos(a), np.zeros_like(a), 0.098 + 0.105 * np.sin(a)], -1)
    shine = metal(reflectance, 0.24, seed)
    dark = satin(textures.plain("#1c1715", seed, 0.06), 0.35)
    parts: list[Part] = [
        (lathe(body, 0.004), shine),
        (tube(spout, [0.020, 0.014, 0.011, 0.009], 0.004), shine),
        (tube(arch[:8], 0.0035, 0.003, rounds=0), shine),
        (tube(arch[-8:], 0.0035, 0.003, rounds=0), shine),
        (tube(arch[6:-6], 0.0085, 0.004, rounds=0), dark),
    ]
    return SceneObject(
        f"{color} kettle",
        color,
        "metal",
        parts,
        described(color, "kettle", f"shiny {color}", "a metal teapot with a spout"),
    )


def lamp(color: str = "yellow", cloth: str = "#e9b432", glow: float = 0.75, seed: int = 0) -> SceneObject:
    """A table lamp, switched on: turned brass foot, conical cloth shade."""
    foot = [
        (0, 0),
        (0.070, 0),
        (0.075, 0.006),
        (0.072, 0.014),
        (0.03, 0.026),
        (0.016, 0.045),
        (0.026, 0.075),
        (0.034, 0.105),
        (0.024, 0.14),
        (0.010, 0.165),
        (0.008, 0.30),
        (0, 0.30),
    ]
    shade = [
        (0.135, 0.215),
        (0.1365, 0.217),
        (0.082, 0.405),
        (0.0805, 0.406),
        (0.0795, 0.405),
        (0.1335, 0.217),
        (0.135, 0.215),
    ]
    weave = textures.fabric(cloth, seed, thread=0.004)
    brass = metal("#d8b06a", 0.28, seed)
    parts: list[Part] = [
        (lathe(foot, 0.004), brass),
        (lathe(shade, 0.006, rounds=0), glowing(weave, cloth, glow)),
        (superellipsoid((0.05, 0.05, 0.07)).moved(z=0.31), glowing(weave, "#ffe2b0", 7.0)),
    ]
    return SceneObject(
        f"{color} lamp",
        color,
        "cloth and brass",
        parts,
        described(color, "lamp", f"{color} cloth", f"a table lamp with a {color} shade"),
    )


def potted_plant(seed: int = 0, leaves: int = 17, pot: str = "#b4613a", green: str = "#2f6b2c") -> SceneObject:
    """A plant with broad leaves on arched stalks in a clay pot."""
    rng = np.random.default_rng(seed)
    clay = [
        (0, 0),
        (0.085, 0),
        (0.09, 0.005),
        (0.118, 0.17),
        (0.13, 0.172),
        (0.135, 0.178),
        (0.138, 0.215),
        (0.133, 0.22),
        (0.125, 0.218),
        (0.118, 0.19),
        (0.05, 0.185),
        (0.0, 0.19),
    ]
    parts: list[Part] = [
        (lathe(clay, 0.006), matte(textures.plain(pot, seed, 0.09, 0.0003))),
        (lathe([(0.119, 0.196), (0.06, 0.203), (0, 0.206)], 0.006, rounds=1), matte(textures.fur("#33241a", seed))),
    ]
    blades = [satin(_leaf_texture(green, seed + k), 0.38) for k in range(3)]
    stalk = satin(textures.plain("#5c7d36", seed, 0.08), 0.5)
    for k in range(leaves):
        azimuth = 137.5 * k + rng.uniform(-18, 18)
        tall = 0.30 + 0.50 * (1 - k / leaves) ** 0.8 * rng.uniform(0.8, 1.1)
        reach = rng.uniform(0.05, 0.11) + 0.10 * (k / leaves)
        path = [
            (0.015, 0, 0.19),
            (0.03, 0, 0.19 + 0.5 * tall),
            (0.5 * reach + 0.02, 0, 0.19 + 0.9 * tall),
            (reach, 0, 0.19 + tall),
        ]
        blade = leaf(rng.uniform(0.17, 0.25), rng.uniform(0.085, 0.125), rng.uniform(0.5, 1.2), cell=0.007)
        blade = (
            blade.turned("x", rng.uniform(-25, 25))
            .turned("y", -rng.uniform(5, 45))
            .moved(reach - 0.004, 0, 0.19 + tall)
        )
        parts.append((tube(path, [0.0055, 0.004, 0.003], 0.005).turned("z", azimuth), stalk))
        parts.append((blade.turned("z", azimuth), blades[k % 3]))
    return SceneObject(
        "green plant",
        "green",
        "leaves in a clay pot",
        parts,
        ["green plant", "a green potted plant", "a house plant with broad leaves", "a plant in a clay pot"],
    )


def _leaf_texture(green: str, seed: int) -> textures.Texture:
    """Veins that leave the midrib at an angle, lighter than the blade."""
    rng = np.random.default_rng(seed)
    size = (0.3, 0.15)
    u, v = textures.grid(size, 0.001)
    v = np.where(v > size[1] / 2, v - size[1], v)  # leaf coordinates are centred on the rib
    rib = np.exp(-((v / 0.0018) ** 2))
    veins = np.exp(-((np.sin(np.pi * (u - 0.8 * np.abs(v)) / 0.016) / 0.20) ** 2)) * 0.5
    shade = textures.noise(u.shape, rng, 60, 6, 1.0)
    base = textures.linear(green) * np.array([rng.uniform(0.85, 1.25), rng.uniform(0.85, 1.15), rng.uniform(0.8, 1.2)])
    albedo = textures.blend(
        base * (1 + 0.10 * shade)[..., None], textures.linear("#9db56a"), np.clip(0.75 * rib + 0.4 * veins, 0, 1)
    )
    return textures.make(albedo, size, height=0.0005 * veins - 0.0006 * rib)


def teddy(color: str = "brown", plush: str = "#9a6a3c", muzzle: str = "#d9bb8c", seed: int = 0) -> SceneObject:
    """A seated teddy bear that looks along +x."""
    coat = matte(textures.fur(plush, seed), sheen=0.7)
    pale = matte(textures.fur(muzzle, seed + 1), sheen=0.6)
    black = glossy(textures.plain("#0d0c0c", seed, 0.02), 0.12)

    def ball(
        size: tuple[float, float, float], x: float, y: float, z: float, lean: float = 0.0, spin: float = 0.0
    ) -> Mesh:
        return (
            superellipsoid(size, cell=0.005, bump=0.0016, seed=seed).turned("y", lean).turned("z", spin).moved(x, y, z)
        )

    parts: list[Part] = [
        (ball((0.125, 0.135, 0.165), 0, 0, 0.085), coat),
        (ball((0.08, 0.085, 0.10), 0.033, 0, 0.078), pale),
        (ball((0.118, 0.128, 0.112), 0.012, 0, 0.205), coat),
        (ball((0.052, 0.062, 0.046), 0.062, 0, 0.19), pale),
        (ball((0.016, 0.022, 0.014), 0.088, 0, 0.199), black),
    ]
    for side in (-1, 1):
        parts += [
            (ball((0.030, 0.050, 0.050), 0.0, side * 0.054, 0.256), coat),
            (ball((0.014, 0.030, 0.030), 0.013, side * 0.054, 0.256), pale),
            (ball((0.012, 0.012, 0.012), 0.064, side * 0.026, 0.222), black),
            (ball((0.048, 0.048, 0.120), 0.030, side * 0.074, 0.112, -42, side * -18), coat),
            (ball((0.135, 0.060, 0.060), 0.088, side * 0.052, 0.030, 0, side * 16), coat),
            (ball((0.026, 0.054, 0.060), 0.152, side * 0.070, 0.034, 0, side * 16), pale),
        ]
    return SceneObject(
        f"{color} teddy bear",
        color,
        "plush",
        parts,
        [f"{color} teddy bear", "teddy bear", f"a soft {color} toy bear", "a plush bear"],
    )


def ball(
    first: str = "#5c2a86",
    second: str = "#efe8da",
    names: str = "purple and white",
    radius: float = 0.11,
    fields: tuple[int, int] = (12, 6),
    seed: int | None = None,
) -> SceneObject:
    """A checkered play ball; `fields` round it and from pole to pole."""
    mesh = superellipsoid((2 * radius,) * 3, cell=0.006).turned("x", 28).turned("z", 40).moved(z=radius)
    skin = textures.checker(first, second, radius, *fields, seed=seed)
    return SceneObject(
        "checkered ball",
        names,
        "glossy rubber",
        [(mesh, glossy(skin, 0.22))],
        ["checkered ball", f"a {names} checkered ball", "a play ball", f"a round {names} toy"],
    )


def basket(color: str = "straw", straw: str = "#b98a4e", seed: int = 0, size: float = 1.0) -> SceneObject:
    """A woven basket with a twisted rim and two handles, a cream blanket inside."""
    stakes, row = 34, 0.0155

    def weave(angle: np.ndarray, arc: np.ndarray) -> np.ndarray:
        phase = np.where(np.floor(arc / row) % 2 == 0, 1.0, -1.0)
        strand = np.abs(np.sin(np.pi * arc / row)) ** 0.6
        return 0.0042 * strand * (0.35 + phase * np.cos(stakes * angle / 2))

    wall = [(0.13, 0.0), (0.145, 0.03), (0.168, 0.12), (0.175, 0.20), (0.172, 0.255)]
    outer = lathe(wall, 0.0042, rounds=3, displace=weave, segments=stakes * 10)
    inner = lathe([(0.164, 0.255), (0.166, 0.20), (0.158, 0.12), (0.135, 0.03), (0.0, 0.03)], 0.012, rounds=2)
    twist = np.linspace(0, 2 * np.pi, 600)
    rim = [
        tube(
            np.stack(
                [
                    (0.170 + 0.008 * np.cos(40 * twist + p)) * np.cos(twist),
                    (0.170 + 0.008 * np.cos(40 * twist + p)) * np.sin(twist),
                    0.258 + 0.008 * np.sin(40 * twist + p),
                ],
                -1,
            ),
            0.0062,
            0.004,
            closed=True,
        )
        for p in (0.0, np.pi)
    ]
    a = np.linspace(-0.15, np.pi + 0.15, 24)
    arch = np.stack([np.zeros_like(a) + 0.172, 0.055 * np.cos(a), 0.262 + 0.055 * np.sin(a)], -1)
    tone = textures.make(_straw(straw, seed), (0.4, 0.4))
    reed = satin(tone, 0.5)
    blanket = superellipsoid((0.29, 0.27, 0.17), 0.8, 0.8, bump=0.014, seed=seed + 2).moved(0.0, 0.01, 0.225)
    parts: list[Part] = [
        (outer, reed),
        (inner, matte(tone)),
        (rim[0], reed),
        (rim[1], reed),
        (tube(arch, 0.0075, 0.004, rounds=1), reed),
        (tube(arch, 0.0075, 0.004, rounds=1).turned("z", 180), reed),
        (blanket, matte(textures.fabric("#e6dfd0", seed, thread=0.009), sheen=0.4)),
    ]
    parts = [(_scaled(mesh, size), material) for mesh, material in parts]
    return SceneObject(
        "wicker basket",
        color,
        "woven wicker",
        parts,
        ["wicker basket", "a woven basket", "a straw basket with a blanket", f"a {color} coloured wicker basket"],
    )


def _straw(color: str, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    u, _ = textures.grid((0.4, 0.4))
    streak = textures.noise(u.shape, rng, 80, 3, 0.6, (1.0, 6.0))
    return textures.linear(color) * (1 + 0.16 * streak + 0.10 * textures.noise(u.shape, rng, 60, 8, 0.8))[..., None]


def cushion(color: str = "orange", cloth: str = "#d9641e", seed: int = 0, size: float = 0.40) -> SceneObject:
    """A square cushion lying flat, with piping along its seam."""
    cover = matte(textures.fabric(cloth, seed, thread=0.005), sheen=0.35)
    mesh = pillow(size, size, 0.15, seed=seed)
    return SceneObject(
        f"{color} cushion",
        color,
        "woven cloth",
        [(mesh.moved(z=0.075), cover)],
        described(color, "cushion", f"soft {color}", f"a square {color} pillow"),
    )


def apples(seed: int, colors: tuple[str, ...]) -> list[Part]:
    """Three apples heaped for a bowl, as parts."""
    profile = [
        (0, 0.006),
        (0.012, 0.001),
        (0.026, 0.006),
        (0.037, 0.028),
        (0.036, 0.052),
        (0.020, 0.066),
        (0.006, 0.061),
        (0, 0.055),
    ]
    parts: list[Part] = []
    for k, (x, y, z) in enumerate(
        ((0.034, 0.012, 0.020), (-0.022, 0.033, 0.020), (-0.016, -0.034, 0.020), (0.006, 0.004, 0.066))
    ):
        skin = glossy(textures.plain(colors[k % len(colors)], seed + k, 0.16), 0.25)
        lean = rotation("y", 14 * (k - 1)) @ rotation("z", 70 * k)
        lean[:3, 3] = x, y, z
        parts.append((lathe(profile, 0.004).transformed(lean), skin))
        parts.append(
            (
                tube([(0, 0, 0.055), (0.001, 0, 0.066), (0.004, 0, 0.074)], 0.0014, 0.002).transformed(lean),
                matte(textures.plain("#4b3420", seed, 0.1)),
            )
        )
    return parts


APPLES = ("#7ea22c", "#8fb136", "#a9b83c")


def fruit_bowl(color: str = "white", seed: int = 0, fruit: tuple[str, ...] = APPLES) -> SceneObject:
    """A white bowl of green apples."""
    wall = [
        (0, 0),
        (0.04, 0),
        (0.043, 0.006),
        (0.065, 0.016),
        (0.092, 0.045),
        (0.100, 0.066),
        (0.099, 0.068),
        (0.096, 0.066),
        (0.086, 0.046),
        (0.06, 0.021),
        (0, 0.016),
    ]
    china = glossy(textures.plain("#e9e6df", seed, 0.015), 0.09)
    return SceneObject(
        "bowl of apples",
        f"{color} and green",
        "porcelain and fruit",
        [(lathe(wall, 0.004), china), *apples(seed, fruit)],
        ["bowl of apples", "green apples", "a white bowl of green apples", "fruit in a bowl"],
    )


def book(color: str, ink: str, seed: int, size: tuple[float, float, float]) -> list[Part]:
    """A closed book lying with its spine along x at negative y; size is length, depth and thickness."""
    length, depth, thick = size
    cover: Material = satin(book_cover(color, ink, seed, (thick, length)), 0.5)
    board = 0.0028
    cloth = satin(textures.plain(color, seed, 0.05), 0.5)
    block = rounded_box((length - 0.008, depth - 0.008, thick - 2 * board), 0.0012, 0.02, rounds=1).moved(
        y=0.001, z=board
    )
    lower = rounded_box((length, depth, board), 0.0012, 0.025, rounds=2)
    spine = rounded_box((thick, length, 0.005), 0.0022, 0.012, grain=0, rounds=2)
    turn = np.eye(4)  # the spine's texture runs along the book: its v to +x, its u down the thickness
    turn[:3, :3] = np.array([[0, 1, 0], [0, 0, -1], [-1, 0, 0]], float)
    turn[:3, 3] = 0, -depth / 2 + 0.0045, thick / 2
    spine = spine.with_uv_offset(thick / 2, length / 2).transformed(turn)
    return [(block, matte(paper_edges(seed))), (lower, cloth), (lower.moved(z=thick - board), cloth), (spine, cover)]


Volume = tuple[str, str, tuple[float, float, float]]  # cloth, ink, size
STACK: tuple[Volume, ...] = (
    ("#27506b", "#e8d9a8", (0.24, 0.17, 0.034)),
    ("#c9a227", "#3a2a12", (0.22, 0.155, 0.026)),
    ("#7c2230", "#f0e0c0", (0.21, 0.15, 0.038)),
    ("#3f6b50", "#efe8d0", (0.185, 0.13, 0.022)),
)


def book_stack(seed: int = 0, books: tuple[Volume, ...] = STACK) -> SceneObject:
    """Books lying on one another, each turned a little."""
    rng = np.random.default_rng(seed)
    parts: list[Part] = []
    z = 0.0
    for color, ink, size in books:
        turn = rotation("z", rng.uniform(-14, 14))
        turn[:3, 3] = rng.uniform(-0.008, 0.008), rng.uniform(-0.008, 0.008), z
        parts += [(mesh.transformed(turn), material) for mesh, material in book(color, ink, seed + len(parts), size)]
        z += size[2] + 0.0004
    return SceneObject(
        "stack of books",
        "several colours",
        "cloth and paper",
        parts,
        ["stack of books", "a pile of books", "books lying on one another"],
    )


def _scaled(mesh: Mesh, size: float) -> Mesh:
    return mesh if size == 1.0 else mesh.transformed(np.diag([size, size, size, 1.0]))

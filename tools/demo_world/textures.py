"""Procedural textures: tileable images with colour and relief, made with vectorised numpy.

Images are indexed [v, u]; one texel is about 1.5 mm, so that the details are resolved by the views and do not alias.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Color = tuple[float, float, float]
TEXEL = 0.0015


@dataclass(frozen=True)
class Texture:
    """A tile of surface: linear-light albedo and slopes of the relief."""

    albedo: np.ndarray  # [H, W, 3] float32, linear light, 0..1
    size: tuple[float, float]  # metres covered by W and H
    slope: np.ndarray | None = None  # [H, W, 2] float32, dh/du and dh/dv

    def sample(self, uv: np.ndarray) -> np.ndarray:
        """[N, 3] albedo at texture coordinates [N, 2] in metres; bilinear, wrapping around."""
        return _sample(self.albedo, uv, self.size)

    def sample_slope(self, uv: np.ndarray) -> np.ndarray | None:
        """[N, 2] slope of the relief, or None for a smooth surface."""
        return None if self.slope is None else _sample(self.slope, uv, self.size)


def _sample(image: np.ndarray, uv: np.ndarray, size: tuple[float, float]) -> np.ndarray:
    import cv2

    height, width = image.shape[:2]
    count = len(uv)
    columns = 4096  # remap refuses maps longer than 32767 in one direction
    rows = -(-count // columns)
    padded = np.zeros((rows * columns, 2), np.float32)
    padded[:count, 0] = np.mod(uv[:, 0] / size[0], 1.0) * width - 0.5
    padded[:count, 1] = np.mod(uv[:, 1] / size[1], 1.0) * height - 0.5
    maps = padded.reshape(rows, columns, 2)
    out = cv2.remap(image, maps[..., 0].copy(), maps[..., 1].copy(), cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    return out.reshape(rows * columns, -1)[:count]


def linear(srgb: Color | np.ndarray | str) -> np.ndarray:
    """sRGB (0..1, or '#rrggbb') to linear light (IEC 61966-2-1)."""
    if isinstance(srgb, str):
        srgb = np.array([int(srgb[i : i + 2], 16) for i in (1, 3, 5)]) / 255.0
    value = np.asarray(srgb, dtype=np.float64)
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def make(albedo: np.ndarray, size: tuple[float, float], height: np.ndarray | None = None) -> Texture:
    """A texture from linear albedo [H, W, 3] and a relief [H, W] in metres that repeat over `size`."""
    slope = None
    if height is not None:
        du = (np.roll(height, -1, 1) - np.roll(height, 1, 1)) / (2 * size[0] / height.shape[1])
        dv = (np.roll(height, -1, 0) - np.roll(height, 1, 0)) / (2 * size[1] / height.shape[0])
        slope = np.stack([du, dv], -1).astype(np.float32)
    return Texture(np.clip(albedo, 0.0, 1.0).astype(np.float32), size, slope)


def shape_of(size: tuple[float, float], texel: float = TEXEL) -> tuple[int, int]:
    """Rows and columns of a tile."""
    return max(4, round(size[1] / texel)), max(4, round(size[0] / texel))


def grid(size: tuple[float, float], texel: float = TEXEL) -> tuple[np.ndarray, np.ndarray]:
    """u and v [H, W] in metres at texel centres."""
    rows, columns = shape_of(size, texel)
    return np.meshgrid((np.arange(columns) + 0.5) * size[0] / columns, (np.arange(rows) + 0.5) * size[1] / rows)


def noise(
    shape: tuple[int, int],
    rng: np.random.Generator,
    longest: float,
    shortest: float = 2.5,
    falloff: float = 1.0,
    stretch: tuple[float, float] = (1.0, 1.0),
) -> np.ndarray:
    """Tileable random field [H, W] with zero mean and unit deviation.

    Args:
        longest, shortest: wavelengths in texels that bound the spectrum; `falloff` is its power of frequency.
        stretch: (v, u) factors by which the pattern is drawn out.
    """
    fv = np.fft.fftfreq(shape[0])[:, None] * stretch[0]
    fu = np.fft.rfftfreq(shape[1])[None, :] * stretch[1]
    frequency = np.hypot(fv, fu)
    amplitude = np.maximum(frequency, 1e-9) ** -falloff
    amplitude *= np.exp(-((frequency * shortest) ** 2)) * (1 - np.exp(-((frequency * longest) ** 4)))
    amplitude[0, 0] = 0.0
    field = np.fft.irfft2(np.fft.rfft2(rng.standard_normal(shape)) * amplitude, s=shape)
    return field / max(float(field.std()), 1e-12)


def smoothstep(low: float, high: float, value: np.ndarray) -> np.ndarray:
    """0 below `low`, 1 above `high`, a cubic between."""
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    return t * t * (3 - 2 * t)


def blend(first: np.ndarray, second: np.ndarray, amount: np.ndarray) -> np.ndarray:
    """Colours [..., 3] mixed by `amount` [...]."""
    return first + (second - first) * amount[..., None]


def wood(light: str, dark: str, seed: int, size: tuple[float, float] = (1.2, 0.6), ring: float = 0.014) -> Texture:
    """Planed wood with its grain along u: drawn-out rings, fibres and pores."""
    rng = np.random.default_rng(seed)
    shape = shape_of(size)
    _, v = grid(size)
    warp = noise(shape, rng, 500, 60, 1.5, (1.0, 5.0)) * 1.3 + noise(shape, rng, 120, 12, 1.2, (1.0, 9.0)) * 0.22
    phase = v / size[1] * round(size[1] / ring / 2) + warp
    rings = (0.5 + 0.5 * np.sin(2 * np.pi * phase)) ** 2.2
    fibre = noise(shape, rng, 60, 2.5, 0.6, (1.0, 30.0))
    pores = smoothstep(1.3, 2.4, noise(shape, rng, 14, 2.5, 0.2, (1.0, 22.0)))
    tone = noise(shape, rng, 900, 100, 1.5)
    amount = np.clip(0.34 + 0.26 * rings + 0.09 * fibre + 0.12 * tone, 0, 1)
    albedo = blend(linear(light), linear(dark), amount) * (1 - 0.35 * pores)[..., None]
    return make(albedo, size, height=0.00012 * fibre - 0.0003 * pores)


def planks(light: str, dark: str, seed: int, size: tuple[float, float] = (3.0, 1.8), width: float = 0.12) -> Texture:
    """Floor boards along u with staggered ends, each cut from another place of the wood."""
    rng = np.random.default_rng(seed)
    grain = wood(light, dark, seed + 1, size=size, ring=0.022)
    u, v = grid(size)
    rows, columns = u.shape
    board = np.floor(v / width).astype(int)
    count, length = round(size[1] / width), 1.0
    offset = rng.uniform(0, size[0], count)
    shifted = np.mod(u + offset[board], size[0])
    piece = board * round(size[0] / length) + np.floor(shifted / length).astype(int)
    pieces = count * round(size[0] / length)
    jump = rng.integers(0, rows, pieces)[piece], rng.integers(0, columns, pieces)[piece]
    r, c = np.indices(u.shape)
    albedo = grain.albedo[(r + jump[0]) % rows, (c + jump[1]) % columns]
    tone = rng.normal(0, 1, pieces)[piece]
    warm = rng.normal(0, 1, pieces)[piece]
    albedo = albedo * (1 + 0.16 * tone)[..., None] * (1 + 0.05 * warm[..., None] * np.array([1.0, 0.0, -1.2]))
    edge = np.minimum(
        np.minimum(np.mod(v, width), width - np.mod(v, width)) * 1.0,
        np.minimum(np.mod(shifted, length), length - np.mod(shifted, length)),
    )
    gap = 1 - smoothstep(0.0004, 0.0030, edge)
    albedo = albedo * (1 - 0.78 * gap)[..., None]
    wear = noise(u.shape, rng, 600, 8, 1.2) * 0.03
    return make(albedo * (1 + wear)[..., None], size, height=-0.0009 * gap + 0.00002 * noise(u.shape, rng, 90, 6, 1.0))


def plaster(color: str, seed: int, size: tuple[float, float] = (1.5, 1.5), relief: float = 0.00018) -> Texture:
    """Painted wall: roller stipple and faint blotches."""
    rng = np.random.default_rng(seed)
    shape = shape_of(size)
    stipple = noise(shape, rng, 14, 4, 0.5)
    blotch = noise(shape, rng, 600, 20, 1.3)
    albedo = linear(color) * (1 + 0.012 * blotch + 0.02 * stipple)[..., None]
    return make(albedo, size, height=relief * stipple)


def wallpaper(
    ground: str,
    figure: str,
    accent: str,
    seed: int,
    repeat: float = 0.18,
    swing: float = 0.32,
    leaves: tuple[float, ...] = (-0.17, -0.06, 0.05),
    blade_size: float = 0.085,
) -> Texture:
    """A printed trellis of curved lines with a sprig in each cell, on lightly woven paper.

    Args:
        repeat: width of a cell, metres.
        swing: how far the lines curve, and `leaves`, `blade_size`: heights and half length of the sprig's leaves, in
            widths of a cell.
    """
    rng = np.random.default_rng(seed)
    size = (repeat * 6, repeat * 8)
    u, v = grid(size)
    x, y = u / repeat, v / (repeat * 4 / 3)
    wave = 0.5 + swing * np.cos(2 * np.pi * y)
    line = np.minimum(np.abs(np.mod(x, 1) - wave), np.abs(np.mod(x, 1) - 1 + wave))
    trellis = 1 - smoothstep(0.012, 0.030, line)
    sprig = np.zeros_like(u)
    buds = np.zeros_like(u)
    for shift_x, shift_y in ((0.0, 0.0), (0.5, 0.5)):
        dx = np.mod(x + shift_x, 1) - 0.5
        dy = (np.mod(y + shift_y, 1) - 0.5) * 4 / 3
        stem = (1 - smoothstep(0.010, 0.022, np.abs(dx))) * (np.abs(dy + 0.05) < 0.2)
        sprig = np.maximum(sprig, stem)
        for height in leaves:
            for side in (-1, 1):
                along = side * dx * 0.75 + (dy - height) * 0.66 - blade_size
                across = -side * dx * 0.66 + (dy - height) * 0.75
                blade = (along / blade_size) ** 2 + (across / (0.034 * (1.15 - along / 0.2))) ** 2
                sprig = np.maximum(sprig, 1 - smoothstep(0.72, 1.15, blade))
        buds = np.maximum(buds, 1 - smoothstep(0.6, 1.3, (dx**2 + (dy - 0.2) ** 2) / 0.045**2))
    weave = noise(u.shape, rng, 8, 2.5, 0.0, (0.4, 3.0))
    blotch = noise(u.shape, rng, 500, 20, 1.4)
    albedo = blend(
        np.broadcast_to(linear(ground), (*u.shape, 3)), linear(figure), np.clip(0.8 * trellis + 0.9 * sprig, 0, 1)
    )
    albedo = blend(albedo, np.broadcast_to(linear(accent), albedo.shape), buds)
    albedo = albedo * (1 + 0.02 * blotch + 0.025 * weave)[..., None]
    return make(albedo, size, height=0.00008 * weave + 0.00015 * np.maximum(trellis, sprig))


def fabric(color: str, seed: int, size: tuple[float, float] = (0.36, 0.36), thread: float = 0.006) -> Texture:
    """Plain weave with uneven threads."""
    rng = np.random.default_rng(seed)
    texel = 0.001
    shape = shape_of(size, texel)
    u, v = grid(size, texel)
    nu, nv = round(size[0] / thread), round(size[1] / thread)
    warp, weft = np.cos(2 * np.pi * nu * u / size[0]), np.cos(2 * np.pi * nv * v / size[1])
    over = np.sign(np.cos(np.pi * nu * u / size[0]) * np.cos(np.pi * nv * v / size[1]))
    cloth = 0.5 + 0.25 * (warp + weft) + 0.12 * over
    uneven = noise(shape, rng, 60, 3, 0.5, (1.0, 8.0)) + noise(shape, rng, 60, 3, 0.5, (8.0, 1.0))
    albedo = linear(color) * (0.78 + 0.3 * cloth + 0.07 * uneven)[..., None]
    return make(albedo, size, height=0.0006 * cloth)


def fur(color: str, seed: int, size: tuple[float, float] = (0.3, 0.3)) -> Texture:
    """Short plush: tufts with darker partings."""
    rng = np.random.default_rng(seed)
    texel = 0.001
    shape = shape_of(size, texel)
    tuft = noise(shape, rng, 26, 3.5, 0.8)
    albedo = linear(color) * (1 + 0.16 * tuft + 0.08 * noise(shape, rng, 90, 10, 1.0))[..., None]
    return make(albedo, size, height=0.0011 * tuft)


def plain(
    color: str | Color,
    seed: int = 0,
    variation: float = 0.03,
    relief: float = 0.0,
    size: tuple[float, float] = (0.4, 0.4),
) -> Texture:
    """One colour with a faint unevenness, as glaze, paint or plastic has."""
    rng = np.random.default_rng(seed)
    shape = shape_of(size, 0.002)
    field = noise(shape, rng, 90, 4, 1.0)
    return make(linear(color) * (1 + variation * field)[..., None], size, relief * field if relief else None)


def bands(colors: list[str], edges: list[float], seed: int, length: float) -> Texture:
    """Stripes across v: colour i from edges[i] to edges[i+1] in metres, softly uneven."""
    rng = np.random.default_rng(seed)
    size = (0.3, length)
    u, v = grid(size, 0.001)
    wobble = noise(u.shape, rng, 120, 10, 1.0) * 0.0008
    albedo = np.broadcast_to(linear(colors[0]), (*u.shape, 3))
    for color, edge in zip(colors[1:], edges[1:]):
        albedo = blend(
            albedo, np.broadcast_to(linear(color), albedo.shape), smoothstep(-0.0008, 0.0008, v + wobble - edge)
        )
    return make(albedo * (1 + 0.05 * noise(u.shape, rng, 60, 4, 0.8))[..., None], size)


def checker(
    first: str, second: str, radius: float, columns: int = 12, rows: int = 6, seed: int | None = None
) -> Texture:
    """Fields of a ball whose u runs over 2 pi radius and v over pi radius, slightly worn."""
    size = (2 * np.pi * radius, np.pi * radius)
    u, v = grid(size, 0.001)
    field = np.sin(np.pi * columns * u / size[0]) * np.sin(np.pi * rows * (v / size[1] - 0.5))
    edge = smoothstep(-0.04, 0.04, field)
    rng = np.random.default_rng(columns if seed is None else seed)
    albedo = blend(np.broadcast_to(linear(first), (*u.shape, 3)), linear(second), edge)
    return make(albedo * (1 + 0.05 * noise(u.shape, rng, 80, 4, 1.0))[..., None], size)

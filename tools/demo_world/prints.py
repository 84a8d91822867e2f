"""Textures with a design that does not repeat: rugs, pictures, clock faces, book covers."""

from __future__ import annotations

import numpy as np

from tools.demo_world.textures import Texture, blend, grid, linear, make, noise, smoothstep


def _paint(canvas: np.ndarray, color: str, amount: np.ndarray) -> np.ndarray:
    return blend(canvas, np.broadcast_to(linear(color), canvas.shape), np.clip(amount, 0, 1))


def _inside(distance: np.ndarray, edge: float = 0.0025) -> np.ndarray:
    """1 where a signed distance in metres is negative, with a soft edge."""
    return 1 - smoothstep(-edge, edge, distance)


def _repeat(value: np.ndarray, period: float) -> np.ndarray:
    """Distance along one axis to the nearest of evenly spaced centres, signed."""
    return np.mod(value + period / 2, period) - period / 2


def rug(
    colors: list[str],
    seed: int,
    size: tuple[float, float],
    motif: float = 0.09,
    medallion_size: tuple[float, float] = (0.30, 0.33),
    diamonds: float = 0.105,
) -> Texture:
    """A woven rug: nested borders with diamonds, a field of small motifs, a stepped medallion.

    Args:
        colors: field, border, light, accent.
        motif, diamonds: distances of the field's motifs and of the border's diamonds, metres.
        medallion_size: its half width and half depth, in widths and depths of the rug.
    """
    field, border, light, accent = colors
    rng = np.random.default_rng(seed)
    u, v = grid(size)
    x, y = u - size[0] / 2, v - size[1] / 2
    inset = np.minimum(size[0] / 2 - np.abs(x), size[1] / 2 - np.abs(y))  # distance to the nearest edge
    canvas = np.broadcast_to(linear(field), (*u.shape, 3))
    canvas = _paint(canvas, light, _inside(np.abs(_repeat(x, motif)) + np.abs(_repeat(y, motif)) - 0.014))
    canvas = _paint(
        canvas, accent, _inside(np.abs(_repeat(x + motif / 2, motif)) + np.abs(_repeat(y + motif / 2, motif)) - 0.009)
    )
    step = 0.016
    xs, ys = np.round(x / step) * step, np.round(y / step) * step
    medallion = np.abs(xs) / (size[0] * medallion_size[0]) + np.abs(ys) / (size[1] * medallion_size[1]) - 1
    for color, shrink in ((light, 0.0), (border, 0.09), (accent, 0.36), (light, 0.62), (field, 0.74)):
        canvas = _paint(canvas, color, medallion < -shrink)
    canvas = _paint(canvas, light, _inside(inset - 0.150))
    canvas = _paint(canvas, border, _inside(inset - 0.140))
    along = np.where(size[0] / 2 - np.abs(x) < size[1] / 2 - np.abs(y), y, x)
    diamond = np.abs(_repeat(along, diamonds)) * 0.9 + np.abs(inset - 0.083) - 0.044
    for color, shrink in ((light, 0.0), (accent, 0.009), (field, 0.024)):
        canvas = _paint(canvas, color, _inside(diamond + shrink))
    canvas = _paint(canvas, light, _inside(inset - 0.027))
    canvas = _paint(canvas, accent, _inside(inset - 0.018))
    knots = np.cos(2 * np.pi * u / 0.0072) * np.cos(2 * np.pi * v / 0.0072)
    stripe = noise(u.shape, rng, 120, 3, 0.6, (1.0, 14.0))  # dye lots: threads differ from row to row
    tone = noise(u.shape, rng, 500, 30, 1.3)
    pile = noise(u.shape, rng, 24, 3, 0.5)
    canvas = canvas * (1 + 0.10 * knots + 0.08 * stripe + 0.06 * tone + 0.09 * pile)[..., None]
    return make(canvas, size, height=0.0005 * knots + 0.0006 * pile)


def landscape(seed: int, size: tuple[float, float], at: tuple[float, float] = (0.68, 0.66)) -> Texture:
    """A painting in gouache: low sun `at` a place (0..1), rows of hills, water; v points up."""
    rng = np.random.default_rng(seed)
    texel = 0.001
    u, v = grid(size, texel)
    x, y = u / size[0], v / size[1]
    canvas = blend(np.broadcast_to(linear("#f6b26b"), (*u.shape, 3)), linear("#5f86b0"), smoothstep(0.45, 1.0, y))
    canvas = blend(
        canvas, np.broadcast_to(linear("#f3d3a2"), canvas.shape), 0.8 * (1 - smoothstep(0.0, 0.22, np.abs(y - 0.56)))
    )
    cloud = noise(u.shape, rng, 160, 12, 1.3, (1.0, 3.0))
    canvas = _paint(canvas, "#f9e9d8", 0.55 * smoothstep(0.5, 1.6, cloud) * smoothstep(0.6, 0.8, y))
    sun = np.hypot((x - at[0]) * size[0], (y - at[1]) * size[1])
    canvas = _paint(canvas, "#ffe9b8", 0.6 * np.exp(-((sun / 0.07) ** 2)))
    canvas = _paint(canvas, "#f25a2e", _inside(sun - 0.036, 0.0015))
    for color, base, amplitude in (
        ("#7d8fb3", 0.50, 0.10),
        ("#57719a", 0.43, 0.08),
        ("#3c5a5e", 0.35, 0.06),
        ("#28413a", 0.26, 0.05),
    ):
        frequency = rng.uniform(0.8, 1.6, 5) * np.arange(1, 6)
        phase, weight = rng.uniform(0, 6.3, 5), 1 / np.arange(1, 6) ** 1.1
        ridge = base + amplitude * (np.sin(2 * np.pi * x[..., None] * frequency + phase) * weight).sum(-1) / 1.6
        canvas = _paint(canvas, color, _inside((y - ridge) * size[1], 0.0012))
    water = smoothstep(0.205, 0.195, y)
    canvas = _paint(canvas, "#c98f5a", water * (0.55 + 0.25 * noise(u.shape, rng, 60, 4, 0.8, (1.0, 12.0))))
    canvas = _paint(canvas, "#2d4a63", water * (0.45 - 1.5 * y))
    stroke = noise(u.shape, rng, 24, 3, 0.5, (1.0, 4.0))
    return make(canvas * (1 + 0.06 * stroke)[..., None], size, height=0.0002 * stroke)


def clock_face(size: float, marks: tuple[float, float] = (0.435, 0.39)) -> Texture:
    """Dial with minute marks and hour bars at `marks` (of the size) from its centre; the hands are geometry."""
    u, v = grid((size, size), 0.001)
    x, y = u - size / 2, v - size / 2
    radius, angle = np.hypot(x, y), np.arctan2(x, y)
    canvas = np.broadcast_to(linear("#efe9da"), (*u.shape, 3))
    minute = np.abs(_repeat(angle, np.pi / 30)) * radius
    hour = np.abs(_repeat(angle, np.pi / 6)) * radius
    canvas = _paint(
        canvas, "#3a3a3a", _inside(np.maximum(minute - 0.0012, np.abs(radius - marks[0] * size) - 0.0035), 0.001)
    )
    canvas = _paint(
        canvas, "#26262a", _inside(np.maximum(hour - 0.0035, np.abs(radius - marks[1] * size) - 0.013), 0.001)
    )
    return make(canvas, (size, size))


def book_cover(color: str, ink: str, seed: int, size: tuple[float, float]) -> Texture:
    """Cloth cover with a title: bands and word-like bars across v, so that a spine reads upwards."""
    rng = np.random.default_rng(seed)
    u, v = grid(size, 0.001)
    canvas = np.broadcast_to(linear(color), (*u.shape, 3))
    for edge in (0.06, 0.9) if rng.random() < 0.6 else (0.1,):
        canvas = _paint(canvas, ink, _inside(np.abs(v - edge * size[1]) - 0.003, 0.0008))
    middle, half = size[0] / 2, min(0.007, size[0] * 0.25)
    at = size[1] * rng.uniform(0.22, 0.34)
    end = size[1] * rng.uniform(0.62, 0.82)
    while at < end:
        word = rng.uniform(0.010, 0.030)
        letters = np.mod(v - at, 0.0055) < 0.0042
        bar = _inside(np.maximum(np.abs(u - middle) - half, np.abs(v - at - word / 2) - word / 2), 0.0008)
        canvas = _paint(canvas, ink, bar * letters)
        at += word + 0.006
    cloth = noise(u.shape, rng, 10, 2.5, 0.0)
    return make(canvas * (1 + 0.05 * cloth)[..., None], size, height=0.00008 * cloth)


def paper_edges(seed: int, size: tuple[float, float] = (0.3, 0.06)) -> Texture:
    """The trimmed pages of a closed book: fine lines along u."""
    rng = np.random.default_rng(seed)
    u, _ = grid(size, 0.001)
    lines = noise(u.shape, rng, 12, 2.2, 0.0, (1.0, 60.0))
    return make(linear("#e6dcc4") * (1 + 0.10 * lines)[..., None], size)

"""Other things from the same makers: stretched, wider or narrower along their height, in other shades."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tools.demo_world.materials import Material
from tools.demo_world.mesh import Mesh, normalized
from tools.demo_world.scene import SceneObject

PROPORTIONS = (0.05, 0.17)  # how far width over height lies from the maker's own, as a logarithm, either way
SIZES = (0.88, 1.14)
SWELLING = 0.06  # largest share by which one wave along the height widens a thing
SHADES = 0.10  # deviation of a material's brightness, as a logarithm
HUES = 0.04  # and of each channel


@dataclass(frozen=True)
class Form:
    """A map of space that turns what a maker makes into a thing of another shape."""

    wide: float
    deep: float
    high: float
    waves: tuple[tuple[float, float, float], ...] = ()  # share, waves over the height, phase

    def widths(self, heights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Factor of the width, and its slope, at heights [N] from 0 (foot) to 1 (top)."""
        width, slope = np.ones_like(heights), np.zeros_like(heights)
        for share, count, phase in self.waves:
            width = width + share * np.sin(2 * np.pi * count * heights + phase)
            slope = slope + share * 2 * np.pi * count * np.cos(2 * np.pi * count * heights + phase)
        return width, slope


def draw_form(rng: np.random.Generator, swelling: bool = True, size: tuple[float, float] = SIZES) -> Form:
    """A form that is never nearer to the maker's proportions than `PROPORTIONS`; round things stay round."""
    high = float(rng.uniform(*size))
    off = float(rng.uniform(*PROPORTIONS)) * float(rng.choice([-1, 1]))
    wide = high * float(np.exp(off))
    waves = tuple(
        (float(rng.uniform(-SWELLING, SWELLING)), float(rng.uniform(0.4, 1.6)), float(rng.uniform(0, 2 * np.pi)))
        for _ in range(2 if swelling else 0)
    )
    return Form(wide, wide, high, waves)


def reshaped(item: SceneObject, form: Form) -> SceneObject:
    """The object, still standing at its own origin, under a form."""
    low, high = (float(corner[2]) for corner in item.box)
    return replace(item, parts=[(_mapped(mesh, form, low, high), material) for mesh, material in item.parts])


def _mapped(mesh: Mesh, form: Form, low: float, high: float) -> Mesh:
    """x, y, z become wide s(z) x, deep s(z) y, high z; normals by the inverse transpose of that map's derivative."""
    x, y, z = mesh.vertices.T
    length = max(high - low, 1e-6)
    width, slope = form.widths((z - low) / length)
    slope = slope / length
    nx, ny, nz = mesh.normals.T
    along = (x * nx + y * ny) * slope / width
    normals = np.stack([nx / (form.wide * width), ny / (form.deep * width), (nz - along) / form.high], -1)
    vertices = np.stack([form.wide * width * x, form.deep * width * y, form.high * z], -1)
    return Mesh(vertices, normalized(normals), mesh.uvs, mesh.triangles)


def recolored(item: SceneObject, rng: np.random.Generator) -> SceneObject:
    """The object with each of its materials a little lighter or darker, warmer or cooler."""
    made: dict[int, Material] = {}
    for _, material in item.parts:
        if id(material) not in made:
            made[id(material)] = _tinted(material, np.exp(rng.normal(0, SHADES) + rng.normal(0, HUES, 3)))
    return replace(item, parts=[(mesh, made[id(material)]) for mesh, material in item.parts])


def tinted(item: SceneObject, tint: np.ndarray) -> SceneObject:
    """The object with its paints multiplied by a linear colour."""
    made = {id(material): _tinted(material, tint) for _, material in item.parts}
    return replace(item, parts=[(mesh, made[id(material)]) for mesh, material in item.parts])


def _tinted(material: Material, tint: np.ndarray) -> Material:
    albedo = np.clip(material.texture.albedo * np.asarray(tint, np.float32), 0, 0.95)
    red, green, blue = (float(light * factor) for light, factor in zip(material.emission, tint))
    return replace(material, texture=replace(material.texture, albedo=albedo), emission=(red, green, blue))

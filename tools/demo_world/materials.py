"""Surface materials: a texture, how it mirrors, how it glows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tools.demo_world.textures import Texture, linear, plain


@dataclass(frozen=True)
class Material:
    """A dielectric on a diffuse base; a metal mirrors in the colour of its texture and has no diffuse part."""

    texture: Texture
    specular: float = 0.0  # reflectance at normal incidence (Schlick, 1994); 0 skips the reflected rays
    roughness: float = 0.5  # GGX alpha is its square
    metal: bool = False
    sheen: float = 0.0  # brightening towards grazing views, as short fibres have
    emission: tuple[float, float, float] = (0.0, 0.0, 0.0)  # radiance in linear light
    emission_texture: Texture | None = None  # multiplies `emission`
    sampled: bool = False  # a light that the bake integrates explicitly, so that bounces must not count it again

    def emitted(self, uv: np.ndarray) -> np.ndarray:
        """[N, 3] emitted radiance at texture coordinates [N, 2]."""
        glow = np.broadcast_to(np.asarray(self.emission, np.float32), (len(uv), 3))
        return glow * self.emission_texture.sample(uv) if self.emission_texture is not None else glow

    @property
    def glows(self) -> bool:
        """Whether it emits light."""
        return max(self.emission) > 0


def matte(texture: Texture, sheen: float = 0.0) -> Material:
    """No mirror part: plaster, cloth, paper, unglazed clay."""
    return Material(texture, sheen=sheen)


def glossy(texture: Texture, roughness: float = 0.12) -> Material:
    """Glaze, lacquer, plastic."""
    return Material(texture, specular=0.045, roughness=roughness)


def satin(texture: Texture, roughness: float = 0.42) -> Material:
    """Varnished wood, waxed leaves, eggshell paint."""
    return Material(texture, specular=0.04, roughness=roughness)


def metal(color: str, roughness: float = 0.22, seed: int = 0) -> Material:
    """A brushed or cast metal with the given reflectance."""
    return Material(plain(color, seed, variation=0.05), specular=1.0, roughness=roughness, metal=True)


def glowing(texture: Texture, color: str, radiance: float) -> Material:
    """Cloth lit from behind."""
    glow = linear(color) * radiance
    return Material(texture, emission=(float(glow[0]), float(glow[1]), float(glow[2])))

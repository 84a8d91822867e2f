"""Views of a lit scene: supersampled ray casting with baked diffuse light and a few mirrored rays for gloss."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tools.demo_world.cameras import View
from tools.demo_world.light import EPSILON, LUMINANCE, Bake, Tracer, frame
from tools.demo_world.materials import Material
from tools.demo_world.mesh import normalized
from tools.demo_world.scene import Geometry

BRIGHTEST = 6.0  # radiance samples are limited to this, so that a mirrored window does not alias


@dataclass(frozen=True)
class Truth:
    """What the rays through the pixel centres meet."""

    labels: np.ndarray  # [H, W] uint8, object ids
    depth: np.ndarray  # [H, W] float32, metres along the optical axis
    normals: np.ndarray  # [H, W, 3] float32, world frame, without the textures' relief


@dataclass(frozen=True)
class Picture(Truth):
    """One rendered view and its truth."""

    radiance: np.ndarray  # [H, W, 3] float32, linear light


@dataclass(frozen=True)
class LitScene:
    """Everything that a view needs."""

    geometry: Geometry
    light: Bake
    tracer: Tracer


@dataclass(frozen=True)
class _Hits:
    """Surface points found by rays."""

    position: np.ndarray  # [n, 3]
    normal: np.ndarray  # [n, 3], smooth, towards the viewer
    uv: np.ndarray
    irradiance: np.ndarray
    vector: np.ndarray
    triangle: np.ndarray
    material: np.ndarray


def render(scene: LitScene, view: View, samples: int = 3, mirrored: int = 3, band: int = 60) -> Picture:
    """Render one view.

    Args:
        samples: each pixel is sampled samples x samples times on a regular grid, averaged with a box filter.
        mirrored: reflected rays of each sample on a glossy surface.
    """
    rows = [
        _band(scene, view, top, min(top + band, view.height), samples, mirrored) for top in range(0, view.height, band)
    ]
    centre = truth(scene, view)
    return Picture(centre.labels, centre.depth, centre.normals, np.concatenate(rows))


def truth(scene: LitScene, view: View) -> Truth:
    """Labels, depth and normals at the pixel centres."""
    origins, directions = view.rays(np.arange(view.height) + 0.5, np.arange(view.width) + 0.5)
    distance, triangle, weights, _ = scene.tracer.cast(origins, directions)
    corners = scene.geometry.triangles[triangle]
    normal = sum(scene.geometry.normals[corners[:, i]] * weights[:, i : i + 1] for i in range(3))
    shape = (view.height, view.width)
    labels = np.where(np.isfinite(distance), scene.geometry.triangle_object[triangle], 0).astype(np.uint8)
    depth = np.where(np.isfinite(distance), distance, 0.0)  # ray directions have z = 1 in the camera
    return Truth(labels.reshape(shape), depth.reshape(shape).astype(np.float32), normalized(normal).reshape(*shape, 3))


def _band(scene: LitScene, view: View, top: int, bottom: int, samples: int, mirrored: int) -> np.ndarray:
    """Radiance [rows, W, 3] of image rows top..bottom."""
    step = (np.arange(samples) + 0.5) / samples
    y = (np.arange(top, bottom)[:, None] + step).reshape(-1)
    x = (np.arange(view.width)[:, None] + step).reshape(-1)
    origins, directions = view.rays(y, x)
    cell = (np.arange(len(y)) % samples)[:, None] * samples + (np.arange(len(x)) % samples)[None]
    radiance = _shade(scene, origins, normalized(directions).astype(np.float32), cell.reshape(-1), samples**2, mirrored)
    radiance = np.minimum(radiance, BRIGHTEST)
    return radiance.reshape(bottom - top, samples, view.width, samples, 3).mean(axis=(1, 3))


def _find(scene: LitScene, origins: np.ndarray, directions: np.ndarray) -> _Hits:
    geometry, light = scene.geometry, scene.light
    distance, triangle, weights, _ = scene.tracer.cast(origins, directions)
    corners = geometry.triangles[triangle]

    def mixed(values: np.ndarray) -> np.ndarray:
        first, second, third = (values[corners[:, i]] * weights[:, i : i + 1] for i in range(3))
        return first + second + third

    normal = normalized(mixed(geometry.normals)).astype(np.float32)
    position = origins + directions * np.where(np.isfinite(distance), distance, 0.0)[:, None]
    return _Hits(
        position,
        normal,
        mixed(geometry.uvs),
        mixed(light.irradiance),
        mixed(light.vector),
        triangle,
        geometry.triangle_material[triangle],
    )


def _shade(
    scene: LitScene, origins: np.ndarray, directions: np.ndarray, cell: np.ndarray, cells: int, mirrored: int
) -> np.ndarray:
    """Radiance [n, 3] that arrives along the rays."""
    hits = _find(scene, origins, directions)
    out = np.zeros((len(directions), 3), np.float32)
    order = np.argsort(hits.material, kind="stable")
    bounds = np.searchsorted(hits.material[order], np.arange(len(scene.geometry.materials) + 1))
    for number, material in enumerate(scene.geometry.materials):
        chosen = order[bounds[number] : bounds[number + 1]]
        if len(chosen):
            out[chosen] = _shade_material(
                scene, material, hits, chosen, directions[chosen], cell[chosen], cells, mirrored
            )
    return out


def _shade_material(
    scene: LitScene,
    material: Material,
    hits: _Hits,
    chosen: np.ndarray,
    directions: np.ndarray,
    cell: np.ndarray,
    cells: int,
    mirrored: int,
) -> np.ndarray:
    uv, smooth = hits.uv[chosen], hits.normal[chosen]
    albedo = material.texture.sample(uv)
    irradiance, normal = hits.irradiance[chosen], smooth
    slope = material.texture.sample_slope(uv)
    if slope is not None:
        tangents = scene.geometry.tangents[hits.triangle[chosen]]
        normal = normalized(smooth - slope[:, :1] * tangents[:, 0] - slope[:, 1:] * tangents[:, 1]).astype(np.float32)
        vector = hits.vector[chosen]
        before = np.einsum("nk,nk->n", vector, smooth)
        after = np.einsum("nk,nk->n", vector, normal)
        ratio = np.clip(after, 0, None) / np.maximum(before, 0.15 * np.linalg.norm(vector, axis=1) + 1e-6)
        irradiance = irradiance * np.clip(ratio, 0.25, 2.0)[:, None]
    cosine = np.clip(-np.einsum("nk,nk->n", directions, normal), 0.02, 1.0)[:, None]
    out = albedo * irradiance / np.pi
    if material.sheen:
        out = out * (1 + material.sheen * (1 - cosine) ** 3)
    if material.glows:
        out = out + material.emitted(uv)
    if material.specular:
        base = albedo if material.metal else np.float32(material.specular)
        fresnel = base + (1 - base) * (1 - cosine) ** 5 * (1 - 0.6 * material.roughness)
        seen = _mirrored(scene, material, hits.position[chosen], smooth, normal, directions, cell, cells, mirrored)
        out = fresnel * seen if material.metal else out * (1 - fresnel) + fresnel * seen
    return out.astype(np.float32)


def _mirrored(
    scene: LitScene,
    material: Material,
    position: np.ndarray,
    smooth: np.ndarray,
    normal: np.ndarray,
    directions: np.ndarray,
    cell: np.ndarray,
    cells: int,
    count: int,
) -> np.ndarray:
    """Mean radiance [n, 3] in the mirror lobe: GGX-distributed half vectors (Walter et al., 2007).

    The half vectors come from one fixed set of points spread over all samples of a pixel: neighbouring pixels use the
    same ones, so that there is no grain.
    """
    total = np.zeros_like(position)
    alpha = material.roughness**2
    first, second = frame(normal)
    count = count if material.roughness > 0.06 else 1
    origins = position + EPSILON * smooth
    for k in range(count):
        number = (cell * count + k).astype(np.float32)
        u = (number + 0.5) / (cells * count)
        phi = (2 * np.pi * np.mod(number * 0.61803399, 1.0)).astype(np.float32)
        u = 0.94 * np.mod(u * 1.0, 1.0)  # the far tail of the lobe would show as single bright samples
        theta_cos = np.sqrt((1 - u) / (1 + (alpha**2 - 1) * u))
        theta_sin = np.sqrt(np.maximum(1 - theta_cos**2, 0))
        half = (
            (theta_sin * np.cos(phi))[:, None] * first
            + (theta_sin * np.sin(phi))[:, None] * second
            + theta_cos[:, None] * normal
        )
        reflected = directions - 2 * np.einsum("nk,nk->n", directions, half)[:, None] * half
        below = np.einsum("nk,nk->n", reflected, smooth)
        reflected = reflected - np.minimum(below - 0.01, 0)[:, None] * smooth
        total += _glance(scene, origins, normalized(reflected).astype(np.float32))
    return total / count


def _glance(scene: LitScene, origins: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Radiance [n, 3] along reflected rays: the baked light at the vertices, and lamps and windows as they are."""
    geometry = scene.geometry
    _, triangle, weights, _ = scene.tracer.cast(origins, directions)
    corners = geometry.triangles[triangle]
    first, second, third = (scene.light.radiosity[corners[:, i]] * weights[:, i : i + 1] for i in range(3))
    seen = first + second + third
    for number, material in enumerate(geometry.materials):
        if material.glows and material.sampled:
            hit = np.nonzero(geometry.triangle_material[triangle] == number)[0]
            uvs = sum(geometry.uvs[corners[hit, i]] * weights[hit, i : i + 1] for i in range(3))
            seen[hit] = material.emitted(np.asarray(uvs, np.float32)) if len(hit) else seen[hit]
    return np.minimum(seen, BRIGHTEST * 2)


def develop(radiance: np.ndarray, exposure: float) -> np.ndarray:
    """8-bit sRGB [H, W, 3] of linear radiance: exposure, a soft shoulder, a touch of contrast.

    The shoulder is Reinhard's curve with a white point (Reinhard et al., 2002, eq. 4) for each channel; the contrast
    is a blend with a smooth S curve in display values.
    """
    white = 3.2
    x = np.maximum(radiance, 0) * exposure
    grey = (x @ LUMINANCE)[..., None]
    x = np.maximum(grey + 0.90 * (x - grey), 0)  # film and sensors hold less colour than the paints have
    x = np.clip(x * (1 + x / white**2) / (1 + x) * 1.35, 0, 1)
    display = np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)
    display = 0.75 * display + 0.25 * display * display * (3 - 2 * display)
    return np.round(np.clip(display, 0, 1) * 255).astype(np.uint8)


def mean_luminance(radiance: np.ndarray) -> float:
    """Average luminance, for choosing an exposure."""
    return float((np.minimum(radiance, 3.0) @ LUMINANCE).mean())

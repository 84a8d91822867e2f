"""Baked light: irradiance at every vertex from area lights, a hazy sun through the window, and diffuse bounces.

The bake also keeps the vector irradiance V = ∫ L(w) w dw (Gershun, 1936), whose ratio V·n' / V·n tells how a bumped
normal n' changes the light without tracing it again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tools.demo_world.mesh import normalized
from tools.demo_world.scene import Geometry

EPSILON = 0.0015  # metres that rays start above a surface
LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)


@dataclass(frozen=True)
class Window:
    """A rectangle that emits evenly to the side of `u` x `v`."""

    corner: tuple[float, float, float]
    u: tuple[float, float, float]
    v: tuple[float, float, float]
    radiance: tuple[float, float, float]


def facing(window: Window, direction: tuple[float, float, float]) -> Window:
    """The window with u and v ordered so that u x v looks along `direction`."""
    normal = np.cross(window.u, window.v)
    return window if normal @ np.asarray(direction) > 0 else replace(window, u=window.v, v=window.u)


@dataclass(frozen=True)
class Sun:
    """Hazy sunlight that enters through a window divided into panes."""

    direction: tuple[float, float, float]  # towards the sun
    irradiance: tuple[float, float, float]  # on a surface that faces it
    radius: float  # angular, radians; larger than the real sun's, as through thin cloud
    window: Window
    bars: float = 0.05  # width of the glazing bars, metres
    panes: tuple[int, int] = (2, 3)


@dataclass(frozen=True)
class Lighting:
    """All lights and the number of rays that the bake spends at each vertex."""

    windows: list[Window]
    sun: Sun | None
    direct_rays: int = 100
    bounce_rays: tuple[int, ...] = (24, 24, 96)
    smoothing: int = 3


@dataclass(frozen=True)
class Bake:
    """Light at the vertices."""

    irradiance: np.ndarray  # [N, 3] float32, W/m2 in scene units
    vector: np.ndarray  # [N, 3] float32, luminance-weighted light vector
    radiosity: np.ndarray  # [N, 3] float32, radiance leaving the surface diffusely, emission included


class Tracer:
    """Ray queries against a scene, in Embree through Open3D."""

    def __init__(self, geometry: Geometry, threads: int = 0) -> None:
        import open3d

        library: Any = open3d  # its stubs refuse numpy arrays that its functions take
        self._tensor = library.core.Tensor
        self._threads = threads
        self._scene = library.t.geometry.RaycastingScene(nthreads=threads)
        triangles = np.ascontiguousarray(geometry.triangles.astype(np.uint32))
        self._scene.add_triangles(self._tensor(np.ascontiguousarray(geometry.vertices)), self._tensor(triangles))

    def cast(
        self, origins: np.ndarray, directions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """First hits: distance [R] (inf for none), triangle [R], barycentric weights and face normal [R, 3]."""
        rays = np.concatenate([origins, directions], -1).astype(np.float32)
        hit = self._scene.cast_rays(self._tensor(rays), nthreads=self._threads)
        uv = hit["primitive_uvs"].numpy()
        weights = np.stack([1 - uv[:, 0] - uv[:, 1], uv[:, 0], uv[:, 1]], -1)
        triangle = hit["primitive_ids"].numpy().astype(np.int64)
        distance = hit["t_hit"].numpy()
        return distance, np.where(np.isfinite(distance), triangle, 0), weights, hit["primitive_normals"].numpy()

    def blocked(self, origins: np.ndarray, directions: np.ndarray, far: float) -> np.ndarray:
        """[R] bool: something lies between the origin and origin + far * direction."""
        rays = np.concatenate([origins, directions], -1).astype(np.float32)
        return self._scene.test_occlusions(self._tensor(rays), tfar=far, nthreads=self._threads).numpy()


def bake(geometry: Geometry, lighting: Lighting, tracer: Tracer, seed: int = 0, chunk: int = 20000) -> Bake:
    """Light a scene.

    Direct light is integrated with stratified shadow rays; each entry of `bounce_rays` gathers one more bounce over
    cosine-distributed rays that look up the light found so far, and is smoothed along the surface because bounced
    light varies slowly.
    """
    rng = np.random.default_rng(seed)
    count = len(geometry.vertices)
    albedo, emission = _vertex_colors(geometry)
    origins = geometry.vertices + EPSILON * geometry.normals
    direct, direct_vector = np.zeros((count, 3), np.float32), np.zeros((count, 3), np.float32)
    for start in range(0, count, chunk):
        part = slice(start, start + chunk)
        direct[part], direct_vector[part] = _direct(origins[part], geometry.normals[part], lighting, tracer, rng)
    smoother = _Smoother(geometry)
    total, vector = direct, direct_vector
    valid = np.ones(count, bool)
    for rays in lighting.bounce_rays:
        radiosity = albedo * total / np.pi + emission
        bounced, bounced_vector = np.empty_like(direct), np.empty_like(direct)
        buried = np.empty(count, np.float32)
        for start in range(0, count, chunk):
            part = slice(start, start + chunk)
            bounced[part], bounced_vector[part], buried[part] = _gather(
                origins[part], geometry.normals[part], radiosity, geometry.triangles, tracer, rays, rng
            )
        valid = buried < 0.3
        both = np.concatenate([bounced, bounced_vector], 1)
        both = smoother.smooth(both, valid, lighting.smoothing)
        total, vector = direct + both[:, :3], direct_vector + both[:, 3:]
    both = smoother.fill(np.concatenate([total, vector], 1), valid)
    total, vector = np.ascontiguousarray(both[:, :3]), np.ascontiguousarray(both[:, 3:])
    return Bake(total, vector, (albedo * total / np.pi + emission).astype(np.float32))


def _vertex_colors(geometry: Geometry) -> tuple[np.ndarray, np.ndarray]:
    """Albedo and emission [N, 3] at the vertices."""
    albedo, emission = np.zeros_like(geometry.vertices), np.zeros_like(geometry.vertices)
    for number, material in enumerate(geometry.materials):
        chosen = geometry.vertex_material == number
        albedo[chosen] = material.texture.sample(geometry.uvs[chosen])
        if material.glows and not material.sampled:
            emission[chosen] = material.emitted(geometry.uvs[chosen])
    return albedo, emission


def _direct(
    origins: np.ndarray, normals: np.ndarray, lighting: Lighting, tracer: Tracer, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Irradiance and light vector [n, 3] from windows and sun."""
    irradiance, vector = np.zeros_like(origins), np.zeros_like(origins)
    for window in lighting.windows:
        weight, towards, far = _window_samples(origins, normals, window, lighting.direct_rays, rng)
        _add_visible(
            irradiance, vector, origins, weight, towards, far, np.asarray(window.radiance, np.float32), normals, tracer
        )
    if lighting.sun is not None:
        weight, towards, far = _sun_samples(origins, normals, lighting.sun, max(9, lighting.direct_rays // 3), rng)
        _add_visible(
            irradiance,
            vector,
            origins,
            weight,
            towards,
            far,
            np.asarray(lighting.sun.irradiance, np.float32),
            normals,
            tracer,
        )
    return irradiance, vector


def _add_visible(
    irradiance: np.ndarray,
    vector: np.ndarray,
    origins: np.ndarray,
    weight: np.ndarray,
    towards: np.ndarray,
    far: float,
    color: np.ndarray,
    normals: np.ndarray,
    tracer: Tracer,
) -> None:
    """Add light samples (weight [n, S] without the receiver's cosine, direction [n, S, 3]) where nothing is between."""
    unit = normalized(towards)
    cosine = np.einsum("nsk,nk->ns", unit, normals)
    at, sample = np.nonzero((cosine > 0) & (weight > 0))
    if len(at) == 0:
        return
    free = ~tracer.blocked(origins[at], towards[at, sample], far)
    lit = np.zeros_like(weight)
    lit[at[free], sample[free]] = weight[at[free], sample[free]]
    irradiance += (lit * np.maximum(cosine, 0)).sum(1)[:, None] * color
    vector += np.einsum("ns,nsk->nk", lit, unit) * float(color @ LUMINANCE)


def _strata(count: int, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Jittered points of the unit square [n, S] with S = k*k <= count strata."""
    k = max(1, int(np.sqrt(count)))
    cell = np.stack(np.meshgrid(np.arange(k), np.arange(k)), -1).reshape(1, -1, 2)
    points = (cell + rng.random((n, k * k, 2), dtype=np.float32)) / np.float32(k)
    return points[..., 0].astype(np.float32), points[..., 1].astype(np.float32)


def _window_samples(
    origins: np.ndarray, normals: np.ndarray, window: Window, rays: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, float]:
    """Weights A cos_light / (d^2 S) [n, S] and vectors to points on the window [n, S, 3]."""
    u, v = np.asarray(window.u, np.float32), np.asarray(window.v, np.float32)
    area_normal = np.cross(u, v)
    area = float(np.linalg.norm(area_normal))
    s, t = _strata(rays, len(origins), rng)
    points = np.asarray(window.corner, np.float32) + s[..., None] * u + t[..., None] * v
    towards = points - origins[:, None]
    squared = np.maximum((towards**2).sum(-1), 1e-6)
    cosine = -(towards @ (area_normal / area).astype(np.float32)) / np.sqrt(squared)
    return np.maximum(cosine, 0) * area / squared / s.shape[1], towards, 0.998


def _sun_samples(
    origins: np.ndarray, normals: np.ndarray, sun: Sun, rays: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, float]:
    """Weights [n, S] and vectors [n, S, 3] that end on the window's plane, zero where they meet a bar or the wall."""
    centre = normalized(np.asarray(sun.direction, np.float64))
    side = normalized(np.cross(centre, [0.0, 0.0, 1.0]))
    up = np.cross(side, centre)
    s, t = _strata(rays, len(origins), rng)
    r, phi = sun.radius * np.sqrt(s), 2 * np.pi * t
    directions = normalized(centre + (r * np.cos(phi))[..., None] * side + (r * np.sin(phi))[..., None] * up).astype(
        np.float32
    )
    u, v = np.asarray(sun.window.u, np.float64), np.asarray(sun.window.v, np.float64)
    corner = np.asarray(sun.window.corner, np.float64)
    plane_normal = np.cross(u, v)
    distance = ((corner - origins) @ plane_normal)[:, None] / (directions @ plane_normal)
    landing = origins[:, None] + directions * distance[..., None] - corner
    width, height = np.linalg.norm(u), np.linalg.norm(v)
    a, b = landing @ (u / width) / width, landing @ (v / height) / height
    inside = (distance > 0) & (a > 0) & (a < 1) & (b > 0) & (b < 1)
    for along, length, panes in ((a, width, sun.panes[0]), (b, height, sun.panes[1])):
        to_bar = np.abs(np.mod(along * panes + 0.5, 1.0) - 0.5) * length / panes
        inside &= to_bar > sun.bars / 2
    weight = inside.astype(np.float32) / s.shape[1]
    return weight, (directions * distance[..., None]).astype(np.float32), 0.998


def _gather(
    origins: np.ndarray,
    normals: np.ndarray,
    radiosity: np.ndarray,
    triangles: np.ndarray,
    tracer: Tracer,
    rays: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bounced irradiance, its light vector, and the share of rays that see the inside of a surface."""
    s, t = _strata(rays, len(origins), rng)
    r, phi = np.sqrt(s), 2 * np.pi * t
    cosine = np.sqrt(np.maximum(1 - s, 1e-4))
    first, second = frame(normals)
    directions = (
        (r * np.cos(phi))[..., None] * first[:, None]
        + (r * np.sin(phi))[..., None] * second[:, None]
        + cosine[..., None] * normals[:, None]
    )
    samples = s.shape[1]
    flat = directions.reshape(-1, 3)
    distance, triangle, weights, face = tracer.cast(np.repeat(origins, samples, 0), flat)
    front = (np.einsum("rk,rk->r", face, flat) < 0) & np.isfinite(distance)
    corners = triangles[triangle]
    seen = sum(radiosity[corners[:, i]] * weights[:, i : i + 1] for i in range(3)) * front[:, None]
    seen = np.asarray(seen, np.float32).reshape(-1, samples, 3)
    vector = np.einsum("ns,nsk->nk", (seen @ LUMINANCE) / np.maximum(cosine, 0.15), directions)
    buried = 1 - front.reshape(-1, samples).mean(1)
    return np.pi * seen.mean(1), np.pi * vector / samples, buried


def frame(normals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two unit vectors that complete each normal [n, 3] to an orthonormal frame."""
    helper = np.where(
        np.abs(normals[:, 2:]) < 0.9, np.array([[0, 0, 1]], np.float32), np.array([[1, 0, 0]], np.float32)
    )
    first = normalized(np.cross(helper, normals)).astype(np.float32)
    return first, np.cross(normals, first)


class _Smoother:
    """Averages vertex values with their neighbours on the surface; repeated vertices count as one."""

    def __init__(self, geometry: Geometry) -> None:
        from scipy import sparse

        key = np.concatenate([np.round(geometry.vertices / 2e-5), geometry.vertex_part[:, None]], 1).astype(np.int64)
        _, self._group = np.unique(key, axis=0, return_inverse=True)
        self._group = self._group.reshape(-1)
        count = int(self._group.max()) + 1
        self._size = np.bincount(self._group, minlength=count).astype(np.float32)
        t = self._group[geometry.triangles]
        rows = np.concatenate([t[:, 0], t[:, 1], t[:, 2], t[:, 1], t[:, 2], t[:, 0], np.arange(count)])
        columns = np.concatenate([t[:, 1], t[:, 2], t[:, 0], t[:, 0], t[:, 1], t[:, 2], np.arange(count)])
        matrix = sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=(count, count))
        matrix.data[:] = 1.0
        self._matrix = matrix
        self._gatherer = sparse.csr_matrix(
            (np.ones(len(self._group), np.float32), (self._group, np.arange(len(self._group)))),
            shape=(count, len(self._group)),
        )

    def smooth(self, values: np.ndarray, valid: np.ndarray, rounds: int) -> np.ndarray:
        """Values [N, C] averaged `rounds` times; vertices that are not valid take no part."""
        weight = self._gatherer @ valid.astype(np.float32)
        mean = (self._gatherer @ (values * valid[:, None])) / np.maximum(weight, 1e-9)[:, None]
        known = (weight > 0).astype(np.float32)
        for _ in range(rounds):
            near = self._matrix @ known
            mean = np.where(
                near[:, None] > 0, (self._matrix @ (mean * known[:, None])) / np.maximum(near, 1e-9)[:, None], mean
            )
        return mean[self._group].astype(np.float32)

    def fill(self, values: np.ndarray, valid: np.ndarray, rounds: int = 4) -> np.ndarray:
        """Replace values [N, C] of vertices inside other things by those of their neighbours, as far as these reach."""
        weight = self._gatherer @ valid.astype(np.float32)
        mean = (self._gatherer @ (values * valid[:, None])) / np.maximum(weight, 1e-9)[:, None]
        known = weight > 0
        for _ in range(rounds):
            near = self._matrix @ known.astype(np.float32)
            spread = (self._matrix @ (mean * known[:, None])) / np.maximum(near, 1e-9)[:, None]
            new = ~known & (near > 0)
            mean[new] = spread[new]
            known |= new
        return np.where(valid[:, None], values, mean[self._group]).astype(np.float32)

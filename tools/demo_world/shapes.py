"""Mesh builders: rounded boxes, lathe surfaces, tubes, superellipsoids, leaves, pillows.

All shapes stand on or around the origin, z up, in metres; `cell` is the wanted edge length of the tessellation, which
is also the resolution of the baked light.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tools.demo_world.mesh import Mesh, joined, normalized, surface

Displacement = Callable[[np.ndarray, np.ndarray], np.ndarray]


def plane(width: float, height: float, cell: float = 0.02) -> Mesh:
    """A rectangle from the origin along +x and +y, facing +z."""
    x, y = (np.linspace(0.0, size, max(2, round(size / cell) + 1)) for size in (width, height))
    u, v = np.meshgrid(x, y, indexing="ij")
    return surface(np.stack([u, v, np.zeros_like(u)], -1), np.stack([u, v], -1))


def rounded_box(
    size: Sequence[float], radius: float = 0.005, cell: float = 0.02, grain: int = 0, rounds: int = 3
) -> Mesh:
    """A box standing on z=0, centred in x and y, with edges rounded by `radius`.

    Texture coordinates are planar for each face, u along the axis `grain` where the face contains it.
    """
    half = np.asarray(size, dtype=float) / 2
    radius = float(min(radius, half.min() * 0.999))
    ticks = [_box_ticks(h, radius, cell, rounds) for h in half]
    faces = []
    for axis in range(3):
        i, j = (axis + 1) % 3, (axis + 2) % 3
        for sign in (1.0, -1.0):
            a, b = np.meshgrid(ticks[i], ticks[j], indexing="ij")
            outer = np.empty((*a.shape, 3))
            outer[..., i], outer[..., j], outer[..., axis] = a, b, sign * half[axis]
            inner = np.clip(outer, -(half - radius), half - radius)
            normal = normalized(outer - inner)
            uv = np.stack([b, a], -1) if j == grain else np.stack([a, b], -1)
            mesh = surface(inner + radius * normal, uv)
            mesh = Mesh(mesh.vertices, normal.reshape(-1, 3), mesh.uvs, mesh.triangles)
            faces.append(mesh if sign > 0 else Mesh(mesh.vertices, mesh.normals, mesh.uvs, mesh.triangles[:, ::-1]))
    return joined(faces).moved(z=float(half[2]))


def _box_ticks(half: float, radius: float, cell: float, rounds: int) -> np.ndarray:
    """Grid lines along one axis of a box face: an even middle and a bevel that maps to equal angles."""
    inner = half - radius
    middle = np.linspace(-inner, inner, max(2, round(2 * inner / cell) + 1))
    bevel = inner + radius * np.tan(np.linspace(0.0, np.pi / 4, rounds + 1)[1:])
    return np.concatenate([-bevel[::-1], middle, bevel])


def smooth_profile(profile: np.ndarray | Sequence[Sequence[float]], rounds: int = 3) -> np.ndarray:
    """Chaikin corner cutting of an open polyline; the ends stay (Chaikin, 1974)."""
    points = np.asarray(profile, dtype=float)
    for _ in range(rounds):
        cut = np.empty((2 * (len(points) - 1), points.shape[1]))
        cut[0::2] = 0.75 * points[:-1] + 0.25 * points[1:]
        cut[1::2] = 0.25 * points[:-1] + 0.75 * points[1:]
        points = np.concatenate([points[:1], cut, points[-1:]])
    return points


def resample(points: np.ndarray, cell: float, minimum: int = 2) -> np.ndarray:
    """Points at even distances along a polyline [K, D]."""
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    count = max(minimum, round(length[-1] / cell) + 1)
    at = np.linspace(0.0, length[-1], count)
    return np.stack([np.interp(at, length, points[:, k]) for k in range(points.shape[1])], -1)


def lathe(
    profile: Sequence[Sequence[float]],
    cell: float = 0.006,
    rounds: int = 3,
    displace: Displacement | None = None,
    segments: int | None = None,
) -> Mesh:
    """A surface of revolution about z.

    Args:
        profile: (radius, z) pairs; going up on the outside makes the outside face outward.
        displace: radial offset in metres as a function of (angle, arc length), both [A, P].
    """
    curve = resample(smooth_profile(profile, rounds), cell)
    widest = curve[:, 0].max()
    count = segments or max(24, round(2 * np.pi * widest / cell))
    angle = np.linspace(0.0, 2 * np.pi, count + 1) - 2.4  # the seam points away from the viewers of a corner
    arc = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))])
    A, S = np.meshgrid(angle, arc, indexing="ij")
    radius = np.broadcast_to(curve[:, 0], A.shape)
    if displace is not None:
        radius = radius + displace(A, S) * (radius > 1e-6)
    points = np.stack([radius * np.cos(A), radius * np.sin(A), np.broadcast_to(curve[:, 1], A.shape)], -1)
    return surface(points, np.stack([(A + 2.4) * widest, S], -1), wrap_u=True)


def tube(
    path: np.ndarray | Sequence[Sequence[float]],
    radius: float | Sequence[float],
    cell: float = 0.006,
    rounds: int = 3,
    closed: bool = False,
    flatten: float = 1.0,
) -> Mesh:
    """A round tube along a polyline, with hemispherical ends unless `closed` (then first and last point coincide).

    `radius` may vary along the path (interpolated); `flatten` squeezes the section along its second axis.
    """
    line = np.asarray(path, dtype=float) if closed else smooth_profile(path, rounds)
    line = resample(line, cell, minimum=4)
    along = np.linspace(0.0, 1.0, len(line))
    radii = np.interp(along, np.linspace(0.0, 1.0, np.size(radius)), np.atleast_1d(np.asarray(radius, dtype=float)))
    tangent = normalized(np.gradient(line, axis=0))
    if closed:
        tangent[0] = tangent[-1] = normalized(line[1] - line[-2])
    else:
        line, radii, tangent = _round_caps(line, radii, tangent)
    first, second = _parallel_frames(tangent)
    count = max(12, round(2 * np.pi * float(radii.max()) / cell))
    angle = np.linspace(0.0, 2 * np.pi, count + 1)
    ring = np.cos(angle)[:, None, None] * first + flatten * np.sin(angle)[:, None, None] * second
    points = line + radii[:, None] * ring
    arc = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    u, v = np.meshgrid(angle * radii.max(), arc, indexing="ij")
    return surface(points, np.stack([v, u], -1), wrap_u=True, wrap_v=closed)


def _round_caps(line: np.ndarray, radii: np.ndarray, tangent: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Extend a tube's centre line by shrinking rings that close it."""
    turn = np.linspace(0.0, np.pi / 2, 5)[1:]
    head = line[0] - radii[0] * np.sin(turn[::-1])[:, None] * tangent[0]
    tail = line[-1] + radii[-1] * np.sin(turn)[:, None] * tangent[-1]
    rounded = np.cos(turn)
    rounded[-1] = 0.0
    radii = np.concatenate([radii[0] * rounded[::-1], radii, radii[-1] * rounded])
    tangent = np.concatenate([np.repeat(tangent[:1], 4, 0), tangent, np.repeat(tangent[-1:], 4, 0)])
    return np.concatenate([head, line, tail]), radii, tangent


def _parallel_frames(tangent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two unit vectors normal to each tangent, carried along without twist."""
    start = np.array([0.0, 0.0, 1.0]) if abs(tangent[0, 2]) < 0.9 else np.array([1.0, 0.0, 0.0])
    first = [normalized(start - tangent[0] * (start @ tangent[0]))]
    for direction in tangent[1:]:
        first.append(normalized(first[-1] - direction * (first[-1] @ direction)))
    stacked = np.stack(first)
    return stacked, np.cross(tangent, stacked)


def superellipsoid(
    size: Sequence[float],
    e_vertical: float = 1.0,
    e_plan: float = 1.0,
    cell: float = 0.008,
    bump: float = 0.0,
    seed: int = 0,
) -> Mesh:
    """A superellipsoid centred at the origin (Barr, 1981); exponents 1 give an ellipsoid, small ones a box.

    `bump` adds smooth lumps of that height in metres.
    """
    half = np.asarray(size, dtype=float) / 2
    across = max(24, round(np.pi * float(half.max()) / cell))
    lat = np.linspace(-np.pi / 2, np.pi / 2, across // 2 * 2 + 1)
    lon = np.linspace(-np.pi, np.pi, across * 2 + 1) - 2.4

    def power(value: np.ndarray, exponent: float) -> np.ndarray:
        return np.sign(value) * np.abs(value) ** exponent

    LON, LAT = np.meshgrid(lon, lat, indexing="ij")
    ring = power(np.cos(LAT), e_vertical)
    ring[:, [0, -1]] = 0.0
    unit = np.stack(
        [ring * power(np.cos(LON), e_plan), ring * power(np.sin(LON), e_plan), power(np.sin(LAT), e_vertical)], -1
    )
    points = unit * half
    if bump:
        points = points + normalized(points) * (bump * lumps(points, seed))[..., None]
        points[-1] = points[0]
        points[:, 0], points[:, -1] = points[0, 0], points[0, -1]
    uv = np.stack([(LON + np.pi + 2.4) * half[:2].max(), LAT * half.max()], -1)
    return surface(points, uv, wrap_u=True)


def lumps(points: np.ndarray, seed: int, wavelength: float = 0.08, waves: int = 12) -> np.ndarray:
    """A smooth random field of roughly unit size at points [..., 3]: a sum of plane waves."""
    rng = np.random.default_rng(seed)
    direction = normalized(rng.normal(size=(waves, 3)))
    frequency = 2 * np.pi / (wavelength * rng.uniform(0.6, 1.8, waves))
    phase = rng.uniform(0, 2 * np.pi, waves)
    return np.sin(points @ (direction * frequency[:, None]).T + phase).sum(-1) / np.sqrt(waves / 2)


def pillow(width: float, height: float, thickness: float, cell: float = 0.008, seed: int = 0) -> Mesh:
    """A stuffed cushion in the xy-plane, centred: pointed corners, edges drawn in, gentle creases."""
    n = max(24, round(width / cell))
    s = np.sin(np.linspace(-np.pi / 2, np.pi / 2, n + 1))  # denser towards the seam
    X, Y = np.meshgrid(s, s, indexing="ij")
    drawn_in = 1.0 - 0.09 * (1 - X**2) * np.abs(Y) ** 4
    drawn_in_y = 1.0 - 0.09 * (1 - Y**2) * np.abs(X) ** 4
    px, py = X * width / 2 * drawn_in_y, Y * height / 2 * drawn_in
    swell = ((1 - X**2) * (1 - Y**2)) ** 0.42
    halves = []
    for sign in (1.0, -1.0):
        crease = 0.05 * lumps(np.stack([px, py, np.full_like(px, sign)], -1), seed, wavelength=0.16)
        z = sign * thickness / 2 * swell * (1 + crease)
        mesh = surface(np.stack([px, py, z], -1), np.stack([px, py], -1))
        halves.append(mesh if sign > 0 else mesh.flipped())
    return joined(halves)


def leaf(length: float, width: float, bend: float = 0.6, fold: float = 0.25, cell: float = 0.006) -> Mesh:
    """A leaf along +x from the origin, its blade turned up, bent down towards the tip (radians), folded at the rib."""
    n, m = max(10, round(length / cell)), max(6, round(width / cell))
    s = np.linspace(0.0, 1.0, n + 1)
    t = np.linspace(-1.0, 1.0, m // 2 * 2 + 1)
    S, T = np.meshgrid(s, t, indexing="ij")
    half = width / 2 * np.sin(np.pi * S**0.72) ** 0.85
    angle = -bend * s
    x = np.concatenate([[0.0], np.cumsum(np.cos(angle[:-1]))]) * length / n
    z = np.concatenate([[0.0], np.cumsum(np.sin(angle[:-1]))]) * length / n
    lift = half * np.abs(T) * fold + 0.012 * width * np.sin(9 * np.pi * S) * np.abs(T)
    top = np.stack(
        [x[:, None] - np.sin(angle)[:, None] * lift, half * T, z[:, None] + np.cos(angle)[:, None] * lift], -1
    )
    uv = np.stack([S * length, T * width / 2], -1)
    upper = surface(top, uv)
    thick = 0.0012 * (1 - np.abs(T) ** 6) * np.sin(np.pi * np.clip(S, 0.02, 0.98))
    lower = surface(top - upper.normals.reshape(top.shape) * thick[..., None], uv)
    return joined([upper, lower.flipped()])

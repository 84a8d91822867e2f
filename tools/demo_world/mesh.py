"""Triangle meshes with smooth normals and texture coordinates in metres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Mesh:
    """A triangle mesh; vertices may be repeated along seams of the texture coordinates."""

    vertices: np.ndarray  # [N, 3] float64, metres
    normals: np.ndarray  # [N, 3] float64, unit, outward
    uvs: np.ndarray  # [N, 2] float64, metres along the surface
    triangles: np.ndarray  # [M, 3] int64

    def transformed(self, matrix: np.ndarray) -> Mesh:
        """The mesh under an affine map [4, 4]; normals follow the inverse transpose."""
        linear = matrix[:3, :3]
        normals = normalized(self.normals @ np.linalg.inv(linear))
        triangles = self.triangles if np.linalg.det(linear) > 0 else self.triangles[:, ::-1]
        return Mesh(self.vertices @ linear.T + matrix[:3, 3], normals, self.uvs, triangles)

    def moved(self, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Mesh:
        """The mesh shifted by metres."""
        return Mesh(self.vertices + np.array([x, y, z]), self.normals, self.uvs, self.triangles)

    def turned(self, axis: str, degrees: float) -> Mesh:
        """The mesh rotated about a coordinate axis through the origin."""
        return self.transformed(rotation(axis, degrees))

    def with_uv_offset(self, u: float, v: float) -> Mesh:
        """The same surface looking at another place of its texture."""
        return Mesh(self.vertices, self.normals, self.uvs + np.array([u, v]), self.triangles)

    def flipped(self) -> Mesh:
        """The same surface seen from its other side."""
        return Mesh(self.vertices, -self.normals, self.uvs, self.triangles[:, ::-1])

    @property
    def signed_volume(self) -> float:
        """Enclosed volume, positive when the triangles of a closed mesh face outward."""
        a, b, c = (self.vertices[self.triangles[:, i]] for i in range(3))
        return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6.0)


def normalized(vectors: np.ndarray) -> np.ndarray:
    """Unit vectors along the last axis; zero vectors stay zero."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.maximum(length, 1e-12)


def rotation(axis: str, degrees: float) -> np.ndarray:
    """[4, 4] right-handed rotation about 'x', 'y' or 'z'."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    matrix = np.eye(4)
    matrix[i, i] = matrix[j, j] = c
    matrix[i, j], matrix[j, i] = -s, s
    return matrix


def joined(meshes: list[Mesh]) -> Mesh:
    """One mesh of all parts."""
    starts = np.cumsum([0] + [len(mesh.vertices) for mesh in meshes[:-1]])
    return Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([mesh.normals for mesh in meshes]),
        np.concatenate([mesh.uvs for mesh in meshes]),
        np.concatenate([mesh.triangles + start for mesh, start in zip(meshes, starts)]),
    )


def surface(points: np.ndarray, uvs: np.ndarray, wrap_u: bool = False, wrap_v: bool = False) -> Mesh:
    """A smooth surface from a grid of points.

    Args:
        points: [U, V, 3]; d/du x d/dv points outward. With `wrap_u` the last row repeats the first (likewise
            `wrap_v`), so that normals agree across the seam. Rows or columns that fall into one point are poles.
        uvs: [U, V, 2] in metres.
    """
    nu, nv = points.shape[:2]
    index = np.arange(nu * nv).reshape(nu, nv)
    a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
    triangles = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    flat = points.reshape(-1, 3)
    face = np.cross(flat[triangles[:, 1]] - flat[triangles[:, 0]], flat[triangles[:, 2]] - flat[triangles[:, 0]])
    keep = np.linalg.norm(face, axis=1) > 1e-14
    triangles, face = triangles[keep], face[keep]
    normals = np.zeros_like(flat)
    for corner in range(3):
        np.add.at(normals, triangles[:, corner], face)
    normals = _share_across_seams(normals.reshape(nu, nv, 3), points, wrap_u, wrap_v)
    return Mesh(flat, normalized(normals).reshape(-1, 3), uvs.reshape(-1, 2), triangles)


def _share_across_seams(normals: np.ndarray, points: np.ndarray, wrap_u: bool, wrap_v: bool) -> np.ndarray:
    """Add up the normals of grid points that coincide: wrapped borders and poles."""
    if wrap_u:
        normals[0] = normals[-1] = normals[0] + normals[-1]
    if wrap_v:
        normals[:, 0] = normals[:, -1] = normals[:, 0] + normals[:, -1]
    for end in (0, -1):
        if np.ptp(points[end], axis=0).max() < 1e-9:
            normals[end] = normals[end].sum(axis=0)
        if np.ptp(points[:, end], axis=0).max() < 1e-9:
            normals[:, end] = normals[:, end].sum(axis=0)
    return normals

"""What a scene is made of: objects with names and captions, and the flat arrays that light and views work on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from tools.demo_world.materials import Material
from tools.demo_world.mesh import Mesh, rotation

Part = tuple[Mesh, Material]


@dataclass(frozen=True)
class SceneObject:
    """One named thing made of parts; a label of the truth images."""

    name: str
    color: str
    material: str  # in words, for captions and tables
    parts: list[Part]
    captions: list[str] = field(default_factory=list)

    def at(self, x: float, y: float, z: float = 0.0, turn: float = 0.0) -> SceneObject:
        """The object turned about z (degrees), then moved (metres)."""
        matrix = rotation("z", turn)
        matrix[:3, 3] = x, y, z
        return self.transformed(matrix)

    def transformed(self, matrix: np.ndarray) -> SceneObject:
        """The object under an affine map [4, 4]."""
        return replace(self, parts=[(mesh.transformed(matrix), material) for mesh, material in self.parts])

    @property
    def box(self) -> tuple[np.ndarray, np.ndarray]:
        """Smallest and largest coordinates, metres."""
        points = np.concatenate([mesh.vertices for mesh, _ in self.parts])
        return points.min(axis=0), points.max(axis=0)


@dataclass(frozen=True)
class Geometry:
    """A scene as flat arrays; object ids count from 1 in the scene's order, and every vertex has one material."""

    vertices: np.ndarray  # [N, 3] float32
    normals: np.ndarray  # [N, 3] float32
    uvs: np.ndarray  # [N, 2] float32
    triangles: np.ndarray  # [M, 3] int64
    tangents: np.ndarray  # [M, 2, 3] float32: unit directions of growing u and v
    triangle_material: np.ndarray  # [M] int16
    triangle_object: np.ndarray  # [M] uint8
    vertex_material: np.ndarray  # [N] int16
    vertex_part: np.ndarray  # [N] int32
    materials: list[Material]


def flatten(objects: Sequence[SceneObject]) -> Geometry:
    """Concatenate all parts of all objects."""
    parts = [(mesh, material, number + 1) for number, item in enumerate(objects) for mesh, material in item.parts]
    materials: list[Material] = []
    known: dict[int, int] = {}
    for _, material, _ in parts:
        if id(material) not in known:
            known[id(material)] = len(materials)
            materials.append(material)
    starts = np.cumsum([0] + [len(mesh.vertices) for mesh, _, _ in parts])
    vertices = np.concatenate([mesh.vertices for mesh, _, _ in parts])
    uvs = np.concatenate([mesh.uvs for mesh, _, _ in parts])
    triangles = np.concatenate([mesh.triangles + start for (mesh, _, _), start in zip(parts, starts)])
    per_vertex = np.repeat(np.arange(len(parts)), [len(mesh.vertices) for mesh, _, _ in parts])
    per_triangle = np.repeat(np.arange(len(parts)), [len(mesh.triangles) for mesh, _, _ in parts])
    material_of = np.array([known[id(material)] for _, material, _ in parts], np.int16)
    return Geometry(
        vertices.astype(np.float32),
        np.concatenate([mesh.normals for mesh, _, _ in parts]).astype(np.float32),
        uvs.astype(np.float32),
        triangles,
        _tangents(vertices, uvs, triangles),
        material_of[per_triangle],
        np.array([number for _, _, number in parts], np.uint8)[per_triangle],
        material_of[per_vertex],
        per_vertex.astype(np.int32),
        materials,
    )


def _tangents(vertices: np.ndarray, uvs: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Unit directions in which u and v grow on each triangle; zero where the texture is degenerate."""
    p, t = vertices[triangles], uvs[triangles]
    e1, e2, d1, d2 = p[:, 1] - p[:, 0], p[:, 2] - p[:, 0], t[:, 1] - t[:, 0], t[:, 2] - t[:, 0]
    area = d1[:, 0] * d2[:, 1] - d1[:, 1] * d2[:, 0]
    inverse = np.where(np.abs(area) > 1e-14, 1 / np.where(area == 0, 1, area), 0)[:, None]
    along_u = (e1 * d2[:, 1:] - e2 * d1[:, 1:]) * inverse
    along_v = (e2 * d1[:, :1] - e1 * d2[:, :1]) * inverse
    both = np.stack([along_u, along_v], 1)
    return (both / np.maximum(np.linalg.norm(both, axis=-1, keepdims=True), 1e-12)).astype(np.float32)

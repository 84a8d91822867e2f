"""Triangle meshes as files: PLY, OBJ, OFF, STL and GLB.

Open3D's own writers report success on a full disk and leave a cut file, and its GLB has colours that viewers show too
pale; so the bytes are put together here, and every failure of the disk is an OSError.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from splat.errors import SplatError
from splat.formats import gltf_file
from splat.formats.gltf_file import linear_light
from splat.formats.placed import to_y_up, turned_origin
from splat.formats.scene_file import NO_NOTES, Notes, Origin

_TRIANGLES = 4  # glTF's number for primitives of them


@dataclass(frozen=True)
class Surface:
    """A coloured triangle mesh as arrays."""

    vertices: np.ndarray  # [V, 3] float32
    normals: np.ndarray  # [V, 3] float32, unit vectors
    colors: np.ndarray  # [V, 3] uint8 sRGB
    triangles: np.ndarray  # [T, 3] int, vertices of each


def named_origin(origin: Origin) -> str:
    """An origin as text for a header; empty where there is none."""
    return "origin: " + " ".join(map(repr, origin)) if any(origin) else ""


def vertex_table(points: np.ndarray, normals: np.ndarray, colors: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """The vertices of a binary little-endian PLY.

    Args:
        points, normals: [V, 3] float.
        colors: [V, 3] uint8.

    Returns:
        The rows, and the lines of the header that announce them.
    """
    rows = np.empty(len(points), [("xyz", "<f4", 3), ("normal", "<f4", 3), ("rgb", "u1", 3)])
    rows["xyz"], rows["normal"], rows["rgb"] = points, normals, colors
    lines = [f"element vertex {len(rows)}"]
    lines += [f"property float {name}" for name in ("x", "y", "z", "nx", "ny", "nz")]
    return rows, lines + [f"property uchar {name}" for name in ("red", "green", "blue")]


def write_ply(file: BinaryIO, surface: Surface, origin: Origin) -> None:
    """Binary little-endian PLY with normals and colours."""
    vertices, properties = vertex_table(surface.vertices, surface.normals, surface.colors)
    faces = np.empty(len(surface.triangles), [("count", "u1"), ("corners", "<i4", 3)])
    faces["count"], faces["corners"] = 3, surface.triangles
    header = ["ply", "format binary_little_endian 1.0", f"comment {named_origin(origin)}", *properties]
    header += [f"element face {len(faces)}", "property list uchar int vertex_indices", "end_header"]
    file.write("".join(line + "\n" for line in header if line.strip() != "comment").encode("ascii"))
    file.write(vertices.tobytes())
    file.write(faces.tobytes())


def write_obj(file: BinaryIO, surface: Surface, origin: Origin) -> None:
    """Colours stand behind the coordinates, as MeshLab and Blender read them."""
    if named_origin(origin):
        file.write(f"# {named_origin(origin)}\n".encode("ascii"))
    np.savetxt(file, np.hstack([surface.vertices, surface.colors / 255]), "v %.9g %.9g %.9g %.4g %.4g %.4g")
    np.savetxt(file, surface.normals, "vn %.5g %.5g %.5g")
    np.savetxt(file, np.repeat(surface.triangles + 1, 2, axis=1), "f %d//%d %d//%d %d//%d")


def write_off(file: BinaryIO, surface: Surface, origin: Origin) -> None:
    """OFF with normals and colours of vertices; it has no place for the origin."""
    file.write(f"CNOFF\n{len(surface.vertices)} {len(surface.triangles)} 0\n".encode("ascii"))
    rows = np.hstack([surface.vertices, surface.normals, surface.colors])
    np.savetxt(file, rows, "%.9g %.9g %.9g %.5g %.5g %.5g %d %d %d 255")
    np.savetxt(file, surface.triangles, "3 %d %d %d")


def write_stl(file: BinaryIO, surface: Surface, origin: Origin) -> None:
    """Binary STL: triangles with outward normals, without colours."""
    corners = surface.vertices[surface.triangles]  # [T, 3, 3]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-20)
    records = np.zeros(len(corners), [("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("unused", "<u2")])
    records["normal"], records["corners"] = normals, corners
    file.write(f"binary {named_origin(origin)}".encode("ascii")[:80].ljust(80))
    file.write(struct.pack("<I", len(records)))
    file.write(records.tobytes())


def write_glb(file: BinaryIO, surface: Surface, origin: Origin) -> None:
    """glTF 2.0 with linear vertex colours, as it wants them; y is up already."""
    attributes = {
        "POSITION": surface.vertices.astype("<f4"),
        "NORMAL": surface.normals.astype("<f4"),
        "COLOR_0": linear_light(surface.colors / 255).astype("<f4"),
    }
    extras = {"origin": list(origin)} if any(origin) else {}
    gltf_file.write_glb(file, attributes, {"mode": _TRIANGLES}, extras, surface.triangles)


WRITERS: dict[str, Callable[[BinaryIO, Surface, Origin], None]] = {
    ".ply": write_ply,
    ".obj": write_obj,
    ".glb": write_glb,
    ".stl": write_stl,
    ".off": write_off,
}
NAMING_ORIGIN = (".ply", ".obj", ".glb", ".stl")


def write(path: Path, surface: Surface, notes: Notes = NO_NOTES) -> None:
    """Write a mesh; the suffix, one of `WRITERS`, picks the kind of file.

    Args:
        path: the file; written directly, see `splat.render.mesh.write_mesh` for the atomic way.
        surface: the mesh.
        notes: their origin, what was subtracted from the capture's coordinates, is noted where the file has room. A
            `.glb`, whose axes glTF prescribes, is turned so that what is up there is y.

    Raises:
        SplatError: when the suffix is none of them.
    """
    writer = WRITERS.get(path.suffix.lower())
    if writer is None:
        raise SplatError(f"{path.name} is no mesh file; end it in {', '.join(WRITERS)}")
    origin = notes.origin
    if writer is write_glb:
        turn = to_y_up(notes.up)
        rotation = turn[:3, :3].astype(np.float32)
        surface = replace(surface, vertices=surface.vertices @ rotation.T, normals=surface.normals @ rotation.T)
        origin = turned_origin(origin, turn)
    with path.open("wb") as file:
        writer(file, surface, origin)

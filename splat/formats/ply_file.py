"""The PLY container: header at a glance, columns by name, and a name for PLY files that are no scenes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from splat.errors import SplatError

if TYPE_CHECKING:
    import plyfile

_HEADER_LIMIT = 1 << 20  # bytes; real headers have a few kilobytes


@dataclass(frozen=True)
class Element:
    """One element of a PLY header."""

    count: int
    properties: tuple[str, ...]


def read_header(path: Path) -> dict[str, Element]:
    """Elements by name, from the header alone (cheap for files of any size).

    Raises:
        SplatError: when there is no complete header.
    """
    counts: dict[str, int] = {}
    properties: dict[str, list[str]] = {}
    name = ""
    with Path(path).open("rb") as file:
        text = file.read(_HEADER_LIMIT)
    head, found, _ = text.partition(b"end_header")
    if not found:
        raise SplatError(f"{path} has no complete PLY header; it may be damaged or cut short")
    for line in head.decode("latin-1").splitlines():
        words = line.split()
        if words[:1] == ["element"] and len(words) == 3 and words[2].isdigit():
            name = words[1]
            counts[name], properties[name] = int(words[2]), []
        elif words[:1] == ["property"] and name:
            properties[name].append(words[-1])
    return {name: Element(counts[name], tuple(properties[name])) for name in counts}


def read_elements(path: Path) -> plyfile.PlyData:
    """All elements through plyfile: ASCII, little and big endian.

    Raises:
        SplatError: when the file is damaged or cut short.
    """
    import plyfile

    try:
        return plyfile.PlyData.read(str(path))
    except (plyfile.PlyParseError, ValueError, UnicodeDecodeError) as error:
        raise SplatError(f"{path} is a damaged PLY file: {error}") from error


def explain_other_ply(path: Path, elements: dict[str, Element]) -> SplatError:
    """The error for a PLY that holds no Gaussian scene: says what it is instead."""
    vertex = elements.get("vertex")
    wanted = "a scene has the properties x y z f_dc_0.. opacity scale_0.. rot_0.."
    if vertex is None:
        names = ", ".join(elements) or "nothing"
        return SplatError(f"{path} is no Gaussian scene: it holds {names} but no vertices; {wanted}")
    properties = set(vertex.properties)
    if "face" in elements and elements["face"].count:
        return SplatError(f"{path} is a triangle mesh ({elements['face'].count} faces), not a Gaussian scene; {wanted}")
    if {"scale_0", "scale_1", "opacity"} <= properties and "scale_2" not in properties:
        return SplatError(f"{path} holds flat Gaussians (2DGS: two scales), which are not read; export 3D Gaussians")
    if not properties & {"opacity", "scale_0", "rot_0"}:
        coloured = bool(properties & {"red", "diffuse_red", "r"})
        kind = "a coloured point cloud" if coloured else "a point cloud without colours"
        return SplatError(f"{path} is {kind} ({vertex.count} points), not a Gaussian scene; {wanted}")
    missing = sorted(_REQUIRED - properties)
    return SplatError(f"{path} is no complete Gaussian scene: it lacks {' '.join(missing)}")


_REQUIRED = {
    *("x", "y", "z", "opacity"),
    *(f"f_dc_{i}" for i in range(3)),
    *(f"scale_{i}" for i in range(3)),
    *(f"rot_{i}" for i in range(4)),
}


def is_scene(elements: dict[str, Element]) -> bool:
    """Whether the header describes standard 3DGS attributes (normals and extra properties do not matter)."""
    return "vertex" in elements and set(elements["vertex"].properties) >= _REQUIRED

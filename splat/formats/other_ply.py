"""A name for PLY files that are no Gaussian scenes."""

from __future__ import annotations

from pathlib import Path

from splat.errors import SplatError
from splat.formats.ply_file import Element

REQUIRED = {
    *("x", "y", "z", "opacity"),
    *(f"f_dc_{i}" for i in range(3)),
    *(f"scale_{i}" for i in range(3)),
    *(f"rot_{i}" for i in range(4)),
}


def explain_other_ply(path: Path, elements: dict[str, Element], properties: set[str]) -> SplatError:
    """The error for a PLY that holds no Gaussian scene: says what it is instead.

    Args:
        properties: standard names of the properties that the vertices have.
    """
    vertex = elements.get("vertex")
    wanted = "a scene has the properties x y z f_dc_0.. opacity scale_0.. rot_0.."
    if vertex is None:
        names = ", ".join(elements) or "nothing"
        return SplatError(f"{path} is no Gaussian scene: it holds {names} but no vertices; {wanted}")
    if "face" in elements and elements["face"].count:
        return SplatError(f"{path} is a triangle mesh ({elements['face'].count} faces), not a Gaussian scene; {wanted}")
    if {"scale_0", "scale_1", "opacity"} <= properties and "scale_2" not in properties:
        return SplatError(f"{path} holds flat Gaussians (2DGS: two scales), which are not read; export 3D Gaussians")
    if not properties & {"opacity", "scale_0", "rot_0"}:
        colored = bool(properties & {"red", "diffuse_red", "r"})
        kind = "a coloured point cloud" if colored else "a point cloud without colours"
        return SplatError(f"{path} is {kind} ({vertex.count} points), not a Gaussian scene; {wanted}")
    missing = sorted(REQUIRED - properties)
    return SplatError(f"{path} is no complete Gaussian scene: it lacks {' '.join(missing)}")

"""The standard 3DGS PLY: the attribute names and order of Kerbl et al. 2023, as their trainer writes them.

One vertex a Gaussian: x y z, normals (unused, zeros), f_dc (constant colour band), f_rest (the other bands, all of red,
then green, then blue), opacity (logit), scale (logarithms), rot (quaternion wxyz, any length). All float32, little
endian.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from splat.errors import SplatError
from splat.formats import ply_notes
from splat.formats.common import gaussians_from_numpy, to_numpy
from splat.formats.other_ply import REQUIRED, explain_other_ply
from splat.formats.ply_file import read_elements, read_header, unused_parts
from splat.formats.positions import near_zero
from splat.formats.scene_file import NO_NOTES, Notes, SceneFile
from splat.gaussians import Gaussians

_ROWS_PER_WRITE = 1 << 18  # bounds the copy that writing makes to 65 MB
# CloudCompare calls what it does not know a scalar field; 3dgsconverter wrote `scal_` for it once, which then got both
_PREFIXES = ("", "scalar_", "scal_", "scalar_scal_")


def property_names(sh_degree: int) -> list[str]:
    """The vertex properties of a scene of that SH degree, in file order."""
    rest = 3 * ((sh_degree + 1) ** 2 - 1)
    return [
        *("x", "y", "z", "nx", "ny", "nz"),
        *(f"f_dc_{i}" for i in range(3)),
        *(f"f_rest_{i}" for i in range(rest)),
        "opacity",
        *(f"scale_{i}" for i in range(3)),
        *(f"rot_{i}" for i in range(4)),
    ]


def _rest_count(path: Path, names: Collection[str]) -> int:
    """How many f_rest properties the file has: 0, 9, 24 or 45.

    Raises:
        SplatError: for any other number, or gaps in the numbering.
    """
    names = {name for name in names if name.startswith("f_rest_")}
    if names != {f"f_rest_{i}" for i in range(len(names))} or len(names) not in (0, 9, 24, 45):
        raise SplatError(f"{path} has {len(names)} f_rest properties; SH degrees 0 to 3 have 0, 9, 24 or 45")
    return len(names)


def standard_names(properties: Iterable[str]) -> dict[str, str]:
    """The file's own property by its standard name; CloudCompare and 3dgsconverter put a prefix before most of them."""
    found: dict[str, str] = {}
    for prefix in _PREFIXES:
        for name in properties:
            if name.startswith(prefix):
                found.setdefault(name[len(prefix) :], name)
    return found


def read(path: Path) -> SceneFile:
    """Read a standard scene of SH degree 0 to 3: binary of either byte order or ASCII, with or without normals.

    Raises:
        SplatError: when the file is damaged or is no scene (a point cloud, a mesh, ...).
    """
    header = read_header(path)
    names = standard_names(header.elements["vertex"].properties if "vertex" in header.elements else ())
    if not names.keys() >= REQUIRED:
        raise explain_other_ply(path, header.elements, set(names))
    rest = _rest_count(path, names)
    vertex = read_elements(path, header)["vertex"].data

    def columns(*wanted: str, dtype: DTypeLike = np.float32) -> np.ndarray:
        out = np.empty((len(vertex), len(wanted)), dtype)
        with np.errstate(over="ignore", invalid="ignore"):  # what no float32 can hold goes with the unusable rows
            for index, name in enumerate(wanted):
                out[:, index] = vertex[names[name]]
        return out

    try:
        scales = columns("scale_0", "scale_1", "scale_2")
        precise = any(vertex.dtype[names[axis]] != np.float32 for axis in "xyz")
        means, origin, remarks = near_zero(columns("x", "y", "z", dtype=np.float64 if precise else np.float32), scales)
        shN = columns(*(f"f_rest_{i}" for i in range(rest))).reshape(len(vertex), 3, rest // 3).transpose(0, 2, 1)
        gaussians = gaussians_from_numpy(
            means=means,
            quats=columns("rot_0", "rot_1", "rot_2", "rot_3"),
            scales=scales,
            opacities=columns("opacity")[:, 0],
            sh0=columns("f_dc_0", "f_dc_1", "f_dc_2"),
            shN=shN,
        )
    except (TypeError, ValueError) as error:  # list properties under a scene's names
        raise SplatError(f"{path} is no Gaussian scene: its properties are not plain numbers ({error})") from error
    notes, said = ply_notes.parse(header.comments)
    x, y, z = (noted + moved for noted, moved in zip(notes.origin, origin))
    used = {names[name] for name in property_names(3) if name in names}
    unused = unused_parts(path, header, {"vertex": used}) + _normals(vertex, names)
    return SceneFile(gaussians, Notes(notes.antialiased, (x, y, z)), unused, (*said, *remarks))


def _normals(vertex: np.ndarray, names: dict[str, str]) -> tuple[str, ...]:
    """Normals that say something; those of 3DGS files are zeros."""
    found = [names[name] for name in ("nx", "ny", "nz") if name in names]
    return ("normals",) if any(np.any(vertex[name]) for name in found) else ()


def write(path: Path, gaussians: Gaussians, notes: Notes = NO_NOTES) -> None:
    """Write float32 binary little endian with exactly the properties of `property_names`, and the notes as comments."""
    arrays = to_numpy(gaussians)
    count = len(gaussians)
    names = property_names(math.isqrt(arrays["shN"].shape[1] + 1) - 1)
    header = ["ply", "format binary_little_endian 1.0", *ply_notes.lines(notes), f"element vertex {count}"]
    header += [f"property float {name}" for name in names]
    with Path(path).open("wb") as file:
        file.write(("\n".join([*header, "end_header"]) + "\n").encode("ascii"))
        for start in range(0, count, _ROWS_PER_WRITE):
            rows = {name: array[start : start + _ROWS_PER_WRITE] for name, array in arrays.items()}
            size = len(rows["means"])
            blocks = [
                rows["means"],
                np.zeros((size, 3), np.float32),
                rows["sh0"].reshape(size, 3),
                rows["shN"].transpose(0, 2, 1).reshape(size, -1),
                rows["opacities"].reshape(size, 1),
                rows["scales"],
                rows["quats"],
            ]
            file.write(np.concatenate(blocks, axis=1).astype("<f4", copy=False).tobytes())


def lost(gaussians: Gaussians) -> list[str]:
    """Nothing: the format is as wide as the scene."""
    return []

"""The standard 3DGS PLY: the attribute names and order of Kerbl et al. 2023, as their trainer writes them.

One vertex a Gaussian: x y z, normals (unused, zeros), f_dc (constant colour band), f_rest (the other bands, all of red,
then green, then blue), opacity (logit), scale (logarithms), rot (quaternion wxyz, any length). All float32, little
endian.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from splat.errors import SplatError
from splat.formats.common import gaussians_from_numpy, to_numpy
from splat.formats.ply_file import explain_other_ply, is_scene, read_elements, read_header
from splat.gaussians import Gaussians

_ROWS_PER_WRITE = 1 << 18  # bounds the copy that writing makes to 65 MB


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


def _rest_count(path: Path, properties: tuple[str, ...]) -> int:
    """How many f_rest properties the file has: 0, 9, 24 or 45.

    Raises:
        SplatError: for any other number, or gaps in the numbering.
    """
    names = {name for name in properties if name.startswith("f_rest_")}
    if names != {f"f_rest_{i}" for i in range(len(names))} or len(names) not in (0, 9, 24, 45):
        raise SplatError(f"{path} has {len(names)} f_rest properties; SH degrees 0 to 3 have 0, 9, 24 or 45")
    return len(names)


def read(path: Path) -> Gaussians:
    """Read a standard scene of SH degree 0 to 3: binary of either byte order or ASCII, with or without normals.

    Raises:
        SplatError: when the file is damaged or is no scene (a point cloud, a mesh, ...).
    """
    elements = read_header(path)
    if not is_scene(elements):
        raise explain_other_ply(path, elements)
    rest = _rest_count(path, elements["vertex"].properties)
    vertex = read_elements(path)["vertex"].data

    def columns(*names: str) -> np.ndarray:
        out = np.empty((len(vertex), len(names)), np.float32)
        for index, name in enumerate(names):
            out[:, index] = vertex[name]
        return out

    try:
        shN = columns(*(f"f_rest_{i}" for i in range(rest))).reshape(len(vertex), 3, rest // 3).transpose(0, 2, 1)
        return gaussians_from_numpy(
            means=columns("x", "y", "z"),
            quats=columns("rot_0", "rot_1", "rot_2", "rot_3"),
            scales=columns("scale_0", "scale_1", "scale_2"),
            opacities=columns("opacity")[:, 0],
            sh0=columns("f_dc_0", "f_dc_1", "f_dc_2"),
            shN=shN,
        )
    except (TypeError, ValueError) as error:  # list properties under a scene's names
        raise SplatError(f"{path} is no Gaussian scene: its properties are not plain numbers ({error})") from error


def write(path: Path, gaussians: Gaussians) -> None:
    """Write float32 binary little endian with exactly the properties of `property_names`."""
    arrays = to_numpy(gaussians)
    count = len(gaussians)
    names = property_names(math.isqrt(arrays["shN"].shape[1] + 1) - 1)
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {count}"]
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

"""Programs that others wrote read what is written here, and write what is read here. Skipped where they are absent.

gaussforge has the SPZ library of Niantic inside, without a turn of axes: what it writes has the axes that it got.
gsply (numba) is not among the packages for development, because it weighs too much; `pip install gsply` runs its tests.
"""

import gzip
import io
import struct
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import plyfile
import pytest
import torch

from splat.formats import read_scene, write_scene
from splat.formats.axes import flipped
from splat.formats.morton import morton_order
from splat.formats.ply import property_names
from splat.gaussians import Gaussians, quat_to_matrix

RandomScene = Callable[..., Gaussians]
HALF_TURN = (1, -1, -1)
VERSIONS = (2, 3, 4)


@pytest.fixture
def scene(random_scene: RandomScene) -> Gaussians:
    """Values that every format has room for."""
    found = random_scene(700, 3)
    found.sh0.clamp_(-1.5, 1.5)
    found.shN.clamp_(-0.9, 0.9)
    return found


@pytest.fixture(scope="session")
def gaussforge() -> Any:
    return pytest.importorskip("gaussforge").GaussForge()


@pytest.fixture(scope="session")
def gsply() -> ModuleType:
    return pytest.importorskip("gsply")


def converted(gaussforge: Any, data: bytes, source: str, target: str, **options: int) -> bytes:
    found = gaussforge.convert(data, source, target, **options)
    assert "error" not in found, found["error"]
    content: bytes = found["data"]
    return content


def of_ply(data: bytes) -> dict[str, np.ndarray]:
    """A PLY of gaussforge, not by our reader."""
    vertex = plyfile.PlyData.read(io.BytesIO(data))["vertex"].data
    rest = sum(name.startswith("f_rest") for name in vertex.dtype.names)
    names = property_names(int((rest / 3 + 1) ** 0.5) - 1)
    table = np.stack([vertex[name] for name in names if name[0] != "n"], axis=1)
    splits = np.cumsum([3, 3, rest, 1, 3])
    means, sh0, shN, opacities, scales, quats = np.split(table, splits, axis=1)
    shN = shN.reshape(len(table), 3, rest // 3).transpose(0, 2, 1)
    return {"means": means, "quats": quats, "scales": scales, "opacities": opacities[:, 0], "sh0": sh0, "shN": shN}


def check_close(found: dict[str, np.ndarray], scene: Gaussians, **limits: float) -> None:
    """Differences from the scene, opacities as 0 to 1 and rotations as matrices, are at most the limits."""
    tensors = {name: torch.from_numpy(np.ascontiguousarray(array)).double() for name, array in found.items()}
    wanted = {name: tensor.double() for name, tensor in scene.as_dict().items()}
    for these in (tensors, wanted):
        these["opacities"] = these["opacities"].sigmoid()
        these["quats"] = quat_to_matrix(these["quats"])
        these["sh0"] = these["sh0"].reshape(-1, 3)
    for name, limit in limits.items():
        assert tensors[name].shape == wanted[name].shape, name
        assert torch.allclose(tensors[name], wanted[name], atol=limit * 1.001 + 2e-6, rtol=0), name


def spz_limits(version: int) -> dict[str, float]:
    """Half the steps of SPZ."""
    return {
        "means": 0.5 / 4096,
        "quats": 0.24 if version == 2 else 0.006,
        "scales": 0.5 / 16,
        "opacities": 0.5 / 255,
        "sh0": 0.5 / 255 / 0.15,
        "shN": 8.5 / 128,
    }


def unpacked(data: bytes) -> bytes:
    """All attributes of an SPZ file behind the first 15 bytes of its header."""
    if data[:2] == b"\x1f\x8b":
        plain = gzip.decompress(data)
        return plain[:15] + plain[16:]
    zstandard = pytest.importorskip("zstandard")
    streams, table = struct.unpack_from("<BI", data, 15)
    found, start = data[:15], table + 16 * streams
    for index in range(streams):
        (packed,) = struct.unpack_from("<Q", data, table + 16 * index)
        found += zstandard.ZstdDecompressor().decompress(data[start : start + packed])
        start += packed
    return found


# --- gaussforge


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_spz_has_the_bytes_of_the_spz_library(
    tmp_path: Path, gaussforge: Any, random_scene: RandomScene, version: int, degree: int
) -> None:
    scene = random_scene(700, degree)  # with values that are cut off
    write_scene(tmp_path / "turned.ply", flipped(scene, HALF_TURN))
    theirs = converted(gaussforge, (tmp_path / "turned.ply").read_bytes(), "ply", "spz", spz_version=version)
    write_scene(tmp_path / "ours.spz", scene, version=version)
    assert unpacked((tmp_path / "ours.spz").read_bytes()) == unpacked(theirs)


def test_spz_of_a_real_scene_has_the_bytes_of_the_spz_library(
    tmp_path: Path, gaussforge: Any, shared_data: Callable[[str], Path]
) -> None:
    scene = read_scene(shared_data("splats/inria-7k.ply"))
    write_scene(tmp_path / "turned.ply", flipped(scene, HALF_TURN))
    theirs = converted(gaussforge, (tmp_path / "turned.ply").read_bytes(), "ply", "spz", spz_version=3)
    write_scene(tmp_path / "ours.spz", scene, version=3)
    assert unpacked((tmp_path / "ours.spz").read_bytes()) == unpacked(theirs)


@pytest.mark.parametrize("version", VERSIONS)
def test_gaussforge_reads_spz_and_writes_it(tmp_path: Path, gaussforge: Any, scene: Gaussians, version: int) -> None:
    write_scene(tmp_path / "a.spz", scene, version=version)
    found = of_ply(converted(gaussforge, (tmp_path / "a.spz").read_bytes(), "spz", "ply"))
    check_close(found, flipped(scene, HALF_TURN), **spz_limits(version))
    write_scene(tmp_path / "a.ply", scene)
    theirs = converted(gaussforge, (tmp_path / "a.ply").read_bytes(), "ply", "spz", spz_version=version)
    (tmp_path / "b.spz").write_bytes(theirs)
    back = flipped(read_scene(tmp_path / "b.spz"), HALF_TURN)
    check_close({name: tensor.numpy() for name, tensor in back.as_dict().items()}, scene, **spz_limits(version))


def compressed_limits(scene: Gaussians) -> dict[str, float]:
    """Half the steps of a compressed PLY with 256 Gaussians or a scene in one chunk, at most."""
    ranges = {name: getattr(scene, name) for name in ("means", "scales", "sh0")}
    extents = {name: float((tensor.amax(0) - tensor.amin(0)).max()) for name, tensor in ranges.items()}
    return {
        "means": extents["means"] / 1023 / 2,
        "quats": 0.006,
        "scales": extents["scales"] / 1023 / 2,
        "opacities": 0.5 / 255,
        "sh0": extents["sh0"] / 255 / 2,
        "shN": 8 / 256,
    }


@pytest.mark.parametrize("degree", [0, 3])
def test_gaussforge_reads_compressed_ply_and_writes_it(
    tmp_path: Path, gaussforge: Any, scene: Gaussians, degree: int
) -> None:
    scene = scene.replace(shN=scene.shN[:, : (degree + 1) ** 2 - 1])
    scene = scene[torch.from_numpy(morton_order(scene.means.numpy()))]
    write_scene(tmp_path / "a.compressed.ply", scene)
    found = of_ply(converted(gaussforge, (tmp_path / "a.compressed.ply").read_bytes(), "compressed.ply", "ply"))
    check_close(found, scene, **compressed_limits(scene))
    write_scene(tmp_path / "a.ply", scene)
    theirs = converted(gaussforge, (tmp_path / "a.ply").read_bytes(), "ply", "compressed.ply")
    (tmp_path / "b.compressed.ply").write_bytes(theirs)
    back = read_scene(tmp_path / "b.compressed.ply")  # they keep the order
    limits = compressed_limits(scene)
    # gaussforge 0.6.0 writes red, green and blue of a coefficient side by side here, where PlayCanvas and its own
    # reader have all of red first.
    swapped = back.shN.transpose(1, 2).reshape(back.shN.shape)
    assert torch.allclose(swapped, scene.shN, atol=limits.pop("shN"), rtol=0)
    check_close({name: tensor.numpy() for name, tensor in back.as_dict().items()}, scene, **limits)


# --- gsply


def of_gsply(data: Any) -> dict[str, np.ndarray]:
    shN = np.zeros((len(data.means), 0, 3), np.float32) if data.shN is None else np.asarray(data.shN)
    names = ("means", "quats", "scales", "opacities", "sh0")
    return {name: np.asarray(getattr(data, name)) for name in names} | {"shN": shN}


@pytest.mark.slow  # numba compiles for a while
@pytest.mark.parametrize("version", VERSIONS)
def test_gsply_reads_spz_and_writes_it(tmp_path: Path, gsply: ModuleType, scene: Gaussians, version: int) -> None:
    write_scene(tmp_path / "a.spz", scene, version=version)
    data = gsply.read_spz(tmp_path / "a.spz")
    check_close(of_gsply(data), flipped(scene, HALF_TURN), **spz_limits(version))
    if version > 2:  # it writes no other
        gsply.write_spz(tmp_path / "b.spz", data, version=version)
        back = read_scene(tmp_path / "b.spz")
        check_close({name: tensor.numpy() for name, tensor in back.as_dict().items()}, scene, **spz_limits(version))


@pytest.mark.slow
@pytest.mark.parametrize("degree", [0, 3])
def test_gsply_reads_compressed_ply_and_writes_it(
    tmp_path: Path, gsply: ModuleType, scene: Gaussians, degree: int
) -> None:
    scene = scene.replace(shN=scene.shN[:, : (degree + 1) ** 2 - 1])
    scene = scene[torch.from_numpy(morton_order(scene.means.numpy()))]
    write_scene(tmp_path / "a.compressed.ply", scene)
    data = gsply.plyread(tmp_path / "a.compressed.ply")
    check_close(of_gsply(data), scene, **compressed_limits(scene))
    gsply.plywrite(tmp_path / "b.compressed.ply", data, compressed=True)
    back = read_scene(tmp_path / "b.compressed.ply")
    order, again = (
        torch.from_numpy(np.lexsort(each.means.numpy().T)) for each in (read_scene(tmp_path / "a.compressed.ply"), back)
    )
    both = {name: tensor.numpy() for name, tensor in back[again].as_dict().items()}
    check_close(both, scene[order], **{name: 2 * limit for name, limit in compressed_limits(scene).items()})

"""Small whole scene files of every format and version that is read, and their parsers."""

from __future__ import annotations

import base64
import functools
import gzip
import io
import json
import struct
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import plyfile
import torch
import zstandard

from splat.formats import read_scene, write_scene
from splat.gaussians import Gaussians
from tests.glb import pieces
from tests.parser import BIN_WORDS, Parser

FEW = 6


def make_random_scene(count: int = FEW, sh_degree: int = 1, seed: int = 0) -> Gaussians:
    """Every attribute normally distributed, always the same."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    return Gaussians(
        means=normal(count, 3) * 3,
        quats=normal(count, 4),
        scales=normal(count, 3) - 3,
        opacities=normal(count),
        sh0=normal(count, 1, 3),
        shN=normal(count, (sh_degree + 1) ** 2 - 1, 3),
    )


def compressed_ply(path: Path, seed: int = 0) -> None:
    """A compressed PLY of random chunks and numbers."""
    rng = np.random.default_rng(seed)
    names = [f"{end}_{axis}" for end in ("min", "max") for axis in ("x", "y", "z", "scale_x", "scale_y", "scale_z")]
    chunk = np.zeros(1, [(name, "f4") for name in names])
    for name in names:
        chunk[name] = rng.normal() + 2 * name.startswith("max")
    vertex = np.zeros(FEW, [(f"packed_{name}", "u4") for name in ("position", "rotation", "scale", "color")])
    for name in vertex.dtype.names:
        vertex[name] = rng.integers(0, 1 << 32, FEW)
    sh = np.zeros(FEW, [(f"f_rest_{i}", "u1") for i in range(9)])
    parts = {"chunk": chunk, "vertex": vertex, "sh": sh}
    data = [plyfile.PlyElement.describe(table, name) for name, table in parts.items()]
    plyfile.PlyData(data).write(str(path))


def spz_header(version: int, count: int, streams: int = 0, table: int = 0) -> bytes:
    start = struct.pack("<4sIIBBBB", b"NGSP", version, count, 0, 12, 0, streams)
    return start + struct.pack("<I12x", table) * bool(table)


def spz_v4(count: int, contents: list[bytes], sizes: list[int] | None = None) -> bytes:
    packed = [zstandard.ZstdCompressor().compress(content) for content in contents]
    sizes = sizes or [len(content) for content in contents]
    table = b"".join(struct.pack("<QQ", len(data), size) for data, size in zip(packed, sizes))
    return spz_header(4, count, len(contents), 32) + table + b"".join(packed)


def spz_contents(count: int, seed: int = 0, version: int = 3) -> list[bytes]:
    rng = np.random.default_rng(seed)
    return [rng.bytes(count * width) for width in (9, 1, 3, 3, 3 if version == 2 else 4)] + [b""]


def spz_files() -> dict[str, bytes]:
    """Every version, packed and as it is inside, with and without extensions."""
    files = {"v4.spz": spz_v4(FEW, spz_contents(FEW))}
    extensions = struct.pack("<IIIII", 0xADBE0003, 4, 10, 0x12340001, 0)
    data = bytearray(files["v4.spz"])
    data[14], data[16:20] = 2, struct.pack("<I", 32 + len(extensions))
    files["extended4.spz"] = bytes(data[:32]) + extensions + bytes(data[32:])
    raw1 = spz_header(1, FEW) + bytes(6 * FEW) + b"".join(spz_contents(FEW, version=2)[1:])
    files["v1.spz"] = gzip.compress(raw1[:14] + b"\2" + raw1[15:] + extensions)
    for version in (2, 3):
        files[f"raw{version}.spz"] = spz_header(version, FEW) + b"".join(spz_contents(FEW, version=version))
        files[f"v{version}.spz"] = gzip.compress(files[f"raw{version}.spz"])
    return files


@functools.cache
def scene_files() -> dict[str, bytes]:
    """File names with contents, each a whole scene of FEW Gaussians."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scene = make_random_scene()
        write_scene(folder / "scene.ply", scene)
        data = plyfile.PlyData.read(str(folder / "scene.ply"))
        plyfile.PlyData([data["vertex"]], text=True).write(str(folder / "ascii.ply"))
        plyfile.PlyData([data["vertex"]], byte_order=">").write(str(folder / "big.ply"))
        for suffix in ("splat", "glb", "ksplat", "sog"):
            write_scene(folder / f"scene.{suffix}", scene)
        compressed_ply(folder / "scene.compressed.ply")
        files = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    return files | {"scene.gltf": gltf_of(files["scene.glb"])} | spz_files()


def gltf_of(glb: bytes) -> bytes:
    """The document of a `.glb` with its buffer as a data URI."""
    document, binary = pieces(glb)
    data = base64.b64encode(binary).decode()
    document["buffers"][0]["uri"] = f"data:application/octet-stream;base64,{data}"
    return json.dumps(document).encode()


def unpacked_sog() -> dict[str, bytes]:
    """The files of a `.sog`."""
    with zipfile.ZipFile(io.BytesIO(scene_files()["scene.sog"])) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def check_drawable(scene: Gaussians) -> None:
    """All numbers of a scene are finite."""
    assert all(bool(torch.isfinite(tensor).all()) for tensor in scene.as_dict().values())


def _read(folder: Path, file: Path) -> None:
    check_drawable(read_scene(file))


def _parser(name: str, file: str, seeds: tuple[str, ...], words: tuple[bytes, ...] = BIN_WORDS) -> Parser:
    return Parser(f"scene_{name}", file, tuple(scene_files()[seed] for seed in seeds), _read, words=words)


def _sog_parser(file: str, words: tuple[bytes, ...]) -> Parser:
    def read(folder: Path, _: Path) -> None:
        check_drawable(read_scene(folder / "meta.json"))

    name = file.split(".")[0]
    return Parser(f"scene_sog_{name}", file, (unpacked_sog()[file],), read, unpacked_sog, words)


PLY_WORDS = (
    *(b"property float ", b"property list uchar int ", b"element vertex ", b"f_dc_0", b"f_rest_44", b"scale_2", b"-1"),
    *(b"chunk ", b"packed_", b"uchar ", b"double ", b"comment ", b"end_header\n", b"99999999999", b"nan "),
)
GLTF_WORDS = (
    *(b"null", b"-1", b"1e400", b"{}", b"[]", b"true", b'"KHR_gaussian_splatting"', b'"byteStride"', b'"sparse"'),
    *(b'"normalized"', b'"componentType"', b'"matrix"', b'"children"', b'"uri"', b'"../a"', b'"byteOffset"', b"5126"),
)
SOG_WORDS = (
    *(b"null", b"-1", b"1e400", b"{}", b"[]", b'"files"', b'"../a.webp"', b'"codebook"', b'"mins"', b'"maxs"'),
    *(b'"count"', b'"version"'),
)
SPZ = ("v4.spz", "extended4.spz", "v1.spz", "v2.spz", "v3.spz", "raw2.spz", "raw3.spz")

SCENE_PARSERS = (
    _parser("ply", "a.ply", ("scene.ply", "ascii.ply", "big.ply"), PLY_WORDS),
    _parser("compressed_ply", "a.compressed.ply", ("scene.compressed.ply",), PLY_WORDS),
    _parser("splat", "a.splat", ("scene.splat",)),
    _parser("spz", "a.spz", SPZ, (*BIN_WORDS, b"NGSP")),
    _parser("ksplat", "a.ksplat", ("scene.ksplat",)),
    _parser("glb", "a.glb", ("scene.glb",), GLTF_WORDS),
    _parser("gltf", "a.gltf", ("scene.gltf",), GLTF_WORDS),
    _parser("sog", "a.sog", ("scene.sog",), (*BIN_WORDS, b"PK\1\2", b"PK\3\4", b"PK\5\6")),
    _sog_parser("meta.json", SOG_WORDS),
    _sog_parser("means_l.webp", (*BIN_WORDS, b"VP8L", b"VP8X", b"ALPH")),
)

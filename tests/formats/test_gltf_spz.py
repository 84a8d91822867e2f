"""Gaussians that a glTF file holds as SPZ."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from splat.errors import SplatError
from splat.formats import Notes, detect_format, read_scene, read_scene_file, write_scene
from splat.formats.gltf_spz import NAMES
from splat.gaussians import Gaussians, quat_to_matrix
from tests.glb import glb
from tests.scene_files import FEW, make_random_scene, spz_contents, spz_files, spz_header

EXTENSION = "KHR_gaussian_splatting"


def holding(spz: bytes, count: int = FEW, name: str = NAMES[0], **node: Any) -> bytes:
    """A GLB as globes stream them: accessors without data, one buffer with the SPZ."""
    accessors = [
        {"componentType": 5126, "count": count, "type": "VEC3", "min": [-9.0] * 3, "max": [9.0] * 3},
        {"componentType": 5126, "count": count, "type": "VEC4"},
    ]
    extension = {"kernel": "ellipse", "colorSpace": "srgb_rec709_display", "extensions": {name: {"bufferView": 0}}}
    primitive = {
        "mode": 0,
        "attributes": {"POSITION": 0, f"{EXTENSION}:ROTATION": 1},
        "extensions": {EXTENSION: extension},
    }
    document = {
        "asset": {"version": "2.0"},
        "extensionsUsed": [EXTENSION, name],
        "extensionsRequired": [EXTENSION, name],
        "nodes": [{"mesh": 0, **node}],
        "scenes": [{"nodes": [0]}],
        "meshes": [{"primitives": [primitive]}],
        "accessors": accessors,
        "bufferViews": [{"buffer": 0, "byteLength": len(spz)}],
        "buffers": [{"byteLength": len(spz)}],
    }
    return glb(document, spz)


def assert_alike(found: Gaussians, expected: Gaussians) -> None:
    for name, values in expected.as_dict().items():
        here, there = getattr(found, name), values
        if name == "quats":  # of either sign
            here, there = quat_to_matrix(here), quat_to_matrix(there)
        assert torch.allclose(here, there, atol=2e-5), name


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("version", [2, 3, 4])
def test_a_scene_is_the_same_as_in_a_file_of_its_own(tmp_path: Path, version: int, name: str) -> None:
    write_scene(tmp_path / "a.spz", make_random_scene(FEW, 2), version=version)
    (tmp_path / "a.glb").write_bytes(holding((tmp_path / "a.spz").read_bytes(), name=name))
    assert detect_format(tmp_path / "a.glb").name == "glb"
    expected = read_scene(tmp_path / "a.spz")
    assert expected.sh_degree == 2
    assert_alike(read_scene(tmp_path / "a.glb"), expected)


def test_nodes_move_it_in_the_axes_of_the_file(tmp_path: Path) -> None:
    write_scene(tmp_path / "a.spz", make_random_scene())
    (tmp_path / "a.glb").write_bytes(
        holding((tmp_path / "a.spz").read_bytes(), translation=[1.0, 2.0, 3.0], scale=[2.0, 2.0, 2.0])
    )
    moved, still = read_scene(tmp_path / "a.glb"), read_scene(tmp_path / "a.spz")
    assert torch.allclose(moved.means, 2 * still.means + torch.tensor([1.0, -2.0, -3.0]), atol=1e-4)  # y up: y, z turn
    assert torch.allclose(moved.scales, still.scales + torch.log(torch.tensor(2.0)), atol=1e-5)


def cut(spz: bytes) -> bytes:
    return holding(spz[:40])


def other_count(spz: bytes) -> bytes:
    return holding(spz, FEW + 1)


def beyond(spz: bytes) -> bytes:
    return holding(spz).replace(b'{"bufferView": 0}', b'{"bufferView": 1}')


def no_view(spz: bytes) -> bytes:
    return holding(spz).replace(b'{"bufferView": 0}', b'{"bufferVieW": 0}')


def bomb(spz: bytes) -> bytes:
    return holding(spz_header(3, 4_000_000_000) + bytes(100), 4_000_000_000)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (cut, "damaged SPZ"),
        (other_count, "6 Gaussians where 7 are announced"),
        (beyond, r"bufferViews\[1\]"),
        (no_view, "bufferView"),
        (bomb, "announces"),
    ],
)
def test_damage_is_one_line(tmp_path: Path, damage: Callable[[bytes], bytes], message: str) -> None:
    (tmp_path / "a.glb").write_bytes(damage(spz_files()["v2.spz"]))
    with pytest.raises(SplatError, match=message) as refused:
        read_scene(tmp_path / "a.glb")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("antialiased", [False, True])
def test_antialiasing_travels(tmp_path: Path, antialiased: bool) -> None:
    write_scene(tmp_path / "a.spz", make_random_scene(), notes=Notes(antialiased))
    (tmp_path / "a.glb").write_bytes(holding((tmp_path / "a.spz").read_bytes()))
    assert read_scene_file(tmp_path / "a.glb").notes.antialiased is antialiased


def test_what_is_not_read_of_the_spz_is_counted(tmp_path: Path) -> None:
    (tmp_path / "a.glb").write_bytes(holding(spz_files()["v1.spz"]))
    (tmp_path / "a.spz").write_bytes(spz_files()["v1.spz"])
    unused = read_scene_file(tmp_path / "a.spz").unused
    assert unused and set(unused) <= set(read_scene_file(tmp_path / "a.glb").unused)


def test_what_the_spz_lacks_is_said(tmp_path: Path) -> None:
    data = bytearray(spz_header(3, FEW) + b"".join(spz_contents(FEW)) + bytes(FEW * 3 * 24))
    data[12] = 4  # SH degree
    (tmp_path / "a.glb").write_bytes(holding(bytes(data)))
    (tmp_path / "a.spz").write_bytes(bytes(data))
    assert read_scene_file(tmp_path / "a.glb").remarks == read_scene_file(tmp_path / "a.spz").remarks != ()

"""Formats of other programs: known bytes, known counts, and the same scene agreeing across formats."""

import dataclasses
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from splat.errors import SplatError
from splat.formats import FORMATS, detect_format, read_scene, read_scene_file, write_scene
from splat.formats.registry import Content, format_for_writing
from splat.formats.scene_file import Notes
from splat.gaussians import Gaussians, quat_to_matrix
from splat.sh import sh0_to_rgb

RandomScene = Callable[..., Gaussians]


def covariances(scene: Gaussians) -> torch.Tensor:
    half = quat_to_matrix(scene.quats.double()) * scene.scales.double().exp()[:, None, :]
    return half @ half.transpose(1, 2)


# --- .splat


def test_splat_record_layout(tmp_path: Path) -> None:
    record = struct.pack("<6f8B", 1, 2, 3, 0.1, 0.2, 0.3, 255, 0, 51, 204, 192, 128, 64, 128)
    (tmp_path / "one.splat").write_bytes(record)
    found = read_scene_file(tmp_path / "one.splat")
    assert found.notes == Notes(None, (0, 0, 0))  # it says nothing, neither that it is antialiased nor that it is not
    scene = found.gaussians
    assert scene.means.tolist() == [[1, 2, 3]]
    assert scene.scales.exp()[0].tolist() == pytest.approx([0.1, 0.2, 0.3])
    assert sh0_to_rgb(scene.sh0)[0, 0].tolist() == pytest.approx([1, 0, 0.2], abs=1e-6)
    assert float(torch.sigmoid(scene.opacities)) == pytest.approx(0.8)
    assert scene.quats.tolist() == [[0.5, 0, -0.5, 0]]


def test_splat_round_trip_within_a_byte_and_sorted(tmp_path: Path, random_scene: RandomScene) -> None:
    scene = random_scene(500, 2)
    write_scene(tmp_path / "scene.splat", scene)
    back = read_scene(tmp_path / "scene.splat")
    importance = scene.scales.double().sum(1).exp() * torch.sigmoid(scene.opacities.double())
    order = torch.argsort(importance, descending=True, stable=True)
    assert torch.equal(back.means, scene.means[order])
    assert torch.allclose(back.scales, scene.scales[order], atol=1e-5)
    assert (torch.sigmoid(back.opacities) - torch.sigmoid(scene.opacities[order])).abs().max() <= 0.5 / 255 + 1e-6
    rgb = sh0_to_rgb(scene.sh0[order]).clamp(0, 1)
    assert (sh0_to_rgb(back.sh0) - rgb).abs().max() <= 0.5 / 255 + 1e-6
    unit = torch.nn.functional.normalize(scene.quats[order], dim=1)
    assert (back.quats - unit).abs().max() <= 1 / 128 + 1e-6  # +1 has no byte of its own
    assert back.sh_degree == 0


def test_writing_a_splat_again_changes_nothing_but_rotations(tmp_path: Path, random_scene: RandomScene) -> None:
    write_scene(tmp_path / "a.splat", random_scene(500, 0))
    write_scene(tmp_path / "b.splat", read_scene(tmp_path / "a.splat"))
    a, b = (np.fromfile(tmp_path / f"{name}.splat", np.uint8).reshape(-1, 32) for name in "ab")
    order_a, order_b = (np.lexsort(table[:, :12].T) for table in (a, b))
    assert np.array_equal(a[order_a, :12], b[order_b, :12])
    assert np.array_equal(a[order_a, 24:28], b[order_b, 24:28])
    turned = np.abs(a[order_a, 28:].astype(int) - b[order_b, 28:])
    assert turned.max() <= 1


def test_splat_of_wrong_size(tmp_path: Path) -> None:
    (tmp_path / "cut.splat").write_bytes(bytes(33))
    with pytest.raises(SplatError, match="multiple of 32"):
        read_scene(tmp_path / "cut.splat")


# --- formats against each other


def test_minimal_files_of_other_programs_agree(shared_data) -> None:
    splat = read_scene(shared_data("splats/minimal.splat"))
    spz = read_scene(shared_data("splats/minimal-v3.spz"))
    assert len(splat) == len(spz) == 4
    assert torch.allclose(splat.means, spz.means, atol=1 / 4096)
    assert torch.allclose(torch.sigmoid(splat.opacities), torch.sigmoid(spz.opacities), atol=1e-6)
    assert torch.allclose(sh0_to_rgb(splat.sh0), sh0_to_rgb(spz.sh0), atol=0.01)
    assert torch.allclose(splat.scales, spz.scales, atol=1 / 16)


def test_the_same_scene_in_two_formats_agrees(shared_data) -> None:
    pytest.importorskip("zstandard")  # this SPZ is version 4
    ply = read_scene(shared_data("splats/biker.compressed.ply"))
    spz = read_scene(shared_data("splats/biker.spz"))
    assert len(ply) == len(spz)
    # The two programs order Gaussians differently; nearest centres pair them up.
    from scipy.spatial import cKDTree

    distance, pair = cKDTree(spz.means.numpy()).query(ply.means.numpy())
    assert np.quantile(distance, 0.99) < 2e-3
    spz = spz[torch.from_numpy(pair)]
    sure = torch.from_numpy(distance < 1e-3)
    alpha = (torch.sigmoid(ply.opacities) - torch.sigmoid(spz.opacities)).abs()[sure]
    assert alpha.median() < 1 / 255
    assert (sh0_to_rgb(ply.sh0) - sh0_to_rgb(spz.sh0)).abs()[sure].median() < 0.01
    a, b = covariances(ply)[sure], covariances(spz)[sure]
    error = torch.linalg.matrix_norm(a - b) / torch.linalg.matrix_norm(a)
    assert error.median() < 0.15  # SPZ rounds log scales to 1/16


# --- the table


def test_what_is_not_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "scene.lcc").write_bytes(b"some")
    with pytest.raises(SplatError, match=r"an LCC scene.*ply, compressed-ply, splat, spz"):
        read_scene(tmp_path / "scene.lcc")
    with pytest.raises(SplatError, match="is a folder, not a scene file"):
        read_scene(tmp_path)


def test_format_of_a_name(tmp_path: Path, random_scene: RandomScene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = random_scene(3, 0)
    with pytest.raises(SplatError, match=r"end it in \.ply or .*\.splat or .*\.glb"):
        write_scene(tmp_path / "scene.obj", scene)
    with pytest.raises(SplatError, match=r"gltf files are only read; write one of ply, .*glb"):
        write_scene(tmp_path / "scene.gltf", scene)
    with pytest.raises(SplatError, match="unknown scene format 'plyy'"):
        write_scene(tmp_path / "scene.ply", scene, format="plyy")
    with monkeypatch.context() as patched:
        patched.setitem(FORMATS, "splat", dataclasses.replace(FORMATS["splat"], writable=False))
        with pytest.raises(SplatError, match="splat files are only read; write one of ply"):
            write_scene(tmp_path / "scene.splat", scene)
    for name, format in (("x.ply", "splat"), ("x.splat", "ply"), ("x.compressed.ply", "ply"), ("x.GLB", "ply")):
        with pytest.raises(SplatError, match="named as another kind of file"):
            write_scene(tmp_path / name, scene, format=format)
        assert not (tmp_path / name).exists()
    write_scene(tmp_path / "scene.bin", scene, format="splat")
    assert (tmp_path / "scene.bin").stat().st_size == 96
    write_scene(tmp_path / "SCENE.PLY", scene)
    assert detect_format(tmp_path / "SCENE.PLY") is FORMATS["ply"]


def test_a_glb_is_a_scene_unless_a_mesh_is_asked_for(tmp_path: Path) -> None:
    contents: tuple[Content, ...] = ("scene", "mesh")
    assert format_for_writing("room.glb", None, contents) is FORMATS["glb"]
    assert format_for_writing("room.glb", "mesh", contents) is FORMATS["mesh"]
    with pytest.raises(SplatError, match="format=mesh writes the surface"):
        format_for_writing("room.obj", None, contents)


def test_every_format_that_is_written_says_what_it_loses(random_scene: RandomScene) -> None:
    scenes = [entry for entry in FORMATS.values() if entry.writable and entry.content == "scene"]
    lost = {entry.name: entry.lost(random_scene(5, 1)) for entry in scenes}
    assert lost["ply"] == [] and "directional colour is lost" in lost["splat"][0]

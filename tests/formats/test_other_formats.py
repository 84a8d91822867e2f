"""Formats of other programs: known bytes, known counts, and the same scene agreeing across formats."""

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import plyfile
import pytest
import torch

from splat.errors import SplatError
from splat.formats import FORMATS, detect_format, read_scene, read_scene_file, write_scene
from splat.formats.registry import Content, format_for_writing
from splat.formats.scene_file import Notes
from splat.gaussians import Gaussians, quat_to_matrix
from splat.sh import sh0_to_rgb, sh_basis

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


# --- SPZ


def spz_v3(tmp_path: Path, quats: list[int], sh: bytes = b"", count: int = 1, sh_degree: int = 0) -> Path:
    """One or more Gaussians at SPZ (1, 2, -0.5) by hand."""
    positions = b"".join(int(value * 4096).to_bytes(3, "little", signed=True) for value in (1, 2, -0.5)) * count
    body = positions + bytes([128] * count) + bytes([255, 0, 102] * count) + bytes([160, 144, 128] * count)
    body += struct.pack(f"<{count}I", *quats) + sh
    path = tmp_path / "hand.spz"
    path.write_bytes(gzip.compress(struct.pack("<4sIIBBBB", b"NGSP", 3, count, sh_degree, 12, 0, 0) + body))
    return path


def test_spz_values_by_hand(tmp_path: Path) -> None:
    # largest is w (index 3); x = 511/511 / sqrt 2, y = z = 0: a quarter turn about x
    scene = read_scene(spz_v3(tmp_path, [(3 << 30) | (511 << 20)]))
    assert scene.means.tolist() == [[1, -2, 0.5]]  # y up to y down: a half turn about x
    assert float(torch.sigmoid(scene.opacities)) == pytest.approx(128 / 255)
    assert scene.sh0[0, 0].tolist() == pytest.approx([0.5 / 0.15, -0.5 / 0.15, -0.1 / 0.15])
    assert scene.scales[0].tolist() == pytest.approx([0, -1, -2])
    # R' = X R X^-1 with X the half turn: for a turn about x itself nothing changes
    half = torch.tensor([[0.5, 0.5, 0.0, 0.0]]).double().sqrt()
    expected = torch.diag(torch.tensor([1.0, -1.0, -1.0]).double()) @ quat_to_matrix(half)[0]
    assert torch.allclose(quat_to_matrix(scene.quats.double())[0], expected, atol=1e-5)


def test_spz_directional_color_turns_with_the_axes(tmp_path: Path) -> None:
    sh = bytes(range(100, 145))  # degree 3: 15 coefficients, colour channel fastest
    scene = read_scene(spz_v3(tmp_path, [3 << 30], sh, sh_degree=3))
    stored = ((torch.arange(100, 145) - 128) / 128).reshape(15, 3).double()
    direction = torch.nn.functional.normalize(torch.tensor([0.3, -0.7, 0.5]).double(), dim=0)
    in_spz_axes = direction * torch.tensor([1, -1, -1])
    expected = sh_basis(in_spz_axes, 3)[1:] @ stored
    assert torch.allclose(sh_basis(direction, 3)[1:] @ scene.shN[0].double(), expected, atol=1e-6)


@pytest.mark.parametrize("largest", [0, 1, 2, 3])
def test_spz_smallest_three(largest: int) -> None:
    from splat.formats.spz import _quats_v3

    rng = np.random.default_rng(largest)
    xyzw = rng.normal(size=(200, 4))
    xyzw[:, largest] = np.abs(xyzw).max(axis=1) + 0.1
    xyzw /= np.linalg.norm(xyzw, axis=1, keepdims=True)
    words = np.full(200, largest, np.uint64)
    for index in range(4):
        if index != largest:
            magnitude = np.rint(np.abs(xyzw[:, index]) * 511 * np.sqrt(2)).astype(np.uint64)
            words = (words << np.uint64(10)) | ((xyzw[:, index] < 0).astype(np.uint64) << np.uint64(9)) | magnitude
    decoded = _quats_v3(words.astype("<u4").tobytes())
    assert np.abs(decoded - xyzw[:, [3, 0, 1, 2]]).max() < 3e-3


def test_spz_version_2_has_x_y_z_in_bytes() -> None:
    from splat.formats.spz import _quats_v2

    found = _quats_v2(bytes([204, 51, 153, 0, 255, 255]))
    assert found[0].tolist() == pytest.approx([0.24**0.5, 0.6, -0.6, 0.2], abs=1e-12)
    assert found[1].tolist() == [0, -1, 1, 1]  # w is what is left of length 1, and never less than nothing


def test_flags_and_extensions_of_spz(tmp_path: Path) -> None:
    data = bytearray(gzip.decompress(spz_v3(tmp_path, [3 << 30]).read_bytes()))
    for flags, antialiased, unused in ((0, False, ()), (1, True, ()), (3, True, ("extensions",))):
        data[14] = flags
        (tmp_path / "flags.spz").write_bytes(gzip.compress(bytes(data) + b"more" * (flags == 3)))
        found = read_scene_file(tmp_path / "flags.spz")
        assert (found.notes.antialiased, found.unused) == (antialiased, unused)


def test_extensions_of_spz_v4_are_counted(shared_data, tmp_path: Path) -> None:
    pytest.importorskip("zstandard")
    data = bytearray(shared_data("splats/minimal-v4.spz").read_bytes())
    assert read_scene_file(shared_data("splats/minimal-v4.spz")).unused == ()
    data[14], data[16:20] = 2, struct.pack("<I", 32 + 24)  # the table comes 24 bytes later
    (tmp_path / "extended.spz").write_bytes(data[:32] + bytes(24) + data[32:] + b"tail")
    found = read_scene_file(tmp_path / "extended.spz")
    assert found.unused == ("extensions (24 bytes)", "4 bytes behind the last attribute")
    assert len(found.gaussians) == 4


def test_spz_refusals(tmp_path: Path) -> None:
    good = gzip.decompress(spz_v3(tmp_path, [3 << 30]).read_bytes())
    cases = {
        "cut short": good[:-1],
        "version 1": good[:4] + struct.pack("<I", 1) + good[8:],
        "version 9": good[:4] + struct.pack("<I", 9) + good[8:],
        "SH degree 4": good[:12] + b"\4" + good[13:],
        "announces 4294967295": good[:8] + b"\xff" * 4 + good[12:],
    }
    for message, data in cases.items():
        (tmp_path / "bad.spz").write_bytes(gzip.compress(data))
        with pytest.raises(SplatError, match=message):
            read_scene(tmp_path / "bad.spz")
    (tmp_path / "bad.spz").write_bytes(gzip.compress(good)[:-12])
    with pytest.raises(SplatError, match="damaged"):
        read_scene(tmp_path / "bad.spz")


def test_minimal_files_of_other_programs_agree(shared_data) -> None:
    splat = read_scene(shared_data("splats/minimal.splat"))
    spz = read_scene(shared_data("splats/minimal-v3.spz"))
    assert len(splat) == len(spz) == 4
    assert torch.allclose(splat.means, spz.means, atol=1 / 4096)
    assert torch.allclose(torch.sigmoid(splat.opacities), torch.sigmoid(spz.opacities), atol=1e-6)
    assert torch.allclose(sh0_to_rgb(splat.sh0), sh0_to_rgb(spz.sh0), atol=0.01)
    assert torch.allclose(splat.scales, spz.scales, atol=1 / 16)


def test_minimal_spz_v2_packed_and_raw(shared_data) -> None:
    packed, raw = (read_scene(shared_data(f"splats/minimal-{name}.spz")) for name in ("v2", "raw"))
    assert len(packed) == 4
    for name, tensor in packed.as_dict().items():
        assert torch.equal(tensor, raw.as_dict()[name])


def test_spz_v4_agrees_with_v3(shared_data) -> None:
    pytest.importorskip("zstandard")
    v3, v4 = (read_scene(shared_data(f"splats/minimal-{name}.spz")) for name in ("v3", "v4"))
    assert torch.equal(v3.means, v4.means)
    assert torch.equal(v3.sh0, v4.sh0)


def test_spz_v4_without_zstd_says_so(shared_data, monkeypatch: pytest.MonkeyPatch) -> None:
    path = shared_data("splats/minimal-v4.spz")
    monkeypatch.setitem(__import__("sys").modules, "zstandard", None)
    monkeypatch.setitem(__import__("sys").modules, "compression", None)
    with pytest.raises(SplatError, match="pip install zstandard"):
        read_scene(path)


# --- compressed PLY


def test_compressed_ply_by_hand(tmp_path: Path) -> None:
    names = [f"{end}_{axis}" for end in ("min", "max") for axis in ("x", "y", "z", "scale_x", "scale_y", "scale_z")]
    chunk = np.zeros(2, [(name, "f4") for name in names])
    for axis in "xyz":
        chunk[f"min_{axis}"], chunk[f"max_{axis}"] = -1, 1
        chunk[f"min_scale_{axis}"], chunk[f"max_scale_{axis}"] = [-8, -4], [-6, -2]
    vertex = np.zeros(257, [(f"packed_{name}", "u4") for name in ("position", "rotation", "scale", "color")])
    vertex["packed_position"][0] = (2047 << 21) | (0 << 11) | 2047
    vertex["packed_position"][256] = (0 << 21) | (1023 << 11) | 0
    vertex["packed_rotation"] = (2 << 30) | (1023 << 20) | (512 << 10) | 512  # largest is y; w = 1/sqrt 2
    vertex["packed_color"] = (255 << 24) | (0 << 16) | (51 << 8) | 102
    sh = np.zeros(257, [(f"f_rest_{i}", "u1") for i in range(9)])
    sh["f_rest_0"], sh["f_rest_4"], sh["f_rest_8"] = 255, 127, 0
    parts = {"chunk": chunk, "vertex": vertex, "sh": sh}
    data = [plyfile.PlyElement.describe(table, name) for name, table in parts.items()]
    plyfile.PlyData(data).write(str(tmp_path / "hand.compressed.ply"))
    scene = read_scene(tmp_path / "hand.compressed.ply")
    assert scene.means[[0, 256]].tolist() == [[1, -1, 1], [-1, 1, -1]]
    assert scene.scales[[0, 256], 0].tolist() == [-8, -4]
    assert sh0_to_rgb(scene.sh0)[0, 0].tolist() == pytest.approx([1, 0, 0.2], abs=1e-6)
    assert float(torch.sigmoid(scene.opacities[0])) == pytest.approx(0.4)
    assert scene.quats[0].tolist() == pytest.approx([0.5**0.5, 0, 0.5**0.5, 0], abs=2e-3)
    assert scene.shN[0].tolist()[0][0] == 4.0
    assert scene.shN[0, 1, 1] == pytest.approx((127.5 / 256 - 0.5) * 8)
    assert scene.shN[0, 2, 2] == -4.0


def test_compressed_ply_counts(shared_data) -> None:
    assert len(read_scene(shared_data("splats/biker.compressed.ply"))) == 152746
    assert len(read_scene(shared_data("splats/guitar.compressed.ply"))) == 90854


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


def test_format_of_a_name(tmp_path: Path, random_scene: RandomScene) -> None:
    scene = random_scene(3, 0)
    with pytest.raises(SplatError, match=r"end it in \.ply or .*\.splat or .*\.glb"):
        write_scene(tmp_path / "scene.obj", scene)
    with pytest.raises(SplatError, match=r"gltf files are only read; write one of ply, .*glb"):
        write_scene(tmp_path / "scene.gltf", scene)
    with pytest.raises(SplatError, match="unknown scene format 'plyy'"):
        write_scene(tmp_path / "scene.ply", scene, format="plyy")
    with pytest.raises(SplatError, match="compressed-ply files are only read"):
        write_scene(tmp_path / "scene.compressed.ply", scene)
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

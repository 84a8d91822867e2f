"""The standard PLY: bit-exact round trips, the exact header, what other writers leave out, and what is no scene."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import plyfile
import pytest
import torch

from splat.errors import SplatError
from splat.formats import read_scene, write_scene
from splat.formats.common import MAX_LOGIT
from splat.formats.info import scene_info
from splat.gaussians import Gaussians

RandomScene = Callable[..., Gaussians]

INRIA_DEGREE_3 = (
    "x y z nx ny nz f_dc_0 f_dc_1 f_dc_2 " + " ".join(f"f_rest_{i}" for i in range(45)) + " opacity "
    "scale_0 scale_1 scale_2 rot_0 rot_1 rot_2 rot_3"
).split()


def assert_same(a: Gaussians, b: Gaussians) -> None:
    for name, tensor in a.as_dict().items():
        assert torch.equal(tensor, b.as_dict()[name]), name


@pytest.mark.parametrize("sh_degree", [0, 1, 2, 3])
def test_round_trip_is_bit_exact(tmp_path: Path, sh_degree: int, random_scene: RandomScene) -> None:
    scene = random_scene(1000, sh_degree)
    write_scene(tmp_path / "scene.ply", scene)
    back = read_scene(tmp_path / "scene.ply")
    assert back.sh_degree == sh_degree
    assert_same(scene, back)


def test_round_trip_across_write_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, random_scene: RandomScene
) -> None:
    monkeypatch.setattr("splat.formats.ply._ROWS_PER_WRITE", 64)
    scene = random_scene(1000, 1)
    write_scene(tmp_path / "scene.ply", scene)
    assert_same(scene, read_scene(tmp_path / "scene.ply"))


def test_plyfile_sees_the_inria_layout(tmp_path: Path, random_scene: RandomScene) -> None:
    scene = random_scene(7, 3)
    write_scene(tmp_path / "scene.ply", scene)
    data = plyfile.PlyData.read(str(tmp_path / "scene.ply"))
    assert (data.text, data.byte_order) == (False, "<")
    assert [element.name for element in data.elements] == ["vertex"]
    vertex = data["vertex"]
    assert [p.name for p in vertex.properties] == INRIA_DEGREE_3
    assert {p.val_dtype for p in vertex.properties} == {"f4"}
    # channel-major: all red coefficients, then green, then blue
    assert np.array_equal(vertex["f_rest_0"], scene.shN[:, 0, 0].numpy())
    assert np.array_equal(vertex["f_rest_14"], scene.shN[:, 14, 0].numpy())
    assert np.array_equal(vertex["f_rest_15"], scene.shN[:, 0, 1].numpy())
    assert np.array_equal(vertex["f_rest_44"], scene.shN[:, 14, 2].numpy())
    assert np.array_equal(vertex["rot_0"], scene.quats[:, 0].numpy())
    assert not vertex["nx"].any()


@pytest.mark.parametrize("options", [{"text": True}, {"byte_order": ">"}], ids=["ascii", "big endian"])
def test_reads_ascii_and_big_endian(tmp_path: Path, options: dict, random_scene: RandomScene) -> None:
    scene = random_scene(20, 1)
    write_scene(tmp_path / "scene.ply", scene)
    data = plyfile.PlyData.read(str(tmp_path / "scene.ply"))
    plyfile.PlyData([data["vertex"]], **options).write(str(tmp_path / "other.ply"))
    assert_same(scene, read_scene(tmp_path / "other.ply"))


def test_reads_without_normals_with_extra_and_double_properties(tmp_path: Path, random_scene: RandomScene) -> None:
    scene = random_scene(20, 2)
    write_scene(tmp_path / "scene.ply", scene)
    table = plyfile.PlyData.read(str(tmp_path / "scene.ply"))["vertex"].data
    kept = [name for name in table.dtype.names if name not in ("nx", "ny", "nz")][::-1]  # another order, too
    other = np.empty(len(table), [("segment", "i4"), *((name, "f8") for name in kept)])
    other["segment"] = 3
    for name in kept:
        other[name] = table[name]
    plyfile.PlyData([plyfile.PlyElement.describe(other, "vertex")]).write(str(tmp_path / "other.ply"))
    assert_same(scene, read_scene(tmp_path / "other.ply"))


def test_rows_with_nan_are_dropped_and_counted(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], random_scene: RandomScene
) -> None:
    scene = random_scene(10, 1)
    scene.means[2, 1] = torch.nan
    scene.shN[5, 0, 0] = torch.inf
    scene.scales[7, 0] = torch.inf
    write_scene(tmp_path / "scene.ply", scene)
    back = read_scene(tmp_path / "scene.ply")
    assert_same(scene[torch.tensor([0, 1, 3, 4, 6, 8, 9])], back)
    assert "3 of 10" in "".join(capfd.readouterr())
    info = scene_info(tmp_path / "scene.ply")
    assert (info["count"], info["nonfinite_share"]) == (10, 0.3)


@pytest.mark.parametrize("length", [1e-40, 1e-30, 1e-8, 1e8, 1e30])
def test_quaternions_of_any_length_are_drawn_alike(tmp_path: Path, length: float, random_scene: RandomScene) -> None:
    scene = random_scene(300, 1)
    unit = scene.quats.double() / scene.quats.double().norm(dim=1, keepdim=True)
    write_scene(tmp_path / "x.ply", dataclasses.replace(scene, quats=(unit * length).float()))
    back = read_scene(tmp_path / "x.ply")
    digits = 1e-4 if length == 1e-40 else 1e-6  # numbers so small have few digits
    torch.testing.assert_close(back.quats.double(), unit, atol=digits, rtol=0)
    assert_same(dataclasses.replace(back, quats=scene.quats), scene)


def test_saturated_values_are_kept_finite(tmp_path: Path, random_scene: RandomScene) -> None:
    scene = random_scene(4, 0)
    scene.opacities[0], scene.opacities[1] = torch.inf, -torch.inf
    scene.scales[2, 2] = -torch.inf
    scene.quats[3] = 0
    write_scene(tmp_path / "scene.ply", scene)
    back = read_scene(tmp_path / "scene.ply")
    assert len(back) == 4
    assert back.opacities[:2].tolist() == pytest.approx([MAX_LOGIT, -MAX_LOGIT])
    assert 0 < float(back.scales[2, 2].exp()) < 1e-8
    assert back.quats[3].tolist() == [1, 0, 0, 0]


def test_info_has_closed_form_values(tmp_path: Path, random_scene: RandomScene) -> None:
    scene = random_scene(101, 0)
    scene.means[:] = torch.linspace(0, 100, 101)[:, None] * torch.tensor([1.0, 2.0, -1.0])
    scene.opacities[:] = 0.0
    scene.scales[:] = torch.log(torch.tensor(0.25))
    write_scene(tmp_path / "scene.ply", scene)
    info = scene_info(tmp_path / "scene.ply")
    assert (info["format"], info["count"], info["sh_degree"], info["nonfinite_share"]) == ("ply", 101, 0, 0.0)
    assert info["bytes"] == (tmp_path / "scene.ply").stat().st_size
    assert info["bounding_box"] == {"min": [0, 0, -100], "max": [100, 200, 0]}
    assert info["bounding_box_98"]["max"] == pytest.approx([99, 198, -1])
    assert info["opacity"]["50%"] == pytest.approx(0.5)
    assert info["scale"]["min"] == pytest.approx(0.25)


def test_info_of_an_empty_scene(tmp_path: Path, random_scene: RandomScene) -> None:
    write_scene(tmp_path / "scene.ply", random_scene(0, 3))
    info = scene_info(tmp_path / "scene.ply")
    assert (info["count"], info["sh_degree"], info["bounding_box"]) == (0, 3, None)


def write_ply(path: Path, **elements: np.ndarray) -> None:
    plyfile.PlyData([plyfile.PlyElement.describe(table, name) for name, table in elements.items()]).write(str(path))


def test_other_ply_files_are_named(tmp_path: Path) -> None:
    xyz = [("x", "f4"), ("y", "f4"), ("z", "f4")]
    rgb = [("red", "u1"), ("green", "u1"), ("blue", "u1")]
    cloud, plain = np.zeros(5, xyz + rgb), np.zeros(5, xyz)
    faces = np.zeros(2, [("vertex_indices", "i4", (3,))])
    flat = np.zeros(5, [*xyz, ("opacity", "f4"), ("scale_0", "f4"), ("scale_1", "f4"), ("rot_0", "f4")])
    half = np.zeros(5, [*xyz, ("opacity", "f4"), *((f"scale_{i}", "f4") for i in range(3))])
    cases = [
        ({"vertex": cloud}, "coloured point cloud .5 points"),
        ({"vertex": plain}, "point cloud without colours"),
        ({"vertex": plain, "face": faces}, "triangle mesh .2 faces"),
        ({"vertex": flat}, "2DGS"),
        ({"vertex": half}, "lacks f_dc_0"),
    ]
    for elements, message in cases:
        write_ply(tmp_path / "other.ply", **elements)
        with pytest.raises(SplatError, match=message):
            read_scene(tmp_path / "other.ply")


def test_wrong_number_of_coefficients(tmp_path: Path) -> None:
    table = np.zeros(3, [(name, "f4") for name in INRIA_DEGREE_3 if name != "f_rest_44"])
    write_ply(tmp_path / "odd.ply", vertex=table)
    with pytest.raises(SplatError, match="44 f_rest"):
        read_scene(tmp_path / "odd.ply")


def test_truncated_and_missing_files(tmp_path: Path, random_scene: RandomScene) -> None:
    write_scene(tmp_path / "scene.ply", random_scene(50, 1))
    data = (tmp_path / "scene.ply").read_bytes()
    (tmp_path / "cut.ply").write_bytes(data[:-100])
    (tmp_path / "head.ply").write_bytes(data[:40])
    (tmp_path / "empty.ply").write_bytes(b"")
    (tmp_path / "text.ply").write_bytes(b"<html>not found</html>")
    for name in ("cut", "head", "empty", "text", "absent"):
        with pytest.raises(SplatError, match=name):
            read_scene(tmp_path / f"{name}.ply")


def test_failed_write_leaves_the_old_scene(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, random_scene: RandomScene
) -> None:
    path = tmp_path / "scene.ply"
    scene = random_scene(5, 0)
    write_scene(path, scene)

    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("splat.formats.ply.write", full_disk)
    with pytest.raises(SplatError, match="No space left"):
        write_scene(path, random_scene(9, 0))
    assert_same(scene, read_scene(path))
    assert [file.name for file in tmp_path.iterdir()] == ["scene.ply"]


def test_inria_file(shared_data) -> None:
    path = shared_data("splats/inria-7k.ply")
    scene = read_scene(path)
    raw = plyfile.PlyData.read(str(path))["vertex"]
    assert (len(scene), scene.sh_degree) == (9080, 3)
    assert [p.name for p in raw.properties] == INRIA_DEGREE_3
    assert np.array_equal(scene.shN[:, 3, 2].numpy(), raw["f_rest_33"])
    assert np.array_equal(scene.opacities.numpy(), raw["opacity"])


def test_rewriting_the_inria_file_is_byte_exact(shared_data, tmp_path: Path) -> None:
    path = shared_data("splats/inria-7k.ply")
    write_scene(tmp_path / "again.ply", read_scene(path))
    assert (tmp_path / "again.ply").read_bytes() == path.read_bytes()

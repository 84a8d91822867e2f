"""What scene files say beside their Gaussians: antialiasing, origins, and what is lost or not used."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import plyfile
import pytest
import torch

from splat.formats import Notes, read_scene, read_scene_file, write_scene
from splat.formats.info import scene_info
from splat.formats.losses import losses
from splat.formats.positions import TOLERANCE
from splat.gaussians import Gaussians

RandomScene = Callable[..., Gaussians]
UTM = (632618.25, 4512345.5, 213.75)


def header(path: Path) -> list[str]:
    return path.read_bytes().split(b"end_header")[0].decode("ascii").splitlines()


def with_comment(source: Path, target: Path, *comments: str) -> Path:
    data = source.read_bytes().replace(b"ply\n", b"ply\n" + b"".join(f"comment {c}\n".encode() for c in comments), 1)
    target.write_bytes(data)
    return target


def far_away(path: Path, scene: Gaussians, offset: tuple[float, float, float], kind: str = "f8") -> np.ndarray:
    """Write the scene with positions of 64 bits, moved; returns them."""
    write_scene(path, scene)
    table = plyfile.PlyData.read(str(path))["vertex"].data
    other = np.empty(len(table), [(n, kind if n in ("x", "y", "z") else "f4") for n in table.dtype.names])
    for name in table.dtype.names:
        other[name] = table[name]
    for axis, value in zip("xyz", offset):
        other[axis] = np.asarray(table[axis], np.float64) + value
    plyfile.PlyData([plyfile.PlyElement.describe(other, "vertex")]).write(str(path))
    return np.stack([other[axis] for axis in "xyz"], axis=1).astype(np.float64)


def test_an_antialiased_scene_says_so_in_its_header(tmp_path: Path, random_scene: RandomScene) -> None:
    scene = random_scene(5, 1)
    write_scene(tmp_path / "mip.ply", scene, notes=Notes(antialiased=True))
    assert "comment SplatRenderMode: mip" in header(tmp_path / "mip.ply")
    assert read_scene_file(tmp_path / "mip.ply").notes.antialiased is True
    assert torch.equal(read_scene(tmp_path / "mip.ply").means, scene.means)
    write_scene(tmp_path / "plain.ply", scene, notes=Notes(antialiased=False))
    assert not [line for line in header(tmp_path / "plain.ply") if line.startswith("comment")]


@pytest.mark.parametrize(
    ("comment", "antialiased"),
    [
        ("SplatRenderMode: mip", True),
        ("splatrendermode: MIP", True),
        ("SplatRenderMode: default", False),
        ("antialiased 1", True),
        ("antialiased 0", False),
        ("Vertical axis: y", None),
        ("about SplatRenderMode: mip", None),
    ],
)
def test_what_other_programs_say_is_understood(
    tmp_path: Path, random_scene: RandomScene, comment: str, antialiased: bool | None
) -> None:
    write_scene(tmp_path / "scene.ply", random_scene(3, 0))
    path = with_comment(tmp_path / "scene.ply", tmp_path / "other.ply", comment)
    assert read_scene_file(path).notes.antialiased is antialiased


def test_comments_that_are_not_followed_are_remarked(tmp_path: Path, random_scene: RandomScene) -> None:
    write_scene(tmp_path / "scene.ply", random_scene(3, 0))
    path = with_comment(
        tmp_path / "scene.ply", tmp_path / "o.ply", "SplatRenderMode: 2dgs", "origin: 1 2", "origin: nan 0 0"
    )
    remarks = scene_info(path)["remarks"]
    assert len(remarks) == 3 and "2DGS" in remarks[0] and "(1 2)" in remarks[1] and "(nan 0 0)" in remarks[2]
    assert scene_info(path)["origin"] == [0, 0, 0]


def test_a_comment_about_the_headers_end_is_not_its_end(tmp_path: Path, random_scene: RandomScene) -> None:
    scene = random_scene(3, 0)
    write_scene(tmp_path / "scene.ply", scene)
    path = with_comment(tmp_path / "scene.ply", tmp_path / "o.ply", "end_header is near", "element vertex 99")
    assert torch.equal(read_scene(path).means, scene.means)


def test_map_coordinates_keep_every_millimetre(
    tmp_path: Path, random_scene: RandomScene, capfd: pytest.CaptureFixture[str]
) -> None:
    scene = random_scene(500, 1)
    truth = far_away(tmp_path / "utm.ply", scene, UTM)
    found = read_scene_file(tmp_path / "utm.ply")
    assert found.notes.origin == (632600.0, 4512300.0, 200.0)
    assert "minus (632600, 4512300, 200)" in capfd.readouterr().err
    limit = TOLERANCE * float(scene.scales.exp().median())
    back = found.gaussians.means.double().numpy() + np.array(found.notes.origin)
    assert np.abs(back - truth).max() <= limit
    # through a file of our own and back, the origin stays and is added in no place twice
    write_scene(tmp_path / "out.ply", found.gaussians, notes=found.notes)
    again = read_scene_file(tmp_path / "out.ply")
    assert again.notes.origin == found.notes.origin and torch.equal(again.gaussians.means, found.gaussians.means)
    assert scene_info(tmp_path / "out.ply")["origin"] == [632600.0, 4512300.0, 200.0]
    assert scene_info(tmp_path / "utm.ply")["bounding_box"] == scene_info(tmp_path / "out.ply")["bounding_box"]


def test_degrees_of_a_map_get_a_finer_origin(tmp_path: Path, random_scene: RandomScene) -> None:
    scene = random_scene(500, 0)
    scene.means *= 1e-6
    scene.scales -= 14  # some 1e-8 degrees: a millimetre
    truth = far_away(tmp_path / "degrees.ply", scene, (13.412345678, 52.520012345, 0.0))
    found = read_scene_file(tmp_path / "degrees.ply")
    back = found.gaussians.means.double().numpy() + np.array(found.notes.origin)
    assert np.abs(back - truth).max() <= TOLERANCE * float(scene.scales.exp().median())


def test_doubles_near_zero_have_no_origin(tmp_path: Path, random_scene: RandomScene) -> None:
    scene = random_scene(500, 0)
    far_away(tmp_path / "near.ply", scene, (0.0, 0.0, 0.0))
    found = read_scene_file(tmp_path / "near.ply")
    assert found.notes.origin == (0, 0, 0) and found.remarks == ()
    assert torch.equal(found.gaussians.means, scene.means)


def test_integers_are_positions_too(tmp_path: Path, random_scene: RandomScene) -> None:
    scene = random_scene(50, 0)
    scene.means.round_()
    truth = far_away(tmp_path / "whole.ply", scene, (500000001.0, -70000003.0, 5.0), "i4")
    found = read_scene_file(tmp_path / "whole.ply")
    assert np.array_equal(found.gaussians.means.double().numpy() + np.array(found.notes.origin), truth)


def test_a_shift_adds_to_the_origin_of_the_header(tmp_path: Path, random_scene: RandomScene) -> None:
    far_away(tmp_path / "utm.ply", random_scene(50, 0), UTM)
    path = with_comment(tmp_path / "utm.ply", tmp_path / "both.ply", "origin: 1000000 0 7")
    assert read_scene_file(path).notes.origin == (1632600.0, 4512300.0, 207.0)


def test_detail_that_a_writer_has_lost_is_remarked(tmp_path: Path, random_scene: RandomScene) -> None:
    scene = random_scene(50, 0)
    scene.means += torch.tensor(UTM)
    write_scene(tmp_path / "lost.ply", scene)
    found = read_scene_file(tmp_path / "lost.ply")
    assert torch.equal(found.gaussians.means, scene.means) and found.notes.origin == (0, 0, 0)
    assert len(found.remarks) == 1 and "0.5 apart" in found.remarks[0]


def test_what_cannot_be_rounded_well_is_counted(tmp_path: Path, random_scene: RandomScene) -> None:
    scene = random_scene(51, 0)
    far_away(tmp_path / "two.ply", scene, UTM)
    table = plyfile.PlyData.read(str(tmp_path / "two.ply"))
    table["vertex"].data["x"][:3] += 1_000_000.3
    table.write(str(tmp_path / "outliers.ply"))
    assert any("3 of 51 positions are rounded" in remark for remark in scene_info(tmp_path / "outliers.ply")["remarks"])


def test_losses_of_every_written_format(random_scene: RandomScene) -> None:
    scene = random_scene(20, 2)
    scene.sh0[:] = 0.1
    notes = Notes(antialiased=True, origin=(632600.0, 4512300.0, 200.0))
    assert [("SplatRenderMode" in loss, "632600" in loss) for loss in losses("ply", scene, notes)] == [(1, 0), (0, 1)]
    assert losses("ply", scene, Notes()) == []
    scene.sh0[:3] = 9.0
    said = losses("splat", scene, notes)
    assert len(said) == 4 and "SplatRenderMode" not in said[0]
    assert "SH degree 2" in said[2] and "3 of 20" in said[3]


def test_parts_of_a_ply_that_are_not_used_are_counted_once(
    tmp_path: Path, random_scene: RandomScene, capfd: pytest.CaptureFixture[str]
) -> None:
    write_scene(tmp_path / "scene.ply", random_scene(20, 0))
    table = plyfile.PlyData.read(str(tmp_path / "scene.ply"))["vertex"].data
    other = np.zeros(20, [*table.dtype.descr, ("segment", "i4"), ("red", "u1")])
    for name in table.dtype.names:
        other[name] = table[name]
    other["nx"][3] = 1.0
    camera = np.zeros(16, [("extrinsic", "f4")])
    parts = [plyfile.PlyElement.describe(other, "vertex"), plyfile.PlyElement.describe(camera, "extrinsic")]
    plyfile.PlyData(parts).write(str(tmp_path / "more.ply"))
    with (tmp_path / "more.ply").open("ab") as file:
        file.write(bytes(17))
    expected = [
        "2 properties of each vertex (segment, red)",
        "16 of element extrinsic",
        "17 bytes behind the last element",
        "normals",
    ]
    assert scene_info(tmp_path / "more.ply")["not_used"] == expected
    read_scene(tmp_path / "more.ply")
    assert capfd.readouterr().err.count("not used: 2 properties") == 1
    assert scene_info(tmp_path / "scene.ply")["not_used"] == []


@pytest.mark.parametrize("prefix", ["scalar_", "scal_", "scalar_scal_"])
def test_names_of_cloudcompare_are_read(tmp_path: Path, random_scene: RandomScene, prefix: str) -> None:
    scene = random_scene(20, 2)
    write_scene(tmp_path / "scene.ply", scene)
    table = plyfile.PlyData.read(str(tmp_path / "scene.ply"))["vertex"].data
    kept = ("x", "y", "z", "nx", "ny", "nz")
    named = [(name if name in kept else prefix + name, kind) for name, kind in table.dtype.descr]
    other = np.zeros(20, [*named, ("red", "u1")])
    for (name, _), old in zip(named, table.dtype.names):
        other[name] = table[old]
    plyfile.PlyData([plyfile.PlyElement.describe(other, "vertex")]).write(str(tmp_path / "cc.ply"))
    found = read_scene_file(tmp_path / "cc.ply")
    for name, tensor in scene.as_dict().items():
        assert torch.equal(tensor, found.gaussians.as_dict()[name]), name
    assert found.unused == ("1 property of each vertex (red)",)

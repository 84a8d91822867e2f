"""Compressed PLY by hand: its words, its chunks, and what comes back."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import plyfile
import pytest
import torch

from splat.formats import Notes, read_scene, read_scene_file, write_scene
from splat.formats.losses import losses
from splat.formats.morton import morton_order
from splat.gaussians import Gaussians, quat_to_matrix
from splat.sh import sh0_to_rgb

RandomScene = Callable[..., Gaussians]


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


# --- writing


def elements(path: Path) -> dict[str, np.ndarray]:
    return {element.name: element.data for element in plyfile.PlyData.read(str(path)).elements}


def test_written_words_by_hand(tmp_path: Path) -> None:
    scene = Gaussians(
        means=torch.tensor([[0.0, 0, 0], [10, 20, 40], [2.5, 5, 10]]),
        quats=torch.tensor([[2.0, 0, 0, 0], [0, 0, 0, -1], [1, -1, 0, 0]]),
        scales=torch.tensor([[-3.0, -3, -3], [-3, -5, -1], [-3, -4, -30]]),
        opacities=torch.tensor([0.0, 20, -20]),
        sh0=torch.tensor([[[0.0, 1, 0]], [[0, -1, 0]], [[0, 0, 0]]]),
        shN=torch.zeros(3, 3, 3),
    )
    scene.shN[0, 0] = torch.tensor([4.0, -4, 0.03125])
    scene.shN[0, 2] = torch.tensor([5.0, -9, -0.03])
    write_scene(tmp_path / "a.compressed.ply", scene)
    found = elements(tmp_path / "a.compressed.ply")
    assert list(found) == ["chunk", "vertex", "sh"] and [len(table) for table in found.values()] == [1, 3, 3]
    chunk = list(found["chunk"][0].tolist())
    assert chunk[:12] == [0, 0, 0, 10, 20, 40, -3, -5, -20, -3, -3, -1]
    assert chunk[12:] == pytest.approx([0.5, 0.5 - 0.2820948, 0.5, 0.5, 0.5 + 0.2820948, 0.5], abs=1e-6)
    # Morton order: the corner at zero, the one a quarter of the way, the far one
    words = found["vertex"]
    assert words["packed_position"].tolist() == [0, (512 << 21) | (256 << 11) | 512, (2047 << 21) | (1023 << 11) | 2047]
    middle = (512 << 20) | (512 << 10) | 512  # (0 / sqrt 2 + 1/2) 1023, rounded
    assert words["packed_rotation"].tolist() == [middle, (0 << 20) | (512 << 10) | 512, (3 << 30) | middle]
    scale_words = [(0 << 21) | (1023 << 11) | 1832, (0 << 21) | (512 << 11) | 0, (0 << 21) | (0 << 11) | 2047]
    assert words["packed_scale"].tolist() == scale_words
    assert words["packed_color"].tolist() == [(255 << 16) | 128, (128 << 16) | 0, 255]
    # red of three coefficients, then green, then blue; 256 bins over [-4, 4]
    assert list(found["sh"][0].tolist()) == [255, 128, 255, 0, 128, 0, 129, 128, 127]


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_a_round_trip_stays_within_the_steps(tmp_path: Path, random_scene: RandomScene, degree: int) -> None:
    scene = random_scene(700, degree)
    scene.shN.clamp_(-4, 4)
    notes = Notes(antialiased=True, origin=(1.0, 2.0, 3.0))
    write_scene(tmp_path / "a.compressed.ply", scene, notes=notes)
    found = read_scene_file(tmp_path / "a.compressed.ply")
    assert found.notes == notes and found.unused == found.remarks == ()
    back, scene = found.gaussians, scene[torch.from_numpy(morton_order(scene.means.numpy()))]
    chunk = elements(tmp_path / "a.compressed.ply")["chunk"]
    assert len(chunk) == 3

    def half_step(names: tuple[str, ...], steps: list[int]) -> torch.Tensor:
        extent = np.stack([chunk[f"max_{name}"] - chunk[f"min_{name}"] for name in names], axis=1) / steps / 2
        return torch.from_numpy(np.repeat(extent, 256, axis=0)[:700]) + 2e-6

    assert ((back.means - scene.means).abs() <= half_step(("x", "y", "z"), [2047, 1023, 2047])).all()
    scales = half_step(("scale_x", "scale_y", "scale_z"), [2047, 1023, 2047])
    assert ((back.scales - scene.scales).abs() <= scales).all()
    colors = (sh0_to_rgb(back.sh0) - sh0_to_rgb(scene.sh0)).abs()[:, 0]
    assert (colors <= half_step(("r", "g", "b"), [255, 255, 255])).all()
    assert (torch.sigmoid(back.opacities) - torch.sigmoid(scene.opacities)).abs().max() <= 0.5 / 255 + 1e-6
    turned = (quat_to_matrix(back.quats.double()) - quat_to_matrix(scene.quats.double())).abs().max()
    assert turned < 0.006
    assert back.sh_degree == degree and (not degree or (back.shN - scene.shN).abs().max() <= 4 / 256 + 1e-6)


def test_writing_directional_colour_again_changes_no_byte(tmp_path: Path, random_scene: RandomScene) -> None:
    scene = random_scene(3, 3)
    scene.means[:] = torch.tensor([[0.0, 0, 0], [1, 1, 1], [2, 2, 2]])
    scene.shN *= 2
    write_scene(tmp_path / "a.compressed.ply", scene)
    write_scene(tmp_path / "b.compressed.ply", read_scene(tmp_path / "a.compressed.ply"))
    a, b = (elements(tmp_path / f"{name}.compressed.ply") for name in "ab")
    assert np.array_equal(a["sh"], b["sh"])
    assert np.array_equal(a["vertex"]["packed_position"], b["vertex"]["packed_position"])


def test_equal_gaussians_and_none(tmp_path: Path, random_scene: RandomScene) -> None:
    one = random_scene(1, 1)
    write_scene(tmp_path / "a.compressed.ply", Gaussians.cat([one] * 300))
    back = read_scene(tmp_path / "a.compressed.ply")
    assert len(back) == 300 and torch.equal(back.means, one.means.expand(300, 3))
    assert torch.allclose(back.scales, one.scales.expand(300, 3))
    write_scene(tmp_path / "none.compressed.ply", random_scene(0, 3))
    assert len(read_scene(tmp_path / "none.compressed.ply")) == 0
    assert losses("compressed-ply", random_scene(0, 3), Notes()) == []


def test_values_that_are_not_finite_are_left_out(tmp_path: Path, random_scene: RandomScene) -> None:
    scene = random_scene(5, 0)
    scene.sh0[2] = torch.nan
    write_scene(tmp_path / "a.compressed.ply", scene)
    assert len(read_scene(tmp_path / "a.compressed.ply")) == 4
    assert losses("compressed-ply", scene, Notes())[0] == "1 Gaussian with NaN or infinite values left out"
    scene.means[:] = torch.inf
    write_scene(tmp_path / "b.compressed.ply", scene)
    assert len(read_scene(tmp_path / "b.compressed.ply")) == 0
    assert losses("compressed-ply", scene, Notes()) == ["5 Gaussians with NaN or infinite values left out"]


def test_what_words_do_not_hold_is_said(random_scene: RandomScene) -> None:
    scene = random_scene(300, 1)
    scene.shN.clamp_(-4, 4)
    assert losses("compressed-ply", scene, Notes()) == []
    scene.shN[:5, 2, 1] = -4.5
    scene.scales[7] = 21
    said = losses("compressed-ply", scene, Notes(antialiased=True, origin=(1.0, 0.0, 0.0)))
    assert "SplatRenderMode" in said[0] and "the header names it" in said[1]
    assert said[2].startswith("5 of 300") and said[3].startswith("1 of 300") and len(said) == 4
    scene.means[:2] *= 1e5
    assert "smaller than the steps of positions in their chunk" in losses("compressed-ply", scene, Notes())[0]

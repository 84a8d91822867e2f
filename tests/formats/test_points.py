"""A scene as a point cloud: values by hand, which side normals look to, and what Open3D reads."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from splat.cli import main
from splat.errors import SplatError
from splat.exporting import export_points
from splat.formats import FORMATS, read_scene, write_scene
from splat.formats.points import point_cloud
from splat.formats.scene_file import Notes
from splat.gaussians import Gaussians
from splat.sh import SH_C0
from tests.edit.scenes import write_run

RandomScene = Callable[..., Gaussians]


@pytest.fixture
def three() -> Gaussians:
    """Thin along z, thin along z and turned by a quarter about x, and nearly transparent."""
    half = math.sqrt(0.5)
    return Gaussians(
        means=torch.tensor([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]]),
        quats=torch.tensor([[1.0, 0, 0, 0], [half, half, 0, 0], [1, 0, 0, 0]]),
        scales=torch.tensor([[0.0, 0, -4]] * 3),
        opacities=torch.tensor([0.0, 3.0, -4.0]),
        sh0=torch.tensor([[[0.5 / SH_C0, -0.5 / SH_C0, 0]], [[9.0, -9, 0.1 / SH_C0]], [[0, 0, 0]]]),
        shN=torch.zeros(3, 0, 3),
    )


def test_values_by_hand(three: Gaussians) -> None:
    cloud, left_out = point_cloud(three)
    assert left_out == 1
    assert cloud.points.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert np.abs(cloud.normals) == pytest.approx(np.array([[0, 0, 1], [0, 1, 0]]), abs=1e-6)
    assert cloud.colors.tolist() == [[255, 0, 128], [255, 0, 153]]
    assert point_cloud(three, least=0.6)[1] == 2 and point_cloud(three, least=0.01)[1] == 0


def test_normals_look_to_the_nearest_camera(three: Gaussians) -> None:
    for side in (-1, 1):
        viewers = np.array([[1.0, 2, 3 + side], [4, 5 - side, 6], [100, 100, 100]])
        normals = point_cloud(three, viewers)[0].normals
        assert normals == pytest.approx(np.array([[0, 0, side], [0, -side, 0]]), abs=1e-6)


def test_open3d_reads_it(tmp_path: Path, random_scene: RandomScene) -> None:
    o3d = pytest.importorskip("open3d")
    scene = random_scene(200, 2)
    cloud, left_out = point_cloud(scene)
    FORMATS["points"].write(tmp_path / "points.ply", cloud, Notes(origin=(1.5, 2.0, 3.0)))
    read = o3d.io.read_point_cloud(str(tmp_path / "points.ply"))
    assert 0 < left_out < 200 and len(read.points) == 200 - left_out
    assert np.array_equal(np.asarray(read.points, np.float32), cloud.points)
    assert np.allclose(np.asarray(read.normals), cloud.normals, atol=1e-6)
    assert np.array_equal(np.rint(np.asarray(read.colors) * 255), cloud.colors)
    assert b"comment origin: 1.5 2.0 3.0\n" in (tmp_path / "points.ply").read_bytes()[:200]
    with pytest.raises(SplatError, match="is a coloured point cloud"):
        read_scene(tmp_path / "points.ply")


def test_export_of_a_run_and_of_a_file(tmp_path: Path, three: Gaussians, capsys: pytest.CaptureFixture[str]) -> None:
    write_scene(tmp_path / "scene.ply", three)
    assert main(["export", str(tmp_path / "scene.ply"), "format=points"]) == 0
    out, said = capsys.readouterr()
    assert out.strip() == str(tmp_path / "scene.points.ply") and "2 points" in said
    assert "1 of 3 Gaussians left out" in said and "normals look to either side" in said
    assert main(["export", str(tmp_path / "scene.ply"), "format=points", f"output={tmp_path / 'x.obj'}"]) == 2
    assert "x.obj is no point cloud file; end it in .ply" in capsys.readouterr().err
    run = write_run(tmp_path / "run", three)
    assert main(["export", str(run), "format=points"]) == 0
    out, said = capsys.readouterr()
    assert out.strip() == str(run / "exports" / "points.ply") and "either side" not in said
    with pytest.raises(SplatError, match="exists already"):
        export_points(three, run / "exports" / "points.ply")

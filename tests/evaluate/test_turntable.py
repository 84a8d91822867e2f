"""The turntable: its frames are those of the orbit, in rows; a scene that has no orbit has none."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from splat.capture import load_capture
from splat.errors import SplatError
from splat.evaluate.turntable import IMAGE, turntable_figure, write_turntable
from splat.images import read_image, to_bytes, write_image
from splat.records import Record
from splat.render.config import RenderOptions
from splat.render.paths import orbit
from splat.render.pictures import typical_depth
from splat.render.scene import SceneRenderer
from tests.evaluate.test_report import check
from tests.train.blobs import blob_scene, write_blob_capture


@pytest.fixture(scope="module")
def renderer(tmp_path_factory: pytest.TempPathFactory) -> SceneRenderer:
    folder = tmp_path_factory.mktemp("blobs")
    write_blob_capture(folder)
    return SceneRenderer(blob_scene(), RenderOptions(backend="cpu"), cameras=load_capture(folder).cameras("train"))


def test_the_frames_are_those_of_the_orbit(renderer: SceneRenderer, tmp_path: Path) -> None:
    block = write_turntable(tmp_path, renderer, list(renderer.cameras), 5)
    assert block is not None and block["seconds"] > 0
    width, height = renderer.cameras[0].width, renderer.cameras[0].height
    assert block == {"image": IMAGE, "frames": 5, "columns": 3, "width": width, "height": height} | {
        "seconds": block["seconds"]
    }
    sheet = read_image(tmp_path / IMAGE)
    assert sheet is not None and sheet.shape == (2 * height, 3 * width, 3)
    path = orbit(list(renderer.cameras), 5, typical_depth(renderer.scene, list(renderer.cameras)))
    for number, camera in enumerate(path):
        top, left = number // 3 * height, number % 3 * width
        error = np.abs(to_bytes(renderer.image(camera)) - sheet[top : top + height, left : left + width].astype(float))
        assert error.mean() < 6, number  # what JPEG loses
    (figure,) = turntable_figure(tmp_path, Record({"turntable": block}, "metrics.json"))
    assert "input" in check(figure).tags and 'max="4"' in figure and "--columns:3;--rows:2" in figure


def test_cameras_above_one_point_have_no_turntable(
    renderer: SceneRenderer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    camera, cameras = renderer.cameras[0], []
    for right, down in (((1, 0), (0, 1)), ((0, 1), (-1, 0)), ((-1, 0), (0, -1)), ((0, -1), (1, 0))):
        viewmat = torch.eye(4).double()  # they look along z, each turned a quarter further
        viewmat[0, :2], viewmat[1, :2] = torch.tensor(right), torch.tensor(down)
        viewmat[2, 3] = 5
        cameras.append(dataclasses.replace(camera, viewmat=viewmat))
    assert write_turntable(tmp_path, renderer, cameras, 3) is None
    assert "no turntable in the report: the cameras stand in a line" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "change", [{"frames": 0}, {"frames": 10**6}, {"columns": "3"}, {"width": 10}, {"height": None}, "no block"]
)
def test_a_block_that_does_not_fit_is_one_line(change: Any, tmp_path: Path) -> None:
    write_image(tmp_path / IMAGE, np.zeros((12, 8, 3), np.uint8))
    block = {"frames": 4, "columns": 2, "width": 4, "height": 6}
    assert turntable_figure(tmp_path, Record({"turntable": block}, "m")) != []
    with pytest.raises(SplatError):
        turntable_figure(tmp_path, Record({"turntable": block | change if isinstance(change, dict) else change}, "m"))


def test_no_block_no_turntable(tmp_path: Path) -> None:
    assert turntable_figure(tmp_path, Record({"turntable": None}, "m")) == []

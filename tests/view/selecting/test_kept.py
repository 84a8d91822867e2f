"""Selections as files of a run."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from splat.edit.select.geometry import sphere
from splat.edit.select.selection import Selection
from splat.errors import SplatError
from splat.formats import write_scene
from splat.view.opened import OpenedScene, open_scene
from splat.view.selecting.kept import keep, kept, load_kept
from tests.edit.scenes import ball, write_run


def opened(folder: Path) -> tuple[OpenedScene, Selection]:
    scene = open_scene(folder, "cpu")
    return scene, sphere(scene.renderer.scene, [0.6, 0, 0], 0.45)


def test_kept_is_found_again_and_never_replaced(tmp_path: Path) -> None:
    scene, right = opened(write_run(tmp_path / "run"))
    assert kept(scene) == []
    first = keep(scene, right, "Right ball")
    second = keep(scene, ~right, "Right ball")
    assert [path.relative_to(scene.root).as_posix() for path in (first, second)] == [
        "selections/right-ball.safetensors", "selections/right-ball-2.safetensors",
    ]  # fmt: skip
    assert sorted(kept(scene)) == ["selections/right-ball-2.safetensors", "selections/right-ball.safetensors"]
    assert torch.equal(load_kept(scene, "selections/right-ball.safetensors").indices, torch.arange(300, 600))
    assert load_kept(scene, "selections/right-ball-2.safetensors").count == 600
    keep(scene, right, "")
    assert len(kept(scene)) == 3
    with pytest.raises(SplatError, match="nothing is selected"):
        keep(scene, None, "x")
    with pytest.raises(SplatError, match="not there any more"):
        load_kept(scene, "../elsewhere.safetensors")


def test_of_another_scene_is_refused(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    scene, right = opened(run)
    keep(scene, right, "right")
    write_scene(run / "scene.ply", ball((0, 0, 0), 1, (1, 0, 0), count=900))
    with pytest.raises(SplatError, match="another scene"):
        load_kept(open_scene(run, "cpu"), "selections/right.safetensors")


def test_beside_a_scene_file(tmp_path: Path) -> None:
    write_scene(tmp_path / "one.ply", ball((0.6, 0, 0), 0.4, (1, 0, 0)))
    scene, right = opened(tmp_path / "one.ply")
    assert scene.fields is None and keep(scene, right, "all") == tmp_path / "selections" / "all.safetensors"
    assert load_kept(scene, kept(scene)[0]).count == 300

"""Gaussians with values that are no numbers: every format that has no bits for them leaves them out and says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from splat.errors import SplatError
from splat.formats.registry import FORMATS, read_scene, write_scene
from splat.gaussians import Gaussians

NAMES = [name for name, entry in FORMATS.items() if entry.writable and entry.readable and entry.content == "scene"]


@pytest.mark.parametrize("name", NAMES)
def test_they_are_left_out_and_counted(name: str, tmp_path: Path, random_scene: Callable[..., Gaussians]) -> None:
    if name == "usd":
        pytest.importorskip("pxr")
    broken = random_scene(40, 1)
    broken.means[3, 1] = float("nan")
    broken.scales[7, 0] = float("inf")
    path = tmp_path / f"x{FORMATS[name].suffixes[0]}"
    write_scene(path, broken, name)
    read = read_scene(path)  # PLY has kept them, and reading drops them
    assert len(read) == 38
    assert all(bool(torch.isfinite(tensor).all()) for tensor in read.as_dict().values())
    said = " ".join(FORMATS[name].lost(broken))
    assert ("2 Gaussians with NaN or infinite values left out" in said) == (name != "ply")


@pytest.mark.parametrize("name", NAMES)
def test_nothing_but_them_is_an_empty_scene_or_one_line(
    name: str, tmp_path: Path, random_scene: Callable[..., Gaussians]
) -> None:
    if name == "usd":
        pytest.importorskip("pxr")
    broken = random_scene(3, 1)
    broken.means[:] = float("nan")
    path = tmp_path / f"x{FORMATS[name].suffixes[0]}"
    try:
        write_scene(path, broken, name)
    except SplatError as refused:
        assert "no Gaussians" in str(refused) and not path.exists()
    else:
        assert len(read_scene(path)) == 0

"""Gaussians with values that are no numbers: every format that has no bits for them leaves them out and says so."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from splat.errors import SplatError
from splat.formats.registry import FORMATS, read_scene, write_scene
from splat.gaussians import Gaussians

NAMES = [name for name, entry in FORMATS.items() if entry.writable and entry.readable and entry.content == "scene"]


def scene(count: int = 40) -> Gaussians:
    generator = torch.Generator().manual_seed(1)
    return Gaussians(
        means=torch.randn(count, 3, generator=generator),
        quats=torch.randn(count, 4, generator=generator),
        scales=torch.randn(count, 3, generator=generator) - 3,
        opacities=torch.randn(count, generator=generator),
        sh0=torch.rand(count, 1, 3, generator=generator),
        shN=0.1 * torch.randn(count, 3, 3, generator=generator),
    )


@pytest.mark.parametrize("name", NAMES)
def test_they_are_left_out_and_counted(name: str, tmp_path: Path) -> None:
    if name == "usd":
        pytest.importorskip("pxr")
    broken = scene()
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
def test_nothing_but_them_is_an_empty_scene_or_one_line(name: str, tmp_path: Path) -> None:
    if name == "usd":
        pytest.importorskip("pxr")
    broken = scene(3)
    broken.means[:] = float("nan")
    path = tmp_path / f"x{FORMATS[name].suffixes[0]}"
    try:
        write_scene(path, broken, name)
    except SplatError as refused:
        assert "no Gaussians" in str(refused) and not path.exists()
    else:
        assert len(read_scene(path)) == 0

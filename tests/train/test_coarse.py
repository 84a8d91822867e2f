"""Half-size views: what their pixels mean, and that a training which begins with them ends at the full size."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import pytest
import torch

from splat.train import coarse, loop
from splat.train.coarse import halved
from splat.train.config import TrainConfig
from splat.train.views import View
from splat.training import train
from tests.train.blobs import write_blob_capture


def view(width: int, height: int, alpha: torch.Tensor | None = None, mask: torch.Tensor | None = None) -> View:
    K = torch.tensor([[[100.0, 0, width / 2 + 3], [0, 110.0, height / 2 - 2], [0, 0, 1]]])
    target = torch.arange(height * width * 3, dtype=torch.int64).reshape(height, width, 3) % 251
    return View(torch.eye(4)[None], K, width, height, target.to(torch.uint8), alpha, mask)


def test_a_pixel_is_the_mean_of_the_four_that_it_covers() -> None:
    full = view(8, 6)
    half = halved(full)
    assert (half.width, half.height, tuple(half.target.shape)) == (4, 3, (3, 4, 3))
    expected = full.target.double().reshape(3, 2, 4, 2, 3).mean(dim=(1, 3)).round()
    assert torch.equal(half.target.double(), expected)


def test_a_point_stays_at_the_same_place_of_the_picture() -> None:
    full = view(9, 7)  # odd: the sides shrink by different factors
    half = halved(full)
    point = torch.tensor([0.3, -0.2, 2.0])
    before, after = full.K[0] @ point / 2.0, half.K[0] @ point / 2.0
    assert torch.allclose(after[0] / half.width, before[0] / full.width)
    assert torch.allclose(after[1] / half.height, before[1] / full.height)


def test_hidden_colours_do_not_bleed_and_a_mask_only_shrinks() -> None:
    alpha = torch.full((2, 4, 1), 255, dtype=torch.uint8)
    alpha[0, 0] = 0
    mask = torch.ones(2, 4, dtype=torch.bool)
    mask[1, 2] = False
    full = view(4, 2, alpha, mask)
    half = halved(full)
    assert half.alpha is not None and half.alpha.flatten().tolist() == [191, 255]
    shown = full.target[:, :2].reshape(4, 3)[1:].double().mean(dim=0).round()
    assert torch.equal(half.target[0, 0].double(), shown)
    assert half.mask is not None and half.mask.tolist() == [[True, False]]


def test_half_size_views_are_let_go_when_full_size_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_blob_capture(tmp_path / "blobs")
    made: list[weakref.ref[torch.Tensor]] = []
    alive: list[int] = []
    step = loop.train_step

    def recorded(full: View) -> View:
        half = halved(full)
        made.append(weakref.ref(half.target))
        return half

    def counted(state: loop.TrainState, *rest: object) -> loop.StepReport:
        report = step(state, *rest)  # type: ignore[arg-type]
        gc.collect()
        alive.append(sum(target() is not None for target in made))
        return report

    monkeypatch.setattr(coarse, "halved", recorded)
    monkeypatch.setattr(loop, "train_step", counted)
    config = TrainConfig(data=str(tmp_path / "blobs"), out=str(tmp_path / "run"), max_steps=20, data_factor=1.0)
    config.initial.seeds = 50
    config.schedule.coarse_until = 0.5
    train(config)
    assert alive[9] == len(made) > 5 and alive[10:] == [0] * 10

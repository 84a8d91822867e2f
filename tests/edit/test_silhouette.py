"""Selections made whole by their outlines."""

from __future__ import annotations

import numpy as np
import torch

from splat.edit.selection import Selection
from splat.edit.silhouette import closed, completed
from tests.edit.scenes import stage


def test_gaps_of_a_ball_are_closed_and_its_neighbours_stay_out() -> None:
    made = stage()
    generator = torch.Generator().manual_seed(0)
    mask = torch.arange(900) < 300
    holed = mask & (torch.rand(900, generator=generator) < 0.6)
    whole = completed(made, Selection.from_mask(holed))
    assert whole.mask[holed].all()
    assert whole.mask[:300].float().mean() > 0.9 > 0.7 > holed[:300].float().mean()
    assert not whole.mask[300:600].any() and whole.mask[600:].float().mean() < 0.1


def test_an_outline_is_closed_by_its_size() -> None:
    mask = np.zeros((60, 80), bool)
    mask[10:50, 10:50] = True
    mask[10:30, 28:31] = False  # a slit
    mask[35:45, 20:30] = False  # a hole
    mask[:, 70] = True  # far away
    shut = closed(mask, gap=0.15)
    assert shut[12:50, 10:50].all() and not shut[:, 56:66].any()
    assert not closed(np.zeros((9, 9), bool)).any()


def test_what_fills_the_picture_is_left_as_it_is() -> None:
    made = stage()
    holed = Selection.from_mask(torch.arange(900) % 3 > 0)
    close = [camera.resized(40, 40) for camera in made.cameras[:1]]
    near = type(made)(made.scene, close, render=made.render)
    near.scene.scales += 2.0  # everything covers everything
    assert torch.equal(completed(near, holed).weights, holed.weights)

"""Boxes and balls as numbers."""

from __future__ import annotations

import pytest
import torch

from splat.edit.select.selector import Selector
from splat.errors import SplatError
from splat.options import parse_numbers
from splat.view.selecting.shapes import option_of, within
from tests.edit.scenes import renderer_of


def test_shapes_hold_the_ball_they_are_put_around() -> None:
    made = renderer_of()
    box = within(made.scene, "box", (0.6, 0, 0), (0.9, 0.9, 0.9), 9.0)
    ball = within(made.scene, "ball", (0.6, 0, 0), (9, 9, 9), 0.45)
    expected = torch.arange(300, 600)
    assert torch.equal(box.indices, expected) and torch.equal(ball.indices, expected)
    half = within(made.scene, "box", (0.6, 0.5, 0), (1, 1, 1), 1.0)
    assert torch.equal(half.mask, (made.scene.means[:, 1] >= 0) & box.mask)
    with pytest.raises(SplatError, match="above 0"):
        within(made.scene, "box", (0, 0, 0), (1, 0, 1), 1.0)
    with pytest.raises(SplatError, match="radius above 0"):
        within(made.scene, "ball", (0, 0, 0), (1, 1, 1), 0.0)


@pytest.mark.parametrize("shape", ["box", "ball"])
def test_the_command_line_selects_the_same(shape: str) -> None:
    made = renderer_of()
    found = within(made.scene, shape, (-0.6, 0.3, 0), (0.5, 0.6, 0.7), 0.3)
    name, numbers = option_of(found).removeprefix("select.").split("=")
    again = getattr(Selector(made), name)(*parse_numbers(name, numbers, 6 if name == "box" else 4))
    assert name == ("sphere" if shape == "ball" else "box") and torch.equal(again.mask, found.mask) and found.count

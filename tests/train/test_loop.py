"""When the loss is read back: never needed on the CPU's way, every tenth step on a GPU's, and no NaN is missed."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from splat.errors import SplatError
from splat.train.loop import read_loss


def readings(losses: list[float], every: int, max_steps: int) -> list[float | None]:
    state: Any = SimpleNamespace(step=0, unread_loss=None)
    found = []
    for loss in losses:
        found.append(read_loss(state, torch.tensor(loss), every, last=state.step + 1 == max_steps))
        state.step += 1
    return found


def test_every_loss_is_read_where_that_is_free() -> None:
    assert readings([0.5, 0.25, 0.125], 1, 100) == [0.5, 0.25, 0.125]


def test_only_every_tenth_and_the_last_are_read_elsewhere() -> None:
    losses = [1 / 2**n for n in range(13)]
    found = readings(losses, 10, 13)
    assert [step for step, loss in enumerate(found) if loss is not None] == [9, 12]
    assert found[9] == losses[9] and found[12] == losses[12]


@pytest.mark.parametrize(("every", "place"), [(1, "at step 3:"), (10, "at step 9 or just before:")])
def test_a_nan_that_the_next_losses_do_not_show_is_found(every: int, place: str) -> None:
    losses = [0.5] * 3 + [math.nan] + [0.5] * 20
    with pytest.raises(SplatError, match=place):
        readings(losses, every, 100)


def test_an_infinite_loss_is_not_taken_for_a_nan() -> None:
    assert readings([math.inf, 0.5], 1, 100) == [math.inf, 0.5]

"""How selections of the page combine, step back, and are said."""

from __future__ import annotations

import pytest
import torch

from splat.edit.select.selection import Selection
from splat.errors import SplatError
from splat.view.selecting.combining import STEPS, Steps, brushed, combined, in_words


def of(*indices: int, total: int = 6) -> Selection:
    mask = torch.zeros(total, dtype=torch.bool)
    mask[list(indices)] = True
    return Selection.from_mask(mask, "+".join(map(str, indices)))


@pytest.mark.parametrize(
    ("mode", "expected"), [("replace", [2, 3]), ("add", [0, 1, 2, 3]), ("subtract", [0, 1]), ("intersect", [2])]
)
def test_modes(mode: str, expected: list[int]) -> None:
    assert combined(of(0, 1, 2), of(2, 3), mode).indices.tolist() == expected


def test_modes_where_nothing_is_selected() -> None:
    assert combined(None, of(4), "replace").indices.tolist() == [4]
    assert combined(None, of(4), "add").indices.tolist() == [4]
    for mode in ("subtract", "intersect"):
        with pytest.raises(SplatError, match=f"nothing is selected yet to {mode}"):
            combined(None, of(4), mode)


def test_nothing_left_or_found_is_said() -> None:
    with pytest.raises(SplatError, match="all that is selected"):
        combined(of(1), of(0, 1), "subtract")
    with pytest.raises(SplatError, match="nothing of that is selected"):
        combined(of(1), of(2), "intersect")
    with pytest.raises(SplatError, match="selects nothing"):
        combined(of(1), of(), "add")


def test_strokes_add_up_or_take_away() -> None:
    assert [brushed(mode) for mode in ("replace", "add", "subtract", "intersect")] == ["add", "add", "subtract", "add"]


def test_steps_go_back_one_by_one() -> None:
    steps, first, second = Steps(), of(0), of(1)
    for one in (first, second, None):
        steps.changed(one)
    back = []
    for _ in range(3):
        back.append(steps.back())
        steps.changed(back[-1])  # as the page says of every change, this one included
    assert back == [second, first, None]
    with pytest.raises(SplatError, match="no step"):
        steps.back()


def test_steps_are_bounded_and_end_with_the_scene() -> None:
    steps = Steps()
    for number in range(STEPS + 5):
        steps.changed(of(number % 6))
    for _ in range(STEPS):
        steps.back()
    with pytest.raises(SplatError, match="no step"):
        steps.back()
    steps.changed(of(0))
    steps.clear()
    with pytest.raises(SplatError, match="no step"):
        steps.back()


def test_selections_in_words() -> None:
    assert in_words(None, 28748) == "nothing of 28,748 Gaussians is selected"
    assert in_words(of(0, 1, 2), 6) == "**3** of 6 Gaussians (50.0 %), `0+1+2`"
    long = Selection(of(1).weights, "a" * 500 + "end")
    assert len(in_words(long, 6)) < 200 and in_words(long, 6).endswith("aend`")

"""Selections from options and expressions."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from splat.edit.select.options import SelectOptions
from splat.edit.select.selection import save_selection
from splat.edit.select.selector import Selector
from splat.errors import SplatError
from splat.options import parse_numbers
from tests.edit.scenes import renderer_of

RED, GREEN, BLUE = (list(range(start, start + 300)) for start in (0, 300, 600))
SPHERES = {"red": "sphere(-0.6,0,0,0.5)", "green": "sphere(0.6,0,0,0.5)", "blue": "sphere(-0.8,0,1.4,0.4)"}


@pytest.fixture(scope="module")
def selector() -> Selector:
    return Selector(renderer_of(), "abc")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{red}", RED),
        ("{red} | {green}", RED + GREEN),
        ("({red} | {green}) & ~{green}", RED),
        ("all - {red} - {green}", BLUE),
        ("not ({red} or {green})", BLUE),
        ("all and {blue}", BLUE),
        ("connected(all - {blue} - sphere(0.6,0,0,0.3), 2)", RED + GREEN),
        ("box(-2,-2,-2,0,2,0.5) & opacity(0.5, 1)", RED),
        ("shrink(grow({red}, 0.01), 0)", RED),
        ("size(10)", []),
    ],
)
def test_expressions(selector: Selector, text: str, expected: list[int]) -> None:
    assert sorted(selector.where(text.format(**SPHERES)).indices.tolist()) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("spere(0,0,0,1)", "did you mean sphere"),
        ("__import__('os').system('true')", "no selection"),
        ("box(1,2)", "do not fit"),
        ("sphere(0,0,0,1", "cannot read"),
        ("sphere(0,0,0,all)", "must be a number"),
        ("1 + 2", "no selection"),
        ("opacity(50, 100)", "from 0 to 1"),
        ("opacity(0.5, 0.1)", "the smaller first"),
        ("size(0.5, 0.1)", "the smaller first"),
        ("connected(all, 1.9)", "whole number, 1 or more"),
        ("connected(all, 0)", "whole number, 1 or more"),
        ("file('a.safetensors', 1.5)", "whole number, 1 or more"),
        ("masks('.', 0.5)", "whole number, 0 or more"),
        ("polygon('9', 1,1,2,2,3,3)", "no view 9"),
    ],
)
def test_mistakes_in_expressions(selector: Selector, text: str, message: str) -> None:
    with pytest.raises(SplatError, match=message):
        selector.where(text)


def test_options_must_all_hold(selector: Selector, tmp_path: Path) -> None:
    both = SelectOptions(box="-2,-2,-2,2,2,0.5", sphere="[-0.6, 0, 0, 0.5]")
    chosen = selector.from_options(both)
    assert chosen.indices.tolist() == RED
    both.invert = True
    assert selector.from_options(both).indices.tolist() == GREEN + BLUE
    save_selection(tmp_path / "red.safetensors", chosen, "abc")
    again = SelectOptions(file=str(tmp_path / "red.safetensors"), opacity="0.5,1", size="0,1", grow=0.01)
    assert selector.from_options(again).indices.tolist() == RED
    clicked = SelectOptions(view="0", click="61.5,36", connected=1, shrink=0.0)
    assert selector.from_options(clicked).indices.tolist() == GREEN
    drawn = selector.from_options(SelectOptions(view="0", polygon="48,0,95,0,95,71,48,71", soft=True))
    assert 0 < float(drawn.weights[300:600].mean()) < 1 and not drawn.mask[:300].any()


def test_what_cannot_be_selected(selector: Selector) -> None:
    for options, message in (
        (SelectOptions(), "what is edited"),
        (SelectOptions(box="1,2,3"), "must be 6 numbers"),
        (SelectOptions(sphere="a,b,c,d"), "must be numbers"),
        (SelectOptions(sphere="50,0,0,1"), "selects nothing"),
        (SelectOptions(click="1,2"), "need select.view"),
    ):
        with pytest.raises(SplatError, match=message):
            selector.from_options(options)
    assert parse_numbers("a", "(1, -2.5, 3e2)", 3) == [1, -2.5, 300]
    with pytest.raises(SplatError, match="a=1,nan"):
        parse_numbers("a", "1,nan")


def test_a_threshold_decides_who_is_in(selector: Selector, tmp_path: Path) -> None:
    from splat.edit.select.selection import Selection

    weights = torch.zeros(900)
    weights[:300], weights[300:600] = 0.3, 0.8
    save_selection(tmp_path / "s.safetensors", Selection(weights))
    file = str(tmp_path / "s.safetensors")
    assert selector.from_options(SelectOptions(file=file)).indices.tolist() == GREEN
    assert selector.from_options(SelectOptions(file=file, threshold=0.2)).indices.tolist() == RED + GREEN

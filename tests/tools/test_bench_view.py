"""The cost of the page is worked out from turns that stand beside each other."""

from __future__ import annotations

import pytest

from tools.bench_view import Turns


def test_ratios_are_of_neighbouring_turns() -> None:
    turns, now = Turns(length=1.0), 0.0
    turns.step(now, 0.5)  # starts the clock
    for speed in (1.0, 2.0):  # other work on the machine ends after the first round
        for factor, between in ((1.0, 0.0), (1.0, 0.0), (0.8, 0.02)):
            for _ in range(round(10 * speed * factor)):
                now += 0.1 / speed / factor + 1e-9
                turns.step(now, between)
    assert turns.ratio("nobody there") == pytest.approx([1.0, 1.0])
    assert turns.ratio("open") == pytest.approx([0.8, 0.8])
    assert turns.between("open") == pytest.approx((8 + 16) * 0.02 / 2)
    assert turns.between("without") == 0.0

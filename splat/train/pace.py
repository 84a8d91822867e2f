"""`max_seconds`: the number of steps that fills a budget of time, planned from trial steps and corrected on the way.

All schedules of a training are shares of its length (`Strategy.scaled`, the rate of the positions, the degree of the
colour), so a training that ends in time needs its length to be right, not to be cut off. The length is planned before
the first step. A machine may turn out slower than the trial steps said, or other work may come and go; so what is left
of the time is shared out anew at a few points (`CHECKS`), the last one near the end.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from splat.console import duration
from splat.errors import SplatError
from splat.lazy import lazy
from splat.records import Record, record

if TYPE_CHECKING:
    import numpy as np
else:
    np = lazy("numpy")

# Shares of the steps after which the length is looked at again: early, because trial steps are a rough measure, while
# the scene still grows, and late, so that the end is where it was asked for.
CHECKS = (0.03, 0.06, 0.12, 0.2, 0.3, 0.42, 0.55, 0.7, 0.82, 0.9, 0.96)
GROWN = 0.5  # share of the steps at which strategies have grown the scene to its cap
FIXED = 0.35  # share of a step's time that does not depend on the number of Gaussians, at the number it began with
FEW_STEPS = 300  # of which a scene needs more to be more than a blur
MOST_LONGER = 2.0  # times as many steps as were left that one look may leave
# How much of what a look finds is believed, as a power: other work on the machine may come and go. Being slower is
# believed more, because time that is spent does not come back.
SLOWER, FASTER = 0.8, 0.5


@dataclass(frozen=True)
class Pace:
    """How long a training with a budget of time is, and what that rests on."""

    seconds: float  # that training may take, without loading the photos and scoring
    full: float  # seconds of a step at the size of training, with `start` Gaussians
    coarse: float  # the same at half the width and height
    start: int  # Gaussians at the first step
    cap: int  # Gaussians that the scene grows to
    coarse_until: float  # share of the steps at half the size
    looked: int = 0  # step at which the length was last looked at
    spent: float = 0.0  # seconds until then
    lengths: tuple[tuple[int, int], ...] = ()  # from which step on the training was how long

    def too_short(self, max_steps: int) -> str | None:
        """A sentence for a budget in which hardly anything can be learnt; None for others."""
        if max_steps >= FEW_STEPS:
            return None
        return (
            f"max_seconds={self.seconds:g} is time for {max_steps:,} steps only, so the scene will be a blur; give it"
            f" {duration(self.seconds * FEW_STEPS / max_steps)} or more"
        )

    def between(self, first: int, last: int, max_steps: int) -> float:
        """Seconds from step `first` to step `last` of a training of `max_steps`."""
        shares = np.linspace(first, last, 65) / max_steps
        middle = (shares[1:] + shares[:-1]) / 2
        grown = self.start + max(0, self.cap - self.start) * np.sqrt(np.minimum(middle / GROWN, 1.0))
        by_count = FIXED + (1 - FIXED) * grown / max(self.start, 1)
        coarse = np.clip((self.coarse_until - shares[:-1]) / np.maximum(np.diff(shares), 1e-12), 0.0, 1.0)
        a_step = by_count * (coarse * self.coarse + (1 - coarse) * self.full)
        return float(a_step.mean()) * (last - first)

    def fitting(self, step: int, seconds: float) -> int:
        """The length of a training that, `step` steps done, has `seconds` left; at least one step more."""
        shortest, longest = step + 1, step + 2
        while self.between(step, longest, longest) < seconds and longest < 2**40:
            longest = step + 2 * (longest - step)
        while longest - shortest > 1:
            middle = (shortest + longest) // 2
            if self.between(step, middle, middle) <= seconds:
                shortest = middle
            else:
                longest = middle
        return shortest

    def planned(self) -> tuple[Pace, int]:
        """The pace with its first length, and that length."""
        length = self.fitting(0, self.seconds)
        return dataclasses.replace(self, lengths=((0, length),)), length

    def is_due(self, step: int, max_steps: int) -> bool:
        """Whether it is time for a look, after so many steps, that has not been taken."""
        return step > self.looked and next_check(step - 1, max_steps) == step

    def corrected(self, step: int, spent: float) -> tuple[Pace, int]:
        """The pace and the length of the training after a look at the clock.

        Args:
            step: steps done.
            spent: seconds that they took.
        """
        before = self.lengths[-1][1]
        expected = self.between(self.looked, step, before)
        found = max((spent - self.spent) / expected, 1e-3) if expected > 0 else 1.0
        times = found ** (SLOWER if found > 1 else FASTER)
        now = dataclasses.replace(self, full=self.full * times, coarse=self.coarse * times, looked=step, spent=spent)
        length = min(now.fitting(step, self.seconds - spent), step + round(MOST_LONGER * (before - step)) + 1)
        if length == before:
            return now, before
        return dataclasses.replace(now, lengths=(*self.lengths, (step, length))), length


def next_check(step: int, max_steps: int) -> int:
    """The next step after which the length is to be looked at; the last step where there is none."""
    checks = (math.ceil(share * max_steps) for share in CHECKS)
    return next((check for check in checks if check > step), max_steps)


def recorded_pace(found: Record) -> Pace:
    """The pace that a checkpoint or config.yaml holds.

    Raises:
        SplatError: when a value is missing or does not fit.
    """
    lengths = found.values.get("lengths")
    if not isinstance(lengths, (list, tuple)) or not lengths:
        raise found.wrong("lengths", "a list of pairs of steps")
    pairs = [record({"pair": pair}, f"{found.where}: lengths").numbers("pair", 2) for pair in lengths]
    positive = {name: found.number(name) for name in ("seconds", "full", "coarse")}
    for name, value in positive.items():
        if value <= 0:
            raise found.wrong(name, "more than 0")
    return Pace(
        **positive,
        start=found.whole("start", 1),
        cap=found.whole("cap", 1),
        coarse_until=found.number("coarse_until"),
        looked=found.whole("looked"),
        spent=found.number("spent"),
        lengths=tuple((int(step), int(length)) for step, length in pairs),
    )


def contradicting_lengths(max_steps: int, max_seconds: float) -> SplatError:
    """What to raise where both are given."""
    return SplatError(f"max_steps={max_steps} and max_seconds={max_seconds:g} contradict each other; give one of them")

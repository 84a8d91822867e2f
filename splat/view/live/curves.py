"""How a training goes, as curves: few points however long it is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

MOST = 1000  # points; then every second one goes
SMOOTH = 0.9  # of the loss so far that stays in it at a step, because each step sees another photo
PERIOD = 1.0  # seconds over which steps are counted

CURVES = ("loss", "psnr", "test_psnr", "gaussians", "steps_per_second")


@dataclass
class Curves:
    """A row every so many steps: step and `CURVES`; NaN for what is not known yet."""

    rows: list[tuple[float, ...]] = field(default_factory=list)
    every: int = 1  # steps from row to row
    steps_per_second: float = math.nan  # of the last second or so
    _loss: float = math.nan
    _mark: tuple[int, float] | None = None  # step and time from which steps are counted

    def add(self, step: int, measured: Mapping[str, float], gaussians: int, now: float) -> None:
        """A step is done.

        Args:
            step: counted from 1.
            measured: last readings, as `TrainState.measured`.
            gaussians: of the scene.
            now: seconds of a clock that stands still while the training waits.
        """
        self._count(step, now)
        loss = measured.get("loss", math.nan)
        self._loss = loss if math.isnan(self._loss) else SMOOTH * self._loss + (1 - SMOOTH) * loss
        if step % self.every:
            return
        known = (measured.get(name, math.nan) for name in ("psnr", "test_psnr"))
        self.rows.append((step, self._loss, *known, gaussians, self.steps_per_second))
        if len(self.rows) > MOST:
            self.every *= 2
            self.rows = [row for row in self.rows if row[0] % self.every == 0]

    def curve(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Steps [P] and values [P], float64, of where it is known; P is at most `MOST`."""
        table = np.array(self.rows, float).reshape(-1, 1 + len(CURVES))
        values = table[:, 1 + CURVES.index(name)]
        known = np.isfinite(values)
        return table[known, 0], values[known]

    def _count(self, step: int, now: float) -> None:
        if self._mark is None:
            self._mark = step, now
        elif now - self._mark[1] >= PERIOD:
            self.steps_per_second = (step - self._mark[0]) / (now - self._mark[1])
            self._mark = step, now

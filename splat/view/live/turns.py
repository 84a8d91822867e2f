"""When a training stops for a picture, and how small that one is. Without threads and clocks.

Two accounts hold the time that pictures may take: one for what grows by itself, a share that the user sets, and one for
cameras that were moved, so that somebody who walks need not wait until the first has recovered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from splat.view.schedule import FRAME, REST, SCALES

ANSWERS = 0.15  # share of the time for pictures that follow a camera which was moved
SAVED = 0.05  # seconds that an account holds at the most: time in which nobody looked makes no burst of pictures

Turn = Literal["answer", "renewal"]


@dataclass
class TimeShare:
    """An account of seconds that grows by a share of the time; what was taken too much is waited for."""

    share: float
    _held: float = 0.0
    _then: float | None = None

    def may(self, now: float) -> bool:
        """Whether there is time for something, however long it takes."""
        if self._then is not None:
            self._held = min(SAVED, self._held + self.share * (now - self._then))
        self._then = now
        return self.share > 0 and self._held >= 0

    def spend(self, seconds: float) -> None:
        """Something took so long."""
        self._held -= seconds

    def skip(self) -> None:
        """The time since the last look brings nothing: nothing was trained in it."""
        self._then = None


@dataclass
class TabTurns:
    """What one tab has seen, and what it is to see next. Times are seconds of any clock that only goes forward."""

    stamp: int = 0  # of what is wanted; every movement changes it
    served: float = float("-inf")  # when the last picture was drawn
    _moved: float = float("-inf")
    _seen: tuple[int, int, float] = (-1, -1, 0.0)  # stamp, training step and scale of the picture on the page
    _seconds: float | None = None  # of a picture of the whole size, by the last one

    def touch(self, now: float) -> None:
        """The camera moved."""
        self._moved, self.stamp = now, self.stamp + 1

    def due(self, now: float, step: int) -> Turn | None:
        """What the tab lacks after so many steps; None while its camera moves, and where it has seen all."""
        if now - self._moved < REST:
            return None
        stamp, seen, scale = self._seen
        if stamp != self.stamp:
            return "answer"
        return "renewal" if seen != step or scale < 1 else None

    def scale(self, turn: Turn) -> float:
        """Of the sides of the next picture: whole, or after a movement one that is drawn at once."""
        if turn == "renewal":
            return 1.0
        seconds = self._seconds
        return next((scale for scale in SCALES if seconds is not None and seconds * scale**2 <= FRAME), SCALES[-1])

    def drawn(self, now: float, stamp: int, step: int, scale: float, seconds: float) -> None:
        """A picture is on the page.

        Args:
            now: the time.
            stamp: when it was begun.
            step: training steps done by then.
            scale: of its sides.
            seconds: that it took.
        """
        self.served = now
        self._seen, self._seconds = (stamp, step, scale), seconds / scale**2

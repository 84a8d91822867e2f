"""The one thread that draws exact pictures, for all tabs in turn: a renderer uses all cores as it is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

from splat.view.schedule import Schedule


class Canvas(Protocol):
    """A tab, as the painter sees it."""

    schedule: Schedule

    def paint(self, scale: float) -> None:
        """Draw what is wanted now, at a share of the sides, and send it. Whatever goes wrong is said in the tab."""


class Painter:
    """Draws for each canvas what its schedule says, the one that has waited longest first."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._canvases, self._stopped = clock, list[Canvas](), False
        self._wake = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="painter", daemon=True)
        self._thread.start()

    def add(self, canvas: Canvas) -> None:
        """Draw for this one too, from now on."""
        with self._wake:
            self._canvases.append(canvas)
            self._wake.notify()

    def remove(self, canvas: Canvas) -> None:
        """Draw for it no more."""
        with self._wake:
            self._canvases = [other for other in self._canvases if other is not canvas]

    def touch(self, canvas: Canvas, moved: bool = False) -> None:
        """Something is to be drawn: the camera moved, or what it sees is another thing."""
        with self._wake:
            canvas.schedule.touch(self._clock(), moved)
            self._wake.notify()

    def stop(self) -> None:
        """End the thread; a picture that is being drawn is finished first."""
        with self._wake:
            self._stopped = True
            self._wake.notify()
        self._thread.join(10)

    def _run(self) -> None:
        while (job := self._next()) is not None:
            canvas, scale, stamp = job
            began = self._clock()
            try:
                canvas.paint(scale)
            except Exception:  # said by the canvas; the thread serves others too
                with self._wake:
                    canvas.schedule.give_up(stamp)
                continue
            with self._wake:
                canvas.schedule.drawn(scale, self._clock() - began, stamp)

    def _next(self) -> tuple[Canvas, float, int] | None:
        """Waits for something to draw; None at the end."""
        with self._wake:
            while not self._stopped:
                now = self._clock()
                due = [(found, canvas) for canvas in self._canvases if (found := canvas.schedule.due(now)) is not None]
                if not due:
                    self._wake.wait()
                    continue
                (when, scale), canvas = min(due, key=lambda entry: entry[0][0])
                if when <= now:
                    self._canvases = [*(other for other in self._canvases if other is not canvas), canvas]
                    return canvas, scale, canvas.schedule.stamp
                self._wake.wait(when - now)
        return None

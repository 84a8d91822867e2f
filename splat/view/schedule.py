"""When a tab gets which picture: a small one at once, a whole one when the camera rests. Without threads and clocks."""

from __future__ import annotations

from dataclasses import dataclass

REST = 0.15  # seconds without a movement, after which the camera rests
FIRST = 0.25  # of the sides: a picture that comes before the whole one, where that takes long
SCALES = (1.0, 0.75, 0.5, 0.25)  # of the sides of pictures while the camera moves
FRAME = 1 / 15  # seconds that a picture may take while the camera moves


@dataclass
class Schedule:
    """What one tab has yet to get. Times are seconds of any clock that only goes forward."""

    moving: bool = False  # whether pictures are wanted while the camera moves
    stamp: int = 0  # of what is wanted; every touch changes it
    _rests: float | None = None  # from when on the camera rests; None: all is drawn
    _shown: float = 0.0  # scale of the picture of this stamp on the page
    _seconds: float | None = None  # of a picture of the whole size, by the last one

    def touch(self, now: float, moved: bool = True) -> None:
        """The camera moved, or something else (`moved` False) that is drawn without waiting for rest."""
        self._rests, self._shown, self.stamp = (now + REST if moved else now), 0.0, self.stamp + 1

    def due(self, now: float) -> tuple[float, float] | None:
        """(time from which on, scale of the sides) of the next picture; None where nothing is to be drawn."""
        if self._rests is None:
            return None
        if self.moving and self._shown == 0 and now < self._rests:
            return now, self.preview()
        slow = self._seconds is None or self._seconds > FRAME
        return self._rests, (FIRST if self._shown < FIRST and slow else 1.0)

    def preview(self) -> float:
        """The largest scale whose picture is drawn in time while the camera moves; time goes with the pixels."""
        seconds = self._seconds
        fitting = (scale for scale in SCALES if seconds is not None and seconds * scale**2 <= FRAME)
        return next(fitting, SCALES[-1])

    def drawn(self, scale: float, seconds: float, stamp: int) -> None:
        """A picture is on the page.

        Args:
            scale: of its sides.
            seconds: that it took.
            stamp: when it was begun; what was touched since is still to be drawn.
        """
        self._seconds = seconds / scale**2
        if stamp == self.stamp:
            self._shown = scale
            if scale >= 1.0:
                self._rests = None

    def give_up(self, stamp: int) -> None:
        """A picture could not be drawn: it is not tried again before something changes."""
        if stamp == self.stamp:
            self._rests = None

"""How a new selection combines with the present one, the steps back, and what is selected in words."""

from __future__ import annotations

from dataclasses import dataclass, field

from splat.edit.select.selection import Selection
from splat.errors import SplatError
from splat.view.marked import code

MODES = ("replace", "add", "subtract", "intersect")
STEPS = 20  # that can be undone; each holds four bytes for a Gaussian
LONGEST = 90  # characters of a source that are shown


def combined(present: Selection | None, new: Selection, mode: str) -> Selection:
    """The selection that comes of a new one.

    Args:
        present: None where nothing is selected.
        mode: of MODES.

    Raises:
        SplatError: nothing is selected that could be made less, or nothing would be left.
    """
    if not new.count:
        raise SplatError(f"{new.source} selects nothing; the selection stays as it is")
    if mode == "replace" or (mode == "add" and present is None):
        return new
    if present is None:
        raise SplatError(f"nothing is selected yet to {mode}; choose replace or add first")
    if mode == "add":
        return present | new
    left = present - new if mode == "subtract" else present & new
    if not left.count:
        why = "that is all that is selected" if mode == "subtract" else "nothing of that is selected"
        raise SplatError(f"{why}, so that nothing would be left; the selection stays as it is")
    return left


def brushed(mode: str) -> str:
    """How a stroke of the brush combines: strokes add up, or take away."""
    return "subtract" if mode == "subtract" else "add"


@dataclass
class Steps:
    """What was selected before, to go back to."""

    _now: Selection | None = None
    _before: list[Selection | None] = field(default_factory=list)

    def changed(self, now: Selection | None) -> None:
        """Something else is selected."""
        if now is not self._now:
            self._before = [*self._before, self._now][-STEPS:]
            self._now = now

    def back(self) -> Selection | None:
        """What was selected before the last step, which is then forgotten.

        Raises:
            SplatError: there is no step to undo.
        """
        if not self._before:
            raise SplatError("there is no step of the selection to undo")
        self._now = self._before.pop()
        return self._now

    def clear(self) -> None:
        """The scene is another one."""
        self._now, self._before = None, []


def in_words(selection: Selection | None, total: int) -> str:
    """How much of a scene of so many Gaussians is selected, and by what."""
    if selection is None:
        return f"nothing of {total:,} Gaussians is selected"
    source = selection.source
    if len(source) > LONGEST:
        source = f"…{source[-LONGEST:]}"
    said = f"**{selection.count:,}** of {total:,} Gaussians ({100 * selection.share:.1f} %)"
    return f"{said}, {code(source)}" if source else said

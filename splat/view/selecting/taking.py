"""What the ways to select share: the mode in which a new selection combines with the present one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from splat.edit.select.selection import Selection
from splat.view.selecting.combining import MODES, combined

if TYPE_CHECKING:
    from splat.view.page import Page


class Taking:
    """Selects for a tab in the mode that is chosen there."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._mode = page.gui.add_dropdown(
            "A new selection", MODES, hint="what becomes of what is selected when you select something new"
        )

    @property
    def mode(self) -> str:
        """Of MODES."""
        return self._mode.value

    def take(self, new: Selection, mode: str | None = None) -> None:
        """Combine with what is selected, and show colours, in which a selection glows.

        Each Gaussian is either in or out, as edits take it: what glows is what they change.

        Args:
            new: on any device.
            mode: in the place of the one that is chosen.

        Raises:
            SplatError: nothing comes of it.
        """
        page = self.page
        moved = Selection(new.weights.to(page.scene.renderer.device), new.source).hard()
        page.select(combined(page.selection, moved, mode or self.mode))
        if page.shown.picture != "colours":
            page.show(picture="colours")


def usual_reach(page: Page) -> float:
    """A length to begin with, in the scene's units: a tenth of the usual distance of what is seen, to two digits."""
    return float(f"{0.1 * page.scene.depth:.2g}")

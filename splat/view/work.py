"""The bar of a tab that shows what runs for it: the command, how far it is, and a button that cancels it."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from splat.errors import SplatError
from splat.view.controls import put
from splat.view.jobs import Ended, Job
from splat.view.marked import block, code

if TYPE_CHECKING:
    import viser

Then = Callable[[Ended], None]


class WorkBar:
    """At most one command at a time for a tab."""

    def __init__(self, gui: viser.GuiApi, ended: Callable[[Ended, Then | None], None]) -> None:
        """
        Args:
            gui: of the tab.
            ended: called with how a command ended, and with what its `run` was given.
        """
        self._ended_with, self._lock = ended, threading.Lock()
        self._job: Job | None = None
        self._folder = gui.add_folder("Working", visible=False)
        with self._folder:
            self._said = gui.add_markdown("")
            self._bar = gui.add_progress_bar(0.0, animated=True)
            cancel = gui.add_button("Cancel", color="red")
        cancel.on_click(lambda event: self.cancel())  # without the tab's lock: it must work while something waits

    def run(self, words: Sequence[str], then: Then | None) -> None:
        """Start a command.

        Raises:
            SplatError: another one runs.
        """
        with self._lock:
            self.check_free()
            self._said.content = code(shlex.join(["splat", *words]))
            put(self._bar, 0.0)
            self._folder.visible = True
            self._job = Job(words, self._line, lambda ended: self._ended(ended, then))

    def check_free(self) -> None:
        """
        Raises:
            SplatError: a command runs.
        """
        if self.running:
            raise SplatError("something runs already; wait for it, or cancel it")

    @property
    def running(self) -> bool:
        """Whether a command runs."""
        return self._job is not None and self._job.running

    def cancel(self) -> None:
        """Stop the command that runs."""
        if self._job is not None:
            self._job.cancel()

    def close(self) -> None:
        """The tab is gone."""
        self.cancel()

    def _line(self, line: str, share: float | None) -> None:
        self._said.content = block(line)
        if share is not None:
            put(self._bar, 100 * share)

    def _ended(self, ended: Ended, then: Then | None) -> None:
        self._folder.visible = False
        self._ended_with(ended, then)

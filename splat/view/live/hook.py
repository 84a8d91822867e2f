"""The training's side of its page: between two steps it looks at what was asked for and shows the scene."""

from __future__ import annotations

import time
from collections.abc import Callable

from splat.console import warn
from splat.errors import SplatError
from splat.train.hooks import HookContext, Reins, TrainingHook
from splat.train.loop import waited
from splat.train.state import TrainState
from splat.view.live.board import Board
from splat.view.live.curves import Curves
from splat.view.live.gallery import Gallery

NEWS = 2.0  # seconds between readings on the page
LOOK = 0.03  # seconds between looks at the page while the training waits


class LiveHook(TrainingHook):
    """Looks only: it draws no random numbers and changes nothing, so the scene is the same bit for bit.

    What it takes is no training time. Where nobody has the page open nothing is drawn or sent.
    """

    name = "view"

    def __init__(self, context: HookContext, board: Board, gallery: Gallery) -> None:
        self.max_steps, self.device = context.max_steps, context.scene.views.device
        self.board, self.gallery = board, gallery
        self.curves = Curves()
        self._news = float("-inf")
        self._waited = 0.0  # seconds that the training stood still because it was asked to
        self._broken = False  # whether showing failed, which is no reason to stop training

    def replanned(self, max_steps: int) -> None:
        self.max_steps = max_steps

    def between_steps(self, state: TrainState, reins: Reins) -> float:
        board, now = self.board, time.monotonic()
        self.curves.add(state.step, state.measured, len(state.params["means"]), now - self._waited)
        if board.stop.is_set():
            reins.stopping.set()
        asked = board.paused.is_set() or board.save.is_set() or state.step == self.max_steps
        if not asked and not self._is_due(now, state.step):
            return 0.0
        waited(self.device)
        began = time.monotonic()
        self._turn(state, reins, began)
        if board.paused.is_set():
            self._wait(state, reins)
        if state.step == self.max_steps and not self._broken:
            self._safely(lambda: self.gallery.settle(state))
        return time.monotonic() - began

    def _is_due(self, now: float, step: int) -> bool:
        if self._broken or not self.gallery.tabs():
            return False
        return now - self._news >= NEWS or self._next(now, step) is not None

    def _next(self, now: float, step: int, free: bool = False) -> Callable[[TrainState], None] | None:
        """What the page is to be given next; None where nothing is due."""
        if self._broken:
            return None
        try:
            return self.gallery.due(now, step, free)
        except Exception as problem:
            self._give_up(problem)
            return None

    def _wait(self, state: TrainState, reins: Reins) -> None:
        """Until the training may go on, or stops; pictures come as often as the page asks for them."""
        began = time.monotonic()
        self._say_news(state)
        while self.board.paused.is_set() and not reins.stopping.is_set():
            if self.board.stop.is_set():
                reins.stopping.set()
            elif not self._turn(state, reins, time.monotonic(), free=True):
                time.sleep(LOOK)
        self._waited += time.monotonic() - began
        self.gallery.skip()
        self._say_news(state)

    def _turn(self, state: TrainState, reins: Reins, now: float, free: bool = False) -> bool:
        """One thing that is asked for or due; returns whether there was any."""
        if self.board.save.is_set():
            self.board.save.clear()
            self._save(state, reins)
            return True
        if self._broken or not self.gallery.tabs():
            return False
        if now - self._news >= NEWS or state.step == self.max_steps:
            self._say_news(state)
        todo = self._next(now, state.step, free)
        if todo is not None:
            self._safely(lambda: todo(state))
        return todo is not None

    def _save(self, state: TrainState, reins: Reins) -> None:
        try:
            reins.save()
            self.board.say(f"A checkpoint of step {state.step:,} is written.")
        except SplatError as problem:
            self.board.say(str(problem))
            warn(str(problem))

    def _say_news(self, state: TrainState) -> None:
        self._news = time.monotonic()
        count = len(state.params["means"])
        self._safely(lambda: self.board.show(state.step, self.max_steps, state.measured, count, self.curves))
        self.gallery.renewals.spend(time.monotonic() - self._news)

    def _safely(self, show: Callable[[], None]) -> None:
        """What goes wrong with a page ends the pictures, not the training."""
        try:
            show()
        except Exception as problem:
            self._give_up(problem)

    def _give_up(self, problem: Exception) -> None:
        if not self._broken:
            self._broken = True
            said = f"the page shows no more of the training: {type(problem).__name__}: {problem}"
            warn(said)
            self.board.say(said)

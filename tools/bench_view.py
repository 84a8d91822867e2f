#!/usr/bin/env python3
"""What `splat train … view=true` costs: steps a second without the page, with it, and with it open in a browser.

    python tools/bench_view.py                         four minutes on the demo
    python tools/bench_view.py --seconds 60 --factor 4

One training of a fixed number of Gaussians takes turns of a second or so without the page's hook, with it and nobody
there, and with a headless Chromium, so that other work of the machine falls on all three alike. Without a GPU seconds
are those that processors worked for the training and its page, not those of the clock; the browser is not counted.
Printed are the medians, over all turns, of the steps a second as parts of those of the turn without the page next to
it, and the share of the time between steps.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from splat.errors import Interrupted, SplatError  # noqa: E402
from splat.train.config import TrainConfig  # noqa: E402
from splat.train.hooks import HookContext, Reins, TrainingHook  # noqa: E402
from splat.train.state import TrainState  # noqa: E402
from splat.train.strategies import STRATEGIES  # noqa: E402
from splat.training import train  # noqa: E402
from splat.view.live.hook import LiveHook  # noqa: E402
from splat.view.live.watch import Watch  # noqa: E402

MODES = ("without", "nobody there", "open")
FLAGS = (
    *("--headless", "--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"),
    *("--ignore-gpu-blocklist", "--remote-debugging-port=0", "--window-size=640,480"),
)


@dataclass
class Turns:
    """What the turns of each mode gave, in order: (steps, seconds, of which between steps)."""

    length: float  # seconds of a turn
    found: dict[str, list[tuple[int, float, float]]] = field(default_factory=lambda: {mode: [] for mode in MODES})
    _mode: int = 0
    _steps: int = 0
    _between: float = 0.0
    _began: float | None = None

    @property
    def mode(self) -> str:
        """Of the turn that runs."""
        return MODES[self._mode]

    def step(self, now: float, between: float) -> None:
        """A step is over, and what came after it took `between` seconds; the first one only starts the clock."""
        if self._began is None:
            self._began = now
            return
        self._steps, self._between = self._steps + 1, self._between + between
        if now - self._began >= self.length:
            self.found[self.mode].append((self._steps, now - self._began, self._between))
            self._mode = (self._mode + 1) % len(MODES)
            self._steps, self._between, self._began = 0, 0.0, now

    def ratio(self, mode: str) -> list[float]:
        """Steps a second of each turn of a mode, as a part of those of the turn without the page before it."""
        rates = {name: [steps / seconds for steps, seconds, _ in turns] for name, turns in self.found.items()}
        return [other / without for without, other in zip(rates["without"], rates[mode])]

    def between(self, mode: str) -> float:
        """Share of a mode's time that was spent between steps."""
        turns = self.found[mode]
        return sum(turn[2] for turn in turns) / max(1e-9, sum(turn[1] for turn in turns))


class TakingTurns(TrainingHook):
    """The page's hook, now and then."""

    def __init__(self, context: HookContext, watch: Watch, turns: Turns, seconds: float) -> None:
        self.live: LiveHook = watch.hook(context)
        self.watch, self.turns, self.end = watch, turns, time.monotonic() + seconds
        # on the processor everything, threads of the page too, is work of this process, whatever else the machine does
        self.clock = time.process_time if context.scene.views.device.type == "cpu" else time.monotonic

    def between_steps(self, state: TrainState, reins: Reins) -> float:
        began = self.clock()
        if not any(tab.sent for tab in self.watch.tabs()):  # not yet: first the browser must be there
            self.end += self.live.between_steps(state, reins)
            return 0.0
        self.live.gallery.tabs = self.watch.tabs if self.turns.mode == "open" else list
        if self.turns.mode != "open":
            self.live.gallery.skip()  # or the open turns would have the other ones' share too
        if self.turns.mode != "without":
            self.live.between_steps(state, reins)
        now = self.clock()
        self.turns.step(now, now - began)
        if time.monotonic() > self.end:
            reins.stopping.set()
        return 0.0


def measured(capture: Path, factor: float, seconds: float, length: float) -> tuple[Turns, int]:
    """Train for so many seconds in turns of a length; the turns, and how many pictures were drawn."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        raise SplatError("no Chromium on the PATH, which is to open the page")
    watch, turns, hooks = Watch(), Turns(length), list[TakingTurns]()

    def hook(context: HookContext) -> TakingTurns:
        hooks.append(TakingTurns(context, watch, turns, seconds))
        return hooks[-1]

    with tempfile.TemporaryDirectory() as folder:
        config = TrainConfig(data=str(capture), out=f"{folder}/run", max_steps=10**6, data_factor=factor)
        config.strategy = STRATEGIES["none"]()
        config.schedule.eval_every = config.schedule.save_every = 0
        words = [browser, *FLAGS, f"--user-data-dir={folder}/browser", watch.address]
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            train(config, [hook])
        except Interrupted:
            pass
        finally:
            process.terminate()
            process.wait()
            watch.close()
    return turns, hooks[0].live.gallery.pictures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--capture", type=Path, default=ROOT / "data" / "demo")
    parser.add_argument("--factor", type=float, default=2.0, help="the photos' sides are divided by this")
    parser.add_argument("--seconds", type=float, default=240.0, help="of training, all turns together")
    parser.add_argument("--turn", type=float, default=2.0, help="seconds of a turn")
    options = parser.parse_args()
    turns, pictures = measured(options.capture, options.factor, options.seconds, options.turn)
    for mode in MODES[1:]:
        ratios = sorted(turns.ratio(mode))
        if not ratios:
            raise SystemExit("too short for a turn of each kind; give it more --seconds")
        print(
            f"{mode}: {statistics.median(ratios):.3f} of the steps a second without the page"
            f" (median of {len(ratios)} turns, {ratios[0]:.2f} to {ratios[-1]:.2f});"
            f" {100 * turns.between(mode):.2f} % of the time between steps"
        )
    steps, seconds = (sum(turn[part] for turn in turns.found["without"]) for part in (0, 1))
    print(f"without: {steps / seconds:.2f} steps a second; {pictures} pictures drawn")


if __name__ == "__main__":
    main()

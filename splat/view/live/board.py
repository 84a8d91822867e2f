"""The controls of a training, which all tabs share: how it goes, wait, go on, save, stop, and what may be shown."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from splat.console import count, duration
from splat.view.controls import put
from splat.view.live.curves import CURVES, Curves
from splat.view.marked import code, plain

if TYPE_CHECKING:
    import viser

TITLES = {
    "loss": "Loss",
    "psnr": "PSNR of training views, dB",
    "test_psnr": "PSNR of test views, dB",
    "gaussians": "Gaussians",
    "steps_per_second": "Steps a second",
}
SHARE = 3.0  # % of the time that pictures take before the user says otherwise
LINES = 480


class Board:
    """Callbacks only set flags; the training looks at them between two steps."""

    def __init__(self, server: viser.ViserServer) -> None:
        gui = server.gui
        self.paused, self.stop, self.save = threading.Event(), threading.Event(), threading.Event()
        self._state = gui.add_markdown("Reading the capture …")
        self._bar = gui.add_progress_bar(0.0)
        self._said = gui.add_markdown("")
        self._pause = gui.add_button("Pause")
        self._go_on = gui.add_button("Go on", disabled=True)
        self._save = gui.add_button("Checkpoint now")
        self._stop = gui.add_button("Stop", color="red", hint="as Ctrl-C: a checkpoint is written, to go on from")
        with gui.add_folder("Pictures"):
            hint = "% of the time that exact pictures of the growing scene may take; 0: none"
            self._share = gui.add_slider("Time for pictures", 0.0, 50.0, 0.5, SHARE, hint=hint)
            self._lines = gui.add_slider("Lines", 120, 1080, 60, LINES, hint="height of exact pictures, in pixels")
            self._frusta = gui.add_checkbox("Cameras in the scene", False)
        with gui.add_folder("Curves"):
            empty = np.zeros(1)
            self._plots = {
                name: gui.add_uplot(
                    (empty, empty),
                    ({"label": "step"}, {"label": TITLES[name], "stroke": "#7a5adc", "width": 2}),
                    title=TITLES[name],
                    scales={"x": {"time": False}},
                    legend={"show": False},
                    height=150,
                    visible=False,
                )
                for name in CURVES
            }
        self._pause.on_click(lambda event: self.wait(True))
        self._go_on.on_click(lambda event: self.wait(False))
        self._save.on_click(lambda event: self.save.set())
        self._stop.on_click(lambda event: self._end())

    @property
    def share(self) -> float:
        """0..1 of the time that pictures may take."""
        return float(self._share.value) / 100

    @property
    def lines(self) -> int:
        """Height of whole pictures, in pixels."""
        return int(self._lines.value)

    @property
    def frusta(self) -> bool:
        """Whether the training's cameras are to be seen."""
        return bool(self._frusta.value)

    def wait(self, waits: bool) -> None:
        """Let the training wait from the next step on, or go on."""
        if waits:
            self.paused.set()
        else:
            self.paused.clear()
        self._pause.disabled, self._go_on.disabled = waits, not waits

    def show(self, step: int, max_steps: int, measured: Mapping[str, float], gaussians: int, curves: Curves) -> None:
        """Say how far the training is."""
        self._state.content = in_words(step, max_steps, measured, gaussians, curves, self.paused.is_set())
        put(self._bar, 100 * step / max(1, max_steps))
        for name, plot in self._plots.items():
            steps, values = curves.curve(name)
            if len(steps) > 1:
                plot.data = (steps, values)
                plot.visible = True

    def say(self, sentence: str) -> None:
        """Say what came of something."""
        self._said.content = plain(sentence)

    def over(self, sentence: str, command: str = "") -> None:
        """Nothing more can be asked of the training; how to go on stands behind the sentence."""
        self._state.content = f"{plain(sentence)} {code(command)}" if command else plain(sentence)
        controls: list[Any] = [self._pause, self._go_on, self._save, self._stop, self._share, self._lines]
        for control in controls:
            control.disabled = True

    def _end(self) -> None:
        self.stop.set()
        self.say("The training stops …")


def in_words(
    step: int, max_steps: int, measured: Mapping[str, float], gaussians: int, curves: Curves, waits: bool
) -> str:
    """How far a training is, as Markdown."""
    said = [f"**{'Waiting at step' if waits else 'Step'} {step:,} of {max_steps:,}**"]
    readings = (("loss", "loss {:.4f}"), ("psnr", "PSNR {:.2f} dB"), ("test_psnr", "test PSNR {:.2f} dB"))
    said += [form.format(measured[name]) for name, form in readings if name in measured]
    said.append(count(gaussians, "Gaussian"))
    if (rate := curves.steps_per_second) > 0 and math.isfinite(rate):
        said.append(f"{rate:.1f} steps/s")
        said.append(f"about {duration((max_steps - step) / rate)} left")
    return " · ".join(said)

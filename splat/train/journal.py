"""What goes on beside the steps of a training: it is shown, recorded, measured on test views and saved."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from splat.console import Progress, progress
from splat.images import evenly, over
from splat.memory import give_back
from splat.train.config import TrainConfig
from splat.train.history import History
from splat.train.hooks import TrainingHook
from splat.train.kept import RunFiles
from splat.train.loop import StepReport, on_device, render_view
from splat.train.losses import psnr
from splat.train.plan import Plan
from splat.train.resuming import save_state
from splat.train.state import TrainState
from splat.train.views import TrainingViews

HISTORY_EVERY = 50  # steps between rows of metrics.csv
TEST_VIEWS = 8  # views of the PSNR that is measured along the way
SAVE_SECONDS = 120.0  # between checkpoints, where the user gives no number of steps


@dataclass
class Training:
    """A training that is about to run, or to go on."""

    config: TrainConfig
    plan: Plan  # another one when a budget of time asks for more or fewer steps
    state: TrainState
    views: TrainingViews
    test: TrainingViews  # held out; may be empty
    hooks: Sequence[TrainingHook]
    background: list[float]  # RGB, 0 to 1, behind the scene in evaluations


class Journal:
    """Keeps a bar, metrics.csv and checkpoints of one training."""

    def __init__(self, training: Training, files: RunFiles, history: History, bar: Progress) -> None:
        self.training, self.files, self.history, self.bar = training, files, history, bar
        config, max_steps = training.config, training.plan.max_steps
        self.eval_every = config.schedule.eval_every if config.schedule.eval_every is not None else max_steps // 5 or 1
        self.latest = training.state.measured
        self.num_gaussians = len(training.state.params["means"])
        self.saved = time.monotonic()

    def after_step(self, report: StepReport) -> None:
        """Show a step; measure, record and save when it is time."""
        if report.num_gaussians != self.num_gaussians:
            self.num_gaussians = report.num_gaussians
            give_back()  # what the scene and its optimizers took before
        latest = self.latest
        if report.psnr is not None:
            latest["psnr"] = report.psnr if "psnr" not in latest else 0.8 * latest["psnr"] + 0.2 * report.psnr
        if report.loss is not None:
            latest["loss"] = report.loss
        self.bar.advance(1, gaussians=report.num_gaussians, **latest)
        test_psnr = self._measured(report.step)
        if report.step % HISTORY_EVERY == 0 or test_psnr is not None:
            loss, seconds = latest.get("loss", math.nan), self.training.state.seconds
            self.history.add(report.step, seconds, loss, latest.get("psnr"), test_psnr, report.num_gaussians)
        if self._is_due(report.step):
            self.save()
            self.saved = time.monotonic()

    def _measured(self, step: int) -> float | None:
        """The PSNR of test views, where it is time for it."""
        due = self.eval_every and (step % self.eval_every == 0 or step == self.training.plan.max_steps)
        if not due or not len(self.training.test):
            return None
        self.latest["test_psnr"] = found = measured_psnr(self.training)
        self.bar.update(**self.latest)  # the last line shows the last measurement
        return found

    def _is_due(self, step: int) -> bool:
        """Whether it is time for a checkpoint."""
        every = self.training.config.schedule.save_every
        if every is None:
            return step % 100 == 0 and time.monotonic() - self.saved > SAVE_SECONDS
        return every > 0 and step % every == 0

    def save(self) -> None:
        """Write a checkpoint, into a run folder that is made anew if somebody took it away."""
        if self.files.restore():
            self.history.move(self.files.path / "metrics.csv")
        training = self.training
        save_state(self.files.path, training.state, training.config, training.plan, training.hooks)


@contextmanager
def journal(training: Training, files: RunFiles) -> Iterator[Journal]:
    """The journal of a training; its last entry is a checkpoint, unless an error ends the training."""
    step = training.state.step
    with (
        History(files.path / "metrics.csv", step) as history,
        progress("training", training.plan.max_steps, completed=step) as bar,
    ):
        kept = Journal(training, files, history, bar)
        yield kept
        kept.save()


@torch.no_grad()
def measured_psnr(training: Training) -> float:
    """Mean PSNR in dB over up to eight evenly spaced test views, at the resolution of training."""
    views, config = training.test, training.config
    color = on_device(torch.tensor(training.background), views.device)
    values = []
    for position in evenly(range(len(views)), TEST_VIEWS):
        view = views[position]
        image = render_view(
            training.state.params, view, config.render, config.schedule.sh_degree, color, absgrad=False
        )[0][0]
        target = view.target if view.alpha is None else over(view.target, view.alpha, color)
        values.append(psnr(image, target, view.mask))
    return float(np.mean(values))

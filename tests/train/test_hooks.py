"""Hooks are called in order with what they are promised, are resumed, and cost a training without them nothing."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from splat.errors import SplatError
from splat.train.checkpoint import latest_checkpoint, load_checkpoint
from splat.train.config import TrainConfig
from splat.train.hooks import HookContext, TrainingHook, render_mode
from splat.train.normalize import Normalization
from splat.train.run import TrainResult, train
from splat.train.state import TrainState
from splat.train.strategies import DefaultStrategy
from splat.train.views import View
from tests.train.blobs import write_blob_capture
from tests.train.interrupting import interrupted_after

STEPS = 60


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("capture") / "blobs"
    write_blob_capture(folder, views=7)
    return folder


def config(capture: Path, out: Path, steps: int = STEPS) -> TrainConfig:
    made = TrainConfig(data=str(capture), out=str(out), max_steps=steps, data_factor=1.0, cap_max=200)
    made.strategy = DefaultStrategy(refine_start_iter=10, refine_every=10, reset_every=25)
    made.initial.seeds = 100
    made.schedule.eval_every = made.schedule.save_every = 0
    return made


class Recorder(TrainingHook):
    """Writes down every call, with the shapes of what it was given."""

    name = "recorder"

    def __init__(self, context: HookContext, calls: list[tuple[Any, ...]], label: str, mode: str = "RGB") -> None:
        self.calls, self.label, self.mode = calls, label, mode
        assert (context.max_steps, context.seed) == (3, 42)
        assert context.scene.points.shape[1] == 3 and len(context.scene) == 6

    @property
    def render_mode(self) -> str:
        return self.mode

    def before_render(self, step: int, position: int, view: View) -> View:
        self.calls.append((step, self.label, "before_render", position, tuple(view.target.shape)))
        return view

    def compared(
        self, step: int, position: int, view: View, image: Tensor, target: Tensor, depth: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        shape = None if depth is None else tuple(depth.shape)
        self.calls.append((step, self.label, "compared", position, tuple(image.shape), tuple(target.shape), shape))
        assert image.requires_grad
        return image, target

    def gradients(self, step: int, state: TrainState) -> None:
        assert all(value.grad is None for value in state.params.values())
        self.calls.append((step, self.label, "gradients", state.step))

    def after_step(self, step: int, state: TrainState) -> None:
        self.calls.append((step, self.label, "after_step", state.step))

    def write(self, folder: Path, normalization: Normalization) -> None:
        self.calls.append((-1, self.label, "write", folder.name, normalization.scale > 0))


@pytest.mark.parametrize("mode", ["RGB", "RGB+ED"])
def test_hooks_are_called_in_order(capture: Path, tmp_path: Path, mode: str) -> None:
    calls: list[tuple[Any, ...]] = []
    makers = [lambda context: Recorder(context, calls, "a"), lambda context: Recorder(context, calls, "b", mode)]
    train(config(capture, tmp_path / "run", steps=3), makers)
    photo, depth = (36, 48, 3), (36, 48) if mode == "RGB+ED" else None
    for step in range(3):
        position = next(call[3] for call in calls if call[0] == step)
        assert [call[1:] for call in calls if call[0] == step] == [
            *((label, "before_render", position, photo) for label in "ab"),
            *((label, "compared", position, photo, photo, depth) for label in "ab"),
            *((label, "gradients", step) for label in "ab"),
            *((label, "after_step", step) for label in "ab"),
        ]
    assert calls[-2:] == [(-1, "a", "write", "run", True), (-1, "b", "write", "run", True)]


def test_hooks_that_only_look_change_no_bit(capture: Path, tmp_path: Path) -> None:
    calls: list[tuple[Any, ...]] = []
    without = train(config(capture, tmp_path / "without", steps=3))
    made = train(config(capture, tmp_path / "with", steps=3), [lambda context: Recorder(context, calls, "a")])
    assert calls and same(without, made)


class Drift(TrainingHook):
    """Changes all that a hook may change, by random numbers of its own; never lets opacities be reset."""

    name = "drift"
    resets_opacities = False

    def __init__(self, context: HookContext) -> None:
        self.generator = torch.Generator().manual_seed(context.seed)
        self.gains = torch.ones(len(context.scene))

    def compared(
        self, step: int, position: int, view: View, image: Tensor, target: Tensor, depth: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        self.gains[position] *= 1 + 0.02 * torch.rand((), generator=self.generator)
        return image * self.gains[position], target

    def gradients(self, step: int, state: TrainState) -> None:
        (0.01 * state.params["opacities"].square().mean()).backward()

    def after_step(self, step: int, state: TrainState) -> None:
        state.params["means"].data += 1e-4 * torch.randn(3, generator=self.generator)

    def state(self) -> dict[str, Any]:
        return {"generator": self.generator, "gains": self.gains}

    def restore(self, record: dict[str, Any]) -> None:
        self.generator, self.gains = record["generator"], record["gains"]


def same(one: TrainResult, other: TrainResult) -> bool:
    pairs = zip(one.gaussians.as_dict().values(), other.gaussians.as_dict().values())
    return all(torch.equal(a, b) for a, b in pairs)


def test_a_resumed_hook_goes_on_bit_for_bit(capture: Path, tmp_path: Path) -> None:
    whole = train(config(capture, tmp_path / "whole"), [Drift])
    assert not same(whole, train(config(capture, tmp_path / "plain")))
    settings = config(capture, tmp_path / "parts")
    settings.schedule.save_every = 30
    with interrupted_after(33):
        train(settings, [Drift])
    path = latest_checkpoint(tmp_path / "parts" / "checkpoints")
    assert path is not None and set(load_checkpoint(path)["state"]["hooks"]) == {"drift"}
    resume = dataclasses.replace(settings, resume=True)
    assert same(whole, train(resume, [Drift]))


def test_opacities_are_not_reset_where_one_hook_forbids_it(
    capture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from splat.train.strategies import ops

    resets: list[float] = []
    monkeypatch.setattr(ops, "reset_opacity", lambda params, optimizers, state, value: resets.append(value))
    settings = config(capture, tmp_path / "forbidden", steps=30)
    settings.strategy = DefaultStrategy(refine_start_iter=10, refine_every=10, reset_every=10)
    train(settings, [Drift])
    assert resets == []
    train(dataclasses.replace(settings, out=str(tmp_path / "allowed")))
    assert len(resets) == 1


def test_depths_of_two_kinds_and_two_hooks_of_one_name_are_refused(capture: Path, tmp_path: Path) -> None:
    class Depth(TrainingHook):
        def __init__(self, mode: str) -> None:
            self.mode = mode

        @property
        def render_mode(self) -> str:
            return self.mode

    assert render_mode([]) == render_mode([TrainingHook()]) == "RGB"
    assert render_mode([TrainingHook(), Depth("RGB+D")]) == "RGB+D"
    with pytest.raises(ValueError, match=r"RGB\+D, RGB\+ED"):
        render_mode([Depth("RGB+D"), Depth("RGB+ED")])
    with pytest.raises(SplatError, match="drift"):
        train(config(capture, tmp_path / "run"), [Drift, Drift])

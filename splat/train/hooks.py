"""Hooks: what a training does beside rendering, comparing and densifying, without the loop knowing of it.

Weather, a depth prior, appearance, poses or previews are a `TrainingHook` each. The loop calls every method of every
hook at its place; a training without hooks calls nothing. `splat.training.hooks_of` says which hooks a configuration
asks for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from torch import Tensor

from splat.capture.types import Capture
from splat.errors import SplatError
from splat.gaussians import Gaussians
from splat.train.normalize import Normalization
from splat.train.strategies.context import StrategyContext

if TYPE_CHECKING:
    from splat.train.state import TrainState
    from splat.train.views import View


@dataclass(frozen=True)
class HookContext:
    """What a hook is made of. Everything is in the training frame (cameras about the origin, the farthest at 1).

    Args:
        scene: training views, known points and render options, with the drawing that strategies use too.
        max_steps: length of the training; with a budget of time the one that was planned first, see `replanned`.
        seed: of every random choice.
    """

    scene: StrategyContext
    max_steps: int
    seed: int


@dataclass
class Reins:
    """What a hook may do with the training itself, between two steps."""

    stopping: threading.Event = field(default_factory=threading.Event)  # set: it ends here, resumable, as by Ctrl-C
    save: Callable[[], None] = lambda: None  # writes a checkpoint; raises a SplatError where the disk refuses


class TrainingHook:
    """What can be added to a training; every method here does nothing, a hook overrides those that it needs.

    A step is, in this order: `before_render`, the rendering in `render_mode`, `compared`, `counted`, the strategy's
    `step_pre_backward`, `gradients`, the loss's backward pass, the optimizers, the strategy's `step_post_backward`,
    `after_step`. `between_steps` comes once the step is recorded. Several hooks are called in the order in which they
    are given.
    """

    name: ClassVar[str] = ""  # under which a checkpoint keeps the state; one name a hook
    resets_opacities: bool = True  # False: the strategy must never reset opacities while this hook is there
    densify_from: float = 0.0  # share of the steps before which the strategy must add no Gaussian

    @property
    def render_mode(self) -> str:
        """What must be rendered at the next step: RGB, RGB+D (accumulated depth) or RGB+ED (expected depth)."""
        return "RGB"

    def before_render(self, step: int, position: int, view: View) -> View:
        """The view to render at a step.

        Args:
            step: counted from 0.
            position: of the view among the training views.
            view: camera and pixels; the early steps may have it at half of its size (`train/coarse.py`).
        """
        return view

    def compared(
        self, step: int, position: int, view: View, image: Tensor, target: Tensor, depth: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """What the loss compares.

        Args:
            step: counted from 0.
            position: of the view among the training views.
            view: that is rendered.
            image: [H, W, 3] float32 of the scene, with gradients.
            target: [H, W, 3] the photo, uint8 or, in 0..1, float32.
            depth: [H, W] float32 in units of the training frame, with gradients; None where no hook's `render_mode`
                asks for it.

        Returns:
            image and target of the same shapes.
        """
        return image, target

    def counted(
        self, step: int, position: int, view: View, image: Tensor, target: Tensor, mask: Tensor | None
    ) -> Tensor | None:
        """Which pixels the loss looks at; what it does not look at moves and densifies nothing.

        Args:
            step: counted from 0.
            position: of the view among the training views.
            view: that is rendered.
            image: [H, W, 3] as all hooks' `compared` left it.
            target: [H, W, 3] uint8 or float32, likewise.
            mask: [H, W] bool, True where a pixel counts so far; None for all.

        Returns:
            the mask, with fewer pixels perhaps.
        """
        return mask

    def replanned(self, max_steps: int) -> None:
        """A training with a budget of time (`max_seconds`) turns out to be this long; also called when it is resumed.

        A hook that is made for `HookContext.max_steps` and does nothing here goes on as if the training had the length
        that was planned first, which is mostly within a quarter of this one.
        """

    def gradients(self, step: int, state: TrainState) -> None:
        """Add to the gradients of `state.params`, before those of the loss are added.

        Random draws come from `state.strategy_state`, as those of a strategy, so that a resumed training repeats them.
        """

    def after_step(self, step: int, state: TrainState) -> None:
        """Look at what the step has made of the scene, or change it, once the strategy is done too."""

    def between_steps(self, state: TrainState, reins: Reins) -> float:
        """Look at a training whose step is done, and stop it, save it or keep it waiting; `state` must stay as it is.

        On a GPU a step may still be under way; `train.loop.waited` waits for it.

        Returns:
            seconds that are not to count as training: neither in what is recorded nor for `max_seconds`.
        """
        return 0.0

    def state(self) -> dict[str, Any]:
        """All that changes while training, as `train.checkpoint.save_checkpoint` takes it; {} where nothing does."""
        return {}

    def restore(self, record: dict[str, Any]) -> None:
        """Go on from what `state` gave; tensors arrive on the CPU.

        Raises:
            KeyError, TypeError, ValueError: the record is damaged.
        """

    def result(self, scene: Gaussians, capture: Capture, normalization: Normalization) -> tuple[Gaussians, Capture]:
        """What training leaves: the scene, and the capture with the cameras that it is seen from.

        Args:
            scene: in the capture's frame.
            capture: as it was read, or as the hook before has left it.
            normalization: from the capture's frame to that of training.
        """
        return scene, capture

    def write(self, folder: Path, normalization: Normalization) -> None:
        """Write what was found into the run folder, once training is over.

        Args:
            folder: the run folder.
            normalization: from the capture's frame to that of training.
        """


HookMaker = Callable[[HookContext], TrainingHook]  # may raise a SplatError where the capture lacks what it needs


def made_hooks(makers: Sequence[HookMaker], context: HookContext) -> list[TrainingHook]:
    """The hooks of a training.

    Raises:
        SplatError: two have one name and a state, which a checkpoint could not tell apart; or as the makers.
    """
    hooks = [make(context) for make in makers]
    names = [hook.name for hook in hooks if hook.state()]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise SplatError(f"two hooks are called {twice}; give each a name of its own")
    return hooks


def render_mode(hooks: Sequence[TrainingHook]) -> str:
    """The one mode that gives every hook what it asks for.

    Raises:
        ValueError: two hooks want depth of different kinds.
    """
    modes = {hook.render_mode for hook in hooks} - {"RGB"}
    if len(modes) > 1:
        raise ValueError(f"hooks ask for different depths: {', '.join(sorted(modes))}")
    return modes.pop() if modes else "RGB"


def hook_states(hooks: Sequence[TrainingHook]) -> dict[str, dict[str, Any]]:
    """The states of the hooks that have one, by name."""
    return {hook.name: held for hook in hooks if (held := hook.state())}


def restore_hooks(hooks: Sequence[TrainingHook], record: dict[str, Any]) -> None:
    """Let hooks go on from the record of a training's state, of older versions too, which kept them beside the rest.

    Raises:
        KeyError, TypeError, ValueError: the record is damaged.
    """
    held = record.get("hooks", record)
    for hook in hooks:
        if hook.name in held or hook.state():
            hook.restore(held[hook.name])

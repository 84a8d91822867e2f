"""The training loop: render a view, compare, step, densify. What else a training does are hooks."""

from __future__ import annotations

import dataclasses
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

from splat.errors import SplatError
from splat.images import over
from splat.render import render_gaussians
from splat.render.config import RenderOptions
from splat.train.coarse import CoarseViews
from splat.train.config import LossOptions, TrainConfig
from splat.train.hooks import Reins, TrainingHook, render_mode
from splat.train.losses import l1_ssim, psnr
from splat.train.optimizers import set_active_sh_degree
from splat.train.state import TrainState
from splat.train.views import TrainingViews, View

READ_EVERY = 10  # steps between training PSNRs, and between readings of the loss from a GPU


@dataclass(frozen=True)
class StepReport:
    """What one step found, for progress and the record."""

    step: int
    loss: float | None  # None where it was left on the GPU, because reading it makes the CPU wait
    psnr: float | None  # of the training view, dB; every tenth step
    num_gaussians: int
    view: int = -1


def active_sh_degree(config: TrainConfig, step: int, max_steps: int) -> int:
    """Degree of the colour at a step: one more every interval; short trainings reach the last within a third."""
    interval = config.schedule.sh_degree_interval
    if interval is None:
        interval = min(1000, max(1, max_steps // 10))
    return min(config.schedule.sh_degree, step // interval)


def means_lr(config: TrainConfig, scene_scale: float, step: int, max_steps: int) -> float:
    """Learning rate of the positions in the training frame: decays exponentially over the training (3DGS)."""
    return config.optim.means * scene_scale * config.optim.means_final ** (step / max_steps)


def next_view(state: TrainState, count: int) -> int:
    """Every view once in random order, then anew."""
    if not state.queue:
        state.queue = torch.randperm(count, generator=state.generator).tolist()
    return state.queue.pop()


def background_color(options: LossOptions, generator: torch.Generator) -> Tensor:
    """[3] float32 on the CPU: the colour behind the scene in one step.

    With one fixed colour training leaves holes where the scene has that colour; with a new one at every step only
    opaque surfaces fit the photos (and transparent ones where a photo is transparent).
    """
    if options.background == "random":
        return torch.rand(3, generator=generator)
    return torch.full((3,), 1.0 if options.background == "white" else 0.0)


def render_view(
    params: dict[str, Parameter],
    view: View,
    options: RenderOptions,
    sh_degree: int,
    background: Tensor,
    absgrad: bool,
    render_mode: str = "RGB",
) -> tuple[Tensor, Tensor, dict[str, Any]]:
    """Render one training view: image [1, H, W, 3 or, with depth, 4], alphas [1, H, W, 1] and the strategy's `info`."""
    return render_gaussians(
        params,
        view.viewmat,
        view.K,
        view.width,
        view.height,
        sh_degree=sh_degree,
        backgrounds=on_device(background, view.viewmat.device)[None],
        absgrad=absgrad,
        render_mode=render_mode,
        **options.arguments(),
    )


def train_step(
    state: TrainState,
    views: TrainingViews | CoarseViews,
    config: TrainConfig,
    max_steps: int,
    hooks: Sequence[TrainingHook] = (),
) -> StepReport:
    """One step, in place.

    On a GPU nothing is read back but every tenth step, so that the CPU prepares the next step while the GPU computes.

    Raises:
        SplatError: when the loss is no longer finite; on a GPU up to nine steps later.
    """
    step, strategy = state.step, state.strategy
    position = next_view(state, len(views))
    view = views[position]
    for hook in hooks:
        view = hook.before_render(step, position, view)
    background = on_device(background_color(config.loss, state.generator), views.device)
    view = dataclasses.replace(view, background=background)
    degree = active_sh_degree(config, step, max_steps)
    renders, _, info = render_view(
        state.params, view, config.render, degree, background, strategy.needs_absgrad, render_mode(hooks)
    )
    target = view.target if view.alpha is None else over(view.target, view.alpha, background)
    image, target = compared(hooks, step, position, view, renders[0], target)
    mask = view.mask
    for hook in hooks:
        mask = hook.counted(step, position, view, image, target, mask)
    strategy.step_pre_backward(state.params, state.optimizers, state.strategy_state, step, info)
    for hook in hooks:
        hook.gradients(step, state)
    loss = l1_ssim(image, target, config.loss.ssim_lambda, mask=mask, num_threads=config.render.num_threads)
    (loss + regularization(state.params, config.loss, strategy.regularization)).backward()
    on_cpu = views.device.type == "cpu"
    value = read_loss(state, loss.detach(), every=1 if on_cpu else READ_EVERY, last=step + 1 == max_steps)
    due = step % READ_EVERY == 0 if on_cpu else value is not None
    quality = psnr(image.detach(), target, view.mask) if due else None
    del renders, image, loss
    lr = update(state, config, max_steps, degree, info)
    info["view"] = position
    strategy.step_post_backward(state.params, state.optimizers, state.strategy_state, step, info, lr=lr)
    for hook in hooks:
        hook.after_step(step, state)
    state.step += 1
    return StepReport(state.step, value, quality, state.params["means"].shape[0], position)


def compared(
    hooks: Sequence[TrainingHook], step: int, position: int, view: View, render: Tensor, target: Tensor
) -> tuple[Tensor, Tensor]:
    """The image [H, W, 3] and the target [H, W, 3] that the loss compares, after all hooks.

    Args:
        hooks: see `TrainingHook.compared`, as for `step`, `position` and `view`.
        render: [H, W, 3], or 4 with depth.
        target: [H, W, 3] uint8 or float32.
    """
    image, depth = (render, None) if render.shape[-1] == 3 else (render[..., :3], render[..., 3])
    for hook in hooks:
        image, target = hook.compared(step, position, view, image, target, depth)
    return image, target


def update(state: TrainState, config: TrainConfig, max_steps: int, degree: int, info: dict[str, Any]) -> float:
    """Let the optimizers move where the strategy says so; returns the learning rate of the means.

    Args:
        degree: of the spherical harmonics that are switched on.
        info: of the rendering, with the radii [C, N, 2] of what was seen.
    """
    step = state.step
    lr = means_lr(config, state.scene_scale, step, max_steps)
    state.optimizers["means"].param_groups[0]["lr"] = lr
    set_active_sh_degree(state.optimizers, degree)
    if state.strategy.updates_at(step):
        one_view = step == 0 or state.strategy.updates_at(step - 1)  # or gradients of several views have added up
        seen = (info["radii"] > 0).all(dim=-1).any(dim=0) if config.optim.visible_adam and one_view else None
        for optimizer in state.optimizers.values():
            optimizer.step(visibility=seen)
            optimizer.zero_grad(set_to_none=True)
    return lr


def on_device(tensor: Tensor, device: torch.device) -> Tensor:
    """A few numbers of the CPU on the device; a plain copy to a GPU would wait until the GPU has nothing to do."""
    return tensor.to(device, non_blocking=True)


def read_loss(state: TrainState, loss: Tensor, every: int, last: bool) -> float | None:
    """The loss of this step if it is the last one or one of `every`, else None.

    The losses in between are summed where they are, because a sum keeps a NaN that a later view might not show.

    Raises:
        SplatError: when a loss since the last reading is not a number.
    """
    state.unread_loss = loss if state.unread_loss is None else state.unread_loss + loss
    if (state.step + 1) % every and not last:
        return None
    broken = math.isnan(float(state.unread_loss))
    state.unread_loss = None
    if broken:
        at = f"step {state.step}" if every == 1 else f"step {state.step} or just before"
        raise SplatError(f"training broke down at {at}: the loss is not a number; lower the rates under optim")
    return float(loss)


def regularization(params: dict[str, Parameter], options: LossOptions, usual: float = 0.0) -> Tensor | float:
    """Mean opacity and mean standard deviation, weighted (3DGS-MCMC, section 4).

    Args:
        usual: weight where the options name none.
    """
    opacity = usual if options.opacity_reg is None else options.opacity_reg
    scale = usual if options.scale_reg is None else options.scale_reg
    total: Tensor | float = 0.0
    if opacity > 0:
        total = total + opacity * torch.sigmoid(params["opacities"]).mean()
    if scale > 0:
        total = total + scale * torch.exp(params["scales"]).mean()
    return total


def run_steps(
    state: TrainState,
    views: TrainingViews,
    config: TrainConfig,
    max_steps: int,
    on_step: Callable[[StepReport], None],
    hooks: Sequence[TrainingHook] = (),
    until: int | None = None,
    coarse_until: float = 0.0,
    coarse: CoarseViews | None = None,
    reins: Reins | None = None,
) -> bool:
    """Train until `max_steps` are done; returns False when the user, or a hook, stopped it between two steps.

    Args:
        state: is changed in place.
        views: training views.
        config: of the training.
        max_steps: length of the training, which all schedules are shares of.
        on_step: called after every step.
        hooks: what else happens.
        until: stop after this step instead, for now.
        coarse_until: share of the length in which photos are at half their size.
        coarse: these photos, where they are kept from one call to the next.
        reins: what hooks may do between steps.
    """
    reins = Reins() if reins is None else reins
    until = max_steps if until is None else until
    with _stop_request(reins.stopping), one_torch_thread(views.device):
        last = time.perf_counter()
        coarse = CoarseViews(views) if coarse is None else coarse
        while state.step < until:
            early = state.step < coarse_until * max_steps
            if not early:
                coarse.clear()
            report = train_step(state, coarse if early else views, config, max_steps, hooks)
            now = time.perf_counter()
            state.seconds += now - last
            last = now
            on_step(report)
            last += sum(hook.between_steps(state, reins) for hook in hooks)
            if reins.stopping.is_set():
                return False
        state.seconds += waited(views.device)
    return True


def waited(device: torch.device) -> float:
    """Wait until a GPU has done what it was given; returns how many seconds that took."""
    started = time.perf_counter()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started


@contextmanager
def _stop_request(event: threading.Event) -> Iterator[None]:
    """Ctrl-C sets the event, so that a step is never left half done; a second Ctrl-C interrupts at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def request(signum: int, frame: Any) -> None:
        if event.is_set():
            raise KeyboardInterrupt
        event.set()

    previous = signal.signal(signal.SIGINT, request)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


@contextmanager
def one_torch_thread(device: torch.device) -> Iterator[None]:
    """On the CPU our kernels use all cores; workers of torch would only spin beside them."""
    before = torch.get_num_threads()
    if device.type == "cpu":
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)

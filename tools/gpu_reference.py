"""The training loop that gsplat documents, with its example's settings: what `tools/gpu_check.py` measures against.

Written from gsplat's documentation of its API and of the defaults of its `simple_trainer` (no code of it): one view a
step, `rasterization` without packing, (1 - 0.2) L1 + 0.2 (1 - SSIM) over all pixels ("valid" ones there), one
fused Adam for each parameter, exponential decay of the means' rate, one more band of harmonics every 1,000 steps, the
loss read for the progress line at every step, gsplat's own strategy. Trainings shorter than 30,000 steps have all its
schedules shortened in proportion, as its `steps_scaler` does. Photos, cameras, first Gaussians and the measured PSNR
are the same as for our trainer. Photos stay on the device here too, which its data loader does not do, and SSIM is ours
in torch or fused_ssim where that is installed: both are to its favour or neutral.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import Parameter

from splat.capture.types import Capture
from splat.train.config import TrainConfig
from splat.train.initial import initial_gaussians, scene_scale
from splat.train.losses import l1_ssim, psnr
from splat.train.normalize import Normalization
from splat.train.views import TrainingViews, View

REFERENCE_STEPS = 30_000
RATES = {"means": 1.6e-4, "scales": 5e-3, "opacities": 5e-2, "quats": 1e-3, "sh0": 2.5e-3, "shN": 2.5e-3 / 20}
TEST_VIEWS = 8


@dataclass
class Reference:
    """A training of gsplat's loop."""

    capture: Capture
    strategy: str  # default or mcmc
    max_steps: int
    device: torch.device
    cap_max: int = 1_000_000
    seed: int = 42
    curve: list[tuple[float, float]] = field(default_factory=list)  # seconds, test PSNR in dB

    def run(self, evaluations: int = 10) -> dict[str, Any]:
        """Train; returns seconds, test PSNR along the way and the number of Gaussians."""
        self._prepare()
        self._warm_up()
        order = np.random.default_rng(self.seed)
        queue: list[int] = []
        every = max(1, self.max_steps // evaluations)
        started = time.perf_counter()
        for step in range(self.max_steps):
            queue = queue or order.permutation(len(self.views)).tolist()
            self._step(step, self.views[queue.pop()])
            if (step + 1) % every == 0 or step + 1 == self.max_steps:
                self._measure(time.perf_counter() - started)
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        seconds = time.perf_counter() - started
        return {"seconds": seconds, "curve": self.curve, "gaussians": len(self.params["means"])}

    def _prepare(self) -> None:
        normalization = Normalization.from_cameras(self.capture.cameras("train"))
        self.views = TrainingViews(self.capture, self.capture.indices("train"), normalization, self.device)
        self.test = TrainingViews(self.capture, self.capture.indices("test"), normalization, self.device)
        scale = scene_scale(self.views.cameras)
        options = TrainConfig().initial
        if self.strategy == "mcmc":
            options.opacity, options.scale = 0.5, 0.1
        points = self.capture.points
        assert points is not None
        xyz = normalization.points(torch.from_numpy(points.xyz)).numpy()
        first = initial_gaussians(xyz, points.rgb, options, 3, np.random.default_rng(self.seed))
        self.params = {name: Parameter(value.to(self.device)) for name, value in first.as_dict().items()}
        rates = {**RATES, "means": RATES["means"] * scale}
        self.optimizers: dict[str, torch.optim.Optimizer] = {
            name: torch.optim.Adam([{"params": param, "lr": rates[name], "name": name}], eps=1e-15, fused=True)
            for name, param in self.params.items()
        }
        self.decay = torch.optim.lr_scheduler.ExponentialLR(self.optimizers["means"], 0.01 ** (1 / self.max_steps))
        self._prepare_strategy(scale)
        self.rasterization = _rasterization(self.device)

    def _warm_up(self) -> None:
        """A few renderings forward and backward, as our trainer makes for its estimate of time."""
        for position in range(min(4, len(self.views))):
            self._render(self.views[position], 0)[0].sum().backward()
        for param in self.params.values():
            param.grad = None

    def _prepare_strategy(self, scale: float) -> None:
        from gsplat.strategy import DefaultStrategy, MCMCStrategy

        part = min(1.0, self.max_steps / REFERENCE_STEPS)
        if self.strategy == "mcmc":
            self.plan: Any = MCMCStrategy(cap_max=self.cap_max)
        else:
            self.plan = DefaultStrategy()
            self.plan.reset_every = max(1, int(self.plan.reset_every * part))
        for name in ("refine_start_iter", "refine_stop_iter", "refine_every"):
            setattr(self.plan, name, max(1, int(getattr(self.plan, name) * part)))
        self.degree_interval = max(1, int(1000 * part))
        self.plan.check_sanity(self.params, self.optimizers)
        mcmc = self.strategy == "mcmc"
        self.state = self.plan.initialize_state() if mcmc else self.plan.initialize_state(scene_scale=scale)

    def _render(self, view: View, degree: int) -> tuple[Tensor, dict[str, Any]]:
        p = self.params
        colors = torch.cat([p["sh0"], p["shN"]], 1)
        image, _, info = self.rasterization(
            p["means"], p["quats"], torch.exp(p["scales"]), torch.sigmoid(p["opacities"]), colors,
            view.viewmat, view.K, view.width, view.height, sh_degree=degree, packed=False,
        )  # fmt: skip
        return image[0], info

    def _step(self, step: int, view: View) -> None:
        image, info = self._render(view, min(step // self.degree_interval, 3))
        target = view.target.to(self.device, non_blocking=True).float() / 255.0
        if self.strategy != "mcmc":
            self.plan.step_pre_backward(self.params, self.optimizers, self.state, step, info)
        loss = l1_ssim(image, target, 0.2, view.mask)
        if self.strategy == "mcmc":
            loss = loss + 0.01 * torch.sigmoid(self.params["opacities"]).mean()
            loss = loss + 0.01 * torch.exp(self.params["scales"]).mean()
        loss.backward()
        self.described = f"loss={loss.item():.3f}"
        for optimizer in self.optimizers.values():
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.decay.step()
        extra = {"lr": self.decay.get_last_lr()[0]} if self.strategy == "mcmc" else {"packed": False}
        self.plan.step_post_backward(self.params, self.optimizers, self.state, step, info, **extra)

    @torch.no_grad()
    def _measure(self, seconds: float) -> None:
        positions = np.unique(np.linspace(0, len(self.test) - 1, TEST_VIEWS).round().astype(int))
        values = []
        for position in positions:
            view = self.test[int(position)]
            values.append(psnr(self._render(view, 3)[0], view.target, view.mask))
        self.curve.append((seconds, float(np.mean(values))))


def _rasterization(device: torch.device) -> Callable[..., tuple[Tensor, Tensor, dict[str, Any]]]:
    """gsplat's function; in a rehearsal without CUDA our own of the same signature."""
    if device.type == "cuda":
        from gsplat import rasterization

        return rasterization
    from splat.render import rasterize

    return rasterize

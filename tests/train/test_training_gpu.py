"""Training on CUDA: every strategy learns within its cap, stops and resumes, and the CPU draws the same scene."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from splat.cameras import stack_cameras
from splat.errors import Interrupted
from splat.formats import read_scene
from splat.gaussians import Gaussians
from splat.render import render_gaussians
from splat.run import open_run
from splat.train import strategies
from splat.train.checkpoint import latest_checkpoint, load_checkpoint
from splat.train.config import TrainConfig
from splat.train.losses import l1_ssim, psnr, torch_l1_ssim
from splat.train.optimizers import FusedAdam
from splat.train.run import TrainResult
from splat.train.strategies import DefaultStrategy, MCMCStrategy, NoneStrategy, Strategy
from splat.training import train
from tests.gpu import BACKEND, CUDA, DEVICE, needs_gpu, working_gsplat  # noqa: F401  the fixture works by being here
from tests.train.blobs import write_blob_capture

pytestmark = needs_gpu

STRATEGIES: dict[str, Strategy] = {
    **{name: kind() for name, kind in strategies.STRATEGIES.items()},
    "revised": DefaultStrategy(revised_opacity=True, refine_scale2d_stop_iter=30_000),
}


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("capture") / "blobs"
    write_blob_capture(folder)
    return folder


def settings(capture: Path, out: Path, strategy: Strategy, max_steps: int = 200) -> TrainConfig:
    config = TrainConfig(
        data=str(capture), out=str(out), max_steps=max_steps, data_factor=1.0, cap_max=400, strategy=strategy
    )
    config.initial.seeds = 200
    config.schedule.eval_every = 0
    config.schedule.save_every = 0
    config.render.backend = BACKEND
    if isinstance(strategy, MCMCStrategy):
        config.loss.opacity_reg = config.loss.scale_reg = 0.01
    return config


def losses_of(result: TrainResult) -> list[float]:
    rows = (result.folder / "metrics.csv").read_text().splitlines()[1:]
    return [float(row.split(",")[2]) for row in rows]


def scores_of(result: TrainResult, backend: str, device: torch.device) -> list[float]:
    """PSNR of every training view, drawn by one backend."""
    scene = read_scene(result.folder / "scene.ply").to(device)
    return [
        psnr(picture(scene, result, index, backend), photo(result, index)) for index in result.capture.indices("train")
    ]


def photo(result: TrainResult, index: int) -> torch.Tensor:
    return torch.from_numpy(result.capture.images.image(index).copy())


def picture(scene: Gaussians, result: TrainResult, index: int, backend: str) -> torch.Tensor:
    camera = result.capture.frames[index].camera
    viewmats, Ks = stack_cameras([camera], scene.means.device)
    image = render_gaussians(scene, viewmats, Ks, camera.width, camera.height, backend=backend)[0]
    return image[0].detach().cpu()


@pytest.mark.parametrize("name", STRATEGIES)
def test_each_strategy_learns_within_its_cap(capture: Path, tmp_path: Path, name: str) -> None:
    result = train(settings(capture, tmp_path / "run", STRATEGIES[name]))
    assert result.backend == BACKEND
    losses = losses_of(result)
    assert len(losses) == 4 and all(np.isfinite(losses))
    assert losses[-1] < 0.8 * losses[0]
    assert len(result.gaussians) <= 400
    if name == "none":
        assert 60 < len(result.gaussians) <= 200  # the points, and seeds as far as the photos agree
    if name == "mcmc":
        assert len(result.gaussians) > 200
    assert all(torch.isfinite(value).all() for value in result.gaussians.as_dict().values())


@pytest.mark.parametrize("name", ["default", "mcmc"])
def test_the_cpu_draws_the_same_scene(capture: Path, tmp_path: Path, name: str) -> None:
    result = train(settings(capture, tmp_path / "run", STRATEGIES[name], max_steps=400))
    there = scores_of(result, BACKEND, DEVICE)
    here = scores_of(result, "cpu", torch.device("cpu"))
    assert min(there) > 15
    assert np.abs(np.array(there) - np.array(here)).max() < 0.05


@pytest.mark.parametrize("name", ["default", "mcmc"])
def test_an_interrupted_training_continues(
    capture: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checkpoint holds what the device held. Atomic sums have no fixed order: scores are compared, not bits."""
    whole = train(settings(capture, tmp_path / "whole", STRATEGIES[name], max_steps=300))
    parts = settings(capture, tmp_path / "parts", STRATEGIES[name], max_steps=300)
    stop_at(monkeypatch, 137)
    with pytest.raises(Interrupted):
        train(parts)
    monkeypatch.undo()
    checkpoint = latest_checkpoint(tmp_path / "parts" / "checkpoints")
    assert checkpoint is not None
    state = load_checkpoint(checkpoint)["state"]
    assert state["step"] == 137
    assert float(state["moments"]["means"]["step"]) == 137
    resumed = train(dataclasses.replace(parts, resume=True))
    scores = [np.mean(scores_of(result, BACKEND, DEVICE)) for result in (whole, resumed)]
    assert abs(scores[0] - scores[1]) < 0.7
    assert len(open_run(resumed.folder).scene()) == len(resumed.gaussians)


def stop_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Stop the training after `step` steps, as Ctrl-C does."""
    import os
    import signal

    from splat.train import loop

    original = loop.train_step

    def watched(state: object, *rest: object) -> object:
        report = original(state, *rest)  # type: ignore[arg-type]
        if report.step == step:
            os.kill(os.getpid(), signal.SIGINT)
        return report

    monkeypatch.setattr(loop, "train_step", watched)


def test_a_loss_that_is_not_a_number_ends_the_training(capture: Path, tmp_path: Path) -> None:
    from splat.errors import SplatError

    config = settings(capture, tmp_path / "run", NoneStrategy())
    config.optim.sh0 = 1e38  # colours overflow at the second step
    with pytest.raises(SplatError, match="training broke down"):
        train(config)


@pytest.mark.parametrize("masked", [False, True])
def test_the_loss_equals_the_reference(masked: bool) -> None:
    """Value and gradient against float64 on the CPU; TF32 anywhere on the way would miss the bound a thousandfold."""
    g = torch.Generator().manual_seed(0)
    render, target = torch.rand(60, 80, 3, generator=g), torch.rand(60, 80, 3, generator=g)
    mask = torch.rand(60, 80, generator=g) > 0.3 if masked else None
    exact = render.double().clone().requires_grad_()
    torch_l1_ssim(exact, target.double(), 0.2, mask).backward()
    leaf = render.clone().to(DEVICE).requires_grad_()
    loss = l1_ssim(leaf, target.to(DEVICE), 0.2, None if mask is None else mask.to(DEVICE))
    loss.backward()
    expected = torch_l1_ssim(exact.detach(), target.double(), 0.2, mask)
    assert float(loss.detach()) == pytest.approx(float(expected), abs=2e-6)
    assert leaf.grad is not None and exact.grad is not None
    assert (leaf.grad.cpu() - exact.grad).norm() < 1e-4 * exact.grad.norm()


def test_adam_equals_torch_after_a_step_of_the_visible_ones() -> None:
    g = torch.Generator().manual_seed(1)
    start, gradients = torch.randn(50, 3, generator=g), torch.randn(5, 50, 3, generator=g)
    ours, theirs = (torch.nn.Parameter(start.clone().to(device)) for device in (DEVICE, torch.device("cpu")))
    fused, plain = FusedAdam([ours], lr=0.01), torch.optim.Adam([theirs], lr=0.01, eps=1e-15)
    everything = torch.ones(50, dtype=torch.bool, device=DEVICE)
    for number, gradient in enumerate(gradients):
        ours.grad, theirs.grad = gradient.to(DEVICE), gradient.clone()
        fused.step(visibility=everything if number == 2 else None)
        plain.step()
    assert torch.allclose(ours.cpu(), theirs, atol=1e-6)


@pytest.mark.skipif(not CUDA, reason="needs a CUDA device, also in the rehearsal")
def test_steps_between_readings_do_not_wait(capture: Path, tmp_path: Path) -> None:
    """torch names every wait that its own operations cause; only gsplat's own are left: count of tiles, inverse."""
    import warnings

    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            train(settings(capture, tmp_path / "run", NoneStrategy(), max_steps=100))
    finally:
        torch.cuda.set_sync_debug_mode("default")
    places = [item.filename.replace("\\", "/") for item in caught if "synchronizing" in str(item.message)]
    ours = [place for place in places if "/splat/" in place and "/splat/render/" not in place]
    assert len(ours) < 100, f"{len(ours)} waits in 100 steps"

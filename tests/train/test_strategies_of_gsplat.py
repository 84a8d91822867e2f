"""gsplat's own strategy objects in our training loop: our meta is what they read, our optimisers what they change."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from splat.train.config import TrainConfig
from splat.train.strategies import Strategy
from splat.training import train
from tests.train.blobs import write_blob_capture
from tests.train.test_resuming_training import assert_same_scene, stopped

gsplat = pytest.importorskip("gsplat")

STEPS = 240


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("capture") / "blobs"
    write_blob_capture(folder)
    return folder


def config(capture: Path, out: Path, strategy: Strategy) -> TrainConfig:
    base = TrainConfig(data=str(capture), out=str(out), max_steps=STEPS, data_factor=1.0, strategy=strategy)
    base.initial.seeds = 0  # the 60 points alone
    base.schedule.eval_every = 0
    base.schedule.save_every = 0
    base.render.num_threads = 2
    return base


def default(**options: object) -> Strategy:
    """gsplat's DefaultStrategy with changes at the steps 60, 80, ... 180 (counted from 0)."""
    early = {"refine_start_iter": 50, "refine_every": 20, "refine_stop_iter": 200, "grow_grad2d": 5e-5}
    return gsplat.DefaultStrategy(**{**early, **options})  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "options",
    [{}, {"absgrad": True, "grow_grad2d": 4e-4}, {"refine_scale2d_stop_iter": 200, "revised_opacity": True}],
    ids=["plain", "absgrad", "radii"],
)
def test_default_strategy_of_gsplat_densifies(
    capture: Path, tmp_path: Path, options: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    grown, pruned = [], []
    originals = gsplat.DefaultStrategy._grow_gs, gsplat.DefaultStrategy._prune_gs

    def grow(*arguments: object) -> object:
        grown.append(originals[0](*arguments))
        return grown[-1]

    def prune(*arguments: object) -> object:
        pruned.append(originals[1](*arguments))
        return pruned[-1]

    monkeypatch.setattr(gsplat.DefaultStrategy, "_grow_gs", grow)
    monkeypatch.setattr(gsplat.DefaultStrategy, "_prune_gs", prune)
    result = train(config(capture, tmp_path / "run", default(**options)))
    assert len(grown) == len(pruned) == 7
    duplicated, split = (sum(counts) for counts in zip(*grown))
    assert duplicated + split > 20
    assert len(result.gaussians) == 60 + duplicated + split - sum(pruned)
    rows = (result.folder / "metrics.csv").read_text().splitlines()[1:]
    losses = [float(row.split(",")[2]) for row in rows]
    assert losses[-1] < 0.7 * losses[0]
    assert all(torch.isfinite(value).all() for value in result.gaussians.as_dict().values())


def test_resuming_repeats_the_draws_of_gsplat(capture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = train(config(capture, tmp_path / "whole", default()))
    parts = config(capture, tmp_path / "parts", default())
    stopped(parts, 107, monkeypatch)
    assert_same_scene(whole, train(dataclasses.replace(parts, resume=True)))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="gsplat computes MCMC's relocation and noise on CUDA only")
def test_mcmc_strategy_of_gsplat_moves_and_adds(capture: Path, tmp_path: Path) -> None:
    strategy = gsplat.MCMCStrategy(cap_max=400, refine_start_iter=50, refine_every=20, refine_stop_iter=200)
    settings = config(capture, tmp_path / "run", strategy)
    settings.render.backend = "gsplat"
    settings.loss.opacity_reg = settings.loss.scale_reg = 0.01
    assert len(train(settings).gaussians) > 250

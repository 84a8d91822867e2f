"""Every strategy: the cap is never exceeded, and optimisers stay in step, whatever the gradients are."""

import dataclasses

import pytest
import torch
from half_planes import wall_access, wall_params
from strategy_scenes import check_aligned, make_info, warm_optimizers

from splat.errors import SplatError
from splat.train.strategies import STRATEGIES

GROWING = [name for name in STRATEGIES if name not in ("none", "auto")]  # auto stands for one of the others


@pytest.mark.parametrize("cap", [100, 101, 140, 350])
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", GROWING)
def test_cap_holds_at_every_step(name: str, seed: int, cap: int) -> None:
    strategy = dataclasses.replace(STRATEGIES[name]().scaled(1000), cap_max=cap)  # type: ignore[call-arg]
    access = wall_access()
    strategy.attach(access)
    params = wall_params(side=10, size=0.1)
    optimizers = warm_optimizers(params)
    strategy.check_sanity(params, optimizers)
    state = strategy.initialize_state(seed=seed)
    generator = torch.Generator().manual_seed(seed)
    most = 0
    for step in range(0, 520, 5):
        count = len(params["means"])
        radii = torch.randint(0, 20, (1, count, 2), generator=generator, dtype=torch.int32)
        info = make_info(torch.randn(1, count, 2, generator=generator) * 2e-5, radii)
        strategy.step_pre_backward(params, optimizers, state, step, info)
        strategy.step_post_backward(params, optimizers, state, step, {**info, "view": step % len(access)}, lr=1e-5)
        most = max(most, len(params["means"]))
        assert len(params["means"]) <= cap
        check_aligned(params, optimizers, state)
        assert all(torch.isfinite(param).all() for param in params.values())
        params["opacities"].data -= torch.rand(len(params["means"]), generator=generator) * 0.1
    if name != "fast":  # grows only where the picture is wrong
        assert most > 100 or cap < 140


@pytest.mark.parametrize("name", GROWING)
def test_a_start_above_the_cap_is_refused(name: str) -> None:
    strategy = STRATEGIES[name](cap_max=99)  # type: ignore[call-arg]
    params = wall_params(side=10)
    with pytest.raises(SplatError, match="100 Gaussians to start with, but cap_max=99"):
        strategy.check_sanity(params, warm_optimizers(params))

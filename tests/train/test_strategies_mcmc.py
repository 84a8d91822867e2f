"""MCMCStrategy rule by rule: relocation in closed form, the stack's look, the noise's covariance, the cap."""

import math

import numpy as np
import pytest
import torch
from strategy_scenes import check_aligned, make_info, make_params, moments, snapshot, warm_optimizers

from splat import native
from splat.gaussians import quat_to_matrix
from splat.random import sample_indices
from splat.train.strategies import MCMCStrategy, ops
from splat.train.strategies.noise import inject_noise
from splat.train.strategies.relocation import MAX_RATIO, compute_relocation

INFO = make_info(torch.zeros(1, 1, 2))


def equation_9(opacity: float, n: int) -> tuple[float, float]:
    """New opacity and the factor of the size, as the paper writes the double sum, in exact integers and float64."""
    new = 1 - (1 - opacity) ** (1 / n)
    total = sum(
        math.comb(i - 1, k) * (-1) ** k * new ** (k + 1) / math.sqrt(k + 1) for i in range(1, n + 1) for k in range(i)
    )
    return new, opacity / total


@pytest.mark.parametrize("n", [1, 2, 3, 7, 20, 51])
@pytest.mark.parametrize("opacity", [0.006, 0.1, 0.5, 0.9, 0.99])
def test_relocation_is_equation_9(n: int, opacity: float) -> None:
    sizes = torch.tensor([[0.1, 0.2, 0.3]], dtype=torch.float64)
    opacities, scales = compute_relocation(torch.tensor([opacity], dtype=torch.float64), sizes, torch.tensor([n]))
    new, factor = equation_9(opacity, n)
    assert opacities.item() == pytest.approx(new, rel=1e-9)
    assert torch.allclose(scales, factor * sizes, rtol=1e-7)
    assert 1 - (1 - opacities.item()) ** n == pytest.approx(opacity, rel=1e-9)


def test_relocation_keeps_the_integral_along_a_line() -> None:
    """What Eq. 9 is for: the blended profile of n stacked Gaussians has the area of the one they replace."""
    x = np.linspace(-12, 12, 200_001)
    for opacity, n in ((0.3, 2), (0.8, 4), (0.95, 10)):
        new, size = compute_relocation(torch.tensor([opacity]).double(), torch.ones(1, 3).double(), torch.tensor([n]))
        stack = 1 - (1 - new.item() * np.exp(-0.5 * (x / size[0, 0].item()) ** 2)) ** n
        assert np.trapezoid(stack, x) == pytest.approx(opacity * math.sqrt(2 * math.pi), rel=1e-6)


def test_larger_stacks_count_as_the_largest() -> None:
    same = [compute_relocation(torch.tensor([0.7]), torch.ones(1, 3), torch.tensor([n])) for n in (MAX_RATIO, 500)]
    assert torch.equal(same[0][0], same[1][0]) and torch.equal(same[0][1], same[1][1])


def test_sampling_follows_the_weights() -> None:
    weights = torch.tensor([0.0, 1.0, 3.0, 0.0, 4.0])
    drawn = sample_indices(weights, 80_000, torch.Generator().manual_seed(0))
    shares = torch.bincount(drawn, minlength=5) / 80_000
    assert torch.allclose(shares, weights / 8, atol=0.01)
    assert shares[0] == shares[3] == 0


def test_relocated_ones_share_the_look_and_start_without_moments() -> None:
    params = make_params(12, opacity=0.6)
    dead = torch.zeros(12, dtype=torch.bool)
    dead[[1, 4, 5, 9]] = True
    params["opacities"].data[dead] = -8.0
    params["sh0"].data[:, 0, 0] = torch.arange(12.0)  # a name tag
    before, optimizers = snapshot(params), warm_optimizers(params)
    ops.relocate(params, optimizers, {}, dead, torch.Generator().manual_seed(4))
    check_aligned(params, optimizers, {})
    sources = params["sh0"].detach()[dead, 0, 0].long()
    assert not dead[sources].any()
    touched = torch.zeros(12, dtype=torch.bool)
    touched[sources] = True
    touched |= dead
    for name, param in params.items():
        assert torch.equal(param[~touched], before[name][~touched])
        for moment in moments(optimizers, params, name):
            assert (moment[touched] == 0).all()
            assert (moment[~touched] != 0).all()
    for source in sources.unique():
        members = params["sh0"].detach()[:, 0, 0] == source
        stack = params["opacities"].detach()[members].sigmoid()
        assert len(stack) == 1 + (sources == source).sum()
        assert (1 - (1 - stack).prod()).item() == pytest.approx(0.6, abs=1e-6)
        assert torch.equal(params["means"][members], before["means"][source].expand(len(stack), 3))
        new, factor = equation_9(0.6, len(stack))
        assert torch.allclose(params["scales"][members].exp(), torch.full((len(stack), 3), 0.05 * factor), rtol=1e-5)
        assert stack[0].item() == pytest.approx(new, rel=1e-5)


@pytest.mark.parametrize("spread", [0.0, 0.5, 1.0])
def test_copies_stand_around_what_they_copy(spread: float) -> None:
    """Exactly there without spread; else at a normal distance along each axis, in standard deviations of the copy."""
    count = 20_000
    params = make_params(2, opacity=0.5)
    params["means"].data = torch.tensor([[0.0, 0, 0], [100.0, 0, 0]])
    params["quats"].data[:] = torch.tensor([0.8, 0.3, -0.4, 0.2])
    params["scales"].data[:] = torch.tensor([0.5, 0.2, 0.1]).log()
    optimizers = warm_optimizers(params)
    ops.sample_add(params, optimizers, {}, count, torch.Generator().manual_seed(0), spread=spread)
    assert torch.equal(params["means"][:2], torch.tensor([[0.0, 0, 0], [100.0, 0, 0]]))
    copies = params["means"].detach()[2:]
    turn = quat_to_matrix(params["quats"][0].detach())
    offsets = (copies - torch.tensor([100.0, 0, 0]) * (copies[:, :1] > 50)) @ turn
    if spread == 0:
        assert torch.equal(copies[:, 1:], torch.zeros(count, 2)) and set(copies[:, 0].tolist()) == {0.0, 100.0}
        return
    along = offsets / params["scales"].detach()[2:].exp()
    assert torch.allclose(along.std(0), torch.full((3,), spread), rtol=0.03)
    assert torch.allclose(along.mean(0), torch.zeros(3), atol=0.03)


def test_moved_ones_are_spread_too() -> None:
    params = make_params(40, opacity=0.6)
    dead = torch.arange(40) < 20
    optimizers, before = warm_optimizers(params), snapshot(params)
    ops.relocate(params, optimizers, {}, dead, torch.Generator().manual_seed(4), spread=1.0)
    assert torch.equal(params["means"][~dead], before["means"][~dead])
    distance = torch.cdist(params["means"].detach()[dead], before["means"][~dead]).min(dim=1).values
    assert distance.min() > 0


def test_added_ones_share_the_look() -> None:
    params = make_params(10, opacity=0.8)
    params["sh0"].data[:, 0, 0] = torch.arange(10.0)
    optimizers = warm_optimizers(params)
    state = {"grad2d": torch.ones(10)}
    ops.sample_add(params, optimizers, state, 7, torch.Generator().manual_seed(0))
    check_aligned(params, optimizers, state)
    assert len(params["means"]) == 17
    assert (moments(optimizers, params, "means")[0][10:] == 0).all()
    for tag in range(10):
        stack = params["opacities"].detach()[params["sh0"].detach()[:, 0, 0] == tag].sigmoid()
        assert (1 - (1 - stack).prod()).item() == pytest.approx(0.8, abs=1e-6)


@pytest.mark.parametrize("cap", [100, 103, 105, 160])
def test_growth_by_five_per_cent_up_to_the_cap(cap: int) -> None:
    strategy = MCMCStrategy(cap_max=cap)
    params = make_params(100)
    optimizers, state = warm_optimizers(params), strategy.initialize_state()
    sizes = []
    for step in range(600, 2600, 100):
        strategy.step_post_backward(params, optimizers, state, step, INFO)
        check_aligned(params, optimizers, state)
        sizes.append(len(params["means"]))
    expected, size = [], 100
    for _ in sizes:
        size = min(cap, int(1.05 * size))
        expected.append(size)
    assert sizes == expected
    assert max(sizes) == cap


def test_dead_ones_move_and_noise_acts_at_every_step() -> None:
    strategy = MCMCStrategy(cap_max=50)
    params = make_params(50, opacity=0.5)
    params["opacities"].data[:20] = torch.logit(torch.tensor(0.004))
    optimizers, state = warm_optimizers(params), strategy.initialize_state()
    before = snapshot(params)
    assert strategy.step_post_backward(params, optimizers, state, 599, INFO) == {}
    moved = (params["means"].detach() - before["means"]).norm(dim=1)
    assert moved[:20].min() > 1e-3 * moved[:20].max() > 0
    assert moved[20:].max() < 1e-9 + 1e-6 * moved[:20].max()
    assert strategy.step_post_backward(params, optimizers, state, 600, INFO) == {"relocated": 20, "added": 0}
    assert params["opacities"].sigmoid().min() > 0.005
    assert strategy.step_post_backward(params, optimizers, state, 25_000, INFO) == {}


def test_everything_dead_is_left_alone() -> None:
    strategy, params = MCMCStrategy(cap_max=30), make_params(30, opacity=0.001)
    optimizers, state = warm_optimizers(params), strategy.initialize_state()
    assert strategy.step_post_backward(params, optimizers, state, 600, INFO)["relocated"] == 0


@pytest.mark.parametrize("opacity", [0.001, 0.005, 0.04])
def test_noise_is_shaped_by_the_covariance(opacity: float) -> None:
    count, scaler = 60_000, 80.0
    params = make_params(count, opacity=opacity)
    params["means"].data.zero_()
    params["quats"].data[:] = 3 * torch.tensor([0.8, 0.3, -0.4, 0.2])
    params["scales"].data[:] = torch.tensor([0.5, 0.2, 0.1]).log()
    inject_noise(params, scaler, seed=9)
    turn = quat_to_matrix(torch.tensor([0.8, 0.3, -0.4, 0.2]))
    sigma = turn @ torch.diag(torch.tensor([0.25, 0.04, 0.01])) @ turn.T
    gate = scaler / (1 + math.exp(100 * (opacity - 0.005)))
    noise = params["means"].detach() / gate
    assert torch.allclose(noise.mean(0), torch.zeros(3), atol=0.005)
    assert torch.allclose(noise.T.cov(), sigma @ sigma, atol=0.02 * float((sigma @ sigma).max()))
    whitened = noise @ sigma.inverse()
    assert whitened.abs().max() < 6.5
    assert whitened.square().square().mean().item() == pytest.approx(3.0, rel=0.05)  # a normal distribution's kurtosis
    assert (whitened[1:] * whitened[:-1]).mean().abs() < 0.02


def test_noise_of_every_row_is_its_own_covariance_times_the_same_draw() -> None:
    """The draw is read off unit spheres; other Gaussians must get Σ times it, whatever instruction set and threads."""
    count, scaler, seed = 1003, 80.0, 1234567890123456789
    spheres = make_params(count, opacity=0.005)
    spheres["means"].data.zero_()
    spheres["quats"].data[:] = torch.tensor([1.0, 0, 0, 0])
    spheres["scales"].data.zero_()
    inject_noise(spheres, scaler, seed)
    draw = spheres["means"].detach().double() / (0.5 * scaler)
    params = make_params(count)
    params["scales"].data = torch.randn(count, 3, generator=torch.Generator().manual_seed(1)) * 0.5 - 2
    params["opacities"].data = torch.linspace(-8, 4, count)
    axes, variances = quat_to_matrix(params["quats"].detach().double()), (2 * params["scales"].detach().double()).exp()
    gate = scaler / (1 + (100 * (params["opacities"].detach().double().sigmoid() - 0.005)).exp())
    expected = gate[:, None] * torch.einsum("nij,nj,nkj,nk->ni", axes, variances, axes, draw)
    for isa in native.usable_sets():
        for threads in (1, 2):
            means = torch.zeros(count, 3)
            others = [params[name].detach() for name in ("quats", "scales", "opacities")]
            native.load_set(isa).inject_noise(
                means, *others, scaler=scaler, steepness=100.0, middle=0.005, seed=seed, threads=threads
            )
            assert torch.allclose(means.double(), expected, rtol=2e-4, atol=1e-5)


def test_noise_is_repeatable_and_new_at_every_draw() -> None:
    results = []
    for seed in (5, 5, 6):
        params = make_params(1000, opacity=0.004)
        inject_noise(params, 80.0, seed)
        results.append(params["means"].detach())
    assert torch.equal(results[0], results[1])
    assert (results[0] != results[2]).float().mean() > 0.99


def test_a_run_continues_from_saved_state() -> None:
    """State is numbers only, and a copy of it repeats every later draw."""
    strategy = MCMCStrategy(cap_max=200)
    params = make_params(60, opacity=0.02)
    optimizers, state = warm_optimizers(params), strategy.initialize_state(seed=3)
    for step in range(598, 602):
        strategy.step_post_backward(params, optimizers, state, step, INFO)
    saved = {key: value for key, value in state.items() if isinstance(value, (int, float))}
    assert saved == state
    copy = {name: torch.nn.Parameter(param.detach().clone()) for name, param in params.items()}
    copied = warm_optimizers(copy)
    for step in range(699, 703):
        strategy.step_post_backward(params, optimizers, state, step, INFO)
        strategy.step_post_backward(copy, copied, saved, step, INFO)
    assert all(torch.equal(params[name], copy[name]) for name in params)


def test_learning_rate_comes_from_the_optimiser_or_the_caller() -> None:
    moved = []
    for lr in (None, 1.6e-4, 3.2e-4):
        params = make_params(100, opacity=0.002)
        before, optimizers = snapshot(params), warm_optimizers(params)
        strategy = MCMCStrategy()
        strategy.step_post_backward(params, optimizers, strategy.initialize_state(), 3, INFO, lr=lr)
        moved.append(params["means"].detach() - before["means"])
    assert torch.equal(moved[0], moved[1])
    assert torch.allclose(moved[2], 2 * moved[0], rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("max_steps", [500, 1000, 3000, 7000, 29_000])
def test_short_schedules(max_steps: int) -> None:
    short = MCMCStrategy().scaled(max_steps)
    assert short.refine_stop_iter == pytest.approx(max_steps * 5 / 6, abs=1)
    assert 50 <= short.refine_start_iter <= 500
    assert 25 <= short.refine_every <= 100
    assert (short.refine_stop_iter - short.refine_start_iter) // short.refine_every >= 14
    assert MCMCStrategy().scaled(30_000) == MCMCStrategy()
    growing = range(short.refine_start_iter + 1, max_steps // 2 + 1)
    additions = sum(step % short.refine_every == 0 for step in growing)
    assert short.grow_factor >= 1.05 and short.grow_factor ** (additions + 1) >= 3
    assert 0.005 < short.min_opacity < 0.05 and 0 < short.spread < 1


def test_values_of_short_trainings_approach_the_published_ones() -> None:
    nearly = MCMCStrategy().scaled(29_990)
    assert nearly.min_opacity == pytest.approx(0.005, rel=0.01) and nearly.spread == pytest.approx(0, abs=1e-3)
    assert nearly.grow_factor == 1.05


def test_given_values_are_kept_in_short_trainings() -> None:
    given = MCMCStrategy(min_opacity=0.005, grow_factor=1.05, spread=0.0).scaled(600)
    assert (given.min_opacity, given.grow_factor, given.spread) == (0.005, 1.05, 0.0)

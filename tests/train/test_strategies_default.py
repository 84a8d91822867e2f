"""DefaultStrategy rule by rule, against known answers and against gsplat's own."""

import pytest
import torch
from strategy_scenes import check_aligned, make_info, make_params, moments, snapshot, warm_optimizers
from torch import Tensor

from splat.errors import SplatError
from splat.gaussians import quat_to_matrix
from splat.train.strategies import STRATEGIES, DefaultStrategy, ImprovedStrategy, MCMCStrategy, NoneStrategy

HIGH = 1e-3  # pixels; times half the width of 200 px this is 0.1, far above grow_grad2d


def gradients(count: int, high: list[int]) -> Tensor:
    grads = torch.zeros(1, count, 2)
    grads[0, high, 0] = HIGH
    return grads


def refine(
    strategy: DefaultStrategy, params: dict, grads: Tensor, step: int = 600, radii: Tensor | None = None
) -> tuple:
    optimizers = warm_optimizers(params)
    strategy.check_sanity(params, optimizers)
    state = strategy.initialize_state(scene_scale=1.0)
    done = strategy.step_post_backward(params, optimizers, state, step, make_info(grads, radii))
    check_aligned(params, optimizers, state)
    return done, optimizers, state


def test_small_with_large_gradient_is_duplicated() -> None:
    params = make_params(5, scale=0.009)
    before = snapshot(params)
    done, optimizers, state = refine(DefaultStrategy(), params, gradients(5, [3]))
    assert done == {"duplicated": 1, "split": 0, "pruned": 0}
    for name, old in before.items():
        assert torch.equal(params[name][:5], old)
        assert torch.equal(params[name][5], old[3])
        for moment in moments(optimizers, params, name):
            assert (moment[:5] != 0).all()
            assert (moment[5] == 0).all()
    assert state["grad2d"].tolist() == [0.0] * 6


def test_large_with_large_gradient_is_split() -> None:
    params = make_params(6, scale=0.08)
    before = snapshot(params)
    done, optimizers, _ = refine(DefaultStrategy(), params, gradients(6, [2]))
    assert done == {"duplicated": 0, "split": 1, "pruned": 0}
    rest = [0, 1, 3, 4, 5]
    for name, old in before.items():
        assert torch.equal(params[name][:5], old[rest])
        for moment in moments(optimizers, params, name):
            assert (moment[:5] != 0).all()
            assert (moment[5:] == 0).all()
        if name not in ("means", "scales"):
            assert torch.equal(params[name][5], old[2]) and torch.equal(params[name][6], old[2])
    assert torch.allclose(params["scales"][5:].exp(), torch.full((2, 3), 0.08 / 1.6))
    assert not torch.equal(params["means"][5], params["means"][6])


def test_halves_are_drawn_from_the_gaussian() -> None:
    count = 20_000
    params = make_params(count)
    params["means"].data.zero_()
    params["quats"].data[:] = torch.tensor([0.8, 0.3, -0.4, 0.2])
    params["scales"].data[:] = torch.tensor([0.4, 0.1, 0.02]).log()
    refine(DefaultStrategy(), params, torch.full((1, count, 2), HIGH))
    turn = quat_to_matrix(torch.tensor([0.8, 0.3, -0.4, 0.2]))
    expected = turn @ torch.diag(torch.tensor([0.16, 0.01, 0.0004])) @ turn.T
    assert torch.allclose(params["means"].detach().T.cov(), expected, atol=3e-3)


def test_revised_opacity_of_two_halves_covers_as_one() -> None:
    params = make_params(3, scale=0.08, opacity=0.6)
    refine(DefaultStrategy(revised_opacity=True), params, gradients(3, [1]))
    halves = params["opacities"][2:].sigmoid()
    assert (1 - (1 - halves).prod()).item() == pytest.approx(0.6, abs=1e-6)


def test_transparent_ones_go_and_big_ones_after_the_first_reset() -> None:
    params = make_params(4)
    params["opacities"].data[1] = torch.logit(torch.tensor(0.004))
    params["scales"].data[2, 0] = torch.tensor(0.11).log()
    before = snapshot(params)
    done, *_ = refine(DefaultStrategy(), params, gradients(4, []), step=600)
    assert done["pruned"] == 1
    assert torch.equal(params["means"], before["means"][[0, 2, 3]])
    done, optimizers, _ = refine(DefaultStrategy(), params, gradients(3, []), step=3100)
    assert done["pruned"] == 1
    assert torch.equal(params["means"], before["means"][[0, 3]])
    assert (moments(optimizers, params, "means")[0] != 0).all()


def test_opacities_are_reset() -> None:
    params = make_params(4, opacity=0.5)
    params["opacities"].data[1] = torch.logit(torch.tensor(0.007))
    done, optimizers, _ = refine(DefaultStrategy(), params, gradients(4, []), step=3000)
    assert done["reset"] == 4
    assert torch.allclose(params["opacities"].sigmoid(), torch.tensor([0.01, 0.007, 0.01, 0.01]), atol=1e-6)
    assert all((moment == 0).all() for moment in moments(optimizers, params, "opacities"))
    assert all((moment != 0).all() for moment in moments(optimizers, params, "means"))


@pytest.mark.parametrize("dtype", [torch.int32, torch.float32])  # the kernel and the torch path
def test_mean_gradient_is_over_the_views_that_see_it(dtype: torch.dtype) -> None:
    """Gaussian 0 is seen by one of two views with a gradient just above the threshold, 1 by both with half of it."""
    strategy = DefaultStrategy(grow_grad2d=0.2)
    threshold = 0.2 / (200 / 2 * 2)  # gsplat multiplies by half the width and the number of cameras
    grads, radii = torch.zeros(2, 3, 2), torch.full((2, 3, 2), 3, dtype=dtype)
    grads[0, 0, 0] = 1.01 * threshold
    grads[1, 0, 0] = 5.0
    radii[1, 0] = 0
    grads[0, 1, 0], grads[1, 1, 0] = 1.5 * threshold, 0.4 * threshold
    grads[:, 2, 1] = 2.02 * threshold  # the height is half the width
    params = make_params(3, scale=0.001)
    optimizers, state = warm_optimizers(params), strategy.initialize_state()
    strategy.step_post_backward(params, optimizers, state, 599, make_info(grads, radii))
    assert state["count"].tolist() == [1, 2, 2]
    assert state["grad2d"].tolist() == pytest.approx([1.01 * 0.2, 1.9 * 0.2, 2.02 * 0.2], rel=1e-5)
    assert strategy._grow(params, optimizers, state, 600)["duplicated"] == 2


def test_packed_info_gives_the_same_statistics() -> None:
    g = torch.Generator().manual_seed(0)
    grads, radii = torch.randn(3, 40, 2, generator=g), torch.randint(0, 3, (3, 40, 2), generator=g, dtype=torch.int32)
    dense, packed = make_info(grads, radii), make_info(grads, radii)
    seen = (radii > 0).all(-1)
    packed["means2d"] = torch.zeros(int(seen.sum()), 2, requires_grad=True)
    packed["means2d"].grad = grads[seen]
    packed["radii"], packed["gaussian_ids"] = radii[seen], seen.nonzero()[:, 1]
    strategy = DefaultStrategy(refine_scale2d_stop_iter=1000)
    states = []
    for info in (dense, packed):
        params = make_params(40)
        state = strategy.initialize_state()
        strategy.step_post_backward(params, warm_optimizers(params), state, 1, info)
        states.append(state)
    for name in ("grad2d", "count", "radii"):
        assert torch.allclose(states[0][name], states[1][name], rtol=1e-5)
    assert states[0]["radii"].max() > 0


def test_absolute_gradients_are_used_on_request() -> None:
    params = make_params(2)
    strategy = DefaultStrategy(absgrad=True)
    assert strategy.needs_absgrad
    state = strategy.initialize_state()
    strategy.step_post_backward(params, warm_optimizers(params), state, 1, make_info(gradients(2, [1])))
    assert state["grad2d"].tolist() == pytest.approx([0.0, 2 * HIGH * 100])


@pytest.mark.parametrize("cap", [50, 51, 57, 80, 100, 1000])
def test_the_cap_holds_and_the_largest_gradients_go_first(cap: int) -> None:
    params = make_params(50, scale=0.009)
    params["scales"].data[25:] = torch.tensor(0.05).log()
    params["sh0"].data[:, 0, 0] = torch.arange(50.0)  # a name tag
    grads = torch.zeros(1, 50, 2)
    order = torch.randperm(50, generator=torch.Generator().manual_seed(8))
    grads[0, :, 0] = HIGH * (1 + order)
    done, *_ = refine(DefaultStrategy(cap_max=cap), params, grads)
    added = done["duplicated"] + done["split"]
    assert len(params["means"]) == min(cap, 100) == 50 + added
    tags = params["sh0"].detach()[:, 0, 0]
    twice = {int(tag) for tag in tags if (tags == tag).sum() == 2}
    assert twice == {int(row) for row in order.argsort(descending=True)[:added]}


def test_a_start_above_the_cap_is_refused() -> None:
    params = make_params(30)
    with pytest.raises(SplatError, match="cap_max=20"):
        DefaultStrategy(cap_max=20).check_sanity(params, warm_optimizers(params))


def test_growth_over_many_refinements_stays_below_the_cap() -> None:
    strategy = DefaultStrategy(cap_max=333)
    params = make_params(40, scale=0.03)
    optimizers, state = warm_optimizers(params), strategy.initialize_state()
    sizes = []
    for step in range(600, 2600, 100):
        grads = torch.rand(1, len(params["means"]), 2, generator=torch.Generator().manual_seed(step)) * 4e-6
        strategy.step_post_backward(params, optimizers, state, step, make_info(grads))
        check_aligned(params, optimizers, state)
        sizes.append(len(params["means"]))
    assert max(sizes) == 333
    assert sizes[0] > 40


def test_repeatable_by_seed() -> None:
    results = []
    for seed in (1, 1, 2):
        strategy, params = DefaultStrategy(), make_params(30, scale=0.08)
        optimizers, state = warm_optimizers(params), strategy.initialize_state(seed=seed)
        strategy.step_post_backward(params, optimizers, state, 600, make_info(torch.full((1, 30, 2), HIGH)))
        results.append(params["means"].detach())
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


@pytest.mark.parametrize("radii_stop", [0, 10_000])
@pytest.mark.parametrize("step", [700, 3200])
def test_same_counts_and_survivors_as_gsplat(step: int, radii_stop: int) -> None:
    gsplat = pytest.importorskip("gsplat")
    g = torch.Generator().manual_seed(11)
    template = make_params(400)
    template["scales"].data = torch.randn(400, 3, generator=g) - 4.2
    template["opacities"].data = 3 * torch.randn(400, generator=g) - 2
    cameras = 1 if radii_stop else 2  # gsplat keeps one view's radii where several see a Gaussian, we the largest
    grads = 3e-6 * torch.randn(cameras, 400, 2, generator=g)
    radii = torch.randint(0, 40, (cameras, 400, 2), generator=g, dtype=torch.int32)
    results = []
    for kind in (DefaultStrategy, gsplat.DefaultStrategy):
        strategy = kind(refine_scale2d_stop_iter=radii_stop)
        params = {name: torch.nn.Parameter(param.detach().clone()) for name, param in template.items()}
        optimizers, state = warm_optimizers(params), strategy.initialize_state(scene_scale=1.5)
        info = make_info(grads, radii)
        strategy.step_pre_backward(params, optimizers, state, step, info)
        strategy.step_post_backward(params, optimizers, state, step - 1, info)
        strategy.step_post_backward(params, optimizers, state, step, info)
        check_aligned(params, optimizers, state)
        results.append((params, optimizers))
    (ours, our_optimizers), (theirs, their_optimizers) = results
    assert 400 != len(ours["means"]) == len(theirs["means"])
    for name in ("quats", "scales", "opacities", "sh0", "shN"):  # the means of halves are random
        assert torch.allclose(ours[name], theirs[name], atol=1e-6)
        assert torch.equal(moments(our_optimizers, ours, name)[1], moments(their_optimizers, theirs, name)[1])


def test_nothing_happens_outside_the_window() -> None:
    for step in (500, 550, 15_000, 20_000):
        params = make_params(5, opacity=0.001)
        done, *_ = refine(DefaultStrategy(reset_every=0), params, gradients(5, [0]), step=step)
        assert done == {}
        assert len(params["means"]) == 5


@pytest.mark.parametrize("max_steps", [500, 1000, 2000, 3000, 4200, 7000, 15_000, 29_999])
def test_short_schedules(max_steps: int) -> None:
    short = DefaultStrategy().scaled(max_steps)
    assert short.refine_stop_iter == pytest.approx(max_steps / 2, abs=1)
    assert 50 <= short.refine_start_iter <= 500
    assert 25 <= short.refine_every <= 100
    resets = range(short.reset_every, short.refine_stop_iter, short.reset_every)
    assert all(max_steps - reset >= 800 for reset in resets)
    assert short.reset_every >= 1000
    assert (short.refine_stop_iter - short.refine_start_iter) // short.refine_every >= 7


def test_long_schedules_are_left_alone() -> None:
    strategy = DefaultStrategy(cap_max=7)
    assert strategy.scaled(30_000) == strategy.scaled(100_000) == strategy


def test_strategies_are_named() -> None:
    assert {"none", "default", "absgrad", "mcmc", "improved"} <= set(STRATEGIES)
    params = make_params(5)
    before, optimizers = snapshot(params), warm_optimizers(params)
    strategy = STRATEGIES["none"]()
    strategy.check_sanity(params, optimizers)
    state = strategy.initialize_state()
    info = make_info(gradients(5, [1]))
    strategy.step_pre_backward(params, optimizers, state, 600, info)
    assert strategy.step_post_backward(params, optimizers, state, 600, info, lr=1.0, packed=False) == {}
    assert all(torch.equal(params[name], old) for name, old in before.items())


def test_missing_and_unequal_parameters_are_named() -> None:
    params = make_params(5)
    optimizers = warm_optimizers(params)
    with pytest.raises(ValueError, match="one optimizer"):
        DefaultStrategy().check_sanity(params, {name: optimizers[name] for name in ("means", "quats")})
    params["sh0"] = torch.nn.Parameter(torch.zeros(4, 1, 3))
    with pytest.raises(ValueError, match="one row per Gaussian"):
        DefaultStrategy().check_sanity(params, optimizers)


@pytest.mark.parametrize("kind", [DefaultStrategy, ImprovedStrategy])
def test_a_strategy_is_fitted_to_plan_and_hooks(kind: type[DefaultStrategy]) -> None:
    fitted = kind(prune_opa=0.01).fitted(30_000, cap_max=77)
    assert fitted == kind(prune_opa=0.01, cap_max=77)
    assert kind().fitted(30_000, cap_max=77, resets=False) == kind(cap_max=77, reset_every=0)
    assert MCMCStrategy().fitted(30_000, cap_max=77, resets=False) == MCMCStrategy(cap_max=77)
    assert NoneStrategy().fitted(30_000, cap_max=77, resets=False) == NoneStrategy()


def test_a_cap_counts_as_asked_for_where_it_is_no_default() -> None:
    assert [kind().asked_limit for kind in STRATEGIES.values()] == [None] * len(STRATEGIES)
    assert DefaultStrategy(cap_max=5).asked_limit == MCMCStrategy(cap_max=5).asked_limit == 5

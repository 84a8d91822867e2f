"""FusedAdam against torch.optim.Adam, and the rates that gsplat uses."""

import copy
import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from splat import native
from splat.train.optimizers import (
    FusedAdam,
    _cuda_adam,
    make_optimizers,
    set_active_sh_degree,
    torch_adam,
)
from tests.accuracy import instruction_set


@pytest.fixture(params=native.usable_sets(), autouse=True)
def every_set(request: pytest.FixtureRequest) -> Iterator[None]:
    with instruction_set(request.param):
        yield


def parameters(rows: int = 501, degree: int = 3) -> dict[str, torch.nn.Parameter]:
    generator = torch.Generator().manual_seed(3)
    shapes = {
        "means": (3,),
        "quats": (4,),
        "scales": (3,),
        "opacities": (),
        "sh0": (1, 3),
        "shN": ((degree + 1) ** 2 - 1, 3),
    }
    return {name: torch.nn.Parameter(torch.randn(rows, *shape, generator=generator)) for name, shape in shapes.items()}


def gradient(shape: torch.Size, step: int, scale: float = 1.0) -> Tensor:
    return scale * torch.randn(shape, generator=torch.Generator().manual_seed(1000 + step))


@pytest.mark.parametrize("scale", [1.0, 1e-9])
@pytest.mark.parametrize("shape", [(1000,), (333, 3), (97, 15, 3)])
def test_same_as_torch_over_many_steps(shape: tuple[int, ...], scale: float) -> None:
    """After as many steps both are up to 6e-6 from the truth, the worst of 24 seeds; so three times that is allowed."""
    start = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    ours, theirs = torch.nn.Parameter(start.clone()), torch.nn.Parameter(start.clone().double())
    single = torch.nn.Parameter(start.clone())
    fused = FusedAdam([ours], lr=0.01, eps=1e-15)
    exact = torch.optim.Adam([theirs], lr=0.01, eps=1e-15)
    adam = torch.optim.Adam([single], lr=0.01, eps=1e-15)
    for step in range(200):
        g = gradient(ours.shape, step, scale)
        ours.grad, theirs.grad, single.grad = g.clone(), g.double(), g.clone()
        fused.step(), exact.step(), adam.step()
    assert (ours.detach() - theirs.detach()).abs().max() < 2e-5
    assert (single.detach() - theirs.detach()).abs().max() < 2e-5
    mine, other = fused.state[ours], adam.state[single]
    assert set(mine) == set(other)
    assert float(mine["step"]) == float(other["step"]) == 200
    for key in ("exp_avg", "exp_avg_sq"):
        assert torch.allclose(mine[key], other[key], rtol=1e-4, atol=1e-6 * float(other[key].abs().max()))


def test_state_moves_between_torch_and_ours() -> None:
    """A checkpoint of one can be continued by the other."""
    start = torch.randn(50, 3)
    ours, theirs = torch.nn.Parameter(start.clone()), torch.nn.Parameter(start.clone())
    fused, adam = FusedAdam([ours], lr=0.01), torch.optim.Adam([theirs], lr=0.01, eps=1e-15)
    for step in range(5):
        theirs.grad = gradient(theirs.shape, step)
        adam.step()
    fused.state[ours] = copy.deepcopy(adam.state[theirs])
    ours.data.copy_(theirs.data)
    ours.grad, theirs.grad = gradient(ours.shape, 9), gradient(ours.shape, 9)
    fused.step(), adam.step()
    assert torch.allclose(ours, theirs, rtol=0, atol=1e-6)
    again = FusedAdam([torch.nn.Parameter(ours.detach().clone())], lr=0.5)
    again.load_state_dict(fused.state_dict())
    assert again.param_groups[0]["lr"] == 0.01
    assert torch.equal(next(iter(again.state.values()))["exp_avg"], fused.state[ours]["exp_avg"])


@pytest.mark.parametrize("shape", [(), (1,), (3,), (4,), (1, 3), (4, 3), (15, 3)])
def test_visibility_keeps_hidden_rows_as_they_are(shape: tuple[int, ...]) -> None:
    seen = torch.rand(301, generator=torch.Generator().manual_seed(2)) < 0.4
    param = torch.nn.Parameter(torch.randn(301, *shape))
    alone = torch.nn.Parameter(param.detach()[seen].clone())
    everything, part = FusedAdam([param], lr=0.1), FusedAdam([alone], lr=0.1)
    before = param.detach().clone()
    for step in range(10):
        param.grad = gradient(param.shape, step)
        alone.grad = param.grad[seen].clone()
        everything.step(visibility=seen)
        part.step()
    assert torch.equal(param[~seen], before[~seen])
    assert everything.state[param]["exp_avg"][~seen].abs().max() == 0
    assert everything.state[param]["exp_avg_sq"][~seen].abs().max() == 0
    assert torch.allclose(param[seen], alone, rtol=0, atol=1e-6)
    assert not torch.equal(param[seen], before[seen])


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_inactive_bands_are_as_if_updated_with_zero_gradients(degree: int) -> None:
    params, columns = parameters(), 3 * ((degree + 1) ** 2 - 1)
    whole = torch.nn.Parameter(params["shN"].detach().clone())
    optimizers = make_optimizers(params)
    reference = FusedAdam([whole], lr=optimizers["shN"].param_groups[0]["lr"])
    set_active_sh_degree(optimizers, degree)
    for step in range(7):
        g = gradient(whole.shape, step)
        g.view(len(g), -1)[:, columns:] = 0
        whole.grad, params["shN"].grad = g.clone(), g.clone()
        optimizers["shN"].step(), reference.step()
    assert torch.allclose(params["shN"], whole, rtol=0, atol=1e-6)


def test_rates_are_those_of_gsplat() -> None:
    params = parameters()
    optimizers = make_optimizers(params, scene_scale=2.5)
    rates = {name: optimizer.param_groups[0]["lr"] for name, optimizer in optimizers.items()}
    expected = {"means": 4e-4, "scales": 5e-3, "opacities": 5e-2, "quats": 1e-3, "sh0": 2.5e-3, "shN": 1.25e-4}
    assert rates == pytest.approx(expected)
    for name, optimizer in optimizers.items():
        assert optimizer.param_groups[0]["params"] == [params[name]]
        assert optimizer.param_groups[0]["betas"] == (0.9, 0.999)
        assert optimizer.param_groups[0]["eps"] == 1e-15


def test_only_what_is_trained_and_known_has_an_optimizer() -> None:
    params = {**parameters(5), "features": torch.nn.Parameter(torch.zeros(5, 16))}
    with pytest.raises(ValueError, match="features"):
        make_optimizers(params)
    frozen = {**parameters(5), "features": torch.nn.Parameter(torch.zeros(5, 16), requires_grad=False)}
    assert "features" not in make_optimizers(frozen)


def test_a_parameter_without_gradient_is_left_alone() -> None:
    param = torch.nn.Parameter(torch.ones(4))
    optimizer = FusedAdam([param])
    optimizer.step()
    assert torch.equal(param, torch.ones(4))
    assert len(optimizer.state) == 0


def test_columns_and_visibility_together() -> None:
    """The torch path and the path that FusedAdam takes agree when both limits are set."""
    seen = torch.rand(64, generator=torch.Generator().manual_seed(4)) < 0.5
    param = torch.nn.Parameter(torch.randn(64, 15, 3))
    optimizer = FusedAdam([param], lr=0.01)
    optimizer.param_groups[0]["active_columns"] = 9
    other = [param.detach().clone(), torch.zeros(64, 15, 3), torch.zeros(64, 15, 3)]
    for step in range(4):
        param.grad = gradient(param.shape, step)
        optimizer.step(visibility=seen)
        torch_adam(other[0], param.grad, other[1], other[2], step + 1, 0.01, 0.9, 0.999, 1e-15, 9, seen)
    assert torch.allclose(param, other[0], rtol=0, atol=3e-6)


@pytest.mark.gpu
def test_cuda_same_as_torch() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    start = torch.randn(400, 3)
    ours, theirs = torch.nn.Parameter(start.cuda()), torch.nn.Parameter(start.double())
    fused, exact = FusedAdam([ours], lr=0.01), torch.optim.Adam([theirs], lr=0.01, eps=1e-15)
    for step in range(100):
        g = gradient(start.shape, step)
        ours.grad, theirs.grad = g.cuda(), g.double()
        fused.step(), exact.step()
    assert torch.allclose(ours.cpu().double(), theirs, rtol=0, atol=1e-5)
    assert float(fused.state[ours]["step"]) == 100


def test_the_compiler_of_torch_is_not_imported_for_an_optimiser() -> None:
    code = (
        "import sys, torch; from splat.train.optimizers import FusedAdam\n"
        "parameter = torch.nn.Parameter(torch.ones(3, 2)); optimizer = FusedAdam([parameter])\n"
        "parameter.sum().backward(); optimizer.step(); optimizer.zero_grad()\n"
        "assert parameter.grad is None and 'torch._dynamo' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_step_on_cuda_equals_torchs_adam() -> None:
    """torch's fused kernel, which a GPU gets, has a version for the CPU: the call itself can be checked here."""
    g = torch.Generator().manual_seed(4)
    start, gradients = torch.randn(40, 3, generator=g), torch.randn(5, 40, 3, generator=g)
    param, expected = start.clone(), torch.nn.Parameter(start.clone())
    moments = torch.zeros(40, 3), torch.zeros(40, 3)
    plain = torch.optim.Adam([expected], lr=0.01, eps=1e-15)
    for number, gradient in enumerate(gradients):
        _cuda_adam(param, gradient, *moments, torch.tensor(float(number)), 0.01, 0.9, 0.999, 1e-15)
        expected.grad = gradient.clone()
        plain.step()
    assert torch.allclose(param, expected, atol=1e-6)

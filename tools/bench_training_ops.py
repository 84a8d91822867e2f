"""Time the steps of training that are not rendering: the loss, Adam, and the upkeep of the strategies.

python tools/bench_training_ops.py [--max-gaussians 100000] [--torch]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch

from splat import native
from splat.train.losses import l1_ssim, torch_l1_ssim
from splat.train.optimizers import make_optimizers, set_active_sh_degree
from splat.train.strategies import DefaultStrategy, MCMCStrategy

SIZES = ((135, 240), (540, 960), (1080, 1920))
COUNTS = (20_000, 100_000, 1_000_000)
SHAPES = {"means": (3,), "quats": (4,), "scales": (3,), "opacities": (), "sh0": (1, 3), "shN": (15, 3)}


def report(name: str, function: Callable[[], object], repeats: int = 15) -> None:
    """Print the fastest and the median time of `function`."""
    seconds = []
    for _ in range(repeats):
        begin = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - begin)
    seconds.sort()
    print(f"{name:<52} {1e3 * seconds[0]:8.2f} {1e3 * seconds[repeats // 2]:8.2f}", flush=True)


def bench_loss(height: int, width: int, with_torch: bool) -> None:
    """Loss and gradient, of floats and bytes, with a mask and without."""
    render, target = torch.rand(height, width, 3, requires_grad=True), torch.rand(height, width, 3)
    coarse = (255 * target).to(torch.uint8)
    mask = torch.rand(height, width) < 0.9
    size = f"loss and gradient {width}x{height}"
    report(size, lambda: l1_ssim(render, target))
    report(f"{size}, one thread", lambda: l1_ssim(render, target, num_threads=1))
    report(f"{size}, bytes", lambda: l1_ssim(render, coarse))
    report(f"{size}, masked", lambda: l1_ssim(render, target, mask=mask))
    if with_torch:
        report(f"{size}, torch", lambda: torch_l1_ssim(render, target).backward(), 3)


def bench_gaussians(count: int, with_torch: bool) -> None:
    """Adam with all, some and few numbers of each Gaussian, and what strategies do at every step."""
    params = {name: torch.nn.Parameter(torch.randn(count, *shape)) for name, shape in SHAPES.items()}
    for param in params.values():
        param.grad = torch.randn_like(param)
    optimizers = make_optimizers(params)
    half = torch.rand(count) < 0.5

    def step(**options: torch.Tensor) -> None:
        for optimizer in optimizers.values():
            optimizer.step(**options)

    report(f"Adam {count} x 59", step)
    report(f"Adam {count} x 59, a random half visible", lambda: step(visibility=half))
    set_active_sh_degree(optimizers, 0)
    report(f"Adam {count} x 14 (degree 0)", step)
    if with_torch:
        fused = torch.optim.Adam(list(params.values()), eps=1e-15, fused=True)
        report(f"Adam {count} x 59, torch fused", fused.step, 3)
    mcmc, default = MCMCStrategy(), DefaultStrategy()
    states = mcmc.initialize_state(), default.initialize_state()
    params["opacities"].data.fill_(-4.0)
    report(f"noise {count}, all transparent", lambda: mcmc.step_post_backward(params, optimizers, states[0], 1, {}))
    means2d = torch.zeros(1, count, 2, requires_grad=True)
    means2d.grad = torch.randn(1, count, 2)
    info = {
        "means2d": means2d,
        "radii": torch.ones(1, count, 2, dtype=torch.int32),
        "width": 9,
        "height": 9,
        "n_cameras": 1,
    }
    report(f"gradients {count}", lambda: default.step_post_backward(params, optimizers, states[1], 1, info))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--max-gaussians", type=int, default=COUNTS[-1])
    parser.add_argument("--torch", action="store_true", help="time torch's own operations too")
    arguments = parser.parse_args()
    print(f"{native.info()['isa']}, {native.default_threads()} threads; milliseconds: fastest, median")
    for height, width in SIZES:
        bench_loss(height, width, arguments.torch)
    for count in COUNTS:
        if count <= arguments.max_gaussians:
            bench_gaussians(count, arguments.torch)


if __name__ == "__main__":
    main()

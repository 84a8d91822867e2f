#!/usr/bin/env python3
"""Times the CPU renderer: projection, compositing and their backward passes, over image sizes, counts and channels.

    python tools/bench_rasterizer.py                 the whole table, about a minute
    python tools/bench_rasterizer.py --threads 1 --channels 3 --sizes 240x135/20000

Each time is the fastest of several runs after a warm-up. Gaussians cover the image about evenly: their size falls with
their number, so that a pixel sees a similar depth of them in every row. SPLAT_ISA picks an instruction set.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from splat import native
from splat.gaussians import Gaussians
from splat.render import cpu, lift
from splat.render.settings import RasterSettings

SIZES = ("240x135/10000", "240x135/20000", "240x135/100000", "960x540/10000", "960x540/100000")
CHANNELS = (3, 16, 32)


@dataclass(frozen=True)
class Case:
    width: int
    height: int
    count: int
    channels: int


def make_scene(width: int, height: int, count: int, seed: int = 0) -> tuple[Gaussians, Tensor, Tensor]:
    """Gaussians that are about sqrt(pixels / count) wide on the screen, at depths 1 to 10."""
    g = torch.Generator().manual_seed(seed)
    focal = 0.8 * width
    K = torch.tensor([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1.0]])
    z = 1 + 9 * torch.rand(count, 1, generator=g)
    uv = (torch.rand(count, 2, generator=g) * 1.1 - 0.05) * torch.tensor([width, height])
    xy = (uv - K[:2, 2]) / focal * z
    pixels = (width * height / count) ** 0.5 * torch.exp(0.4 * torch.randn(count, 3, generator=g))
    gaussians = Gaussians(
        means=torch.cat([xy, z], dim=1),
        quats=torch.randn(count, 4, generator=g),
        scales=(pixels * z / focal).log(),
        opacities=torch.logit(0.05 + 0.9 * torch.rand(count, generator=g)),
        sh0=torch.randn(count, 1, 3, generator=g),
        shN=0.1 * torch.randn(count, 15, 3, generator=g),
    )
    return gaussians, torch.eye(4)[None], K[None]


@dataclass(frozen=True)
class Stopwatch:
    clock: Callable[[], float]
    seconds: float

    def fastest(self, run: Callable[[], object]) -> float:
        """Milliseconds of the fastest run within about `seconds`, at least three runs."""
        run()
        best, runs, start = float("inf"), 0, time.perf_counter()
        while runs < 3 or time.perf_counter() - start < self.seconds:
            before = self.clock()
            run()
            best = min(best, self.clock() - before)
            runs += 1
        return 1e3 * best


def measure(case: Case, threads: int, watch: Stopwatch) -> dict[str, float]:
    """Milliseconds of each stage, and the work done."""
    gaussians, viewmats, Ks = make_scene(case.width, case.height, case.count)
    leaves = {name: t.requires_grad_() for name, t in gaussians.as_dict().items()}
    settings = RasterSettings(case.width, case.height, sh_degree=3, num_threads=threads)
    geometry = tuple(leaves[name] for name in ("means", "quats", "scales", "opacities"))
    coefficients = (leaves["sh0"], leaves["shN"])

    def project() -> dict[str, Tensor]:
        return cpu.project(geometry, coefficients, (viewmats, Ks), settings, raw=True)

    projected = project()
    inputs = {name: t.detach() for name, t in projected.items()}
    for name in ("means2d", "white", "opacities"):
        inputs[name].requires_grad_()
    colors = inputs["colors"].requires_grad_()
    if case.channels != 3:
        colors = torch.rand(1, case.count, case.channels).requires_grad_()

    def composite() -> tuple[Tensor, Tensor, Tensor]:
        return cpu.composite(inputs, colors, None, settings)

    image, alphas, tiles = composite()
    upstream = torch.randn_like(image), torch.randn_like(alphas)
    wanted = [inputs["means2d"], inputs["white"], inputs["opacities"], colors]

    def composite_backward() -> object:
        return torch.autograd.grad((image, alphas), wanted, upstream, retain_graph=True)

    screen = [projected[name] for name in ("means2d", "white", "opacities", "colors")]
    screen_upstream = [torch.randn_like(t) for t in screen]

    def project_backward() -> object:
        return torch.autograd.grad(screen, list(leaves.values()), screen_upstream, retain_graph=True)

    footprints = [inputs[name][0].detach() for name in ("means2d", "white", "opacities", "depths", "extents", "radii")]

    def lists() -> object:
        return cpu.build_lists(settings, footprints, tiles[0])

    times = {
        "project": watch.fastest(project),
        "lists": watch.fastest(lists),
        "forward": watch.fastest(composite),
        "backward": watch.fastest(composite_backward),
        "project backward": watch.fastest(project_backward),
    }
    features = torch.randn(1, case.height, case.width, case.channels)
    times["lift"] = watch.fastest(
        lambda: lift(gaussians, viewmats, Ks, case.width, case.height, features, backend="cpu", num_threads=threads)
    )
    lists = cpu.build_lists(settings, footprints, tiles[0])
    pictures = torch.empty(case.height, case.width, case.channels), torch.empty(case.height, case.width, 1)
    native.kernels().rasterize_forward(lists, colors.detach().reshape(case.count, -1), None, *pictures, None)
    times["pairs"] = float(lists.evaluated_pairs)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", default=SIZES, metavar="WxH/N")
    parser.add_argument("--channels", nargs="+", type=int, default=CHANNELS)
    parser.add_argument("--threads", type=int, default=native.default_threads())
    parser.add_argument("--seconds", type=float, default=0.5, help="spent on each number")
    parser.add_argument(
        "--cpu-time",
        action="store_true",
        help="time of the processor instead of the clock: for a busy machine, with --threads 1",
    )
    arguments = parser.parse_args()
    watch = Stopwatch(time.process_time if arguments.cpu_time else time.perf_counter, arguments.seconds)
    info = native.info()
    table = Table(title=f"{info['isa']}, {info['vector_width']} lanes, {arguments.threads} threads; milliseconds")
    columns = ("image", "Gaussians", "channels", "project", "lists", "forward", "backward", "project backward", "total")
    for name in (*columns, "lift", "M pairs/s"):
        table.add_column(name.replace(" ", "\n"), justify="right", min_width=6)
    for size in arguments.sizes:
        image, _, count = size.partition("/")
        width, _, height = image.partition("x")
        for channels in arguments.channels:
            t = measure(Case(int(width), int(height), int(count), channels), arguments.threads, watch)
            # `forward` holds `lists`.
            total = t["project"] + t["forward"] + t["backward"] + t["project backward"]
            stages = [t[name] for name in columns[3:-1]]
            speed = t["pairs"] / (t["forward"] + t["backward"]) / 1e3
            table.add_row(
                image, count, str(channels), *(f"{v:.2f}" for v in (*stages, total, t["lift"])), f"{speed:.1f}"
            )
    Console().print(table)


if __name__ == "__main__":
    main()

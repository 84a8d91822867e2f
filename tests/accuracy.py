"""How far the CPU kernels are from the dense float64 renderer, over random scenes of many kinds.

The bounds hold for every seed, instruction set and number of threads: each is about three times the worst that
`python tools/renderer_accuracy.py` finds in 24 seeds with each set that its machine has. tests/render tries some seeds,
docs/methods.md states the bounds.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from splat import native
from splat.render import rasterize
from tests import reference
from tests.reference import Reference, Scene, random_scene

NAMES = ("means", "quats", "scales", "opacities", "colors", "viewmats")
ALPHA_MIN = 1 / 255
# Where a comparison at a threshold may fall either way a pixel changes by about 1/255. More than that is a defect.
JUMP = 3 * ALPHA_MIN


@dataclass(frozen=True)
class Bounds:
    """How far off the kernels may be."""

    scenes: str  # as docs/methods.md calls them
    image: float  # of the brightest value of the channel (1 at least), in pixels that hang on no threshold
    gradient: float  # relative L2 distance of the gradient of each parameter


@dataclass(frozen=True)
class Kind:
    """Scenes of one kind, and what they are drawn with."""

    bounds: Bounds
    scene: Callable[[int], Scene]  # from a seed
    channels: int = 3
    colors_per_camera: bool = False
    options: dict[str, Any] = field(default_factory=dict)

    def colors(self, scene: Scene, seed: int) -> Tensor:
        g = torch.Generator().manual_seed(1000 + seed)
        N, C = len(scene.means), len(scene.viewmats)
        if "sh_degree" in self.options:
            return 0.4 * torch.randn(N, 16, 3, generator=g)
        return torch.rand(*((C, N) if self.colors_per_camera else (N,)), self.channels, generator=g)

    def backgrounds(self, scene: Scene, seed: int) -> Tensor | None:
        if not self.options.get("render_mode", "RGB").startswith("RGB"):
            return None
        return torch.rand(len(scene.viewmats), self.channels, generator=torch.Generator().manual_seed(2000 + seed))


@dataclass(frozen=True)
class Errors:
    """What `Bounds` bounds, and what says that nothing hides where it is not looked at."""

    image: float
    gradients: dict[str, float]
    anywhere: float  # the image's error in all pixels
    sure: float  # share of pixels that are compared, because they hang on no threshold
    seen: float  # the smallest share of a Gaussian's weight that falls into pixels that are compared

    @property
    def gradient(self) -> float:
        return max(self.gradients.values())


def scenes(**options: Any) -> Callable[[int], Scene]:
    return lambda seed: random_scene(seed=seed, **options)


def many_tiles(width: int, height: int) -> Callable[[int], Scene]:
    """Some Gaussians cover more than eight tiles in a row, others few."""

    def make(seed: int) -> Scene:
        scene = random_scene(N=80, width=width, height=height, size=0.3, seed=seed)
        scene.scales[:40] *= 0.1
        return scene

    return make


def long_and_thin(aspect: float) -> Callable[[int], Scene]:
    """Half needles, half discs, that many times longer than thick."""

    def make(seed: int) -> Scene:
        scene = random_scene(N=150, width=150, height=110, size=0.02, seed=seed)
        scene.scales[:75, 0] *= aspect
        scene.scales[75:, :2] *= aspect / 2
        return scene

    return make


ORDINARY = Bounds("all others", 6e-6, 4e-5)
NARROW = Bounds("half a pixel wide; strips of 330 and 250 pixels; spherical harmonics", 1e-5, 4e-5)
FAR = Bounds("small ones in 200 x 180 pixels", 1.5e-5, 4e-5)
CANCELLING = Bounds("depth alone; beyond the frustum, where the Jacobian is clamped", 6e-6, 7e-5)
OPAQUE = Bounds("opaque, where rays end early", 6e-6, 1.6e-4)
NEEDLES = Bounds("needles and discs, 15:1, 60:1 and 200:1", 1.5e-5, 1.6e-4)
BOUNDS = (ORDINARY, NARROW, FAR, CANCELLING, OPAQUE, NEEDLES)
ANTIALIASED = {"rasterize_mode": "antialiased"}

KINDS: dict[str, Kind] = {
    "random": Kind(ORDINARY, scenes()),
    "opaque, rays end early": Kind(OPAQUE, scenes(N=400, size=0.3, opaque=0.3)),
    "half a pixel wide": Kind(NARROW, scenes(N=900, size=0.01)),
    "many tiles, wide": Kind(NARROW, many_tiles(330, 20)),
    "many tiles, tall": Kind(NARROW, many_tiles(24, 250)),
    "many tiles": Kind(FAR, many_tiles(200, 180)),
    "needles and discs, 15:1": Kind(NEEDLES, long_and_thin(15)),
    "needles and discs, 60:1": Kind(NEEDLES, long_and_thin(60)),
    "needles and discs, 200:1": Kind(NEEDLES, long_and_thin(200)),
    "antialiased needles and discs, 60:1": Kind(NEEDLES, long_and_thin(60), options=ANTIALIASED),
    "antialiased": Kind(ORDINARY, scenes(size=0.03), options=ANTIALIASED),
    "beyond the frustum": Kind(CANCELLING, scenes(N=400, spread=2.5, size=0.35)),
    "principal point off the centre": Kind(ORDINARY, scenes(principal=(0.2, 0.85), spread=1.8, size=0.25)),
    "near and far planes": Kind(ORDINARY, scenes(), options={"near_plane": 2.5, "far_plane": 4.5}),
    **{f"channels: {n}": Kind(ORDINARY, scenes(), channels=n) for n in (1, 2, 4, 5, 16, 33)},
    "three cameras": Kind(ORDINARY, scenes(C=3)),
    "colours of each camera": Kind(ORDINARY, scenes(C=2), colors_per_camera=True),
    **{
        f"depth alone, {mode}": Kind(CANCELLING, scenes(N=600, size=0.2), options={"render_mode": mode})
        for mode in ("D", "ED")
    },
    **{
        f"depth, {mode}": Kind(ORDINARY, scenes(N=600, size=0.2), options={"render_mode": mode})
        for mode in ("RGB+D", "RGB+ED")
    },
    **{
        f"spherical harmonics of degree {degree}, {mode}": Kind(
            NARROW, scenes(C=2), options={"sh_degree": degree, "render_mode": mode}
        )
        for degree, mode in ((0, "RGB"), (1, "RGB+ED"), (2, "RGB+D"), (3, "RGB"))
    },
}


def bounds_table() -> str:
    """What docs/methods.md says of the bounds."""
    rows = [f"| {b.scenes} | {plain(b.image)} | {plain(b.gradient)} |" for b in BOUNDS]
    return "\n".join(["| scenes | image | gradients |", "|---|---|---|", *rows])


def plain(number: float) -> str:
    """1.5e-5 rather than 1.5e-05."""
    mantissa, _, exponent = f"{number:.1e}".partition("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}"


@contextmanager
def instruction_set(isa: str) -> Iterator[None]:
    """Everything inside runs with these kernels."""
    module = native.load_set(isa)
    with mock.patch.object(native, "kernels", lambda: module):
        yield


@dataclass(frozen=True)
class Truth:
    """What the reference says of one scene, and the gradient that goes in."""

    image: Tensor
    alphas: Tensor
    sure: Tensor
    seen: float
    weights: tuple[Tensor, Tensor]  # of image and alphas
    gradients: dict[str, Tensor]


@functools.lru_cache(maxsize=256)
def truth(name: str, seed: int) -> Truth:
    """Kept, because every instruction set is compared with it."""
    kind = KINDS[name]
    scene = kind.scene(seed)
    leaves = [t.double().requires_grad_() for t in (*scene.tensors, kind.colors(scene, seed), scene.viewmats)]
    backgrounds = kind.backgrounds(scene, seed)
    exact = reference.render(
        *leaves, scene.Ks.double(), scene.width, scene.height,
        backgrounds=None if backgrounds is None else backgrounds.double(), **kind.options,
    )  # fmt: skip
    for means2d in exact.means2d:
        means2d.retain_grad()
    g = torch.Generator().manual_seed(5)
    sure = exact.sure[..., None]
    weights = torch.randn(exact.image.shape, generator=g) * sure, torch.randn(exact.alphas.shape, generator=g) * sure
    ((exact.image * weights[0]).sum() + (exact.alphas * weights[1]).sum()).backward()
    gradients = {name: leaf.grad for name, leaf in zip(NAMES, leaves) if leaf.grad is not None}
    gradients["means2d"] = torch.stack([m.grad for m in exact.means2d])  # type: ignore[misc]
    gradients["absolute"] = exact.absolute_gradients()
    return Truth(exact.image.detach(), exact.alphas.detach(), exact.sure, smallest_share(exact), weights, gradients)


def smallest_share(exact: Reference) -> float:
    """Of each Gaussian's weight in the image, where it has some, the share in pixels that are compared; the least."""
    shares = []
    for weights, sure in zip(exact.weights, exact.sure):
        total = weights.detach().sum(0)
        compared = weights.detach()[sure.reshape(-1)].sum(0)
        shares.append((compared / total.clamp(min=1e-12))[total > 1])
    return float(torch.cat([share.reshape(-1) for share in shares] + [torch.ones(1)]).min())


def relative_error(value: Tensor, expected: Tensor) -> float:
    return float((value.detach().double() - expected).norm() / expected.norm().clamp(min=1e-12))


def measure(name: str, seed: int, num_threads: int = 2) -> Errors:
    """Draws the scene with the kernels in force and back-propagates the same random gradient as the reference did."""
    kind, expected = KINDS[name], truth(name, seed)
    scene = kind.scene(seed)
    leaves = [t.clone().requires_grad_() for t in (*scene.tensors, kind.colors(scene, seed), scene.viewmats)]
    image, alphas, meta = rasterize(
        *leaves, scene.Ks, scene.width, scene.height, backgrounds=kind.backgrounds(scene, seed), absgrad=True,
        backend="cpu", num_threads=num_threads, **kind.options,
    )  # fmt: skip
    meta["means2d"].retain_grad()
    ((image * expected.weights[0]).sum() + (alphas * expected.weights[1]).sum()).backward()
    found = {name: leaf.grad for name, leaf in zip(NAMES, leaves)}
    found |= {"means2d": meta["means2d"].grad, "absolute": meta["means2d"].absgrad}
    scale = expected.image.abs().amax(dim=(0, 1, 2)).clamp(min=1)
    off = ((image.detach() - expected.image).abs() / scale).amax(-1)
    off = torch.maximum(off, (alphas.detach() - expected.alphas).abs()[..., 0])
    return Errors(
        image=float(off[expected.sure].max()),
        gradients={name: relative_error(found[name], value) for name, value in expected.gradients.items()},
        anywhere=float(off.max()),
        sure=float(expected.sure.double().mean()),
        seen=expected.seen,
    )

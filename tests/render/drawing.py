"""Scenes with odd numbers, and how they are drawn on every instruction set of the machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from splat import native
from splat.render import lift, rasterize, render_gaussians
from tests.accuracy import instruction_set

NAN, INF = float("nan"), float("inf")
DENORMAL, TINY, HUGE = 1e-42, 1e-30, 1e38
STRANGE = (NAN, INF, -INF, DENORMAL, -DENORMAL, TINY, -TINY, HUGE, -HUGE, 1e12, -1e12, 1e6, 0.0, -0.0)
MODES = ("RGB", "D", "ED", "RGB+D", "RGB+ED")
SIZES = ((37, 29), (16, 16), (33, 5), (3, 47), (1, 1))
PIXEL = 10.5  # where `at_pixel` puts the centre of a Gaussian: the middle of a pixel

Parameters = dict[str, Tensor]


@pytest.fixture(params=native.usable_sets(), autouse=True)
def every_set(request: pytest.FixtureRequest) -> Iterator[None]:
    with instruction_set(request.param):
        yield


@dataclass
class Drawing:
    """One way to call the renderer."""

    raw: bool = True  # render_gaussians and spherical harmonics; else rasterize with plain colours
    width: int = 37
    height: int = 29
    rasterize_mode: str = "classic"
    render_mode: str = "RGB"
    eps2d: float = 0.3
    near_plane: float = 0.01
    far_plane: float = 1e10

    def options(self) -> dict[str, Any]:
        planes = {"near_plane": self.near_plane, "far_plane": self.far_plane}
        return {
            "rasterize_mode": self.rasterize_mode,
            "eps2d": self.eps2d,
            "backend": "cpu",
            "num_threads": 2,
            **planes,
        }

    def views(self, C: int = 1) -> tuple[Tensor, Tensor]:
        focal = 0.9 * max(self.width, self.height)
        K = torch.tensor([[focal, 0, self.width / 2], [0, focal, self.height / 2], [0, 0, 1]])
        return torch.eye(4).repeat(C, 1, 1), K.repeat(C, 1, 1)


PLAIN = Drawing(raw=False)


@dataclass
class Result:
    image: Tensor  # [C, H, W, X]
    alphas: Tensor
    gradients: Parameters  # of what belongs to the Gaussians, [N, ...]
    viewmats: Tensor  # gradient
    backgrounds: Tensor | None  # gradient
    lifted: tuple[Tensor, Tensor]


def draw(
    parameters: Parameters,
    drawing: Drawing,
    backgrounds: Tensor | None = None,
    views: tuple[Tensor, Tensor] | None = None,
) -> Result:
    """Draws raw parameters either way, and passes back a random gradient, the same for the same size."""
    viewmats, Ks = views or drawing.views()
    leaves = {name: t.clone().requires_grad_() for name, t in parameters.items()}
    viewmats = viewmats.clone().requires_grad_()
    common = dict(drawing.options(), render_mode=drawing.render_mode, absgrad=True)
    if drawing.render_mode.startswith("RGB"):
        common["backgrounds"] = backgrounds = None if backgrounds is None else backgrounds.clone().requires_grad_()
    size = (drawing.width, drawing.height)
    if drawing.raw:
        shown = {name: t for name, t in leaves.items() if name != "colors"}
        image, alphas, meta = render_gaussians(shown, viewmats, Ks, *size, **common)
    else:
        shown = {name: t for name, t in leaves.items() if not name.startswith("sh")}
        image, alphas, meta = rasterize(**shown, viewmats=viewmats, Ks=Ks, width=size[0], height=size[1], **common)
    meta["means2d"].retain_grad()
    g = torch.Generator().manual_seed(11)
    loss = (image * torch.randn(image.shape, generator=g)).sum() + (
        alphas * torch.randn(alphas.shape, generator=g)
    ).sum()
    loss.backward()
    gradients = {name: leaf.grad for name, leaf in leaves.items() if leaf.grad is not None}
    gradients["means2d"] = meta["means2d"].grad.transpose(0, 1)
    gradients["absgrad"] = meta["means2d"].absgrad.transpose(0, 1)
    assert viewmats.grad is not None
    features = torch.randn(len(viewmats), size[1], size[0], 2, generator=g)
    lifted = lift(as_raw(parameters, drawing), viewmats.detach(), Ks, *size, features, **drawing.options())
    background = None if backgrounds is None else backgrounds.grad
    return Result(image.detach(), alphas.detach(), gradients, viewmats.grad, background, lifted)


def as_raw(parameters: Parameters, drawing: Drawing) -> Parameters:
    if drawing.raw:
        return parameters
    return {**parameters, "scales": parameters["scales"].log(), "opacities": parameters["opacities"].logit()}


def weights_at(parameters: Parameters, drawing: Drawing, pixels: Tensor) -> Tensor:
    """[N] sum of the weights with which the Gaussian is drawn in the pixels [C, H, W]."""
    if drawing.raw:
        options = drawing.options()
        return lift(parameters, *drawing.views(), drawing.width, drawing.height, pixels[..., None].float(), **options)[
            0
        ][:, 0]
    colors = torch.zeros(len(parameters["means"]), 1, requires_grad=True)
    shape = [parameters[name] for name in ("means", "quats", "scales", "opacities")]
    image, _, _ = rasterize(*shape, colors, *drawing.views(), drawing.width, drawing.height, **drawing.options())
    image[..., 0][pixels].sum().backward()
    assert colors.grad is not None
    return colors.grad[:, 0]


def make_scene(N: int, drawing: Drawing, seed: int, channels: int = 3) -> Parameters:
    """Small Gaussians in front of the camera, so that most share no pixel with a given other."""
    g = torch.Generator().manual_seed(seed)
    z = 1 + 4 * torch.rand(N, 1, generator=g)
    focal = 0.9 * max(drawing.width, drawing.height)
    size = torch.tensor([drawing.width, drawing.height])
    xy = (torch.rand(N, 2, generator=g) * 1.2 - 0.6) * size / focal * z
    scales = 1.2 / focal * z * torch.exp(0.5 * torch.randn(N, 3, generator=g))
    opacities = 0.02 + 0.98 * torch.rand(N, generator=g)
    opacities[: N // 4] = 0.9999
    return {
        "means": torch.cat([xy, z], dim=1),
        "quats": torch.randn(N, 4, generator=g),
        "scales": scales.log() if drawing.raw else scales,
        "opacities": torch.logit(opacities) if drawing.raw else opacities,
        "colors": torch.rand(N, channels, generator=g),
        "sh0": torch.randn(N, 1, 3, generator=g),
        "shN": 0.3 * torch.randn(N, 8, 3, generator=g),
    }


def at_pixel(N: int = 1, z: float = 2.0) -> Parameters:
    """N equal Gaussians on the middle of a pixel, about a pixel wide, for PLAIN."""
    drawing = PLAIN
    _, Ks = drawing.views()
    scene = make_scene(N, drawing, 0)
    offset = torch.tensor([PIXEL, PIXEL]) - Ks[0, :2, 2]
    scene["means"] = torch.cat([offset / Ks[0, 0, 0] * z, torch.tensor([z])]).repeat(N, 1)
    scene["scales"] = torch.full((N, 3), 1.0 / float(Ks[0, 0, 0]) * z)
    scene["opacities"] = torch.full((N,), 0.5)
    return scene

"""Another colour for the selected Gaussians, with their shading kept."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.autograd import forward_ad

from splat.colors import lab_to_rgb, parse_color, rgb_to_lab
from splat.edit.operations import RecolorOptions
from splat.edit.operations.base import Edited, Operation
from splat.edit.select.selection import Selection
from splat.errors import SplatError
from splat.gaussians import Gaussians
from splat.render.scene import SceneRenderer
from splat.sh import rgb_to_sh0, sh0_to_rgb

GREY = 8.0  # chroma below which an object has no hue of its own
PALE = 0.5  # of the object's usual chroma: paler spots (highlights, white prints) take less of the new colour
EDGE = 1e-3  # keeps colours off the kinks of the sRGB curve at 0 and 1


def recolor(
    gaussians: Gaussians,
    selection: Selection,
    color: Tensor | None = None,
    hue: float = 0.0,
    lightness: float = 1.0,
    keep_pale: bool = True,
) -> Edited:
    """Colours in CIE Lab: the hue and chroma become the target's, what is darker or lighter stays so.

    The colour of a Gaussian from direction d is base + Σ c_k Y_k(d). The base goes through the map f; the directional
    coefficients through f's Jacobian there, which is what f does to small changes. So highlights keep their place and
    take the new colour.

    Args:
        color: [3] sRGB 0..1, the target; None: the hue is turned by `hue` degrees instead.
        hue: degrees in the a-b plane.
        lightness: how far the object's mean lightness moves to the target's, 0 (not at all) to 1.
        keep_pale: pale spots of a coloured object stay pale; False: all of it takes the full colour.

    Raises:
        SplatError: when nothing is selected.
    """
    weights = selection.weights.to(gaussians.sh0)
    if selection.count == 0:
        raise SplatError("nothing is selected")
    touched = weights > 0
    base = sh0_to_rgb(gaussians.sh0[touched, 0]).double()
    inside = base.clamp(EDGE, 1 - EDGE)
    if color is None:
        change = _turned(hue)
    else:
        change = _target(rgb_to_lab(color.double().to(base)), *_usual(gaussians, selection), lightness, keep_pale)

    def f(rgb: Tensor) -> Tensor:
        return lab_to_rgb(change(rgb_to_lab(rgb)))

    value, jacobian = _with_jacobian(f, inside)
    value = value + torch.einsum("nij,nj->ni", jacobian, base - inside)
    directional = torch.einsum("nij,nkj->nki", jacobian, gaussians.shN[touched].double())
    blend = weights[touched].double()[:, None]
    sh0, shN = gaussians.sh0.clone(), gaussians.shN.clone()
    sh0[touched, 0] = rgb_to_sh0(base + blend * (value - base)).to(sh0)
    old = shN[touched].double()
    shN[touched] = (old + blend[..., None] * (directional - old)).to(shN)
    return Edited.in_place(gaussians.replace(sh0=sh0, shN=shN))


def _usual(gaussians: Gaussians, selection: Selection) -> tuple[float, float]:
    """Median lightness and chroma of an object, each Gaussian counted by what it shows: opacity times area."""
    mask = selection.mask
    lab = rgb_to_lab(sh0_to_rgb(gaussians.sh0[mask, 0]).double().clamp(0, 1))
    area = gaussians.scales[mask].exp().topk(2, dim=1).values.prod(dim=1)
    mass = (torch.sigmoid(gaussians.opacities[mask]) * area).double()
    return _median(lab[:, 0], mass), _median(lab[:, 1:].norm(dim=1), mass)


def _median(values: Tensor, mass: Tensor) -> float:
    order = values.argsort()
    below = mass[order].cumsum(0) / mass.sum().clamp(min=1e-30)
    return float(values[order[int((below < 0.5).sum().clamp(max=len(values) - 1))]])


def _turned(degrees: float) -> Callable[[Tensor], Tensor]:
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))

    def change(lab: Tensor) -> Tensor:
        L, a, b = lab.unbind(-1)
        return torch.stack([L, cos * a - sin * b, sin * a + cos * b], dim=-1)

    return change


def _target(
    target: Tensor, usual_lightness: float, usual_chroma: float, lightness: float, keep_pale: bool
) -> Callable[[Tensor], Tensor]:
    """Lightness is multiplied, as a change of a surface's colour under the same light does; chroma follows it."""
    wanted = usual_lightness + lightness * (float(target[0]) - usual_lightness)
    ratio = wanted / max(usual_lightness, 1.0)

    def change(lab: Tensor) -> Tensor:
        light = lab[..., :1] * ratio
        strength = light / max(wanted, 1.0)
        if keep_pale and usual_chroma > GREY:
            chroma = lab[..., 1:].square().sum(-1, keepdim=True).add(1e-9).sqrt()
            strength = strength * (chroma / (PALE * usual_chroma)).clamp(max=1.0)
        return torch.cat([light, strength.clamp(max=1.5) * target[1:]], dim=-1)

    return change


def _with_jacobian(f: Callable[[Tensor], Tensor], points: Tensor) -> tuple[Tensor, Tensor]:
    """f(points) [N, 3] and its Jacobians [N, 3, 3] by forward differentiation, one direction at a time."""
    columns = []
    for axis in range(3):
        direction = torch.zeros_like(points)
        direction[:, axis] = 1
        with forward_ad.dual_level():
            result = forward_ad.unpack_dual(f(forward_ad.make_dual(points, direction)))
            value, slope = result.primal, result.tangent
        columns.append(torch.zeros_like(points) if slope is None else slope)
    return value, torch.stack(columns, dim=-1)


class Recolor(Operation[RecolorOptions]):
    """`recolor`."""

    blends = True
    repaints = True

    def edited(self, renderer: SceneRenderer, chosen: Selection, candidates: Selection) -> Edited:
        """See `Operation.edited`."""
        options = self.options
        if options.color is None and options.hue == 0:
            raise SplatError("which colour? recolor takes color=blue (or #rrggbb), or hue=DEGREES")
        if options.color is not None and options.hue != 0:
            raise SplatError("color= and hue= exclude each other; recolor takes one of them")
        color = None if options.color is None else parse_color(options.color)
        return recolor(renderer.scene, chosen, color, options.hue, options.lightness, options.keep_pale)

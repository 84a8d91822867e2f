"""Gaussians: put together, exchanged in part, activated."""

from __future__ import annotations

import torch

from splat.gaussians import Gaussians


def some(count: int, bands: int, seed: int = 0) -> Gaussians:
    g = torch.Generator().manual_seed(seed)
    shapes = {"means": (3,), "quats": (4,), "scales": (3,), "opacities": (), "sh0": (1, 3), "shN": (bands, 3)}
    return Gaussians(**{name: torch.randn(count, *shape, generator=g) for name, shape in shapes.items()})


def test_cat_keeps_the_order_and_the_richest_colours() -> None:
    first, second = some(3, 3), some(2, 15, seed=1)
    both = Gaussians.cat([first, second])
    assert len(both) == 5 and both.sh_degree == 3
    assert torch.equal(both.means, torch.cat([first.means, second.means]))
    assert torch.equal(both.shN[:3, :3], first.shN) and not both.shN[:3, 3:].any()
    assert torch.equal(both[3:].shN, second.shN)
    assert len(Gaussians.cat([first, first[:0]])) == 3


def test_bands_are_added_as_zeros_and_the_rest_is_the_same() -> None:
    scene = some(4, 0)
    assert scene.with_bands(0) is scene
    more = scene.with_bands(8)
    assert more.sh_degree == 2 and not more.shN.any() and more.means is scene.means


def test_replace_exchanges_what_is_named() -> None:
    scene = some(2, 3)
    moved = scene.replace(means=scene.means + 1)
    assert torch.equal(moved.means, scene.means + 1) and moved.shN is scene.shN


def test_activated_is_what_rasterize_takes() -> None:
    scene = some(5, 3)
    means, quats, scales, opacities = scene.activated()
    assert means is scene.means and quats is scene.quats
    assert torch.equal(scales, scene.scales.exp()) and torch.equal(opacities, torch.sigmoid(scene.opacities))

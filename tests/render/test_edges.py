"""Known answers at the edges: thresholds of opacity and transmittance, planes, equal depths, sizes, rotations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.render.drawing import (
    DENORMAL,
    HUGE,
    INF,
    NAN,
    PIXEL,
    PLAIN,
    TINY,
    Drawing,
    at_pixel,
    draw,
    every_set,  # noqa: F401
    make_scene,
    weights_at,
)


def value_at(image: Tensor) -> list[float]:
    return image[0, int(PIXEL), int(PIXEL)].tolist()


@pytest.mark.parametrize("factor", [1 - 1e-6, 1.0, 1 + 1e-6, 255 / 254])
def test_the_faintest_alpha(factor: float) -> None:
    scene = at_pixel()
    scene["opacities"][:] = factor / 255
    alphas = draw(scene, PLAIN).alphas[0, ..., 0]
    shown = alphas > 0
    assert (alphas[shown] > 0.99999 / 255).all()
    assert shown.sum() == shown[int(PIXEL), int(PIXEL)]
    if factor < 1:
        assert not shown.any()
    if factor > 1.001:
        assert float(alphas.max()) == pytest.approx(1 / 254, rel=1e-5)


@pytest.mark.parametrize("opacity", [0.0, 0.998, 0.9995, 1.0])
def test_the_strongest_alpha(opacity: float) -> None:
    scene = at_pixel()
    scene["opacities"][:] = opacity
    scene["scales"][:] = 0  # so that other pixels do not matter to the gradient
    result = draw(scene, Drawing(raw=False, eps2d=0.02))
    assert value_at(result.alphas)[0] == pytest.approx(min(opacity, 0.999), abs=1e-6)
    assert bool(result.gradients["opacities"].any()) == (opacity == 0.998)
    assert bool(result.gradients["colors"].any()) == (opacity > 0)


@pytest.mark.parametrize(("logit", "alpha"), [(HUGE, 0.999), (INF, 0.999), (-HUGE, 0), (-INF, 0), (NAN, 0)])
@pytest.mark.parametrize("mode", ["classic", "antialiased"])
def test_logits_without_measure(mode: str, logit: float, alpha: float) -> None:
    scene = at_pixel()
    raw = {**scene, "scales": torch.full((1, 3), 0.0), "opacities": torch.tensor([logit])}
    result = draw(raw, Drawing(rasterize_mode=mode))
    assert value_at(result.alphas)[0] == pytest.approx(alpha, abs=2e-4)
    assert all(torch.isfinite(gradient).all() for gradient in result.gradients.values())


@pytest.mark.parametrize("field", ["means", "quats", "scales", "opacities"])
def test_no_number_is_not_drawn(field: str) -> None:
    """Nor does it have a gradient, in the raw parameters as in the activated ones."""
    for drawing in (PLAIN, Drawing()):
        scene = make_scene(1, drawing, 0)
        scene["means"][:] = torch.tensor([0.0, 0.0, 2.0])
        assert draw(scene, drawing).alphas.any()
        scene[field].view(-1)[0] = NAN
        result = draw(scene, drawing)
        assert not result.alphas.any() and not result.image.any()
        assert not any(gradient.any() for gradient in result.gradients.values())


@pytest.mark.parametrize(
    ("second", "alpha"), [(0.89, 1 - 0.001 * 0.11), (0.91, 0.999), (1.0, 0.999)], ids=["lasts", "closes", "opaque"]
)
def test_the_smallest_transmittance(second: float, alpha: float) -> None:
    """A pixel closes before the Gaussian that would leave less than 1e-4, and stays closed."""
    scene = at_pixel(4)
    scene["opacities"] = torch.tensor([1.0, second, 0.05, 0.5])
    result = draw(scene, PLAIN)
    assert value_at(result.alphas)[0] == pytest.approx(alpha, abs=1e-6 if second > 0.9 else 1.2e-5)
    at = torch.zeros(1, PLAIN.height, PLAIN.width, dtype=torch.bool)
    at[0, int(PIXEL), int(PIXEL)] = True
    drawn = weights_at(scene, PLAIN, at) > 0
    assert drawn.tolist() == ([True, True, True, False] if second < 0.9 else [True, False, False, False])


def test_planes_belong_to_what_is_drawn() -> None:
    two, below, above = (
        2.0,
        float(np.nextafter(np.float32(2), np.float32(0))),
        float(np.nextafter(np.float32(2), np.float32(3))),
    )
    for near, far, drawn in (
        (two, 9.0, True), (above, 9.0, False), (below, 9.0, True), (0.1, two, True), (0.1, below, False),
        (two, two, True), (3.0, 1.0, False), (0.0, INF, True), (-INF, INF, True), (NAN, 9.0, False), (0.1, NAN, False),
    ):  # fmt: skip
        result = draw(at_pixel(z=2.0), Drawing(raw=False, near_plane=near, far_plane=far))
        assert bool(result.alphas.any()) == drawn, (near, far)


@pytest.mark.parametrize("near", [0.01, DENORMAL, 0.0, -1.0])
def test_on_the_camera_centre(near: float) -> None:
    scene = at_pixel(3)
    scene["means"] = torch.tensor([[0.0, 0.0, 0.0], [-0.0, 0.0, -0.0], [DENORMAL, 0.0, DENORMAL]])
    result = draw(scene, Drawing(raw=False, near_plane=near))
    assert not result.alphas.any()
    assert not any(gradient.any() for gradient in result.gradients.values())


@pytest.mark.parametrize("reverse", [False, True])
def test_equal_depths_keep_their_order(reverse: bool) -> None:
    scene = at_pixel(40)
    scene["opacities"][:] = 0.1
    scene["colors"] = torch.rand(40, 3, generator=torch.Generator().manual_seed(0))
    if reverse:
        scene["colors"] = scene["colors"].flip(0)
    weights = 0.1 * 0.9 ** torch.arange(40.0)
    expected = (weights[:, None] * scene["colors"]).sum(0)
    assert torch.allclose(torch.tensor(value_at(draw(scene, PLAIN).image)), expected, atol=1e-5)


@pytest.mark.parametrize("exponent", [-148, -120, -70, -39, 30, 60, 90, 125])
def test_quaternions_of_any_length(exponent: int) -> None:
    """Powers of two round nothing, until quaternions are so short that they have few bits."""
    scene = make_scene(40, PLAIN, 5)
    scene["scales"][:, 0] *= 5
    scene["quats"] = (scene["quats"] / scene["quats"].abs().amax(1, keepdim=True) * 2).round()
    expected = draw(scene, PLAIN)
    scene["quats"] = torch.ldexp(scene["quats"], torch.tensor(exponent // 2))
    scene["quats"] = torch.ldexp(scene["quats"], torch.tensor(exponent - exponent // 2))
    result = draw(scene, PLAIN)
    assert torch.equal(result.image, expected.image)
    for name in ("means", "scales", "opacities", "colors"):
        assert torch.equal(result.gradients[name], expected.gradients[name]), name
    assert torch.isfinite(result.gradients["quats"]).all()
    if -39 <= exponent <= 90:
        assert torch.equal(torch.ldexp(result.gradients["quats"], torch.tensor(exponent)), expected.gradients["quats"])


def test_a_quaternion_of_zeros_turns_nothing() -> None:
    scene = make_scene(40, PLAIN, 5)
    scene["quats"][:] = torch.tensor([1.0, 0.0, 0.0, 0.0])
    expected = draw(scene, PLAIN).image
    scene["quats"][:] = 0
    result = draw(scene, PLAIN)
    assert torch.equal(result.image, expected)
    assert torch.isfinite(result.gradients["quats"]).all()


@pytest.mark.parametrize("mode", ["classic", "antialiased"])
@pytest.mark.parametrize("size", [(37, 29), (16, 16), (200, 3)])
@pytest.mark.parametrize("scale", [1e4, 1e8, 1e12, 1e15])
def test_huge_ones_fill_the_picture(scale: float, size: tuple[int, int], mode: str) -> None:
    scene = make_scene(1, PLAIN, 0)
    scene["means"][:] = torch.tensor([0.1, 0.2, 2.0])
    scene["scales"][:], scene["opacities"][:] = scale, 0.5
    result = draw(scene, Drawing(False, *size, rasterize_mode=mode))
    assert torch.allclose(result.alphas, torch.tensor(0.5), atol=1e-4)
    assert all(torch.isfinite(gradient).all() for gradient in result.gradients.values())


def test_points_are_drawn_by_the_blur_alone() -> None:
    scene = at_pixel()
    for scale in (0.0, -0.0, DENORMAL, TINY):
        scene["scales"][:] = scale
        assert value_at(draw(scene, PLAIN).alphas)[0] == pytest.approx(0.5, abs=1e-6)
        assert not draw(scene, Drawing(raw=False, eps2d=0.0)).alphas.any()
        assert not draw(scene, Drawing(raw=False, rasterize_mode="antialiased")).alphas.any()

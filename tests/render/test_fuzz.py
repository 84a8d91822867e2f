"""Whatever numbers a Gaussian, a camera or an option holds: the renderer ends, and only what they touch notices.

Every scene is drawn twice, once with strange Gaussians and once with these moved behind the camera, and compared bit
for bit in the pixels that they do not cover and the Gaussians with which they share none.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from splat.render import rasterize
from tests.render.drawing import (
    DENORMAL,
    HUGE,
    INF,
    MODES,
    NAN,
    SIZES,
    STRANGE,
    Drawing,
    Parameters,
    draw,
    every_set,  # noqa: F401
    make_scene,
    weights_at,
)


@pytest.mark.parametrize("value", [NAN, INF])
def test_a_colour_spoils_the_pixels_that_it_covers_and_no_block(value: float) -> None:
    means = torch.tensor([[0.0, 0.0, 2.0], [0.55, 0.3, 2.0]])
    colors = torch.tensor([[0.5] * 3, [value] * 3])
    shape = means, torch.tensor([[1.0, 0.0, 0.0, 0.0]] * 2), torch.full((2, 3), 0.02), torch.full((2,), 0.9)
    K = torch.tensor([[[60.0, 0.0, 32.0], [0.0, 60.0, 32.0], [0.0, 0.0, 1.0]]])
    image, alphas, _ = rasterize(*shape, colors, torch.eye(4)[None], K, 64, 64, backend="cpu")
    covered = rasterize(*(t[1:] for t in shape), torch.ones(1, 3), torch.eye(4)[None], K, 64, 64, backend="cpu")[1] > 0
    assert covered.sum() == 24
    assert torch.equal(~torch.isfinite(image), covered.expand_as(image))
    assert torch.isfinite(alphas).all()


def spoil(scene: Parameters, drawing: Drawing, victims: Tensor, dice: random.Random) -> str:
    """Puts strange values into the victims; returns what it did."""
    done: list[str] = []
    for victim in victims.tolist():
        fields = ["means", "quats", "scales", "opacities", *(("sh0", "shN") if drawing.raw else ("colors",))]
        field = dice.choice(fields)
        values = scene[field][victim].view(-1)
        value = dice.choice(STRANGE)
        if field == "opacities" and not drawing.raw:
            value = dice.choice((NAN, -INF, 0.0, 1.0, -1.0, DENORMAL, 1 / 255, 0.999))
        part = dice.randrange(len(values)) if dice.random() < 0.5 else slice(None)
        values[part] = value
        if field in ("sh0", "shN", "colors"):
            # Where it is surely drawn.
            scene["means"][victim] = torch.tensor([0.0, 0.0, 0.9])
        done.append(f"{field}[{victim}, {part}] = {value}")
    return ", ".join(done)


def behind(scene: Parameters, victims: Tensor) -> Parameters:
    """The scene with ordinary Gaussians behind the camera in their places."""
    plain = {name: t.clone() for name, t in scene.items()}
    for name, t in plain.items():
        t[victims] = 0.5 if name in ("scales", "opacities", "quats") else 0.0
    plain["means"][victims] = torch.tensor([0.0, 0.0, -3.0])
    return plain


def only(scene: Parameters, victims: Tensor) -> Parameters:
    """The victims alone, with colours that are finite."""
    return {
        name: torch.zeros_like(t[victims]) if name in ("sh0", "shN", "colors") else t[victims]
        for name, t in scene.items()
    }


def same(a: Tensor, b: Tensor) -> bool:
    return torch.equal(a.nan_to_num(nan=12345.0), b.nan_to_num(nan=12345.0))


def check_neighbours(
    scene: Parameters, drawing: Drawing, victims: Tensor, backgrounds: Tensor | None, what: str
) -> int:
    """The number of pixels that the victims cover."""
    good = torch.ones(len(scene["means"]), dtype=torch.bool)
    good[victims] = False
    plain = behind(scene, victims)
    spoilt, clean = draw(scene, drawing, backgrounds), draw(plain, drawing, backgrounds)
    covered = draw(only(scene, victims), drawing).alphas[..., 0] > 0
    assert same(spoilt.image[~covered], clean.image[~covered]), f"{what}: a pixel beside it changed"
    assert same(spoilt.alphas[~covered], clean.alphas[~covered]), f"{what}: alpha beside it changed"
    assert torch.isfinite(spoilt.alphas).all(), what
    assert torch.isfinite(spoilt.image[~covered]).all(), what
    apart = good & (weights_at(plain, drawing, covered) == 0)
    for name, gradient in spoilt.gradients.items():
        assert torch.isfinite(gradient[good]).all(), f"{what}: gradient of {name} is not finite elsewhere"
        assert same(gradient[apart], clean.gradients[name][apart]), f"{what}: gradient of {name} changed elsewhere"
    assert torch.isfinite(spoilt.viewmats).all(), f"{what}: gradient of the camera"
    for a, b in zip(spoilt.lifted, clean.lifted):
        assert torch.isfinite(a).all(), f"{what}: lifted"
        # Lifting takes raw parameters: a threshold that the activated ones meet, these may miss.
        assert not drawing.raw or same(a[apart], b[apart]), f"{what}: what is lifted to others changed"
    if not covered.any():
        assert same(spoilt.viewmats, clean.viewmats), f"{what}: gradient of the camera changed"
    if spoilt.backgrounds is not None and clean.backgrounds is not None:
        assert torch.isfinite(spoilt.backgrounds).all(), what
    return int(covered.sum())


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize("seed", range(40))
def test_strange_gaussians_stay_to_themselves(seed: int, raw: bool) -> None:
    dice = random.Random(1000 * seed + raw)
    width, height = SIZES[0] if seed % 3 else dice.choice(SIZES)
    rasterize_mode, render_mode = dice.choice(("classic", "antialiased")), dice.choice(MODES)
    drawing = Drawing(raw, width, height, rasterize_mode, render_mode, dice.choice((0.3, 0.3, 0.0, 1e-6, 1e6)))
    for _ in range(2):
        channels = 1 if width == 1 else dice.choice((1, 3, 4, 7, 37))
        scene = make_scene(dice.choice((1, 2, 40, 70)), drawing, dice.randrange(1 << 30), channels)
        N = len(scene["means"])
        victims = torch.tensor(dice.sample(range(N), min(N, dice.choice((1, 1, 2, 5)))))
        what = spoil(scene, drawing, victims, dice)
        backgrounds = torch.rand(1, 3 if raw else channels) if dice.random() < 0.5 else None
        check_neighbours(scene, drawing, victims, backgrounds, f"{what}; {drawing}")


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize("value", [NAN, INF, -INF])
@pytest.mark.parametrize("channels", [3, 37])
def test_a_colour_that_is_no_number_changes_no_pixel_beside_it(channels: int, value: float, raw: bool) -> None:
    drawing = Drawing(raw)
    scene, victims = make_scene(60, drawing, 4, channels), torch.tensor([17])
    scene["means"][17] = torch.tensor([0.0, 0.0, 2.0])
    scene["scales"][17] = -2.6 if raw else 0.07
    for name in ("colors", "sh0"):
        scene[name][17] = value
    backgrounds = torch.rand(1, 3 if raw else channels)
    covered = check_neighbours(scene, drawing, victims, backgrounds, "colour")
    assert 10 < covered < 200


@pytest.mark.parametrize("raw", [True, False])
def test_behind_the_camera_is_as_good_as_gone(raw: bool) -> None:
    drawing = Drawing(raw, render_mode="RGB+ED")
    scene, victims = make_scene(50, drawing, 2), torch.tensor([0, 7, 30, 49])
    rest = torch.tensor([i for i in range(50) if i not in victims])
    hidden, gone = draw(behind(scene, victims), drawing), draw({name: t[rest] for name, t in scene.items()}, drawing)
    assert torch.equal(hidden.image, gone.image) and torch.equal(hidden.alphas, gone.alphas)
    for name, gradient in hidden.gradients.items():
        assert torch.equal(gradient[rest], gone.gradients[name]), name
        assert not gradient[victims].any(), name
    assert torch.allclose(hidden.viewmats, gone.viewmats, rtol=1e-4, atol=1e-4)


# ---- few Gaussians


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", SIZES)
def test_none_and_one(size: tuple[int, int], mode: str, raw: bool) -> None:
    drawing = Drawing(raw, *size, render_mode=mode)
    background = torch.tensor([[0.1, 0.2, 0.3]]) if mode.startswith("RGB") else None
    none = draw(make_scene(0, drawing, 0), drawing, background)
    expected = torch.zeros_like(none.image)
    if background is not None:
        expected[..., :3] = background
    assert torch.equal(none.image, expected) and not none.alphas.any() and not none.viewmats.any()
    assert all(gradient.shape[0] == 0 for gradient in none.gradients.values())
    one = draw(make_scene(1, drawing, 0), drawing, background)
    assert torch.isfinite(one.image).all()
    assert all(torch.isfinite(gradient).all() for gradient in one.gradients.values())


def odd_cameras(drawing: Drawing) -> Iterator[tuple[str, Tensor, Tensor]]:
    viewmats, Ks = drawing.views()
    for value in (NAN, -INF, HUGE, -1e12, DENORMAL, 0.0):
        for row, column in ((0, 0), (2, 3), (1, 2)):
            odd = viewmats.clone()
            odd[0, row, column] = value
            yield f"viewmat[{row}, {column}] = {value}", odd, Ks
        for row, column in ((1, 1), (0, 2)):
            odd = Ks.clone()
            odd[0, row, column] = value
            yield f"K[{row}, {column}] = {value}", viewmats, odd
    yield "no viewmat", torch.zeros_like(viewmats), Ks
    yield "no K", viewmats, torch.zeros_like(Ks)
    flat = viewmats.clone()
    flat[0, :3, :3], flat[0, 2, 3] = torch.ones(3, 3), 2.0
    yield "a viewmat of rank 1", flat, Ks


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize("mode", ["classic", "antialiased"])
def test_an_odd_camera_leaves_the_others_alone(mode: str, raw: bool) -> None:
    drawing = Drawing(raw, 19, 17, rasterize_mode=mode, render_mode="RGB+D")
    viewmats, Ks = drawing.views(2)
    viewmats[1, 0, 3] = 0.3
    scene = make_scene(20, drawing, 3)
    expected = draw(scene, drawing, None, (viewmats, Ks))
    for what, odd_viewmat, odd_K in odd_cameras(drawing):
        views = torch.stack([odd_viewmat[0], viewmats[1]]), torch.stack([odd_K[0], Ks[1]])
        result = draw(scene, drawing, None, views)
        assert torch.equal(result.image[1], expected.image[1]), what
        assert torch.equal(result.alphas[1], expected.alphas[1]), what
        assert torch.isfinite(result.image[0]).all() and torch.isfinite(result.alphas[0]).all(), what
        for name, gradient in result.gradients.items():
            assert torch.isfinite(gradient).all(), f"{what}: gradient of {name}"
        assert torch.equal(result.viewmats[1], expected.viewmats[1]), what
        assert torch.isfinite(result.viewmats[0]).all(), what

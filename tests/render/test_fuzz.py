"""Whatever numbers a Gaussian, a camera or an option holds: the renderer ends, and only what they touch notices.

Every scene is drawn twice, once with strange Gaussians and once with these moved behind the camera, and compared bit
for bit in the pixels that they do not cover and the Gaussians with which they share none.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
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


# ---- drawing


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


# ---- one or more strange Gaussians among good ones


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


# ---- known answers at the edges


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


# ---- cameras


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

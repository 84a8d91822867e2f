"""A value that is not finite spoils the pixels and Gaussians that it touches, and nothing beside them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from splat import native
from splat.gaussians import Gaussians
from splat.render import lift, rasterize
from tests.accuracy import instruction_set
from tests.reference import Scene, random_scene

NAN, INF = float("nan"), float("inf")
BAD = 17  # the Gaussian whose colour is spoilt


@pytest.fixture(params=native.usable_sets(), autouse=True)
def every_set(request: pytest.FixtureRequest) -> Iterator[None]:
    with instruction_set(request.param):
        yield


def sparse_scene(opaque: float = 0.0) -> Scene:
    """Gaussians that lie apart enough for most not to share a pixel with BAD, some of which end rays."""
    scene = random_scene(N=200, width=70, height=50, size=0.06, seed=3, opaque=opaque)
    scene.means[BAD], scene.scales[BAD], scene.opacities[BAD] = torch.tensor([0.1, 0.1, 2.5]), 0.1, 0.8
    return scene


def draw(scene: Scene, colors: Tensor) -> tuple[Tensor, list[Tensor]]:
    """The image, and the leaves that its gradient arrives at."""
    leaves = [t.clone().requires_grad_() for t in (*scene.tensors, colors)]
    image, _, _ = rasterize(*leaves, *scene.cameras, backend="cpu", num_threads=2)
    return image, leaves


def colors_of(scene: Scene, channels: int) -> Tensor:
    return torch.rand(len(scene.means), channels, generator=torch.Generator().manual_seed(0))


def covered_by_bad(scene: Scene) -> Tensor:
    """[H, W] where BAD is drawn, and so has a weight above 0."""
    alone = torch.zeros(len(scene.means), 1)
    alone[BAD] = 1
    return draw(scene, alone)[0][0, ..., 0].detach() > 0


def as_gaussians(scene: Scene) -> Gaussians:
    empty = torch.zeros(len(scene.means), 1, 3)
    raw = scene.means, scene.quats, scene.scales.log(), torch.logit(scene.opacities)
    return Gaussians(*raw, empty, empty[:, :0])


def seen_at(scene: Scene, pixels: Tensor) -> Tensor:
    """[N] whether the Gaussian is drawn at one of the pixels [H, W]."""
    _, weights = lift(as_gaussians(scene), *scene.cameras, pixels[None, ..., None].float(), pixels[None].float())
    return weights > 0


def assert_only_these_are_spoilt(leaves: list[Tensor], clean: list[Tensor], sharing: Tensor) -> None:
    assert 5 < sharing.sum() < len(sharing) / 2, "the scene tests nothing"
    for spoilt, expected in zip(leaves, clean):
        assert spoilt.grad is not None and expected.grad is not None
        assert torch.equal(spoilt.grad[~sharing], expected.grad[~sharing])


def assert_finite_gradients(leaves: list[Tensor]) -> None:
    """A pixel whose colour is no number says nothing of the shapes drawn there, where its gradient is one."""
    for leaf in leaves:
        assert leaf.grad is not None and torch.isfinite(leaf.grad).all()


@pytest.mark.parametrize("opaque", [0.0, 0.9])
@pytest.mark.parametrize("channels", [3, 32, 41])
@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_a_color_spoils_the_pixels_that_it_covers(value: float, channels: int, opaque: float) -> None:
    scene = sparse_scene(opaque)
    colors = colors_of(scene, channels)
    image, clean = draw(scene, colors)
    weights = torch.randn(image.shape, generator=torch.Generator().manual_seed(1))
    (image * weights).sum().backward()
    covered = covered_by_bad(scene)
    colors[BAD] = value
    spoilt, leaves = draw(scene, colors)
    assert torch.equal(~torch.isfinite(spoilt[0]).all(-1), covered)
    assert torch.equal(~torch.isfinite(spoilt[0]).any(-1), covered)
    assert torch.equal(spoilt[0][~covered], image[0][~covered])
    (spoilt * weights).sum().backward()
    assert_only_these_are_spoilt(leaves, clean, seen_at(scene, covered))
    assert_finite_gradients(leaves)


@pytest.mark.parametrize("channels", [3, 32, 41])
def test_a_color_that_overflows_changes_only_gradients_at_its_pixels(channels: int) -> None:
    """Its product with the pixel's gradient leaves the range of float32, though the image does not."""
    scene = sparse_scene()
    colors = colors_of(scene, channels)
    image, clean = draw(scene, colors)
    weights = torch.randn(image.shape, generator=torch.Generator().manual_seed(1)) * 100
    (image * weights).sum().backward()
    covered = covered_by_bad(scene)
    colors[BAD] = 3e37
    spoilt, leaves = draw(scene, colors)
    assert torch.isfinite(spoilt).all()
    (spoilt * weights).sum().backward()
    assert_only_these_are_spoilt(leaves, clean, seen_at(scene, covered))
    assert_finite_gradients(leaves)


@pytest.mark.parametrize("channels", [3, 32, 41])
def test_a_gradient_spoils_what_is_drawn_at_its_pixel(channels: int) -> None:
    scene = sparse_scene()
    image, clean = draw(scene, colors_of(scene, channels))
    pixel = torch.zeros(scene.height, scene.width, dtype=torch.bool)
    pixel[20:22, 30:33] = True
    weights = torch.randn(image.shape, generator=torch.Generator().manual_seed(1))
    (image * weights).sum().backward()
    image, leaves = draw(scene, colors_of(scene, channels))
    weights[0, pixel, channels - 1] = NAN
    (image * weights).sum().backward()
    sharing = seen_at(scene, pixel)
    assert not torch.isfinite(leaves[0].grad[sharing]).any()  # type: ignore[index]
    assert_only_these_are_spoilt(leaves, clean, sharing)


@pytest.mark.parametrize("channels", [1, 20, 41])
def test_lifting_a_feature_spoils_what_is_drawn_at_its_pixel(channels: int) -> None:
    scene = sparse_scene()
    features = torch.rand(1, scene.height, scene.width, channels, generator=torch.Generator().manual_seed(2))
    expected, expected_weights = lift(as_gaussians(scene), *scene.cameras, features)
    pixel = torch.zeros(scene.height, scene.width, dtype=torch.bool)
    pixel[20:22, 30:33] = True
    features[0, pixel] = NAN
    sums, weights = lift(as_gaussians(scene), *scene.cameras, features)
    sharing = seen_at(scene, pixel)
    assert 5 < sharing.sum() < len(sharing) / 2
    assert torch.isnan(sums[sharing]).all()
    assert torch.equal(sums[~sharing], expected[~sharing])
    assert torch.equal(weights, expected_weights)


def test_a_pixel_left_out_of_lifting_may_hold_anything() -> None:
    scene = sparse_scene()
    features = torch.rand(1, scene.height, scene.width, 20, generator=torch.Generator().manual_seed(2))
    mask = torch.ones(1, scene.height, scene.width)
    mask[0, 10:30, 20:40] = 0
    expected, _ = lift(as_gaussians(scene), *scene.cameras, features, mask)
    features[mask == 0] = NAN
    sums, _ = lift(as_gaussians(scene), *scene.cameras, features, mask)
    assert torch.allclose(sums, expected, atol=1e-4)


def test_a_spoilt_color_gives_the_same_bits_with_any_number_of_threads() -> None:
    scene = sparse_scene()
    colors = colors_of(scene, 3)
    colors[BAD] = NAN
    images = [rasterize(*scene.tensors, colors, *scene.cameras, backend="cpu", num_threads=n)[0] for n in (1, 2, 3)]
    for image in images[1:]:
        assert torch.equal(image.nan_to_num(nan=-1.0), images[0].nan_to_num(nan=-1.0))


@pytest.mark.parametrize("value", [INF, 1e38, 1.5])
def test_opacities_above_one_are_refused(value: float) -> None:
    scene = sparse_scene()
    scene.opacities[[3, 4]] = value
    scene.opacities[5] = NAN
    with pytest.raises(ValueError, match=r"opacities must lie in 0 to 1; 2 of 200 are above"):
        rasterize(*scene.tensors, colors_of(scene, 3), *scene.cameras, backend="cpu")


@pytest.mark.parametrize("channels", [3, 32])
@pytest.mark.parametrize("mode", ["classic", "antialiased"])
def test_extreme_shapes_stay_to_themselves(mode: str, channels: int) -> None:
    """Whatever stands in one Gaussian's shape: the image is finite, and so are the gradients of all others."""
    scene = sparse_scene()
    colors = colors_of(scene, channels)
    values = (NAN, INF, -INF, 1e38, -1e38, 1e20, 1e12, 1e-20, 1e-42, 0.0, -1.0)
    for field in range(4):
        for value in values:
            if field == 3 and value > 1:
                continue  # an opacity that is refused
            for part in ([0], [0, 1, 2]) if field < 3 else ([0],):
                leaves = [t.clone() for t in (*scene.tensors, colors)]
                leaves[field].view(len(colors), -1)[BAD, part] = value
                for leaf in leaves:
                    leaf.requires_grad_()
                image, alphas, _ = rasterize(*leaves, *scene.cameras, rasterize_mode=mode, backend="cpu")
                (image.sum() + alphas.sum()).backward()
                assert torch.isfinite(image).all() and torch.isfinite(alphas).all(), (field, value)
                others = torch.arange(len(colors)) != BAD
                for leaf in leaves:
                    assert leaf.grad is not None
                    assert torch.isfinite(leaf.grad[others]).all(), (field, value)

"""Corrections: zeros change nothing, known values do what their formulas say, gradients are those of the formulas."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from splat.appearance import bilateral, ppisp
from splat.appearance.models import MODELS
from splat.images import LUMA


def picture(height: int = 9, width: int = 12, seed: int = 0) -> Tensor:
    """[H, W, 3] float64 in 0.1..0.9."""
    return 0.1 + 0.8 * torch.rand(height, width, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def zeros(kind: str) -> tuple[Tensor, Tensor]:
    model = MODELS[kind]
    return torch.zeros(model.photo, dtype=torch.float64), torch.zeros(model.camera, dtype=torch.float64)


@pytest.mark.parametrize("kind", MODELS)
def test_zeros_change_nothing(kind: str) -> None:
    image = picture()
    assert torch.allclose(MODELS[kind].apply(image, *zeros(kind)), image, atol=1e-5)


@pytest.mark.parametrize("kind", MODELS)
def test_a_start_multiplies_by_the_gains(kind: str) -> None:
    """By the mean gain where a kind has only one; PPISP's vignetting and response are the identity at first."""
    image = 0.6 * picture()
    gains = torch.tensor([[0.2, 0.2, 0.2], [-0.3, -0.2, -0.1]]).double()
    rows = MODELS[kind].start(gains)
    assert rows.shape == (2, *MODELS[kind].photo)
    for row, gain in zip(rows, gains):
        wanted = gain if kind in ("affine", "bilateral") else gain.mean().expand(3)
        found = MODELS[kind].apply(image, row, zeros(kind)[1])
        assert torch.allclose(found, image * wanted.exp(), atol=2e-5)


def test_affine_is_a_matrix_and_a_shift() -> None:
    image, change = picture(), torch.randn(3, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = MODELS["affine"].apply(image, change, zeros("affine")[1])
    A, b = torch.eye(3).double() + change[:, :3], change[:, 3]
    assert torch.allclose(found[4, 5], A @ image[4, 5] + b)


def test_a_bilateral_grid_changes_colours_by_place_and_brightness() -> None:
    """A grid whose red shift grows linearly from left to right and with luma gives just that."""
    grid = torch.zeros(bilateral.SHAPE, dtype=torch.float64)
    columns, levels = torch.linspace(-1, 1, bilateral.COLUMNS), torch.linspace(-1, 1, bilateral.LEVELS)
    grid[3] = 0.1 * columns[None, None, :] + 0.2 * levels[:, None, None]
    image = picture(8, 10)
    found = bilateral.sliced(image, grid, zeros("bilateral")[1])
    x = (torch.arange(10).double() + 0.5) / 10 * 2 - 1
    luma = image @ torch.tensor(LUMA).double() * 2 - 1
    assert torch.allclose(found[..., 0], image[..., 0] + 0.1 * x[None, :] + 0.2 * luma, atol=1e-6)
    assert torch.equal(found[..., 1:], image[..., 1:])


def test_a_grid_that_is_the_same_everywhere_is_not_rough() -> None:
    grid = bilateral.start(torch.tensor([[0.1, 0.2, 0.3]]))[0]
    assert float(bilateral.roughness(grid, grid)) == 0
    grid[0, 4] += 1  # one of eight levels: two of seven differences along brightness, in one of twelve coefficients
    assert float(bilateral.roughness(grid, grid)) == pytest.approx(bilateral.ROUGHNESS * 2 / 7 / 12, rel=1e-5)


def test_exposure_of_ppisp_is_in_stops() -> None:
    image, (photo, camera) = 0.4 * picture(), zeros("ppisp")
    photo[0] = 1.0
    assert torch.allclose(ppisp.processed(image, photo, camera), 2 * image, atol=1e-5)


def test_a_response_is_undone_and_keeps_a_photo_without_correction() -> None:
    image, (photo, camera) = picture(), zeros("ppisp")
    camera[:, 5:] = torch.randn(3, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    assert torch.allclose(ppisp.undeveloped(ppisp.developed(image, camera[:, 5:]), camera[:, 5:]), image, atol=1e-4)
    assert torch.allclose(ppisp.processed(image, photo, camera), image, atol=1e-4)
    photo[0] = 0.5  # but a brighter exposure goes through the curve: it is no plain factor
    assert not torch.allclose(ppisp.processed(image, photo, camera), image * math.sqrt(2), atol=1e-2)


def test_a_vignette_darkens_by_the_distance_from_its_centre() -> None:
    lens = torch.zeros(3, 5, dtype=torch.float64)
    lens[:, 0], lens[:, 2], lens[:, 3] = 0.05, -0.3, 0.1
    found = ppisp.vignette(torch.zeros(20, 40, 3, dtype=torch.float64), lens)
    r2 = ((10.5 - 20) / 40 - 0.05) ** 2 + ((3.5 - 10) / 40) ** 2
    assert float(found[3, 10, 1]) == pytest.approx(1 - 0.3 * r2 + 0.1 * r2**2)


def test_the_homography_takes_the_sources_to_their_targets() -> None:
    latent = 2 * torch.randn(8, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    H = ppisp.homography(latent)
    assert float(H[2, 2]) == 1
    for (r, g), block, move in zip(ppisp.SOURCES, ppisp.BLOCKS, latent.reshape(4, 2)):
        moved = H @ torch.tensor([r, g, 1.0]).double()
        offset = torch.tensor(block).double() @ move
        assert torch.allclose(moved[:2] / moved[2], torch.tensor([r, g]).double() + offset, atol=1e-9)
    image = picture()
    assert torch.allclose(ppisp.balanced(image, latent).sum(-1), image.sum(-1))


@pytest.mark.parametrize("kind", [kind for kind in MODELS if kind != "bilateral"])
def test_gradients_are_those_of_finite_differences(kind: str) -> None:
    model, generator = MODELS[kind], torch.Generator().manual_seed(4)
    image = (0.2 + 0.5 * picture(3, 4)).requires_grad_()
    photo = (0.1 * torch.randn(model.photo, generator=generator, dtype=torch.float64)).requires_grad_()
    camera = (0.1 * torch.randn(model.camera, generator=generator, dtype=torch.float64)).requires_grad_()
    assert torch.autograd.gradcheck(model.apply, (image, photo, camera))


def test_gradients_of_a_grid() -> None:
    """To the grid and to the colours that are multiplied; the guide's own is left out on purpose."""
    generator = torch.Generator().manual_seed(5)
    image = picture(3, 4)
    photo = (0.1 * torch.randn(bilateral.SHAPE, generator=generator, dtype=torch.float64)).requires_grad_()
    wanted = torch.rand(3, 4, 3, generator=generator, dtype=torch.float64)
    (bilateral.sliced(image, photo, image) * wanted).sum().backward()
    assert photo.grad is not None
    place = photo.grad.abs().flatten().argmax()
    step = torch.zeros(photo.numel(), dtype=torch.float64)
    step[place] = 1e-4
    ends = [
        (bilateral.sliced(image, photo.detach() + sign * step.view_as(photo), image) * wanted).sum() for sign in (1, -1)
    ]
    assert float(photo.grad.flatten()[place]) == pytest.approx(float(ends[0] - ends[1]) / 2e-4, rel=1e-6)

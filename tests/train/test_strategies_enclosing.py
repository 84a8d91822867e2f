"""Which Gaussians have a camera inside: known cases, and every pair of camera and Gaussian one by one."""

import torch

from splat.gaussians import quat_to_matrix
from splat.train.strategies.enclosing import SMALLEST, enclosing

CAMERAS = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])


def gaussian(mean: list[float], scales: list[float], quat: tuple[float, ...] = (1, 0, 0, 0)) -> dict[str, torch.Tensor]:
    return {
        "means": torch.tensor([mean]), "scales": torch.tensor([scales]).log(), "quats": torch.tensor([quat]).float(),
    }  # fmt: skip


def test_a_fog_around_the_cameras_is_found_and_a_wall_or_a_far_sky_is_not() -> None:
    fog = gaussian([100.0, 0, 5], [60.0, 60, 60])
    wall = gaussian([0.0, 0, 4], [3.0, 3, 0.05])
    sky = gaussian([0.0, 0, 100], [20.0, 20, 20])
    assert enclosing(fog, CAMERAS, 3.0).tolist() == [True]
    assert enclosing(wall, CAMERAS, 3.0).tolist() == [False]
    assert enclosing(sky, CAMERAS, 3.0).tolist() == [False]
    assert enclosing(sky, CAMERAS, 6.0).tolist() == [True]


def test_rotation_decides() -> None:
    half = 0.5**0.5
    along_z, turned = [0.2, 0.2, 5.0], (half, 0, half, 0)  # turned: its long axis is x
    assert enclosing(gaussian([0.0, 0, 9], along_z), CAMERAS, 3.0).tolist() == [True]
    assert enclosing(gaussian([0.0, 0, 9], along_z, turned), CAMERAS, 3.0).tolist() == [False]
    assert enclosing(gaussian([9.0, 0, 0], along_z, turned), CAMERAS, 3.0).tolist() == [True]


def test_all_pairs_agree_with_the_inverse_covariance() -> None:
    g = torch.Generator().manual_seed(0)
    params = {
        "means": 4 * torch.randn(500, 3, generator=g),
        "scales": 1.5 * torch.randn(500, 3, generator=g) - 1,
        "quats": torch.randn(500, 4, generator=g),
    }
    cameras = torch.randn(7, 3, generator=g)
    rotations, scales = quat_to_matrix(params["quats"]).double(), params["scales"].double().exp()
    covariances = rotations @ torch.diag_embed(scales**2) @ rotations.transpose(1, 2)
    offsets = (cameras[None] - params["means"][:, None]).double()
    distances = torch.einsum("nvi,nij,nvj->nv", offsets, torch.linalg.inv(covariances), offsets).sqrt()
    reach = (cameras - cameras.mean(dim=0)).norm(dim=1).max()
    large = 2.5 * scales.amax(dim=1) > SMALLEST * reach
    expected = (distances <= 2.5).any(dim=1) & large
    assert 10 < expected.sum() < 490
    assert torch.equal(enclosing(params, cameras, 2.5), expected)

"""Scenes that the format tests write and read back."""

from collections.abc import Callable

import pytest
import torch

from splat.gaussians import Gaussians


def make_random_scene(count: int, sh_degree: int, seed: int = 0) -> Gaussians:
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    rest = (sh_degree + 1) ** 2 - 1
    return Gaussians(
        means=normal(count, 3) * 3,
        quats=normal(count, 4),
        scales=normal(count, 3) - 3,
        opacities=normal(count),
        sh0=normal(count, 1, 3),
        shN=normal(count, rest, 3),
    )


@pytest.fixture(scope="session")
def random_scene() -> Callable[..., Gaussians]:
    """`random_scene(count, sh_degree)`: every attribute normally distributed, always the same."""
    return make_random_scene

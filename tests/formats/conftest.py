"""Scenes that the format tests write and read back."""

from collections.abc import Callable

import pytest

from splat.gaussians import Gaussians
from tests.scene_files import make_random_scene


@pytest.fixture(scope="session")
def random_scene() -> Callable[..., Gaussians]:
    """`random_scene(count, sh_degree)`: every attribute normally distributed, always the same."""
    return make_random_scene

"""Scenes in other axes: places, shapes and colours come to where they belong, mirrored or not."""

from collections.abc import Callable

import pytest
import torch

from splat.formats.axes import flipped, to_rdf
from splat.gaussians import Gaussians, quat_to_matrix
from splat.sh import sh_basis

RandomScene = Callable[..., Gaussians]
# Where the letters point, in right, down, front.
POINTS = {"R": (1, 0, 0), "L": (-1, 0, 0), "D": (0, 1, 0), "U": (0, -1, 0), "F": (0, 0, 1), "B": (0, 0, -1)}
ALL_AXES = [x + y + z for x in "LR" for y, z in [*zip("DUDU", "BBFF"), *zip("FFBB", "DUDU")]]


def covariances(scene: Gaussians) -> torch.Tensor:
    half = quat_to_matrix(scene.quats.double()) * scene.scales.double().exp()[:, None, :]
    return half @ half.transpose(1, 2)


@pytest.mark.parametrize("axes", ALL_AXES)
def test_every_system_of_axes_comes_to_rdf(axes: str, random_scene: RandomScene) -> None:
    scene = random_scene(20, 3)
    matrix = torch.tensor([POINTS[letter] for letter in axes]).T.double()  # columns: where x, y and z point
    found = to_rdf(scene, axes)
    assert torch.allclose(found.means.double(), scene.means.double() @ matrix.T, atol=1e-6)
    assert torch.allclose(covariances(found), matrix @ covariances(scene) @ matrix.T, atol=1e-6)
    directions = torch.nn.functional.normalize(torch.randn(30, 3).double(), dim=1)
    before = torch.einsum("dk,nkc->ndc", sh_basis(directions, 3)[:, 1:], scene.shN.double())
    after = torch.einsum("dk,nkc->ndc", sh_basis(directions @ matrix.T, 3)[:, 1:], found.shN.double())
    assert torch.allclose(before, after, atol=1e-5)
    assert len(ALL_AXES) == len(set(ALL_AXES)) == 16


@pytest.mark.parametrize("signs", [(1, -1, -1), (-1, 1, 1), (-1, -1, -1)])
def test_flipping_twice_gives_the_same_bits(signs: tuple[int, int, int], random_scene: RandomScene) -> None:
    scene = random_scene(20, 3)
    once = flipped(scene, signs)
    assert not torch.equal(once.means, scene.means)
    for name, tensor in flipped(once, signs).as_dict().items():
        assert torch.equal(tensor, scene.as_dict()[name]), name

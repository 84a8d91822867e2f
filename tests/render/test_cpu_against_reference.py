"""The CPU kernels against the dense float64 renderer: images and gradients. Kinds and bounds: tests/accuracy.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from splat import native
from splat.render import rasterize
from tests import accuracy, reference
from tests.accuracy import KINDS, instruction_set, measure, relative_error
from tests.reference import random_scene

DOCS = Path(__file__).resolve().parents[2] / "docs/methods.md"
NEEDLES = [name for name in KINDS if "needles" in name]


@pytest.fixture(params=native.usable_sets(), autouse=True)
def every_set(request: pytest.FixtureRequest) -> Iterator[None]:
    """Runs each test with every instruction set that is built and that this processor has."""
    with instruction_set(request.param):
        yield


@pytest.mark.parametrize(
    ("name", "seed"), [(name, seed) for name in KINDS for seed in range(3 if name in NEEDLES else 2)]
)
def test_image_and_gradients(name: str, seed: int) -> None:
    kind, errors = KINDS[name], measure(name, seed)
    assert errors.sure > 0.9, "the scene leaves too few pixels to compare"
    assert errors.seen > 0.5, "the pixels that are compared leave out most of some Gaussian"
    assert errors.image < kind.bounds.image
    for parameter, error in errors.gradients.items():
        assert error < kind.bounds.gradient, f"gradient of {parameter} is off by {error:.2e}"
    # Nor is anything lost in the pixels that hang on a threshold.
    assert errors.anywhere < accuracy.JUMP


def test_the_kinds_are_what_they_are_called() -> None:
    """Rays do end early; needles are as long as they are said to be, and in the picture."""
    scene = KINDS["opaque, rays end early"].scene(0)
    colors = torch.rand(len(scene.means), 3)
    _, alphas, _ = rasterize(*scene.tensors, colors, *scene.cameras, backend="cpu")
    assert (alphas > 0.999).float().mean() > 0.3
    for name in NEEDLES:
        scene = KINDS[name].scene(0)
        aspect = float(name.split()[-1].removesuffix(":1"))
        needles = scene.scales[:75]
        assert (needles[:, 0] / needles[:, 1]).median() > 0.7 * aspect
        _, _, meta = rasterize(*scene.tensors, torch.rand(150, 3), *scene.cameras, backend="cpu")
        assert int((meta["radii"][0] > 0).all(-1).sum()) > 60


def test_the_documentation_states_these_bounds() -> None:
    text = DOCS.read_text(encoding="utf-8")
    for line in accuracy.bounds_table().splitlines():
        assert line in text, f"docs/methods.md lacks the line {line!r}"


def test_gradient_of_the_conics() -> None:
    """The image does not depend on meta["conics"] itself, but who reads them may differentiate them."""
    scene = KINDS["needles and discs, 15:1"].scene(4)
    colors = torch.rand(len(scene.means), 3)
    leaves = [t.clone().requires_grad_() for t in scene.tensors]
    _, _, meta = rasterize(*leaves, colors, *scene.cameras, backend="cpu")
    drawn = (meta["radii"][0] > 0).all(-1)
    weights = torch.randn(len(colors), 3, generator=torch.Generator().manual_seed(0)) * drawn[:, None]
    exact = [t.double().requires_grad_() for t in scene.tensors]
    _, conics, _, _ = reference.project(
        *exact[:3], scene.viewmats[0].double(), scene.Ks[0].double(), scene.width, scene.height, 0.3
    )
    assert relative_error(meta["conics"][0][drawn], conics[drawn]) < 1e-5
    (meta["conics"][0] * weights).sum().backward()
    (conics * weights).sum().backward()
    for leaf, exact_leaf in zip(leaves[:3], exact[:3]):
        assert leaf.grad is not None and exact_leaf.grad is not None
        assert relative_error(leaf.grad, exact_leaf.grad) < 1e-4


def test_scales_of_zero_have_no_gradient() -> None:
    """A scale counts in squares only, so that nothing changes with one that is 0."""
    scene = random_scene(size=0.2)
    scene.scales[:50] = 0
    scene.scales[50:100, 1] = 0
    leaves = [t.clone().requires_grad_() for t in scene.tensors]
    image, _, _ = rasterize(*leaves, torch.rand(len(scene.means), 3), *scene.cameras, backend="cpu")
    image.sum().backward()
    gradient = leaves[2].grad
    assert gradient is not None and torch.isfinite(gradient).all()
    assert gradient[:50].abs().max() == 0 and gradient[50:100, 1].abs().max() == 0
    assert gradient[50:100, 0].abs().max() > 0

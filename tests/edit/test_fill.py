"""The hole behind a removed object: filled from its surroundings where there are any, and nowhere else."""

from __future__ import annotations

import numpy as np
import torch

from splat.edit.fill import fill
from splat.edit.operations import FillOptions
from splat.edit.operations.remove import remove
from splat.edit.select.selection import Selection
from splat.gaussians import Gaussians
from splat.render.config import RenderOptions
from splat.render.scene import SceneRenderer
from splat.sh import rgb_to_sh0
from tests.edit.scenes import RED, ball, camera, join, renderer_of

WALL = (0.3, 0.6, 0.5)


def wall(hole: float) -> Gaussians:
    """A flat wall behind the origin (z = 0.5), with a round gap where an object stands against it."""
    y, x = torch.meshgrid(torch.linspace(-1.6, 1.6, 41), torch.linspace(-2, 2, 51), indexing="ij")
    means = torch.stack([x.ravel(), y.ravel(), torch.full((x.numel(),), 0.5)], dim=1)
    means = means[means[:, :2].norm(dim=1) > hole]
    count = len(means)
    return Gaussians(
        means=means,
        quats=torch.tensor([[1.0, 0, 0, 0]]).repeat(count, 1),
        scales=torch.tensor([[-2.8, -2.8, -5.0]]).repeat(count, 1),
        opacities=torch.full((count,), 5.0),
        sh0=rgb_to_sh0(torch.tensor(WALL)).expand(count, 1, 3).clone(),
        shN=torch.zeros(count, 15, 3),
    )


def front(scene: Gaussians) -> SceneRenderer:
    cameras = [camera(degrees, f"{index}.png") for index, degrees in enumerate((-24, -16, -8, 0, 8, 16, 24))]
    return SceneRenderer(scene, RenderOptions(backend="cpu", num_threads=1), cameras=cameras)


def test_a_hole_in_a_wall_takes_the_walls_color_and_depth() -> None:
    around = wall(hole=0.35)
    made = front(join(around, ball((0, 0, 0.2), 0.42, RED)))
    chosen = Selection.from_mask(torch.arange(len(made.scene)) >= len(around))
    bare = remove(made.scene, chosen)
    middle = (slice(32, 41), slice(44, 53))
    empty = made.of(bare.scene).render(made.cameras[3])[1][middle]
    assert float(empty.mean()) < 0.3  # there is a hole
    edited = fill(made, chosen, bare, FillOptions(steps=150))
    new = edited.origin < 0
    assert int(new.sum()) > 20 and not new[: int((~new).sum())].any()
    for view in (1, 3, 5):
        picture, alpha = made.of(edited.scene).render(made.cameras[view], "RGB+ED")[:2]
        color = picture[..., :3][middle].reshape(-1, 3)
        assert float(alpha[middle].mean()) > 0.9
        assert torch.allclose(color.mean(dim=0), torch.tensor(WALL), atol=0.06)
    depth = made.of(edited.scene).render(made.cameras[3], "RGB+ED")[:2][0][..., 3][middle]
    assert np.allclose(depth.numpy(), 4.5, atol=0.15)
    old = ~new
    for name, value in bare.scene.as_dict().items():  # what was kept has not moved
        kept = torch.isin(bare.origin, edited.origin[old])
        assert torch.equal(getattr(edited.scene, name)[old], value[kept])


def test_before_an_empty_background_nothing_is_filled() -> None:
    made = renderer_of()
    chosen = Selection.from_mask(torch.arange(900) < 300)
    edited = fill(made, chosen, remove(made.scene, chosen), FillOptions(views=4, steps=10))
    new = edited.scene[edited.origin < 0]  # a few where it stood before the other balls, none where it stood alone
    assert len(new) < 30 and len(edited.scene) > 590
    assert not ((new.means - torch.tensor([-0.6, 0, 0])).norm(dim=1) < 0.4).any()


def test_no_views_leave_the_hole() -> None:
    made = renderer_of()
    chosen = Selection.from_mask(torch.arange(900) < 300)
    bare = remove(made.scene, chosen)
    assert fill(made, chosen, bare, FillOptions(views=0)) is bare

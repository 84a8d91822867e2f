"""SceneRenderer: what `rasterize` and `lift` give, for one scene and one camera at a time."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from splat.cameras import stack_cameras
from splat.gaussians import Gaussians
from splat.render import rasterize, render_gaussians
from splat.render.config import RenderOptions
from splat.render.scene import SceneRenderer
from tests.language.scenes import balls, ring

OPTIONS = RenderOptions(backend="cpu", num_threads=1)


@pytest.fixture
def renderer() -> SceneRenderer:
    scene = balls([(0, 0, 0), (0.8, 0.2, 0.3)])
    colors = torch.rand(len(scene), 1, 3, generator=torch.Generator().manual_seed(1))
    return SceneRenderer(scene.replace(sh0=colors), OPTIONS, torch.tensor([0.2, 0.4, 0.6]), ring(6))


def test_an_image_is_that_of_the_rasterizer(renderer: SceneRenderer) -> None:
    camera = renderer.cameras[1]
    views = stack_cameras([camera])
    wanted, alphas, _ = render_gaussians(
        renderer.scene, *views, camera.width, camera.height, backgrounds=renderer.background[None]
    )
    assert torch.equal(renderer.image(camera), wanted[0])
    image, alpha, meta = renderer.render(camera)
    assert torch.equal(image, wanted[0]) and torch.equal(alpha, alphas[0, ..., 0]) and "radii" in meta
    assert torch.allclose(renderer.image(camera)[0, 0], torch.tensor([0.2, 0.4, 0.6]))  # nothing is in the corner


def test_depth_is_zero_where_no_surface_is_seen(renderer: SceneRenderer) -> None:
    depth, alpha = renderer.depth(renderer.cameras[0]), renderer.render(renderer.cameras[0]).alpha
    assert ((depth == 0) == (alpha <= 0.5)).all() and (depth > 0).any()
    assert 3 < float(depth[depth > 0].median()) < 5  # cameras stand 4 from the middle


def test_features_blend_as_colors_do_and_lift_is_their_adjoint(renderer: SceneRenderer) -> None:
    camera, g = renderer.cameras[2], torch.Generator().manual_seed(0)
    values = torch.randn(len(renderer.scene), 5, generator=g)
    image = renderer.features(camera, values)
    wanted, _, _ = rasterize(
        *renderer.scene.activated(), colors=values, viewmats=stack_cameras([camera])[0], Ks=stack_cameras([camera])[1],
        width=camera.width, height=camera.height,
    )  # fmt: skip
    assert torch.equal(image, wanted[0])
    pixels = torch.randn(camera.height, camera.width, 5, generator=g)
    sums, weights = renderer.lift(camera, pixels)
    assert float((sums * values).sum()) == pytest.approx(float((image * pixels).sum()), rel=1e-4)
    assert torch.allclose(weights, renderer.lift(camera, torch.ones_like(pixels))[0][:, 0], rtol=1e-4, atol=1e-5)
    counted = torch.zeros(camera.height, camera.width)
    counted[:, : camera.width // 2] = 1
    half, _ = renderer.lift(camera, pixels, counted)
    assert torch.allclose(half, renderer.lift(camera, pixels * counted[..., None])[0], atol=1e-5)


def test_gradients_reach_features_and_scenes(renderer: SceneRenderer) -> None:
    values = torch.ones(len(renderer.scene), 2, requires_grad=True)
    renderer.features(renderer.cameras[0], values).sum().backward()
    assert values.grad is not None and values.grad.abs().sum() > 0
    means = renderer.scene.means.clone().requires_grad_()
    renderer.of(renderer.scene.replace(means=means)).render(renderer.cameras[0]).image.sum().backward()
    assert means.grad is not None and means.grad.abs().sum() > 0
    assert not renderer.of(renderer.scene.replace(means=means)).image(renderer.cameras[0]).requires_grad


def test_of_draws_another_scene_the_same_way(renderer: SceneRenderer) -> None:
    nothing = renderer.of(renderer.scene[:0])
    image = nothing.image(renderer.cameras[0])
    assert torch.allclose(image, renderer.background.expand_as(image)) and nothing.cameras is renderer.cameras
    near = dataclasses.replace(renderer, options=dataclasses.replace(OPTIONS, far_plane=1.0))
    assert torch.equal(near.image(renderer.cameras[0]), image)  # everything lies behind the far plane


def test_training_parameters_are_drawn_as_scenes_are(renderer: SceneRenderer) -> None:
    params = {name: torch.nn.Parameter(value) for name, value in renderer.scene.as_dict().items()}
    camera = renderer.cameras[0]
    assert torch.equal(renderer.of(Gaussians.from_dict(params)).image(camera), renderer.image(camera))


def test_views_are_picked_by_what_they_show(renderer: SceneRenderer) -> None:
    one = torch.zeros(len(renderer.scene))
    one[:40] = 1.0
    assert len(renderer.views_of(one, 3)) == 3 and len(renderer.views_of(one, 99, least=0.1)) == 6
    assert renderer.views_of(torch.zeros_like(one), 3) == []
    best = renderer.best_views(one, 2)
    shares = {camera.name: renderer.coverage(camera.shrunk(4), one) for camera in renderer.cameras}
    assert [camera.name for camera in best] == sorted(shares, key=lambda name: -shares[name])[:2]


def test_a_view_by_its_name(renderer: SceneRenderer) -> None:
    assert renderer.camera("0003").name == "0003.png"


def test_a_camera_model_reaches_the_backend_which_refuses_what_it_cannot_draw(renderer: SceneRenderer) -> None:
    fisheye = dataclasses.replace(renderer.cameras[0], camera_model="fisheye")
    values = torch.ones(len(renderer.scene), 1)
    for draw in (
        lambda: renderer.image(fisheye),
        lambda: renderer.features(fisheye, values),
        lambda: renderer.lift(fisheye, torch.ones(fisheye.height, fisheye.width, 1)),
    ):
        with pytest.raises(ValueError, match="camera_model must be one of pinhole, got 'fisheye'"):
            draw()

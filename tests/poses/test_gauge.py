"""What cameras have in common is found and taken out; scene and pictures stay what they are."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from splat.poses.gauge import move_cameras, move_viewmats, pose_errors, similarity_between, without_drift
from splat.poses.motion import exponential
from splat.render.scene import SceneRenderer
from tests.train.blobs import blob_scene, ring_camera

RING = [ring_camera(2 * math.pi * index / 8, f"{index}") for index in range(8)]
VIEWMATS = torch.stack([camera.viewmat for camera in RING])


def similarity(turn: float = 0.1, scale: float = 1.1, shift: float = 0.2) -> Tensor:
    made = exponential(torch.tensor([0.0, 0.0, 0.0, turn, -0.5 * turn, 0.3 * turn], dtype=torch.float64))
    made[:3, :3] *= scale
    made[:3, 3] = torch.tensor([shift, -shift, 0.5 * shift])
    return made


def test_a_planted_similarity_is_found() -> None:
    found = similarity_between(VIEWMATS, move_viewmats(VIEWMATS, similarity()))
    torch.testing.assert_close(found, similarity(), atol=1e-6, rtol=0)


def test_cameras_in_a_row_have_directions_that_tell_their_roll() -> None:
    row = VIEWMATS[:1].repeat(5, 1, 1)
    row[:, 0, 3] += torch.arange(5.0)
    found = similarity_between(row, move_viewmats(row, similarity()))
    torch.testing.assert_close(found, similarity(), atol=1e-6, rtol=0)


def test_moved_cameras_see_a_moved_scene_as_before() -> None:
    scene = blob_scene()
    moved = SceneRenderer(scene.transformed(similarity())).image(move_cameras(RING[:1], similarity())[0])
    torch.testing.assert_close(moved, SceneRenderer(scene).image(RING[0]), atol=1e-3, rtol=0)


def test_drift_goes_and_pictures_stay() -> None:
    generator = torch.Generator().manual_seed(0)
    own = 0.01 * torch.randn(8, 6, dtype=torch.float64, generator=generator)
    refined = exponential(own) @ move_viewmats(VIEWMATS, similarity())
    scene, found = without_drift(blob_scene(), VIEWMATS, refined)
    torch.testing.assert_close(similarity_between(VIEWMATS, found), torch.eye(4).double(), atol=1e-6, rtol=0)
    before = SceneRenderer(blob_scene()).image(_camera(refined[3]))
    torch.testing.assert_close(SceneRenderer(scene).image(_camera(found[3])), before, atol=1e-3, rtol=0)


def test_errors_are_those_of_single_cameras() -> None:
    turned = VIEWMATS.clone()
    turned[2] = exponential(torch.tensor([0, 0, 0, 0, 0.02, 0], dtype=torch.float64)) @ turned[2]
    degrees, shares = pose_errors(VIEWMATS, move_viewmats(turned, similarity()))
    assert abs(float(degrees[2]) - math.degrees(0.02)) < 0.15 * math.degrees(0.02) and int(degrees.argmax()) == 2
    assert float(shares.max()) < 0.05  # the camera turned about the world's origin in its own frame: t is what it was
    degrees, shares = pose_errors(VIEWMATS, move_viewmats(VIEWMATS, similarity()))
    assert float(degrees.max()) < 1e-4 and float(shares.max()) < 1e-6


def _camera(viewmat: Tensor):  # type: ignore[no-untyped-def]
    import dataclasses

    return dataclasses.replace(RING[0], viewmat=viewmat)

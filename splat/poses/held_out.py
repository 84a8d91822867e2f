"""Held-out cameras refined on their own photos while the scene stays as it is, so that scores speak of the scene.

Where training has moved its cameras, held-out ones still stand where the capture puts them, with its errors. Papers on
poses ("BARF", Lin et al. 2021, section 4.2, and those after it) score after such a refinement. A photo is then known
to its own score by six numbers: scores of refined cameras compare only with such scores.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from splat.cameras import Camera, stack_cameras
from splat.images import area_mean
from splat.poses.learner import PoseLearner
from splat.render import render_gaussians
from splat.render.scene import SceneRenderer
from splat.train.losses import l1_ssim

STEPS = (60, 60)  # at half the size, then at the whole
FASTEST, SLOWEST = 2e-3, 1e-4  # how far a step moves the picture at first and at last, as a share of its longer side
SOLID = 0.5  # opacity of Gaussians that stand for the scene where a picture's motion is measured
SMALLEST = 32  # pixels of a side below which there is no smaller picture


def refined_camera(renderer: SceneRenderer, camera: Camera, photo: Tensor, mask: Tensor | None) -> Camera:
    """The camera from which the scene looks most like a photo, by the loss of training, near a first guess.

    Args:
        renderer: the scene, in the frame of the camera.
        camera: the first guess; it is returned where nothing better is found.
        photo: [H, W, 3] float in 0..1, over the renderer's background.
        mask: [H, W] bool, True where a pixel counts; None for all.
    """
    solid = torch.sigmoid(renderer.scene.opacities) > SOLID
    learner = PoseLearner([camera], renderer.scene.means[solid])
    pictures = [(camera, photo, mask)]
    if min(camera.width, camera.height) >= SMALLEST:
        pictures.insert(0, _halved(camera, photo, mask))
    steps = STEPS[-len(pictures) :]
    done = 0
    for (at, target, counted), count in zip(pictures, steps):
        for _ in range(count):
            viewmat = learner.viewmats.to(renderer.device, torch.float32).requires_grad_()
            torch.autograd.backward([_loss(renderer, at, viewmat, target, counted)])
            if viewmat.grad is not None:
                learner.step(0, viewmat.grad[0], FASTEST * (SLOWEST / FASTEST) ** (done / sum(steps)))
            done += 1
    found = replace(camera, viewmat=learner.viewmats[0].clone())
    with torch.no_grad():
        before, after = (
            _loss(renderer, at, stack_cameras([at], renderer.device)[0], photo, mask).item() for at in (camera, found)
        )
    return found if math.isfinite(after) and after < before else camera


def _loss(renderer: SceneRenderer, camera: Camera, viewmat: Tensor, photo: Tensor, mask: Tensor | None) -> Tensor:
    """The loss of training with the camera at viewmat [1, 4, 4]."""
    K = stack_cameras([camera], renderer.device)[1]
    image = render_gaussians(
        renderer.scene, viewmat, K, camera.width, camera.height, backgrounds=renderer.background[None],
        camera_model=camera.camera_model, **renderer.options.arguments(),
    )[0][0]  # fmt: skip
    return l1_ssim(image, photo, mask=mask, num_threads=renderer.options.num_threads)


def _halved(camera: Camera, photo: Tensor, mask: Tensor | None) -> tuple[Camera, Tensor, Tensor | None]:
    """Camera, photo and mask at half their size; a pixel counts where all that it covers count."""
    half = camera.shrunk(2)
    size = (half.height, half.width)
    counted = None if mask is None else area_mean(mask[..., None], size)[..., 0] > 0.999
    return half, area_mean(photo, size).contiguous(), counted

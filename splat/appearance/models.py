"""What a photo may do to the colours of the scene: the kinds of correction as functions of a picture.

Every correction is a function of what is learned for the photo and for its camera; zeros leave a picture as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from splat.appearance import bilateral, ppisp

NOTHING = (0,)


@dataclass(frozen=True)
class ColorModel:
    """One kind of correction."""

    photo: tuple[int, ...]  # shape of what is learned for each photo
    camera: tuple[int, ...]  # and for each camera
    apply: Callable[[Tensor, Tensor, Tensor], Tensor]  # picture [H, W, 3], photo's, camera's -> [H, W, 3]
    start: Callable[[Tensor], Tensor]  # [F, 3] logarithms of gains -> [F, *photo]
    penalty: Callable[[Tensor, Tensor], Tensor] | None = None  # of the photo's and the camera's, to be minimised


def exposed(image: Tensor, photo: Tensor, camera: Tensor) -> Tensor:
    """The picture [H, W, 3] times exp(photo [1])."""
    return image * photo.exp()


def transformed(image: Tensor, photo: Tensor, camera: Tensor) -> Tensor:
    """The picture [H, W, 3] as A rgb + b, with photo [3, 4] = [A - I, b]."""
    A = torch.eye(3, dtype=photo.dtype, device=photo.device) + photo[:, :3]
    return torch.addmm(photo[:, 3], image.reshape(-1, 3), A.T).reshape(image.shape)


def exposed_start(gains: Tensor) -> Tensor:
    """[F, 1] from the logarithms [F, 3] of the channels' gains."""
    return gains.mean(dim=1, keepdim=True)


def transformed_start(gains: Tensor) -> Tensor:
    """[F, 3, 4] from the logarithms [F, 3] of the channels' gains."""
    return torch.cat([torch.diag_embed(gains.exp() - 1), torch.zeros_like(gains)[..., None]], dim=2)


MODELS = {
    "exposure": ColorModel((1,), NOTHING, exposed, exposed_start),
    "affine": ColorModel((3, 4), NOTHING, transformed, transformed_start),
    "bilateral": ColorModel(bilateral.SHAPE, NOTHING, bilateral.sliced, bilateral.start, bilateral.roughness),
    "ppisp": ColorModel(ppisp.PHOTO, ppisp.CAMERA, ppisp.processed, ppisp.start, ppisp.penalty),
}

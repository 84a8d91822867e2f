"""`rasterize`, `render_gaussians` and `lift` on gsplat's CUDA kernels."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import Tensor

from splat.render.settings import RasterSettings, Shape, Views


def rasterize(
    shape: Shape, colors: Tensor, views: Views, backgrounds: Tensor | None, settings: RasterSettings
) -> tuple[Tensor, Tensor, dict[str, Any]]:
    """See `splat.render.api.rasterize`; the shape is activated."""
    from gsplat import rasterization

    image, alphas, meta = rasterization(
        *shape,
        colors,
        *views,
        settings.width,
        settings.height,
        near_plane=settings.near_plane,
        far_plane=settings.far_plane,
        radius_clip=settings.radius_clip,
        eps2d=settings.eps2d,
        sh_degree=settings.sh_degree,
        packed=settings.packed,
        tile_size=settings.tile_size,
        backgrounds=backgrounds,
        render_mode=settings.render_mode,
        absgrad=settings.absgrad,
        rasterize_mode=settings.rasterize_mode,
        channel_chunk=settings.channel_chunk,
    )
    meta["visible"] = _visible(meta, shape[0].shape[0])
    meta["backend"] = "gsplat"
    return image, alphas, meta


def render_gaussians(
    shape: Shape, sh: tuple[Tensor, Tensor], views: Views, backgrounds: Tensor | None, settings: RasterSettings
) -> tuple[Tensor, Tensor, dict[str, Any]]:
    """See `splat.render.api.render_gaussians`; the shape is raw, sh are sh0 [N, 1, 3] and shN [N, K-1, 3]."""
    if settings.wants_color:
        colors = torch.cat(sh, dim=1)
    else:  # gsplat would evaluate the harmonics and drop them
        colors, settings = sh[0][:, 0], dataclasses.replace(settings, sh_degree=None)
    return rasterize(_activated(shape), colors, views, backgrounds, settings)


def lift(
    shape: Shape, views: Views, features: Tensor, weights: Tensor | None, settings: RasterSettings
) -> tuple[Tensor, Tensor]:
    """See `splat.render.api.lift`; the shape is raw. It is the gradient of a rendering with respect to its colours."""
    means, quats, scales, opacities = (tensor.detach() for tensor in shape)
    activated = _activated((means, quats, scales, opacities))
    N, D = means.shape[0], features.shape[-1]
    sums = torch.zeros(N, D + 1, device=means.device)
    for c in range(views[0].shape[0]):
        camera = views[0][c : c + 1], views[1][c : c + 1]
        view = features[c].to(means.device, torch.float32)
        view = torch.cat([view, torch.ones_like(view[..., :1])], dim=-1)
        if weights is not None:
            view = view * weights[c].to(view)[..., None]
        for start in range(0, D + 1, settings.channel_chunk):
            part = view[None, ..., start : start + settings.channel_chunk].contiguous()
            with torch.enable_grad():
                colors = torch.zeros(N, part.shape[-1], device=means.device, requires_grad=True)
                image, _, _ = rasterize(activated, colors, camera, None, settings)
                (gradient,) = torch.autograd.grad(image, colors, part)
            sums[:, start : start + settings.channel_chunk] += gradient
    return sums[:, :D], sums[:, D]


def _activated(shape: Shape) -> Shape:
    means, quats, scales, opacities = shape
    return means, quats, torch.exp(scales), torch.sigmoid(opacities)


def _visible(meta: dict[str, Any], N: int) -> Tensor:
    """[N] bool: whether any camera drew the Gaussian."""
    drawn = (meta["radii"] > 0).all(dim=-1)
    if meta["gaussian_ids"] is None:
        return drawn.any(dim=0)
    visible = torch.zeros(N, dtype=torch.bool, device=drawn.device)
    visible[meta["gaussian_ids"]] = True
    return visible

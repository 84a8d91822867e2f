"""`rasterize`, `render_gaussians` and `lift` on gsplat's CUDA kernels."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import Tensor

from splat.render.settings import RasterSettings, Shape, Views

# Numbers of channels for which gsplat 1.5.3 and 1.6 both have kernels. 1.5.3 pads others with zeros and splits beyond
# 32 by itself; 1.6 refuses others and no longer takes the argument `channel_chunk`, so both are done here.
CHANNELS = (1, 2, 3, 4, 5, 8, 9, 16, 17, 32)


def padded_channels(count: int) -> int:
    """The least number of channels, at least `count` (1 to 32), that every supported gsplat renders."""
    return next(number for number in CHANNELS if number >= count)


def rasterize(
    shape: Shape, colors: Tensor, views: Views, backgrounds: Tensor | None, settings: RasterSettings
) -> tuple[Tensor, Tensor, dict[str, Any]]:
    """See `splat.render.api.rasterize`; the shape is activated.

    More than 32 channels are rendered in parts; `meta`, with the gradient of its centres, is then that of the last.
    """
    if len(shape[0]) == 0:
        return _nothing(shape, colors, views, backgrounds, settings)
    if settings.sh_degree is not None or not settings.wants_color:
        return _call(shape, colors, views, backgrounds if settings.wants_color else None, settings)
    size = max(1, min(settings.channel_chunk, CHANNELS[-1]) - settings.wants_depth)
    starts = range(0, colors.shape[-1], size)
    if settings.absgrad and len(starts) > 1:
        raise ValueError(f"backend gsplat gives absolute gradients for at most {size} channels")
    plain = dataclasses.replace(settings, render_mode="RGB")
    images = []
    for start in starts:
        part = colors[..., start : start + size]
        behind = None if backgrounds is None else backgrounds[..., start : start + size]
        last = start == starts[-1]  # where depth is rendered, too
        image, alphas, meta = _padded(shape, part, views, behind, settings if last else plain)
        images.append(image)
    return images[0] if len(images) == 1 else torch.cat(images, dim=-1), alphas, meta


def _padded(
    shape: Shape, colors: Tensor, views: Views, backgrounds: Tensor | None, settings: RasterSettings
) -> tuple[Tensor, Tensor, dict[str, Any]]:
    """Renders plain colours, with as many channels of zeros as it takes, which are cut off again."""
    count = colors.shape[-1]
    more = padded_channels(count + settings.wants_depth) - settings.wants_depth - count
    if more == 0:
        return _call(shape, colors, views, backgrounds, settings)
    pad = torch.nn.functional.pad
    behind = None if backgrounds is None else pad(backgrounds, (0, more))
    image, alphas, meta = _call(shape, pad(colors, (0, more)), views, behind, settings)
    return torch.cat([image[..., :count], image[..., count + more :]], dim=-1), alphas, meta


def _call(
    shape: Shape, colors: Tensor, views: Views, backgrounds: Tensor | None, settings: RasterSettings
) -> tuple[Tensor, Tensor, dict[str, Any]]:
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
        camera_model=settings.camera_model,
    )
    meta["visible"] = _visible(meta, shape[0].shape[0])
    meta["backend"] = "gsplat"
    return image, alphas, meta


def _nothing(
    shape: Shape, colors: Tensor, views: Views, backgrounds: Tensor | None, settings: RasterSettings
) -> tuple[Tensor, Tensor, dict[str, Any]]:
    """The image of a scene without Gaussians, for which gsplat 1.6 divides by their number."""
    cameras, width, height = len(views[0]), settings.width, settings.height
    channels = 0 if not settings.wants_color else 3 if settings.sh_degree is not None else colors.shape[-1]
    means2d = shape[0].sum() * shape[0].new_zeros(cameras, 0, 2)
    image = shape[0].new_zeros(cameras, height, width, channels + settings.wants_depth)
    if backgrounds is not None and settings.wants_color:
        image[..., :channels] = backgrounds[:, None, None]
    image = (
        image + means2d.sum() + sum(tensor.sum() for tensor in (*shape[1:], colors))
    )  # no gradient, but a way for it
    meta = {
        "means2d": means2d,
        "radii": means2d.new_zeros(cameras, 0, 2, dtype=torch.int32),
        "depths": means2d.new_zeros(cameras, 0),
        "conics": means2d.new_zeros(cameras, 0, 3),
        "opacities": means2d.new_zeros(cameras, 0),
        "tiles_per_gauss": means2d.new_zeros(cameras, 0, dtype=torch.int32),
        "batch_ids": None,
        "camera_ids": None,
        "gaussian_ids": None,
        "visible": means2d.new_zeros(0, dtype=torch.bool),
        "width": width,
        "height": height,
        "tile_size": settings.tile_size,
        "n_batches": 1,
        "n_cameras": cameras,
        "backend": "gsplat",
    }
    return image, image.detach().new_zeros(cameras, height, width, 1), meta


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
        for start in range(0, D + 1, CHANNELS[-1]):
            part = view[None, ..., start : start + CHANNELS[-1]].contiguous()
            with torch.enable_grad():
                colors = torch.zeros(N, part.shape[-1], device=means.device, requires_grad=True)
                image, _, _ = rasterize(activated, colors, camera, None, settings)
                (gradient,) = torch.autograd.grad(image, colors, part)
            sums[:, start : start + CHANNELS[-1]] += gradient
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

"""`rasterize`, `render_gaussians` and `lift` on the CPU kernels."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from splat.render import cpu
from splat.render.settings import RasterSettings, Shape, Views

TILE = 16  # the kernels' tile size


def rasterize(
    shape: Shape, colors: Tensor, views: Views, backgrounds: Tensor | None, settings: RasterSettings
) -> tuple[Tensor, Tensor, dict[str, Any]]:
    """See `splat.render.api.rasterize`; the shape is activated."""
    _check_opacities(shape[3])
    sh0 = shN = None
    if settings.sh_degree is not None and settings.wants_color:
        sh0, shN = _host(colors[:, :1]), _host(colors[:, 1:])
    projected = cpu.project(_host_shape(shape), (sh0, shN), _host_views(views), settings, raw=False)
    plain = _host(colors) if settings.sh_degree is None else None
    return _finish(projected, plain, backgrounds, settings, colors.device)


def render_gaussians(
    shape: Shape, sh: tuple[Tensor, Tensor], views: Views, backgrounds: Tensor | None, settings: RasterSettings
) -> tuple[Tensor, Tensor, dict[str, Any]]:
    """See `splat.render.api.render_gaussians`; the shape is raw, sh are sh0 [N, 1, 3] and shN [N, K-1, 3]."""
    colors = (_host(sh[0]), _host(sh[1])) if settings.wants_color else (None, None)
    projected = cpu.project(_host_shape(shape), colors, _host_views(views), settings, raw=True)
    return _finish(projected, None, backgrounds, settings, shape[0].device)


def lift(
    shape: Shape, views: Views, features: Tensor, weights: Tensor | None, settings: RasterSettings
) -> tuple[Tensor, Tensor]:
    """See `splat.render.api.lift`; the shape is raw."""
    device = shape[0].device
    projected = cpu.project(_host_shape(shape), (None, None), _host_views(views), settings, raw=True)
    names = ("means2d", "white", "opacities", "depths", "extents", "radii")
    N, D = shape[0].shape[0], features.shape[-1]
    sums, weight_sums = torch.zeros(N, D), torch.zeros(N)
    view_sums, view_weights = torch.empty(N, D), torch.empty(N)
    for c in range(views[0].shape[0]):
        tiles = torch.empty(N, dtype=torch.int32)
        lists = cpu.build_lists(settings, [projected[name][c] for name in names], tiles)
        view_features = _host(features[c]).contiguous()
        pixel_weights = None if weights is None else _host(weights[c]).contiguous()
        cpu.lift_view(lists, view_features, pixel_weights, view_sums, view_weights)
        sums += view_sums
        weight_sums += view_weights
    return sums.to(device), weight_sums.to(device)


def _finish(
    projected: dict[str, Tensor],
    colors: Tensor | None,
    backgrounds: Tensor | None,
    settings: RasterSettings,
    device: torch.device,
) -> tuple[Tensor, Tensor, dict[str, Any]]:
    """Composites what was projected. `colors` are the plain colours; None: the projection made them."""
    channels = _channels(projected, colors, settings)
    backgrounds = _backgrounds(backgrounds, channels, settings)
    image, alphas, tiles_per_gauss = cpu.composite(projected, channels, backgrounds, settings)
    if settings.expected_depth:
        depth = image[..., -1:] / alphas.clamp(min=1e-10)
        image = torch.cat([image[..., :-1], depth], dim=-1)
    meta = _meta(projected, tiles_per_gauss, settings)
    if device.type != "cpu":
        image, alphas = image.to(device), alphas.to(device)
        meta["visible"] = meta["visible"].to(device)
    return image, alphas, meta


def _channels(projected: dict[str, Tensor], colors: Tensor | None, settings: RasterSettings) -> Tensor:
    """[C, N, X] or [N, X]: colours, depth or both, as the render mode wants."""
    depths = projected["depths"]
    if not settings.wants_color:
        return depths[..., None]
    if colors is None:
        return projected["colors"]  # with the depth behind, where wanted
    if not settings.wants_depth:
        return colors
    return torch.cat([colors.expand(depths.shape[0], -1, -1), depths[..., None]], dim=-1)


def _backgrounds(backgrounds: Tensor | None, channels: Tensor, settings: RasterSettings) -> Tensor | None:
    """[C, X] with 0 behind the depth."""
    if backgrounds is None or not settings.wants_color:
        return None
    backgrounds = _host(backgrounds)
    expected = channels.shape[-1] - settings.wants_depth
    if backgrounds.dim() != 2 or backgrounds.shape[1] != expected:
        raise ValueError(f"backgrounds must be [C, {expected}], got {list(backgrounds.shape)}")
    return torch.nn.functional.pad(backgrounds, (0, 1)) if settings.wants_depth else backgrounds


def _meta(projected: dict[str, Tensor], tiles_per_gauss: Tensor, settings: RasterSettings) -> dict[str, Any]:
    """What gsplat's strategies read, and `visible`."""
    C = tiles_per_gauss.shape[0]
    return {
        "batch_ids": None,
        "camera_ids": None,
        "gaussian_ids": None,
        "radii": projected["radii"],
        "means2d": projected["means2d"],
        "depths": projected["depths"],
        "conics": projected["conics"],
        "opacities": projected["opacities"],
        "tiles_per_gauss": tiles_per_gauss,
        "visible": tiles_per_gauss[0] > 0 if C == 1 else (tiles_per_gauss > 0).any(0),
        "tile_width": (settings.width + TILE - 1) // TILE,
        "tile_height": (settings.height + TILE - 1) // TILE,
        "tile_size": TILE,
        "width": settings.width,
        "height": settings.height,
        "n_batches": 1,
        "n_cameras": C,
        "backend": "cpu",
    }


def _check_opacities(opacities: Tensor) -> None:
    above = opacities.detach() > 1
    if above.any():
        count, largest = int(above.sum()), float(opacities.detach()[above].max())
        raise ValueError(f"opacities must lie in 0 to 1; {count} of {len(opacities)} are above, up to {largest:g}")


def _host_shape(shape: Shape) -> Shape:
    means, quats, scales, opacities = shape
    return _host(means), _host(quats), _host(scales), _host(opacities)


def _host_views(views: Views) -> Views:
    return _host(views[0]), _host(views[1])


def _host(tensor: Tensor) -> Tensor:
    """The tensor as the kernels take it, float32 on the CPU; differentiable."""
    return tensor.to("cpu", torch.float32)

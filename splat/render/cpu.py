"""The CPU renderer: autograd functions around the compiled kernels.

Rendering takes two steps, as in gsplat, so that the projected centres are a tensor whose gradient strategies can read:
`Project` turns 3D Gaussians into 2D ones, `Composite` blends them front to back.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from splat import native
from splat.render.settings import RasterSettings


def project(
    gaussians: tuple[Tensor, Tensor, Tensor, Tensor],
    coefficients: tuple[Tensor | None, Tensor | None],
    cameras: tuple[Tensor, Tensor],
    settings: RasterSettings,
    *,
    raw: bool,
) -> dict[str, Tensor]:
    """3D Gaussians to 2D Gaussians for C cameras; all tensors float32 on the CPU.

    Args:
        gaussians: means [N, 3], quats [N, 4] wxyz, scales [N, 3], opacities [N].
        coefficients: sh0 [N, 1, 3] and shN [N, K-1, 3] for colours of degree `settings.sh_degree`, or None for none.
        cameras: viewmats [C, 4, 4], which may require a gradient, and Ks [C, 3, 3].
        raw: scales are logarithms and opacities logits.

    Returns:
        radii [C, N, 2] int32 (0 where culled), means2d [C, N, 2], depths [C, N], conics [C, N, 3], white [C, N, 3] (the
        conics' factors, with which `composite` draws), opacities [C, N], extents [C, N, 2] and, with coefficients,
        colors [C, N, 3], or 4 with the depth behind where `settings` wants it. Zero where culled.
    """
    sh0, shN = coefficients
    options = native.kernels().ProjectionOptions()
    options.width, options.height = int(settings.width), int(settings.height)
    options.near_plane, options.far_plane = settings.near_plane, settings.far_plane
    options.eps2d, options.radius_clip = settings.eps2d, settings.radius_clip
    options.antialiased = settings.rasterize_mode == "antialiased"
    options.raw = raw
    options.sh_degree = settings.sh_degree if sh0 is not None and settings.sh_degree is not None else -1
    options.depth_channel = settings.wants_depth
    options.threads = settings.num_threads or native.default_threads()
    values = Project.apply(*gaussians, sh0, shN, *cameras, options)
    names = ("radii", "means2d", "depths", "conics", "white", "opacities", "extents", "colors")
    return {name: value for name, value in zip(names, values) if value is not None}


class Project(torch.autograd.Function):
    """EWA projection with activations and spherical harmonics; see native/render/projection.h."""

    @staticmethod
    def forward(
        ctx: Any,
        means: Tensor,
        quats: Tensor,
        scales: Tensor,
        opacities: Tensor,
        sh0: Tensor | None,
        shN: Tensor | None,
        viewmats: Tensor,
        Ks: Tensor,
        options: Any,
    ) -> tuple[Tensor | None, ...]:
        inputs = [_plain(t) for t in (means, quats, scales, opacities, sh0, shN, viewmats, Ks)]
        C, N = viewmats.shape[0], means.shape[0]
        radii = torch.empty(C, N, 2, dtype=torch.int32)
        means2d, depths = torch.empty(C, N, 2), torch.empty(C, N)
        conics, white = torch.empty(C, N, 3), torch.empty(C, N, 3)
        opacities2d, extents = torch.empty(C, N), torch.empty(C, N, 2)
        colors = torch.empty(C, N, 4 if options.depth_channel else 3) if options.sh_degree >= 0 else None
        outputs = (radii, means2d, depths, conics, white, opacities2d, extents, colors)
        native.kernels().project_forward(options, *inputs, *outputs)
        ctx.options = options
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(radii, extents)
        ctx.save_for_backward(*inputs, radii, colors)
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        *inputs, radii, colors = ctx.saved_tensors
        means, quats, scales, opacities, sh0, shN, viewmats, _ = inputs
        # Of means2d, depths, conics, white, opacities and colours; radii and extents have none.
        incoming = [_plain(grad) for grad in (*grads[1:6], grads[7])]
        outputs = [torch.empty_like(t) for t in (means, quats, scales, opacities)]
        needs = ctx.needs_input_grad
        grad_sh0 = torch.empty_like(sh0) if sh0 is not None and needs[4] else None
        grad_shN = torch.empty_like(shN) if shN is not None and needs[5] else None
        grad_cameras = torch.zeros(viewmats.shape[0], 15) if needs[6] else None
        native.kernels().project_backward(
            ctx.options, *inputs, radii, colors, *incoming, *outputs, grad_sh0, grad_shN, grad_cameras
        )
        grad_viewmats = _viewmat_gradient(viewmats, grad_cameras) if grad_cameras is not None else None
        return (*outputs, grad_sh0, grad_shN, grad_viewmats, None, None)


def _viewmat_gradient(viewmats: Tensor, parts: Tensor) -> Tensor:
    """[C, 4, 4] from the gradients [C, 15] of rotation, translation and the camera's position -R^-1 t."""
    gradient = torch.zeros_like(viewmats)
    gradient[:, :3, :3] = parts[:, :9].reshape(-1, 3, 3)
    gradient[:, :3, 3] = parts[:, 9:12]
    inverse, singular = torch.linalg.inv_ex(viewmats.double())
    grad_inverse = torch.zeros_like(inverse)
    grad_inverse[:, :3, 3] = parts[:, 12:].double()
    # d(V^-1) = -V^-1 dV V^-1
    transposed = inverse.transpose(1, 2)
    change = (transposed @ grad_inverse @ transposed).float()
    # A matrix without an inverse in the range of float32 has no camera centre; one that is not finite draws nothing.
    known = (singular == 0) & torch.isfinite(change).all(-1).all(-1)
    return gradient - torch.where(known[:, None, None], change, 0.0)


def composite(
    projected: dict[str, Tensor], colors: Tensor, backgrounds: Tensor | None, settings: RasterSettings
) -> tuple[Tensor, Tensor, Tensor]:
    """Blends 2D Gaussians front to back.

    Args:
        projected: what `project` returns.
        colors: [C, N, D] or [N, D] for all cameras.
        backgrounds: [C, D] or None for zero.

    Returns:
        image [C, H, W, D], alphas [C, H, W, 1], tiles_per_gauss [C, N] int32.
    """
    return Composite.apply(  # type: ignore[no-any-return]
        projected["means2d"], projected["white"], projected["opacities"], colors, backgrounds,
        projected["depths"].detach(), projected["extents"], projected["radii"], settings,
    )  # fmt: skip


class Composite(torch.autograd.Function):
    """Tile lists and alpha blending; see native/render/raster.h."""

    @staticmethod
    def forward(
        ctx: Any,
        means2d: Tensor,
        white: Tensor,
        opacities: Tensor,
        colors: Tensor,
        backgrounds: Tensor | None,
        depths: Tensor,
        extents: Tensor,
        radii: Tensor,
        settings: RasterSettings,
    ) -> tuple[Tensor, Tensor, Tensor]:
        kernels = native.kernels()
        C, N = opacities.shape
        H, W, D = settings.height, settings.width, colors.shape[-1]
        image, alphas = torch.empty(C, H, W, D), torch.empty(C, H, W, 1)
        transmittance = torch.empty(C, H, W)
        tiles_per_gauss = torch.empty(C, N, dtype=torch.int32)
        footprints = [t.detach().contiguous() for t in (means2d, white, opacities, depths, extents, radii)]
        plain_colors = colors.detach().contiguous()
        plain_backgrounds = _plain(backgrounds)
        ctx.lists = []
        for c in range(C):
            lists = build_lists(settings, [t[c] for t in footprints], tiles_per_gauss[c])
            kernels.rasterize_forward(
                lists,
                plain_colors[c] if colors.dim() == 3 else plain_colors,
                None if plain_backgrounds is None else plain_backgrounds[c],
                image[c], alphas[c], transmittance[c],
            )  # fmt: skip
            ctx.lists.append(lists)
        ctx.absgrad = settings.absgrad
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(tiles_per_gauss)
        ctx.save_for_backward(means2d, colors, image, transmittance)
        return image, alphas, tiles_per_gauss

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_image: Tensor | None, grad_alphas: Tensor | None, _: None) -> tuple[Tensor | None, ...]:
        means2d, colors, image, transmittance = ctx.saved_tensors
        grad_image = torch.zeros_like(image) if grad_image is None else grad_image.contiguous()
        grad_alphas = None if grad_alphas is None else grad_alphas.contiguous()
        C, N, D = means2d.shape[0], means2d.shape[1], colors.shape[-1]
        grad_backgrounds = None
        if ctx.needs_input_grad[4]:
            grad_backgrounds = torch.einsum("chw,chwd->cd", transmittance, grad_image)
        grad_colors = torch.empty(C, N, D)
        if not any(ctx.needs_input_grad[:3]):
            for c in range(C):
                native.kernels().rasterize_backward_colors(ctx.lists[c], grad_image[c], None, grad_colors[c], None)
            return (None, None, None, _like_colors(grad_colors, colors), grad_backgrounds, None, None, None, None)
        grads = torch.empty(C, N, 2), torch.empty(C, N, 3), torch.empty(C, N)
        absolute = torch.empty(C, N, 2) if ctx.absgrad else None
        plain_colors = colors.contiguous()
        for c in range(C):
            native.kernels().rasterize_backward(
                ctx.lists[c],
                plain_colors[c] if colors.dim() == 3 else plain_colors,
                image[c], transmittance[c], grad_image[c], None if grad_alphas is None else grad_alphas[c],
                *(grad[c] for grad in grads), grad_colors[c], None if absolute is None else absolute[c],
            )  # fmt: skip
        if absolute is not None:
            means2d.absgrad = absolute  # where gsplat puts it, too
        return (*grads, _like_colors(grad_colors, colors), grad_backgrounds, None, None, None, None)


def build_lists(settings: RasterSettings, footprints: list[Tensor], tiles_per_gauss: Tensor) -> Any:
    """The tile lists of one camera from means2d, white, opacities, depths, extents and radii [N, ...]."""
    lists = native.kernels().TileLists()
    threads = settings.num_threads or native.default_threads()
    lists.build(int(settings.width), int(settings.height), threads, *footprints, tiles_per_gauss)
    return lists


def _like_colors(gradient: Tensor, colors: Tensor) -> Tensor:
    """Sums over the cameras where they share their colours."""
    if colors.dim() == 3:
        return gradient
    return gradient[0] if gradient.shape[0] == 1 else gradient.sum(0)


def _plain(tensor: Tensor | None) -> Tensor | None:
    """As the kernels take it: dense, outside the graph."""
    return None if tensor is None else tensor.detach().contiguous()


def lift_view(lists: Any, features: Tensor, weights: Tensor | None, sums: Tensor, weight_sums: Tensor) -> None:
    """Sums of weight times feature for one camera, into sums [N, D] and weight_sums [N]; features [H, W, D]."""
    native.kernels().rasterize_backward_colors(lists, features, weights, sums, weight_sums)

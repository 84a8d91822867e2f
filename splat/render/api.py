"""The public functions of the renderer; each runs on the backend that fits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from splat.errors import SplatError
from splat.gaussians import Gaussians
from splat.render import cpu_backend, gsplat_backend
from splat.render.backends import select_backend
from splat.render.settings import RasterSettings

Rendering = tuple[Tensor, Tensor, dict[str, Any]]


def rasterize(
    means: Tensor,
    quats: Tensor,
    scales: Tensor,
    opacities: Tensor,
    colors: Tensor,
    viewmats: Tensor,
    Ks: Tensor,
    width: int,
    height: int,
    *,
    near_plane: float = 0.01,
    far_plane: float = 1e10,
    eps2d: float = 0.3,
    sh_degree: int | None = None,
    backgrounds: Tensor | None = None,
    render_mode: str = "RGB",
    rasterize_mode: str = "classic",
    camera_model: str = "pinhole",
    absgrad: bool = False,
    tile_size: int = 16,
    radius_clip: float = 0.0,
    channel_chunk: int = 32,
    packed: bool = False,
    backend: str = "auto",
    num_threads: int | None = None,
) -> Rendering:
    """Renders Gaussians with activated parameters; arguments and results are those of `gsplat.rasterization`.

    Args:
        means: [N, 3] world coordinates.
        quats: [N, 4] wxyz, any length but zero.
        scales: [N, 3] standard deviations.
        opacities: [N] in 0..1.
        colors: [N, D] or [C, N, D]; with `sh_degree` the coefficients [N, K, 3], K >= (sh_degree + 1)^2.
        viewmats: [C, 4, 4] world to camera (x right, y down, z forward).
        Ks: [C, 3, 3] in pixels; pixel centres lie at index + 0.5. Gradients flow to everything else.
        width: of the images in pixels.
        height: of the images in pixels.
        near_plane: nearest depth that is drawn.
        far_plane: farthest depth that is drawn.
        eps2d: square pixels added to each projected variance.
        sh_degree: 0 to 3, where `colors` are coefficients; None where they are colours.
        backgrounds: [C, D] or None for black. A depth channel always has background 0.
        render_mode: RGB, D (sum of weight times depth), ED (that divided by alpha), RGB+D or RGB+ED.
        rasterize_mode: classic, or antialiased: opacities lose what the blur `eps2d` adds (Mip-Splatting).
        camera_model: how directions become pixels, as `Camera.camera_model` has it: pinhole.
        absgrad: also sum |gradient| of the projected centres, into meta["means2d"].absgrad.
        tile_size: of gsplat.
        radius_clip: Gaussians no larger than this many pixels are not drawn.
        channel_chunk: of gsplat, channels that are drawn at a time.
        packed: of gsplat, saves memory where a camera sees few Gaussians.
        backend: auto, gsplat or cpu. auto takes gsplat for tensors on a CUDA device.
        num_threads: of the CPU backend; None for all cores. Results do not depend on it.

    Returns:
        renders [C, H, W, X], alphas [C, H, W, 1] and meta with what densification strategies read: means2d, radii,
        depths, conics, opacities, tiles_per_gauss, width, height, n_cameras, ... and `visible` [N] bool, whether any
        camera drew the Gaussian.

    Raises:
        SplatError: the backend cannot run here.
        ValueError: shapes or options that do not fit; on the CPU also opacities above 1.
    """
    settings = RasterSettings(
        width, height, near_plane, far_plane, eps2d, sh_degree, render_mode, rasterize_mode, absgrad, tile_size,
        radius_clip, channel_chunk, packed, num_threads, camera_model,
    )  # fmt: skip
    _check_shapes(means, quats, scales, opacities, viewmats, Ks)
    _check_colors(colors, means.shape[0], viewmats.shape[0], sh_degree)
    chosen = gsplat_backend if _use_gsplat(means, backend) else cpu_backend
    return chosen.rasterize((means, quats, scales, opacities), colors, (viewmats, Ks), backgrounds, settings)


def render_gaussians(
    gaussians: Gaussians | Mapping[str, Tensor],
    viewmats: Tensor,
    Ks: Tensor,
    width: int,
    height: int,
    *,
    near_plane: float = 0.01,
    far_plane: float = 1e10,
    eps2d: float = 0.3,
    sh_degree: int | None = None,
    backgrounds: Tensor | None = None,
    render_mode: str = "RGB",
    rasterize_mode: str = "classic",
    camera_model: str = "pinhole",
    absgrad: bool = False,
    packed: bool = False,
    backend: str = "auto",
    num_threads: int | None = None,
) -> Rendering:
    """Renders a scene from its raw parameters; on the CPU the activations run inside the projection kernel.

    Args:
        gaussians: a `Gaussians`, or a mapping (for instance a ParameterDict) with means, quats, scales (logarithms),
            opacities (logits), sh0 [N, 1, 3] and shN [N, K-1, 3].
        sh_degree: 0 to 3; None for all bands that the scene has.

    The other arguments, the results and the errors are those of `rasterize`.
    """
    tensors = gaussians.as_dict() if isinstance(gaussians, Gaussians) else gaussians
    means, quats, scales, opacities = (tensors[name] for name in ("means", "quats", "scales", "opacities"))
    sh0, shN = tensors["sh0"], tensors["shN"]
    _check_shapes(means, quats, scales, opacities, viewmats, Ks)
    stored = sh0.shape[1] + shN.shape[1]
    if sh_degree is None:
        sh_degree = {1: 0, 4: 1, 9: 2, 16: 3}.get(stored, -1)
    settings = RasterSettings(
        width, height, near_plane, far_plane, eps2d, sh_degree, render_mode, rasterize_mode, absgrad,
        packed=packed, num_threads=num_threads, camera_model=camera_model,
    )  # fmt: skip
    if stored < (sh_degree + 1) ** 2:
        raise ValueError(f"sh_degree {sh_degree} needs {(sh_degree + 1) ** 2} bands; the scene has {stored}")
    chosen = gsplat_backend if _use_gsplat(means, backend) else cpu_backend
    shape = (means, quats, scales, opacities)
    return chosen.render_gaussians(shape, (sh0, shN), (viewmats, Ks), backgrounds, settings)


@torch.no_grad()
def lift(
    gaussians: Gaussians | Mapping[str, Tensor],
    viewmats: Tensor,
    Ks: Tensor,
    width: int,
    height: int,
    features: Tensor,
    weights: Tensor | None = None,
    *,
    near_plane: float = 0.01,
    far_plane: float = 1e10,
    eps2d: float = 0.3,
    rasterize_mode: str = "classic",
    camera_model: str = "pinhole",
    backend: str = "auto",
    num_threads: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Carries pixel features to the Gaussians: for Gaussian i the sum over the pixels p of w_ip m_p F(p).

    w_ip is the weight alpha T with which i is drawn at p, so this is the exact adjoint of rendering features: the
    gradient of the inner product of F with an image whose colours are the Gaussians'.

    Args:
        gaussians: as for `render_gaussians`; colours are not needed.
        viewmats: [C, 4, 4].
        Ks: [C, 3, 3].
        features: F, [C, H, W, D], any floating type.
        weights: m, [C, H, W] or None for 1: leave pixels out (0) or weigh them.

    Returns:
        sums [N, D] and weight_sums [N] = sum over p of w_ip m_p, both summed over the cameras. The mean feature of a
        Gaussian is sums / weight_sums.

    Raises:
        SplatError: the backend cannot run here.
        ValueError: shapes or options that do not fit.
    """
    tensors = gaussians.as_dict() if isinstance(gaussians, Gaussians) else gaussians
    means, quats, scales, opacities = (tensors[name] for name in ("means", "quats", "scales", "opacities"))
    _check_shapes(means, quats, scales, opacities, viewmats, Ks)
    C = viewmats.shape[0]
    if features.dim() != 4 or features.shape[:3] != (C, height, width) or features.shape[3] == 0:
        raise ValueError(
            f"features must be [C, H, W, D] = [{C}, {height}, {width}, D >= 1], got {list(features.shape)}"
        )
    if weights is not None and weights.shape != (C, height, width):
        raise ValueError(f"weights must be [{C}, {height}, {width}], got {list(weights.shape)}")
    settings = RasterSettings(
        width, height, near_plane, far_plane, eps2d, rasterize_mode=rasterize_mode, num_threads=num_threads,
        camera_model=camera_model,
    )  # fmt: skip
    chosen = gsplat_backend if _use_gsplat(means, backend) else cpu_backend
    return chosen.lift((means, quats, scales, opacities), (viewmats, Ks), features, weights, settings)


def _use_gsplat(means: Tensor, requested: str) -> bool:
    """Whether gsplat runs; it only takes tensors on a CUDA device, so elsewhere `auto` need not even look for it."""
    if requested == "auto" and not means.is_cuda:
        return False
    if select_backend(requested).name != "gsplat":
        return False
    if not means.is_cuda:
        raise SplatError("backend=gsplat needs tensors on a CUDA device; move them there or use backend=cpu")
    return True


def _check_shapes(
    means: Tensor, quats: Tensor, scales: Tensor, opacities: Tensor, viewmats: Tensor, Ks: Tensor
) -> None:
    N, C = means.shape[0], viewmats.shape[0]
    expected = {
        "means": (means, (N, 3)),
        "quats": (quats, (N, 4)),
        "scales": (scales, (N, 3)),
        "opacities": (opacities, (N,)),
        "viewmats": (viewmats, (C, 4, 4)),
        "Ks": (Ks, (C, 3, 3)),
    }
    for name, (tensor, shape) in expected.items():
        if tuple(tensor.shape) != shape:
            raise ValueError(f"{name} must have shape {list(shape)}, got {list(tensor.shape)}")


def _check_colors(colors: Tensor, N: int, C: int, sh_degree: int | None) -> None:
    shape = tuple(colors.shape)
    if sh_degree is not None:
        if len(shape) != 3 or shape[0] != N or shape[2] != 3 or shape[1] < (sh_degree + 1) ** 2:
            raise ValueError(f"colors must be [{N}, K >= {(sh_degree + 1) ** 2}, 3] with sh_degree, got {list(shape)}")
    elif shape[:-1] not in ((N,), (C, N)) or shape[-1] == 0:
        raise ValueError(f"colors must be [{N}, D] or [{C}, {N}, D], got {list(shape)}")

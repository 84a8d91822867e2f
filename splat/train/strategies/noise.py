"""The noise of 3DGS-MCMC on the centres of transparent Gaussians."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from splat import native
from splat.gaussians import quat_to_matrix

if TYPE_CHECKING:
    from splat.train.params import Params

STEEPNESS, MIDDLE = 100.0, 0.005  # of the gate that lets nearly transparent Gaussians move and holds the others


@torch.no_grad()
def inject_noise(params: Params, scaler: float, seed: int) -> None:
    """Move each centre by Σ ε · sigmoid(-100 (o - 0.005)) · scaler with ε ~ N(0, I), in place.

    Source: Kheradmand et al., "3D Gaussian Splatting as Markov Chain Monte Carlo", NeurIPS 2024, Eq. 8. As there, the
    noise is shaped by the covariance Σ itself, not by its square root. The same `seed` gives the same noise.

    Args:
        params: means [N, 3], quats [N, 4], scales [N, 3] (logarithms), opacities [N] (logits).
        scaler: learning rate of the means times the strength of the noise.
    """
    means = params["means"]
    tensors = [params[name].detach() for name in ("means", "quats", "scales", "opacities")]
    if all(tensor.device.type == "cpu" and tensor.dtype == torch.float32 for tensor in tensors):
        threads = native.default_threads()
        native.kernels().inject_noise(
            *tensors, scaler=scaler, steepness=STEEPNESS, middle=MIDDLE, seed=seed, threads=threads
        )
        return
    generator = torch.Generator(device=means.device).manual_seed(seed)
    noise = torch.randn(means.shape, device=means.device, dtype=means.dtype, generator=generator)
    gate = torch.sigmoid(-STEEPNESS * (torch.sigmoid(params["opacities"].flatten()) - MIDDLE)) * scaler
    axes = quat_to_matrix(params["quats"])
    variances = (2 * params["scales"]).exp()
    along = torch.einsum("nij,ni->nj", axes, noise) * variances
    means.data.add_(torch.einsum("nij,nj->ni", axes, along) * gate[:, None])

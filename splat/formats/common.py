"""What several formats share: from numpy columns to Gaussians, bytes to logits, and which rows can be used."""

from __future__ import annotations

import math

import numpy as np
import torch

from splat.console import count
from splat.gaussians import Gaussians
from splat.sh import sh0_to_rgb

# Bytes 0 and 255 mean fully transparent and opaque; a logit cannot say so, this is as near as is useful in float32.
ALPHA_EPS = 1e-6
MAX_LOGIT = math.log((1 - ALPHA_EPS) / ALPHA_EPS)
LONGEST_QUAT = 1e6  # and the inverse: lengths beyond come near to what squares and epsilons of float32 get wrong
_HALF_A_BYTE = 0.5 / 255  # of colours in [0, 1]
MIN_LOG_SCALE = math.log(1e-9)  # for scales stored as exactly zero: flat Gaussians


def logit(alpha: np.ndarray) -> np.ndarray:
    """Logits of opacities in [0, 1], kept finite at the ends; float32, same shape."""
    clipped = np.clip(alpha.astype(np.float64), ALPHA_EPS, 1 - ALPHA_EPS)
    return np.log(clipped / (1 - clipped)).astype(np.float32)


def sigmoid(values: np.ndarray) -> np.ndarray:
    """Opacities in [0, 1] of logits, float64, without overflow."""
    return 0.5 * (1 + np.tanh(0.5 * values.astype(np.float64)))


def gaussians_from_numpy(
    means: np.ndarray,  # [N, 3]
    quats: np.ndarray,  # [N, 4] wxyz
    scales: np.ndarray,  # [N, 3] logarithms
    opacities: np.ndarray,  # [N] logits
    sh0: np.ndarray,  # [N, 3]
    shN: np.ndarray | None = None,  # [N, K-1, 3]
) -> Gaussians:
    """Gaussians from numpy columns; float32, contiguous, sharing memory with nothing that is a view of a file."""
    rest = np.zeros((len(means), 0, 3), np.float32) if shN is None else shN
    columns = (means, quats, scales, opacities, sh0.reshape(len(means), 1, 3), rest)
    return Gaussians(*(torch.from_numpy(np.array(column, dtype=np.float32, order="C")) for column in columns))


def to_numpy(gaussians: Gaussians) -> dict[str, np.ndarray]:
    """The tensors as float32 arrays on the CPU, by name."""
    return {name: tensor.detach().cpu().to(torch.float32).numpy() for name, tensor in gaussians.as_dict().items()}


def _saturated(gaussians: Gaussians) -> Gaussians:
    """Infinities with a clear meaning (opaque, transparent, flat) as finite values; zero quaternions as no rotation.

    Quaternions may have any length; those whose squares 32 bits cannot hold are brought to length 1.
    """
    quats, scales, opacities = gaussians.quats, gaussians.scales, gaussians.opacities
    if torch.isinf(opacities).any():
        opacities = torch.where(torch.isinf(opacities), torch.sign(opacities) * MAX_LOGIT, opacities)
    if torch.isneginf(scales).any():
        scales = scales.masked_fill(torch.isneginf(scales), MIN_LOG_SCALE)
    no_rotation = (quats == 0).all(dim=-1)
    if no_rotation.any():
        quats = torch.where(no_rotation[:, None], torch.tensor([1.0, 0.0, 0.0, 0.0]), quats)
    lengths = quats.double().norm(dim=-1)
    extreme = torch.isfinite(lengths) & ((lengths < 1 / LONGEST_QUAT) | (lengths > LONGEST_QUAT))
    if extreme.any():
        quats = torch.where(extreme[:, None], (quats.double() / lengths[:, None]).float(), quats)
    return Gaussians(gaussians.means, quats, scales, opacities, gaussians.sh0, gaussians.shN)


def usable_rows(gaussians: Gaussians) -> torch.Tensor:
    """[N] bool, True where every value of the Gaussian is finite."""
    rows = torch.ones(len(gaussians), dtype=torch.bool, device=gaussians.means.device)
    if not len(gaussians):
        return rows
    for tensor in gaussians.as_dict().values():
        rows &= torch.isfinite(tensor).reshape(len(gaussians), -1).all(dim=1)
    return rows


def drop_unusable(gaussians: Gaussians) -> tuple[Gaussians, int]:
    """The Gaussians that can be rendered, and how many were dropped. Usual finite rows stay bit for bit."""
    gaussians = _saturated(gaussians)
    rows = usable_rows(gaussians)
    dropped = int((~rows).sum())
    return (gaussians[rows], dropped) if dropped else (gaussians, 0)


def colors_beyond_bytes(gaussians: Gaussians) -> list[str]:
    """What a writer of bytes says of base colours under 0 or over 255; nothing where there are none."""
    colors = sh0_to_rgb(gaussians.sh0)
    clipped = int(((colors < -_HALF_A_BYTE) | (colors > 1 + _HALF_A_BYTE)).any(dim=-1).sum())
    if not clipped:
        return []
    return [f"{clipped:,} of {len(gaussians):,} Gaussians have colours beyond 0 to 255, which are cut off"]


def unusable_line(dropped: int) -> list[str]:
    """What a writer that has no bits for NaN says of the Gaussians that it leaves out; nothing where there are none."""
    return [f"{count(dropped, 'Gaussian')} with NaN or infinite values left out"] if dropped else []

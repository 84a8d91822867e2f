"""PPISP: exposure and white balance of each photo, vignetting and response of each camera.

After PPISP ("physically plausible image signal processing") as gsplat 1.6 and 3dgrut use it; written from the formulas.
One thing differs: the scene keeps the look of the capture instead of a radiance that no viewer can show. A picture is
taken back through the response of its camera, exposed, vignetted and balanced, and developed again:
f(balance(vignette * 2^e * f^-1(rgb))). Without exposure, vignette and balance that is the picture,
whatever the response.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import relu, softplus

PHOTO = (9,)  # exposure in stops, and the latent offsets (blue, red, green, neutral; 2 each)
CAMERA = (3, 9)  # of each channel: vignetting cx, cy, a0, a1, a2; response toe, shoulder, gamma, centre
EPS = 1e-6
# Which offsets of chromaticity the latent ones stand for, block by block (blue, red, green, neutral).
BLOCKS = (
    ((0.0480542, -0.0043631), (-0.0043631, 0.0481283)),
    ((0.0580570, -0.0179872), (-0.0179872, 0.0431061)),
    ((0.0433336, -0.0180537), (-0.0180537, 0.0580500)),
    ((0.0128369, -0.0034654), (-0.0034654, 0.0128158)),
)
SOURCES = ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1 / 3, 1 / 3))  # chromaticities (r, g) that are moved
# Raw values at which toe, shoulder and gamma are 1: .3 + softplus, .3 + softplus, .1 + softplus.
IDENTITY = tuple(math.log(math.expm1(value)) for value in (0.7, 0.7, 0.9))


def processed(image: Tensor, photo: Tensor, camera: Tensor) -> Tensor:
    """The picture [H, W, 3] as a photo [9] of a camera [3, 9] shows it."""
    response = camera[:, 5:]
    linear = undeveloped(image.clamp(0, 1), response)
    linear = balanced(linear * torch.exp2(photo[0]) * vignette(image, camera[:, :5]), photo[1:])
    return developed(linear.clamp(0, 1), response)


def vignette(image: Tensor, lens: Tensor) -> Tensor:
    """[H, W, 3] factor in 0..1 by distance from the lens's centre, for lens [3, 5]."""
    height, width = image.shape[:2]
    longest = max(height, width)
    x = (torch.arange(width, device=image.device) + 0.5 - 0.5 * width) / longest
    y = (torch.arange(height, device=image.device) + 0.5 - 0.5 * height) / longest
    r2 = (x[None, :, None] - lens[:, 0]).square() + (y[:, None, None] - lens[:, 1]).square()
    return (1 + r2 * (lens[:, 2] + r2 * (lens[:, 3] + r2 * lens[:, 4]))).clamp(0, 1)


def homography(latent: Tensor) -> Tensor:
    """[3, 3] that takes the four source chromaticities to where latent offsets [8] move them; its last entry is 1."""
    blocks, sources = latent.new_tensor(BLOCKS), latent.new_tensor(SOURCES)
    targets = sources + torch.einsum("kij,kj->ki", blocks, latent.reshape(4, 2))
    ones, zeros = latent.new_ones(4, 1), latent.new_zeros(4, 3)
    homogeneous = torch.cat([sources, ones], dim=1)
    across = torch.cat([homogeneous, zeros, -targets[:, :1] * sources], dim=1)
    down = torch.cat([zeros, homogeneous, -targets[:, 1:] * sources], dim=1)
    solved = torch.linalg.solve(torch.cat([across, down]), torch.cat([targets[:, 0], targets[:, 1]]))
    return torch.cat([solved, latent.new_ones(1)]).reshape(3, 3)


def balanced(image: Tensor, latent: Tensor) -> Tensor:
    """The picture [H, W, 3] with its chromaticities moved; the sum of a pixel's channels stays."""
    total = image.sum(dim=-1, keepdim=True)
    moved = torch.cat([image[..., :2], total], dim=-1) @ homography(latent).T
    rg = moved[..., :2] * (total / (moved[..., 2:] + EPS))
    return torch.cat([rg, total - rg.sum(dim=-1, keepdim=True)], dim=-1)


def _curve(response: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Toe, shoulder, gamma, centre and the height of the curve at the centre, [3] each."""
    raw = response[:, :3] + response.new_tensor(IDENTITY)
    toe, shoulder = 0.3 + softplus(raw[:, 0]), 0.3 + softplus(raw[:, 1])
    gamma, centre = 0.1 + softplus(raw[:, 2]), torch.sigmoid(response[:, 3])
    return toe, shoulder, gamma, centre, shoulder * centre / (toe + centre * (shoulder - toe))


def developed(linear: Tensor, response: Tensor) -> Tensor:
    """[H, W, 3] in 0..1 through the response [3, 4] of a camera."""
    toe, shoulder, gamma, centre, height = _curve(response)
    low = height * (linear / centre + EPS) ** toe
    high = 1 - (1 - height) * ((1 - linear).clamp(min=0) / (1 - centre) + EPS) ** shoulder
    return (torch.where(linear <= centre, low, high).clamp(min=0) + EPS) ** gamma


def undeveloped(image: Tensor, response: Tensor) -> Tensor:
    """The inverse of `developed`."""
    toe, shoulder, gamma, centre, height = _curve(response)
    value = (image + EPS) ** (1 / gamma)
    low = centre * (value / height + EPS) ** (1 / toe)
    high = 1 - (1 - centre) * ((1 - value).clamp(min=0) / (1 - height) + EPS) ** (1 / shoulder)
    return torch.where(value <= height, low, high).clamp(0, 1)


def start(gains: Tensor) -> Tensor:
    """[F, 9] that exposes by the mean of the channels' gains, given by their logarithms [F, 3]."""
    stops = gains.mean(dim=1, keepdim=True) / math.log(2)
    return torch.cat([stops, stops.new_zeros(len(gains), 8)], dim=1)


def penalty(photo: Tensor, camera: Tensor) -> Tensor:
    """What PPISP keeps small of a camera: an off-centre or brightening vignette, and channels that differ."""
    lens, response = camera[:, :5], camera[:, 5:]
    centre = 0.02 * lens[:, :2].square().sum(dim=1).mean()
    brighter = 0.01 * relu(lens[:, 2:]).mean()
    apart = 0.1 * lens.var(dim=0, correction=0).mean() + 0.1 * response.var(dim=0, correction=0).mean()
    return centre + brighter + apart

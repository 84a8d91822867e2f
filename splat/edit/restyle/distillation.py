"""Score distillation: the direction in which a diffusion model would move a picture."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from splat.edit.restyle.diffusion import Condition, Diffusion
from splat.edit.restyle.options import GuideOptions


@dataclass(frozen=True)
class Moment:
    """Noise and guidance at one point of the schedule."""

    lowest: float  # noise level, 0..1 of the model's timesteps
    highest: float
    guidance: float


def moment(progress: float, options: GuideOptions) -> Moment:
    """From much noise and strong guidance at progress 0 to details at 1, linearly."""

    def between(start: float, end: float) -> float:
        return start + (end - start) * min(max(progress, 0.0), 1.0)

    highest = between(options.time_high, options.time_high_end)
    return Moment(
        min(options.time_low, highest), highest, between(options.guidance, options.guidance_end)
    )  # fmt: skip


def distillation_loss(
    model: Diffusion,
    picture: Tensor,
    condition: Condition,
    timestep: int,
    noise: Tensor,
    guidance: float,
    image_guidance: float,
) -> Tensor:
    """A scalar whose gradient is that of score distillation (Poole et al., "DreamFusion", 2022, equation 3).

    With latents x = E(picture), alpha the share of signal that the schedule leaves at time t, x_t = sqrt(alpha) x +
    sqrt(1 - alpha) noise, and the model's guess n(x_t) of the noise, d loss / d x = (1 - alpha) (n(x_t) - noise), over
    the number of latent pixels. The model itself is not differentiated.

    Args:
        picture: [h, w, 3] RGB 0..1 at a size that the model takes, with gradients.
        noise: [1, C, h', w'] standard normal, as the latents.
    """
    latents = model.encode(picture)
    with torch.no_grad():
        alpha = model.signal(timestep)
        noisy = alpha**0.5 * latents + (1 - alpha) ** 0.5 * noise
        guess = model.noise(noisy, timestep, condition, guidance, image_guidance)
        direction = torch.nan_to_num((1 - alpha) * (guess - noise))
    return (direction * latents).sum() / (latents.shape[-2] * latents.shape[-1])

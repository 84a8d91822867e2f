"""A text-to-image diffusion model, for what an edit asks of it: latents, guesses of noise, repainted pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from splat.cameras import Camera
from splat.errors import SplatError


@dataclass(frozen=True)
class Condition:
    """What a picture should become."""

    text: Tensor  # [1, T, D], the prompt
    empty: Tensor  # [1, T, D], what it should not be
    image: Tensor | None = None  # [1, C, h, w] latents of the picture to change, for models that follow instructions


class Diffusion:
    """Stable Diffusion, which takes a description, or InstructPix2Pix, which takes an instruction and the picture.

    The U-Net runs in half precision on CUDA; encoder and decoder in float32, because their gradients overflow in half.
    """

    def __init__(self, pipeline: Any, instructed: bool, device: str) -> None:
        from diffusers import DDIMScheduler

        self.instructed, self.device = instructed, torch.device(device)
        self.tokenizer = pipeline.tokenizer
        self.unet = pipeline.unet.to(self.device, torch.float16 if self.device.type == "cuda" else torch.float32)
        self.vae = pipeline.vae.to(self.device, torch.float32)
        self.text_encoder = pipeline.text_encoder.to(self.device, torch.float32)
        for part in (self.unet, self.vae, self.text_encoder):
            part.requires_grad_(False).eval()
        self.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
        self.alphas = self.scheduler.alphas_cumprod.double()
        self.predicts = str(self.scheduler.config.prediction_type)
        if self.predicts not in ("epsilon", "v_prediction"):
            raise SplatError(f"a model that predicts {self.predicts!r} cannot guide; choose one that predicts noise")
        self.factor = 2 ** (len(self.vae.config.block_out_channels) - 1)

    def size(self, camera: Camera, shorter: int) -> tuple[int, int]:
        """Height and width at which the model sees a view: shorter side about `shorter`, multiples of its latents'."""
        scale = shorter / min(camera.width, camera.height)
        height, width = (
            max(1, round(side * scale / self.factor)) * self.factor for side in (camera.height, camera.width)
        )
        return height, width

    def fitted(self, picture: Tensor, size: tuple[int, int]) -> Tensor:
        """[h, w, 3] a picture [H, W, 3] scaled for the model, differentiable, on its device."""
        planes = picture.movedim(-1, 0)[None].to(self.device)
        scaled = torch.nn.functional.interpolate(planes, size, mode="bilinear", antialias=True, align_corners=False)
        return scaled[0].movedim(0, -1)

    @torch.no_grad()
    def embed(self, text: str) -> Tensor:
        """[1, T, D] of a text; what is too long for the model is cut off."""
        ids = self.tokenizer(
            text, padding="max_length", max_length=self.tokenizer.model_max_length, truncation=True, return_tensors="pt"
        ).input_ids
        return self.text_encoder(ids.to(self.device))[0]  # type: ignore[no-any-return]

    def condition(self, prompt: str, avoid: str = "") -> Condition:
        """The condition of a text, without a picture yet."""
        return Condition(self.embed(prompt), self.embed(avoid))

    @torch.no_grad()
    def about(self, condition: Condition, picture: Tensor) -> Condition:
        """The same with the picture [h, w, 3] that is to be changed, if the model looks at it."""
        if not self.instructed:
            return condition
        # the picture's latents are not scaled, as InstructPix2Pix was trained
        return Condition(condition.text, condition.empty, self._distribution(picture).mode())

    def encode(self, picture: Tensor) -> Tensor:
        """Latents [1, C, h / factor, w / factor] of a picture [h, w, 3] RGB 0..1; differentiable."""
        return self._distribution(picture).mode() * self.vae.config.scaling_factor  # type: ignore[no-any-return]

    def _distribution(self, picture: Tensor) -> Any:
        planes = picture.to(self.device, torch.float32).movedim(-1, 0)[None]
        return self.vae.encode(2 * planes - 1).latent_dist

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        """The picture [h, w, 3] RGB 0..1 of latents."""
        planes = self.vae.decode(latents / self.vae.config.scaling_factor).sample[0]
        return (planes.movedim(0, -1) / 2 + 0.5).clamp(0, 1)  # type: ignore[no-any-return]

    def timestep(self, level: float) -> int:
        """The timestep of a noise level 0..1."""
        return min(max(round(level * len(self.alphas)), 1), len(self.alphas)) - 1

    def signal(self, timestep: int) -> float:
        """The share alpha of the signal's variance that is left at a timestep."""
        return float(self.alphas[timestep])

    @torch.no_grad()
    def noise(
        self, latents: Tensor, timestep: int, condition: Condition, guidance: float, image_guidance: float
    ) -> Tensor:
        """The noise [1, C, h, w] that the model sees in latents, with classifier-free guidance (Ho & Salimans 2022).

        With a picture the guess is e + s (e_text - e_image) + s_i (e_image - e): both pulls apart (Brooks et al.,
        "InstructPix2Pix", 2023, equation 3).
        """
        if condition.image is None:
            text, empty = self._raw(latents, timestep, torch.cat([condition.text, condition.empty])).chunk(2)
            return empty + guidance * (text - empty)
        texts = torch.cat([condition.text, condition.empty, condition.empty])
        images = torch.cat([condition.image, condition.image, torch.zeros_like(condition.image)])
        text, image, empty = self._raw(latents, timestep, texts, images).chunk(3)
        return empty + guidance * (text - image) + image_guidance * (image - empty)

    def _raw(self, latents: Tensor, timestep: int, texts: Tensor, images: Tensor | None = None) -> Tensor:
        """Noise [B, C, h, w] in the same latents [1, C, h, w] under each of B texts."""
        many = latents.expand(len(texts), -1, -1, -1)
        given = many if images is None else torch.cat([many, images], dim=1)
        kind = self.unet.dtype
        output = self.unet(given.to(kind), timestep, encoder_hidden_states=texts.to(kind)).sample.float()
        if self.predicts == "epsilon":
            return output  # type: ignore[no-any-return]
        alpha = self.signal(timestep)  # v = sqrt(alpha) noise - sqrt(1 - alpha) x
        return math.sqrt(alpha) * output + math.sqrt(1 - alpha) * many

    @torch.no_grad()
    def look(self, picture: Tensor, condition: Condition, timestep: int, noise: Tensor) -> None:
        """One pass under the text alone, for those who watch the attention."""
        alpha = self.signal(timestep)
        noisy = alpha**0.5 * self.encode(picture) + (1 - alpha) ** 0.5 * noise
        self._raw(noisy, timestep, condition.text, condition.image)

    @torch.no_grad()
    def repaint(self, picture: Tensor, condition: Condition, noise: Tensor, options: Any) -> Tensor:
        """The picture [h, w, 3] as the condition wants it: noised up to `strength`, then cleaned in few steps.

        Deterministic (DDIM, Song et al. 2021) for a given noise. `options` are `GuideOptions`.
        """
        self.scheduler.set_timesteps(options.inference_steps)
        count = max(1, round(options.strength * options.inference_steps))
        times = [int(time) for time in self.scheduler.timesteps[-count:]]
        alpha = self.signal(times[0])
        latents = alpha**0.5 * self.encode(picture) + (1 - alpha) ** 0.5 * noise
        for time, after in zip(times, [*times[1:], -1]):
            guess = self.noise(latents, time, condition, options.guidance_end, options.image_guidance)
            alpha = self.signal(time)
            clean = (latents - (1 - alpha) ** 0.5 * guess) / alpha**0.5
            alpha = self.signal(after) if after >= 0 else 1.0
            latents = alpha**0.5 * clean + (1 - alpha) ** 0.5 * guess
        return self.decode(latents)

    def draw_noise(self, size: tuple[int, int], generator: torch.Generator) -> Tensor:
        """[1, C, h, w] standard normal for a picture of a size; drawn on the CPU, so that devices agree."""
        shape = (1, self.vae.config.latent_channels, size[0] // self.factor, size[1] // self.factor)
        return torch.randn(shape, generator=generator).to(self.device)

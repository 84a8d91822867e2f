"""Diffusion models of a few thousand weights, built at random and saved as `diffusers` saves large ones."""

from __future__ import annotations

import json
from pathlib import Path

import torch

WORDS = ("make", "the", "ball", "golden", "red", "blue")
LENGTH = 16  # tokens of a prompt


def write_tokenizer(folder: Path) -> None:
    """A byte-pair tokenizer of CLIP's kind that knows WORDS whole and everything else letter by letter."""
    folder.mkdir(parents=True)
    letters = "abcdefghijklmnopqrstuvwxyz0123456789.,!?'-"
    vocabulary = [*letters, *(f"{letter}</w>" for letter in letters)]
    merges: list[str] = []
    for word in WORDS:
        parts = [*word[:-1], f"{word[-1]}</w>"]
        while len(parts) > 1:
            merge = f"{parts[0]} {parts[1]}"
            merges += [] if merge in merges else [merge]
            parts[:2] = [parts[0] + parts[1]]
            vocabulary += [] if parts[0] in vocabulary else [parts[0]]
    vocabulary += ["<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({piece: index for index, piece in enumerate(vocabulary)}))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
    facts = {
        "tokenizer_class": "CLIPTokenizer", "model_max_length": LENGTH, "bos_token": "<|startoftext|>",
        "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>", "pad_token": "<|endoftext|>",
    }  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps(facts))


def write_pipeline(folder: Path, instructed: bool = False, prediction: str = "epsilon") -> Path:
    """A whole model in a folder: U-Net, autoencoder, text encoder, tokenizer and scheduler.

    Args:
        instructed: InstructPix2Pix, whose U-Net also looks at the picture to change; else Stable Diffusion.
        prediction: what the U-Net predicts, epsilon or v_prediction.
    """
    import diffusers
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    torch.manual_seed(0)
    write_tokenizer(folder.with_name(folder.name + "-tokenizer"))
    tokenizer = CLIPTokenizer.from_pretrained(str(folder.with_name(folder.name + "-tokenizer")))
    text = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer), hidden_size=32, intermediate_size=37, num_hidden_layers=2, num_attention_heads=4,
            max_position_embeddings=LENGTH, bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )  # fmt: skip
    unet = diffusers.UNet2DConditionModel(
        sample_size=8, in_channels=8 if instructed else 4, out_channels=4, block_out_channels=(8, 16),
        layers_per_block=1, down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"), cross_attention_dim=32, attention_head_dim=2,
        norm_num_groups=4,
    )  # fmt: skip
    vae = diffusers.AutoencoderKL(
        block_out_channels=(8, 16), down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2, latent_channels=4, norm_num_groups=4, sample_size=16,
    )  # fmt: skip
    scheduler = diffusers.DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False,
        steps_offset=1, prediction_type=prediction,
    )  # fmt: skip
    name = "StableDiffusionInstructPix2PixPipeline" if instructed else "StableDiffusionPipeline"
    pipeline = getattr(diffusers, name)(
        vae=vae, text_encoder=text, tokenizer=tokenizer, unet=unet, scheduler=scheduler, safety_checker=None,
        feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    pipeline.save_pretrained(str(folder), safe_serialization=True)
    return folder

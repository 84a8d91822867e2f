"""Real models of the transformers library, a few thousand random weights each, saved as users have them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

WORDS = ("a", "red", "blue", "mug", "vase", "on", "the", "table")


def save_clip(folder: Path, eos: int = 3) -> None:
    """CLIP with a word tokenizer; image side 32, patches of 8, 24 dimensions."""
    import torch
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

    torch.manual_seed(1)
    small: dict[str, Any] = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
    }
    text = {**small, "vocab_size": 16, "max_position_embeddings": 12, "eos_token_id": eos}
    text |= {"bos_token_id": 1, "pad_token_id": 0}
    config = CLIPConfig(text_config=text, vision_config={**small, "image_size": 32, "patch_size": 8}, projection_dim=24)
    CLIPModel(config).save_pretrained(folder)
    CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}).save_pretrained(folder)
    save_tokenizer(folder, eos)


def save_siglip(folder: Path) -> None:
    """SigLIP with attention pooling; image side 32, patches of 8, 32 dimensions."""
    import torch
    from transformers import SiglipConfig, SiglipImageProcessor, SiglipModel

    torch.manual_seed(2)
    small: dict[str, Any] = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
    }
    text = {**small, "vocab_size": 16, "max_position_embeddings": 12, "projection_size": 32}
    config = SiglipConfig(text_config=text, vision_config={**small, "image_size": 32, "patch_size": 8})
    SiglipModel(config).save_pretrained(folder)
    SiglipImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    save_tokenizer(folder, 3)


def save_dino(folder: Path) -> None:
    """DINOv2 with patches of 14 and 32 dimensions."""
    import torch
    from transformers import BitImageProcessor, Dinov2Config, Dinov2Model

    torch.manual_seed(3)
    config = Dinov2Config(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=4, mlp_ratio=2, image_size=56, patch_size=14
    )
    Dinov2Model(config).save_pretrained(folder)
    BitImageProcessor(size={"shortest_edge": 56}, crop_size={"height": 56, "width": 56}).save_pretrained(folder)


def save_sam(folder: Path) -> None:
    """SAM for 64 x 64 pixels."""
    import torch
    from transformers import SamConfig, SamImageProcessor, SamModel

    torch.manual_seed(4)
    vision = {
        "hidden_size": 32,
        "output_channels": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": 64,
        "patch_size": 8,
        "window_size": 4,
        "global_attn_indexes": [0],
        "mlp_dim": 32,
        "num_pos_feats": 8,
    }
    config = SamConfig(vision_config=vision, prompt_encoder_config=prompts(8), mask_decoder_config=decoder())
    SamModel(config).save_pretrained(folder)
    SamImageProcessor(size={"longest_edge": 64}, pad_size={"height": 64, "width": 64}).save_pretrained(folder)


def save_sam2(folder: Path) -> None:
    """SAM 2 for 64 x 64 pixels."""
    import torch
    from transformers import Sam2Config, Sam2ImageProcessor, Sam2Model

    torch.manual_seed(5)
    widths = [16, 32, 64, 128]
    backbone = {
        "model_type": "sam2_hiera_det_model",
        "hidden_size": 16,
        "image_size": [64, 64],
        "num_attention_heads": 1,
        "blocks_per_stage": [1, 1, 2, 1],
        "embed_dim_per_stage": widths,
        "num_attention_heads_per_stage": [1, 2, 4, 8],
        "global_attention_blocks": [3],  # not the first of a stage, which shrinks
        "window_size_per_stage": [8, 4, 14, 7],
        "window_positional_embedding_background_size": [7, 7],
    }
    vision = {
        "backbone_config": backbone,
        "backbone_channel_list": widths[::-1],
        "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
        "fpn_hidden_size": 16,
    }
    config = Sam2Config(vision_config=vision, prompt_encoder_config=prompts(16), mask_decoder_config=decoder())
    Sam2Model(config).save_pretrained(folder)
    Sam2ImageProcessor(size={"height": 64, "width": 64}, mask_size={"height": 16, "width": 16}).save_pretrained(folder)


def prompts(patch: int) -> dict[str, Any]:
    """Of SAM's point encoder."""
    return {"hidden_size": 16, "image_size": 64, "patch_size": patch, "mask_input_channels": 4}


def decoder() -> dict[str, Any]:
    """Of SAM's mask decoder."""
    return {
        "hidden_size": 16,
        "mlp_dim": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "iou_head_hidden_dim": 16,
        "iou_head_depth": 2,
    }


def save_tokenizer(folder: Path, eos: int) -> None:
    """Whole words, between <s> and </s>; the end token gets the number `eos`."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    vocabulary = {"<pad>": 0, "<s>": 1, "</s>": eos}
    for word in ("<unk>", *WORDS):
        vocabulary[word] = next(n for n in range(16) if n not in vocabulary.values())
    tokenizer = Tokenizer(models.WordLevel(vocabulary, "<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", eos)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(folder)

"""The model and its tokenizer, in transformers' own CLIP format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from splat.errors import SplatError
from splat.files import write_json
from tools.demo_teacher.crops import LOOK, SIDE

START, END, PAD, UNKNOWN = "<start>", "<end>", "<pad>", "[UNK]"
SPECIAL = (UNKNOWN, PAD, START, END)  # the end must not be number 2: CLIP gives that a meaning of its own
LENGTH = 20  # tokens


def make_tokenizer(words: list[str]) -> Any:
    """Whole words, lower case; whatever is no letter or digit is dropped."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: number for number, word in enumerate((*SPECIAL, *words))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, UNKNOWN))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Lowercase(), normalizers.Replace(Regex(r"[^\w]+"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{START} $A {END}", special_tokens=[(word, vocabulary[word]) for word in (START, END)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token=UNKNOWN,
        pad_token=PAD,
        bos_token=START,
        eos_token=END,
        model_max_length=LENGTH,
    )


def make_model(vocabulary: int) -> Any:
    """A CLIPModel of some 1.2 million weights."""
    from transformers import CLIPConfig, CLIPModel

    text = {
        "vocab_size": vocabulary,
        "hidden_size": 128,
        "intermediate_size": 256,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": LENGTH,
        "hidden_act": "gelu",
        "pad_token_id": SPECIAL.index(PAD),
        "bos_token_id": SPECIAL.index(START),
        "eos_token_id": SPECIAL.index(END),
    }
    vision = {
        "hidden_size": 128,
        "intermediate_size": 384,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "image_size": SIDE,
        "patch_size": 12,
        "hidden_act": "gelu",
    }
    return CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=128))


def begin_with(model: Any, folder: Path) -> None:
    """Take over the weights of another model of this shape; patches and places of another size are resampled.

    Raises:
        SplatError: when the other model differs in more than that.
    """
    import torch
    from torch.nn.functional import interpolate
    from transformers import CLIPModel

    own, other = model.state_dict(), CLIPModel.from_pretrained(folder).float().state_dict()
    for name, value in own.items():
        found = other.get(name)
        if found is not None and name.endswith("patch_embedding.weight"):
            # what a linear filter sees of a smooth picture stays the same if its sum does
            area = value.shape[2] * value.shape[3] / (found.shape[2] * found.shape[3])
            found = interpolate(found, size=value.shape[2:], mode="bilinear") / area
        elif found is not None and name.endswith("vision_model.embeddings.position_embedding.weight"):
            before, after = (round((len(places) - 1) ** 0.5) for places in (found, value))
            grid = found[1:].T.reshape(1, -1, before, before)
            grid = interpolate(grid, size=(after, after), mode="bicubic", align_corners=False)
            found = torch.cat([found[:1], grid.reshape(len(grid[0]), -1).T])
        elif name.endswith("position_ids"):
            continue
        if found is None or found.shape != value.shape:
            raise SplatError(f"{folder} is a model of another shape than this tool makes ({name}); train from scratch")
        value.copy_(found)


def save(model: Any, tokenizer: Any, folder: Path) -> None:
    """Write the folder that `teacher=` takes: half precision, safetensors."""
    import copy

    from transformers import CLIPImageProcessor

    folder.mkdir(parents=True, exist_ok=True)
    copy.deepcopy(model).half().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    CLIPImageProcessor(
        size={"height": SIDE, "width": SIDE},
        do_center_crop=False,
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
    ).save_pretrained(folder)
    write_json(folder / "regions.json", {"context": LOOK.context, "surround": LOOK.surround})

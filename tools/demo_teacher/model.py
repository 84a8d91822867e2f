"""The model and its tokenizer, in transformers' own CLIP format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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

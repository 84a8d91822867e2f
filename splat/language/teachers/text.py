"""Words to vectors. CLIP's text side runs here from its weights alone: importing the library's takes seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from torch.nn.functional import layer_norm, linear

from splat.console import warn
from splat.files import read_json

ACTIVATIONS = ("quick_gelu", "gelu", "gelu_pytorch_tanh")


class ClipText:
    """The text transformer of CLIP (Radford et al., 2021, section 2.4): causal, pre-norm, read at the end token."""

    def __init__(self, folder: Path, config: dict[str, Any], weights: dict[str, Any], tokenizer: Any) -> None:
        self.folder, self.config, self.weights, self.tokenizer = folder, config, weights, tokenizer

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> ClipText | None:
        """The text side of a folder in transformers' format; None where it has something that this does not know."""
        from tokenizers import Tokenizer

        config = {**DEFAULTS, **(read_json(folder / "config.json").get("text_config") or {})}
        path = folder / "model.safetensors"
        if config["hidden_act"] not in ACTIVATIONS or not path.is_file():
            return None
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.enable_truncation(int(config["max_position_embeddings"]))
        return cls(folder, config, _read(path, device), tokenizer)

    def __call__(self, texts: list[str]) -> np.ndarray:
        """[T, D] float32, not normalised."""
        device = self.weights["text_projection.weight"].device
        rows = []
        with torch.inference_mode():
            for text in texts:  # a handful; one by one they need no padding
                found = self.tokenizer.encode(text)
                if found.overflowing:
                    say_cut(text, int(self.config["max_position_embeddings"]))
                rows.append(self._encode(torch.tensor(found.ids, device=device)))
        return torch.stack(rows).float().cpu().numpy() if rows else np.zeros((0, 0), np.float32)

    def reads(self, text: str) -> bool:
        """Whether any part of the text is in the vocabulary."""
        unknown = getattr(self.tokenizer.model, "unk_token", None)
        return any(token != unknown for token in self.tokenizer.encode(text, add_special_tokens=False).tokens)

    def _encode(self, ids: Any) -> Any:
        """[D] of token ids [n]."""
        w, config = self.weights, self.config
        eps, heads = float(config["layer_norm_eps"]), int(config["num_attention_heads"])

        def norm(x: torch.Tensor, name: str) -> torch.Tensor:
            return layer_norm(x, x.shape[-1:], w[f"{name}.weight"], w[f"{name}.bias"], eps)

        def affine(x: torch.Tensor, name: str) -> torch.Tensor:
            return linear(x, w[f"{name}.weight"], w[f"{name}.bias"])

        n = len(ids)
        x = w["embeddings.token_embedding.weight"][ids] + w["embeddings.position_embedding.weight"][:n]
        for layer in range(int(config["num_hidden_layers"])):
            name = f"encoder.layers.{layer}"
            y = norm(x, f"{name}.layer_norm1")
            q, k, v = (affine(y, f"{name}.self_attn.{part}_proj").view(n, heads, -1).transpose(0, 1) for part in "qkv")
            mixed = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + affine(mixed.transpose(0, 1).reshape(n, -1), f"{name}.self_attn.out_proj")
            y = _activate(affine(norm(x, f"{name}.layer_norm2"), f"{name}.mlp.fc1"), str(config["hidden_act"]))
            x = x + affine(y, f"{name}.mlp.fc2")
        return linear(norm(x, "final_layer_norm")[self._end(ids)], w["text_projection.weight"])

    def _end(self, ids: Any) -> int:
        """Where the text ends: the first end token; old files name token 2 and mean the largest id."""
        end = int(self.config["eos_token_id"])
        return int(ids.argmax()) if end == 2 else int((ids == end).int().argmax())


# what config.json leaves out, as the library does where a value is the usual one
DEFAULTS = {
    "num_attention_heads": 8,
    "num_hidden_layers": 12,
    "max_position_embeddings": 77,
    "layer_norm_eps": 1e-5,
    "hidden_act": "quick_gelu",
    "eos_token_id": 49407,
}


def _activate(x: Any, name: str) -> Any:
    if name == "quick_gelu":
        return x * torch.sigmoid(1.702 * x)
    return torch.nn.functional.gelu(x, approximate="tanh" if name == "gelu_pytorch_tanh" else "none")


def _read(path: Path, device: str) -> dict[str, Any]:
    """The text tensors, without the prefix `text_model.`; the image side is not touched."""
    found = {}
    with safe_open(str(path), "pt", device=device) as file:
        for name in file.keys():  # noqa: SIM118 (not a dict)
            if name.startswith(("text_model.", "text_projection.")) and "position_ids" not in name:
                found[name.removeprefix("text_model.")] = file.get_tensor(name).float()
    return found


class LibraryText:
    """Any other text side, by the library's own classes."""

    def __init__(self, model: Any, tokenizer: Any, kind: str) -> None:
        self.model, self.tokenizer, self.kind = model, tokenizer, kind

    def __call__(self, texts: list[str]) -> np.ndarray:
        """[T, D] float32, not normalised."""
        length = int(self.model.config.text_config.max_position_embeddings)
        for text in texts:
            if len(self.tokenizer(text)["input_ids"]) > length:
                say_cut(text, length)
        # SigLIP was trained on texts padded to its full length and sees the padding: no attention mask
        padded = self.kind.startswith("siglip")
        padding, names = ("max_length", ("input_ids",)) if padded else (True, ("input_ids", "attention_mask"))
        inputs = self.tokenizer(texts, padding=padding, truncation=True, max_length=length, return_tensors="pt")
        inputs = {key: inputs[key].to(self.model.device) for key in names}
        with torch.inference_mode():
            found = self.model.get_text_features(**inputs)
        return getattr(found, "pooler_output", found).float().cpu().numpy()

    def reads(self, text: str) -> bool:
        """Whether any part of the text is in the vocabulary."""
        ids = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return any(number != self.tokenizer.unk_token_id for number in ids)


def say_cut(text: str, length: int) -> None:
    """Say that a text is longer than the model reads."""
    warn(f"{text[:40]!r}... is too long: the teacher reads the first {length} tokens of it only")

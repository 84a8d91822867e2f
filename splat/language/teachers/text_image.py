"""CLIP and SigLIP: one vector a region from its picture, and the same space for words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from splat import hub
from splat.files import read_json
from splat.language.regions import crops, make_masker
from splat.language.regions.painting import numbered
from splat.language.teachers import text
from splat.language.teachers.options import TeacherOptions
from splat.language.teachers.patches import patch_vectors
from splat.language.types import LEVELS, Teacher, ViewFeatures

SURROUND = 0.4  # brightness of the surroundings, where they are shown to a model that was not taught with any


class TextImageTeacher(Teacher):
    """A model of the CLIP family. The text side loads apart from the image side: a query needs only words.

    With masks, every region is cut out, padded to a square and encoded (LangSplat, section 3.1), or shown with some of
    its surroundings where the options or `regions.json` in the model's folder say so; without, the vectors
    are those of the patches, brought into the space of words as the model does for the whole picture.
    """

    def __init__(self, folder: Path, options: TeacherOptions) -> None:
        self.folder, self.options = folder, options
        self.name = options.teacher
        config = read_json(folder / "config.json")
        self.kind = str(config["model_type"])
        vision = config.get("vision_config") or {}
        self.dim = (
            int(config.get("projection_dim", 512)) if self.kind == "clip" else int(vision.get("hidden_size", 768))
        )
        masks = "segments" if options.masks == "auto" else options.masks
        self.dense = masks == "none"
        self.levels: tuple[str, ...] = ("whole",) if self.dense else LEVELS
        self._masker = None if self.dense else make_masker(masks, options)
        self.look = look_of(folder, options)
        found = f"{self._masker.signature} {self.look}" if self._masker else f"patches {options.patch_size}"
        self.signature = f"{self.kind} {hub.signature(folder)} {found}"
        self._model: Any = None
        self._processor: Any = None
        self._text: Any = None

    def features(self, image: np.ndarray, name: str) -> ViewFeatures:
        """One vector a region, or a patch; image [H, W, 3] uint8."""
        if self._masker is None:
            grid = patch_vectors(self._load(), self._processor, image, self.options.patch_size)
            labels = np.arange(grid.shape[0] * grid.shape[1], dtype=np.int32).reshape(1, *grid.shape[:2])
            return ViewFeatures(labels, grid.reshape(-1, grid.shape[2]))
        labels = numbered(self._masker(image))
        return ViewFeatures(labels, self.encode_regions(image, labels))

    def encode_regions(self, image: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """[M, D] vectors of the regions 0..M-1 of labels [L, h, w], each from its picture."""
        count = int(labels.max(initial=-1)) + 1
        return self.encode_pictures(list(crops.crops(image, labels, count, self._size(), self.look)))

    def encode_pictures(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """[N, D] float32, unit length, of square pictures [S, S, 3] uint8."""
        model = self._load()
        vectors = [np.zeros((0, self.dim), np.float32)]
        with torch.inference_mode():
            for start in range(0, len(pictures), self.options.batch):
                inputs = self._inputs(list(pictures[start : start + self.options.batch]))
                found = model.get_image_features(**inputs)
                vectors.append(getattr(found, "pooler_output", found).float().cpu().numpy())
        return unit(np.concatenate(vectors))

    def encode_text(self, texts: Sequence[str]) -> np.ndarray:
        """[T, D] float32, unit length."""
        return unit(self._text_side()(list(texts)))

    def reads(self, text: str) -> bool:
        """Whether any part of a text is in the model's vocabulary."""
        return bool(self._text_side().reads(text))

    def _text_side(self) -> Any:
        if self._text is None:
            self._text = self._text_encoder()
        return self._text

    def _text_encoder(self) -> Any:
        if self.kind == "clip" and (self.folder / "tokenizer.json").is_file():
            encoder = text.ClipText.load(self.folder, hub.torch_device(self.options.device))
            if encoder is not None:
                return encoder
        return text.LibraryText(self._load(), hub.load_pretrained("AutoTokenizer", self.folder), self.kind)

    def _load(self) -> Any:
        if self._model is None:
            model = hub.load_pretrained("AutoModel", self.folder)
            self._model = model.float().eval().to(hub.torch_device(self.options.device))
            self._processor = hub.load_pretrained("AutoImageProcessor", self.folder)
        return self._model

    def _size(self) -> int:
        """Side of the pictures that the model was made for; models of any size get 256."""
        vision = read_json(self.folder / "config.json").get("vision_config") or {}
        return int(vision.get("image_size", 256 if self.kind == "siglip2" else 224))

    def _inputs(self, pictures: list[np.ndarray]) -> dict[str, Any]:
        inputs = self._processor(images=pictures, return_tensors="pt")
        return {key: value.to(self._model.device) for key, value in inputs.items()}


def look_of(folder: Path, options: TeacherOptions) -> crops.Look:
    """What the pictures of regions show: as the options ask, else as the model's folder says that it was taught."""
    taught = read_json(folder / "regions.json") if (folder / "regions.json").is_file() else {}
    context = taught.get("context", 0.0) if options.context is None else options.context
    surround = taught.get("surround", SURROUND) if options.surround is None else options.surround
    return crops.Look(float(context), float(surround)) if context else crops.ALONE


def unit(vectors: np.ndarray) -> np.ndarray:
    """Rows at length 1; rows of zeros stay."""
    return (vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)).astype(np.float32)

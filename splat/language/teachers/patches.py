"""Vectors of patches: DINO's, and those of the CLIP family brought into the space of words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from splat import hub
from splat.errors import SplatError
from splat.files import read_json
from splat.language.regions import crops, make_masker
from splat.language.teachers.options import TeacherOptions
from splat.language.types import LEVELS, Teacher, ViewFeatures


class PatchTeacher(Teacher):
    """DINOv2 or DINOv3: vectors that tell what looks alike; it knows no words."""

    def __init__(self, folder: Path, options: TeacherOptions) -> None:
        self.folder, self.options = folder, options
        self.name = options.teacher
        self.dim = int(read_json(folder / "config.json")["hidden_size"])
        masks = "none" if options.masks == "auto" else options.masks
        self._masker = None if masks == "none" else make_masker(masks, options)
        self.dense = self._masker is None
        self.levels: tuple[str, ...] = ("whole",) if self.dense else LEVELS
        found = self._masker.signature if self._masker else ""
        self.signature = f"{hub.model_type(folder)} {hub.signature(folder)} {options.patch_size} {found}"
        self._model: Any = None
        self._processor: Any = None

    def features(self, image: np.ndarray, name: str) -> ViewFeatures:
        """One vector a patch, or the mean of a region's patches; image [H, W, 3] uint8."""
        if self._model is None:
            model = hub.load_pretrained("AutoModel", self.folder)
            self._model = model.float().eval().to(hub.torch_device(self.options.device))
            self._processor = hub.load_pretrained("AutoImageProcessor", self.folder)
        grid = patch_vectors(self._model, self._processor, image, self.options.patch_size)
        if self._masker is None:
            labels = np.arange(grid.shape[0] * grid.shape[1], dtype=np.int32).reshape(1, *grid.shape[:2])
            return ViewFeatures(labels, grid.reshape(-1, grid.shape[2]))
        labels = self._masker(image)
        vectors = crops.pool(labels, grid, int(labels.max(initial=-1)) + 1)
        return ViewFeatures(labels, _unit(vectors))

    def encode_text(self, texts: Sequence[str]) -> np.ndarray:
        """Refused: there are no words in this model.

        Raises:
            SplatError: always.
        """
        raise SplatError(
            f"teacher {self.name} knows no words; ask with a CLIP or SigLIP model or with teacher=demo, or pick a "
            "point in a photo"
        )


def patch_vectors(model: Any, processor: Any, image: np.ndarray, shorter: int) -> np.ndarray:
    """Unit vectors [gh, gw, D] of the patches of a whole photo [H, W, 3] uint8, scaled to `shorter` pixels.

    CLIP: each patch token goes through the last normalisation and the projection that the class token goes through
    (as MaskCLIP does, Zhou et al. 2022). SigLIP pools by attention: the pooling head sees each patch alone.
    """
    config = model.config
    kind, vision = config.model_type, getattr(config, "vision_config", config)
    with torch.inference_mode():
        if kind == "siglip2":
            return _naflex(model, processor, image)
        pixels, rows, columns = _pixels(processor, image, shorter, int(vision.patch_size))
        pixels = pixels.to(model.device)
        if kind == "clip":
            tokens = model.vision_model(pixels, interpolate_pos_encoding=True).last_hidden_state[:, 1:]
            tokens = model.visual_projection(model.vision_model.post_layernorm(tokens))
        elif kind == "siglip":
            tokens = model.vision_model(pixels, interpolate_pos_encoding=True).last_hidden_state
            tokens = model.vision_model.head(tokens.transpose(0, 1))[None]
        else:  # DINO: class token and registers come first
            tokens = model(pixels).last_hidden_state[:, -rows * columns :]
        return _unit(tokens[0].reshape(rows, columns, -1).float().cpu().numpy())


def _naflex(model: Any, processor: Any, image: np.ndarray) -> np.ndarray:
    """SigLIP 2 with native aspect ratio: its processor chooses the grid."""
    inputs = {key: value.to(model.device) for key, value in processor(images=[image], return_tensors="pt").items()}
    rows, columns = (int(x) for x in inputs["spatial_shapes"][0])
    found = model.vision_model(
        inputs["pixel_values"],
        attention_mask=inputs["pixel_attention_mask"],
        spatial_shapes=inputs["spatial_shapes"],
    )
    tokens = found.last_hidden_state[0, : rows * columns]
    vectors = model.vision_model.head(tokens[:, None], None)
    return _unit(vectors.reshape(rows, columns, -1).float().cpu().numpy())


def _pixels(processor: Any, image: np.ndarray, shorter: int, patch: int) -> tuple[Any, int, int]:
    """The photo as [1, 3, rows * patch, columns * patch], normalised as the processor says; and the grid."""
    scale = shorter / min(image.shape[:2])
    rows, columns = (max(round(side * scale / patch), 1) for side in image.shape[:2])
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    pixels = cv2.resize(image, (columns * patch, rows * patch), interpolation=way).astype(np.float32) / 255
    mean, std = np.asarray(processor.image_mean, np.float32), np.asarray(processor.image_std, np.float32)
    return torch.from_numpy(((pixels - mean) / std).transpose(2, 0, 1)[None].copy()), rows, columns


def _unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)).astype(np.float32)

"""Masks at three levels by SAM or SAM2 of the transformers library."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from PIL import Image

from splat import hub
from splat.images import shrunk
from splat.language.regions.painting import mask_nms, paint
from splat.language.teachers.options import TeacherOptions

WITHOUT = "masks=segments finds regions by colour and edges without a model"


class SamMasks:
    """A grid of points is asked for three masks each; by size they are part, object and whole (Kirillov et al., 2023).

    The library's mask-generation pipeline prepares photos and points, embeds the photo once and runs the points in
    batches. Its own selection throws the three masks of a point together, so the selection is done here for each
    level: predicted IoU, stability under a change of the threshold, then `mask_nms`, with LangSplat's bounds.
    """

    def __init__(self, options: TeacherOptions, points: int = 32, iou: float = 0.7, stability: float = 0.85) -> None:
        self.folder = hub.find_model(options.sam, "sam", options.offline, WITHOUT)
        self.options, self.points, self.iou, self.stability = options, points, iou, stability
        self.signature = f"sam {hub.signature(self.folder)} {options.max_size} {points} {iou} {stability}"
        self._pipeline: Any = None

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Labels [3, h, w] int32 of a photo [H, W, 3] uint8, as `Masker` says."""
        small = shrunk(image, self.options.max_size)
        masks, scores = self._candidates(small)
        chosen = []
        for level in range(3):
            chosen.append(masks[level][mask_nms(masks[level], scores[level])])
        return paint(chosen, (small.shape[0], small.shape[1]))

    def _candidates(self, image: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """For each level masks [M, h, w] bool and scores [M] (predicted IoU times stability) that are good enough."""
        pipeline = self._load()
        masks: list[list[np.ndarray]] = [[], [], []]
        scores: list[list[np.ndarray]] = [[], [], []]
        steps = pipeline.preprocess(
            Image.fromarray(image), points_per_batch=self.options.batch, points_per_crop=self.points
        )
        with torch.inference_mode():
            for inputs in steps:
                logits, predicted = self._three(pipeline, inputs)  # [P, 3, h, w], [P, 3]
                area = (logits > 0).flatten(2).sum(2)
                by_size = area.argsort(1)
                stable = (logits > 1).flatten(2).sum(2) / (logits > -1).flatten(2).sum(2).clamp(min=1)
                good = (predicted > self.iou) & (stable > self.stability) & (area > 0)
                for level in range(3):
                    column = by_size[:, level : level + 1]
                    keep = good.gather(1, column)[:, 0]
                    rows, picked = keep.nonzero()[:, 0], column[keep, 0]
                    masks[level].append((logits[rows, picked] > 0).cpu().numpy())
                    scores[level].append((predicted * stable)[rows, picked].float().cpu().numpy())
        return [np.concatenate(found) for found in masks], [np.concatenate(found) for found in scores]

    def _three(self, pipeline: Any, inputs: dict[str, Any]) -> tuple[Any, Any]:
        """Mask logits [P, 3, h, w] at the photo's size and predicted IoUs [P, 3] of one batch of points."""
        inputs = {
            key: value for key, value in inputs.items() if key not in ("input_boxes", "is_last", "full_image_size")
        }
        sizes = inputs.pop("original_sizes").tolist()
        reshaped = inputs.pop("reshaped_input_sizes", None)
        inputs = pipeline._ensure_tensor_on_device(inputs, device=pipeline.device)
        found = pipeline.model(**inputs, multimask_output=True)
        more = {} if reshaped is None else {"reshaped_input_sizes": reshaped.tolist()}
        logits = pipeline.image_processor.post_process_masks(found["pred_masks"], sizes, binarize=False, **more)[0]
        return logits, found["iou_scores"][0]

    def _load(self) -> Any:
        if self._pipeline is None:
            model = hub.load_pretrained("AutoModelForMaskGeneration", self.folder)
            processor = hub.load_pretrained("AutoImageProcessor", self.folder)
            from transformers import pipeline

            device = hub.torch_device(self.options.device)
            self._pipeline = pipeline("mask-generation", model=model.eval(), image_processor=processor, device=device)
        return self._pipeline

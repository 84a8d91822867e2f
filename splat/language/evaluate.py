"""Scores of a language field against ground-truth masks, in the views and in 3D."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from splat.cameras import Camera
from splat.capture.types import Frame
from splat.errors import SplatError
from splat.files import write_json
from splat.gaussians import Gaussians
from splat.language.ask import Answer3D, Asker
from splat.language.clusters import find_clusters
from splat.language.config import MaskOptions
from splat.language.field import load_field, render_codes
from splat.language.teachers import word_teacher
from splat.language.truth import TruthView, read_truth
from splat.run import Run


def evaluate_field(
    run: Run, name: str, truth: Path, split: str = "test", options: MaskOptions | None = None
) -> dict[str, Any]:
    """Score a field of a run and write the block `language` of RUN/metrics.json.

    Args:
        name: the field.
        truth: folder of ground truth, see `read_truth`.
        split: test, train or all, the views that count.
        options: thresholds; the defaults are fixed for all scenes.

    Raises:
        SplatError: no field, no truth, or no view of the truth is in the capture.
    """
    field = load_field(run.path, name)
    options = options or MaskOptions()
    asker = Asker(run.renderer(), field)
    views = matching(read_truth(truth), run.capture().frames, split)
    found = evaluate_views(asker, word_teacher(field.teacher), views, options)
    found = {
        "field": name,
        "compression": field.compression.kind,
        "split": split,
        "rule": options.rule,
        **found,
        "bytes_per_gaussian": field.facts.get("bytes_per_gaussian"),
        "distill_seconds": round(sum(field.facts.get("seconds", {}).values()), 1),
    }
    metrics = run.metrics
    metrics["language"] = found
    write_json(run.path / "metrics.json", metrics)
    return found


def matching(truth: list[TruthView], frames: list[Frame], split: str) -> list[tuple[Camera, TruthView]]:
    """Views with truth and their cameras: by name; where no name fits, by number among the sorted photos (3D-OVS).

    Raises:
        SplatError: no view with truth is among the photos, or several photos have its name.
    """
    wanted = [frame for frame in frames if split == "all" or frame.split == split]
    by_stem, every = _by_stem(wanted), _by_stem(frames)  # r_0 of the test views is another photo than r_0 of the others
    ordered = sorted(frames, key=lambda frame: str(frame.path))
    counted = not any(view.name in every for view in truth)
    pairs = []
    for view in truth:
        named = by_stem.get(view.name, [])
        if len(named) > 1 and view.masks:
            names = " and ".join(str(frame.camera.name or frame.path) for frame in named[:2])
            raise SplatError(f"truth of {view.name}: {len(named)} photos have that name, such as {names}")
        frame = named[0] if named else None
        if counted and view.name.isdigit() and int(view.name) < len(ordered):
            frame = ordered[int(view.name)]
        if frame is not None and view.masks and (split == "all" or frame.split == split):
            pairs.append((frame.camera, view))
    if not pairs:
        raise SplatError(f"none of the {len(truth)} views with truth is among the capture's {split} views")
    return pairs


def _by_stem(frames: list[Frame]) -> dict[str, list[Frame]]:
    """The frames by their cameras' names without folder and suffix, or else by their files'."""
    by_camera: dict[str, list[Frame]] = {}
    by_file: dict[str, list[Frame]] = {}
    for frame in frames:
        by_file.setdefault(frame.path.stem, []).append(frame)
        if frame.camera.name:
            by_camera.setdefault(Path(frame.camera.name).stem, []).append(frame)
    return by_file | by_camera


@torch.no_grad()
def evaluate_views(
    asker: Asker, teacher: Any, views: list[tuple[Camera, TruthView]], options: MaskOptions
) -> dict[str, Any]:
    """mIoU and localisation over all pairs of a view and a text that it shows.

    2D: features are rendered and asked at each pixel; the mask is scored by IoU, the best place is right inside the
    truth's box (LERF). 3D: Gaussians are selected once, without any view; the selection, hidden by what stands before
    it, is scored by IoU where it fills more than half of a pixel, and the centre of the first object is right where it
    projects into the truth's box.
    """
    texts = sorted({text for _, view in views for text in view.masks})
    vectors = torch.from_numpy(np.ascontiguousarray(teacher.encode_text(texts), np.float32))
    started = time.monotonic()
    answers = [asker.answer(row, None, options) for row in asker.gaussians(vectors, None, options)]
    seconds = time.monotonic() - started
    centres = [_centre(asker.scene, answer) for answer in answers]
    scores: dict[str, dict[str, list[float]]] = {
        text: {"2d": [], "2d_hit": [], "3d": [], "3d_hit": []} for text in texts
    }
    for camera, truth in views:
        shown = [number for number, text in enumerate(texts) if text in truth.masks]
        if not shown:
            continue
        seen = asker.view(camera, vectors[shown], None, None, options)
        selected = torch.stack([answers[number].selected for number in shown], dim=1)
        solid = _render_selection(asker, camera, selected)
        for place, number in enumerate(shown):
            mask, boxes = (
                truth.masks[texts[number]],
                truth.boxes.get(texts[number]) or [box_of(truth.masks[texts[number]])],
            )
            scale = np.array([mask.shape[1] / camera.width, mask.shape[0] / camera.height])
            entry = scores[texts[number]]
            entry["2d"].append(iou(resized(seen[place].mask.numpy(), mask.shape), mask))
            entry["2d_hit"].append(_inside((np.array(seen[place].place) + 0.5) * scale, boxes))
            entry["3d"].append(iou(resized(solid[..., place].numpy() > 0.5, mask.shape), mask))
            entry["3d_hit"].append(_inside(_project(camera, centres[number]) * scale, boxes))
    return {**_means(scores), "queries": len(texts), "views": len(views), "ask_seconds": round(seconds / len(texts), 4)}


def _means(scores: dict[str, dict[str, list[float]]]) -> dict[str, Any]:
    def mean(kind: str) -> float:
        return round(float(np.mean([value for entry in scores.values() for value in entry[kind]])), 4)

    return {
        "miou": mean("2d"),
        "localisation": mean("2d_hit"),
        "miou_3d": mean("3d"),
        "localisation_3d": mean("3d_hit"),
        "per_query": {
            text: {
                "iou": round(float(np.mean(entry["2d"])), 4),
                "iou_3d": round(float(np.mean(entry["3d"])), 4),
                "localisation": round(float(np.mean(entry["2d_hit"])), 4),
                "views": len(entry["2d"]),
            }
            for text, entry in scores.items()
        },
    }


def iou(mask: np.ndarray, truth: np.ndarray) -> float:
    """Intersection over union of two masks [h, w] bool; 1 where both are empty."""
    union = np.logical_or(mask, truth).sum()
    return float(np.logical_and(mask, truth).sum() / union) if union else 1.0


def resized(mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A mask at another size, by the nearest pixel."""
    rows = ((np.arange(shape[0]) + 0.5) * mask.shape[0] / shape[0]).astype(int)
    columns = ((np.arange(shape[1]) + 0.5) * mask.shape[1] / shape[1]).astype(int)
    return mask[rows[:, None], columns[None]]


def box_of(mask: np.ndarray) -> tuple[float, float, float, float]:
    """left, top, right, bottom around a mask that is not empty."""
    ys, xs = np.nonzero(mask)
    return float(xs.min()), float(ys.min()), float(xs.max() + 1), float(ys.max() + 1)


def _inside(point: np.ndarray, boxes: list[tuple[float, float, float, float]]) -> float:
    x, y = point
    return float(any(left <= x <= right and top <= y <= bottom for left, top, right, bottom in boxes))


def _centre(scene: Gaussians, answer: Answer3D) -> np.ndarray:
    """The centre of the first object; nowhere if there is none."""
    clusters = find_clusters(scene, answer.relevancy, answer.selected, 1)
    return np.array(clusters[0].centre) if clusters else np.full(3, np.nan)


def _project(camera: Camera, point: np.ndarray) -> np.ndarray:
    local = camera.viewmat.numpy() @ np.append(point, 1.0)
    pixel = camera.K.numpy() @ local[:3]
    return pixel[:2] / pixel[2] if pixel[2] > 0 else np.full(2, np.nan)


def _render_selection(asker: Asker, camera: Camera, selected: Tensor) -> Tensor:
    """[H, W, T] the share of each pixel that selections [N, T] fill, hidden by what stands before them."""
    ones = torch.ones(len(selected), 1, device=asker.device)
    values = selected.to(asker.device).float()[:, None]
    codes, seen = render_codes(asker.renderer, values, ones, camera)
    return (codes[:, :, 0] * seen).cpu()

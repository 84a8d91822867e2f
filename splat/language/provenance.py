"""Where a field's vectors come from: regions of training photos."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from splat.capture.types import Capture
from splat.errors import SplatError
from splat.files import read_json
from splat.language.cache import cached_features
from splat.language.types import Teacher, ViewFeatures

NEAREST = 5  # regions that are remembered for a row of the memory


@dataclass
class Examples:
    """All vectors that the teacher gave, one row a region, and where each region lies."""

    vectors: Tensor  # [T, D] float32, unit length
    photo: np.ndarray  # [T] int32, index into `names`
    level: np.ndarray  # [T] int16
    box: np.ndarray  # [T, 4] float32 left, top, right, bottom, as shares of the photo's width and height
    centre: np.ndarray  # [T, 2] float32 a pixel of the region, x and y as shares
    names: list[str]
    sizes: list[tuple[int, int]]  # width and height of the photos
    levels: tuple[str, ...]


def gather_examples(teacher: Teacher, capture: Capture, indices: list[int], folder: Path) -> Examples:
    """Ask the teacher about the photos (or read what it said before)."""
    vectors: list[np.ndarray] = [np.zeros((0, teacher.dim), np.float32)]
    places: list[np.ndarray] = [np.zeros((0, 8), np.float32)]
    for number, view in enumerate(cached_features(teacher, capture, indices, folder)):
        for level in range(view.labels.shape[0]):
            rows, found = places_of(view, level)
            head = np.tile(np.array([[number, level]], np.float32), (len(rows), 1))
            vectors.append(view.vectors[rows])
            places.append(np.concatenate([head, found], axis=1))
    table = np.concatenate(places)
    cameras = [capture.frames[index].camera for index in indices]
    return Examples(
        torch.from_numpy(np.concatenate(vectors)),
        table[:, 0].astype(np.int32),
        table[:, 1].astype(np.int16),
        table[:, 2:6],
        table[:, 6:8],
        [camera.name for camera in cameras],
        [(camera.width, camera.height) for camera in cameras],
        tuple(teacher.levels),
    )


def places_of(view: ViewFeatures, level: int) -> tuple[np.ndarray, np.ndarray]:
    """The regions of a level, [n] rows of the vectors, and for each its box and one of its pixels [n, 6], in shares."""
    labels = view.labels[level]
    h, w = labels.shape
    ys, xs = np.nonzero(labels >= 0)
    rows, index = np.unique(labels[ys, xs], return_inverse=True)
    box = np.zeros((len(rows), 6), np.float32)
    box[:, :2] = np.inf
    np.minimum.at(box[:, 0], index, xs)
    np.minimum.at(box[:, 1], index, ys)
    np.maximum.at(box[:, 2], index, xs + 1)
    np.maximum.at(box[:, 3], index, ys + 1)
    count = np.maximum(np.bincount(index, minlength=len(rows)), 1)
    mean = np.stack([np.bincount(index, xs, len(rows)) / count, np.bincount(index, ys, len(rows)) / count], axis=1)
    distance = (xs - mean[index, 0]) ** 2 + (ys - mean[index, 1]) ** 2  # the centre itself may lie in a hole
    nearest = np.zeros(len(rows), np.int64)
    order = np.argsort(-distance, kind="stable")
    nearest[index[order]] = order
    box[:, 4], box[:, 5] = xs[nearest] + 0.5, ys[nearest] + 0.5
    return rows, box / np.array([w, h, w, h, w, h], np.float32)


def row_sources(examples: Examples, rows: Tensor, nearest: int = NEAREST) -> list[list[dict[str, Any]]]:
    """For each row of a memory the region it was taken from, and those most like it.

    Args:
        rows: [K] indices of the examples that became rows.
    """
    found: list[list[dict[str, Any]]] = []
    for part in rows.split(256):
        cosines = examples.vectors[part] @ examples.vectors.T
        cosines[torch.arange(len(part)), part] = 2  # itself first
        top = cosines.topk(min(nearest, cosines.shape[1]), dim=1)
        for values, indices in zip(top.values.tolist(), top.indices.tolist()):
            found.append([_place(examples, i, min(value, 1.0)) for value, i in zip(values, indices)])
    return found


def _place(examples: Examples, index: int, cosine: float) -> dict[str, Any]:
    photo = int(examples.photo[index])
    width, height = examples.sizes[photo]
    scale = np.array([width, height, width, height])
    return {
        "photo": examples.names[photo],
        "level": examples.levels[int(examples.level[index])],
        "box": [round(float(v)) for v in examples.box[index] * scale],
        "pixel": [int(v) for v in examples.centre[index] * scale[:2]],
        "cosine": round(cosine, 4),
    }


def read_places(path: Path, rows: int) -> list[Any]:
    """What `row_sources` found, from provenance.json.

    Raises:
        SplatError: when the file is damaged, or is not that of a memory of so many rows.
    """
    found = read_json(path)
    try:
        json.dumps(found, allow_nan=False)  # it goes into the answer as it is
    except ValueError as error:
        raise SplatError(f"{path} is damaged ({error}); distill again") from error
    if not isinstance(found, list) or len(found) != rows:
        raise SplatError(f"{path} does not fit its field, whose memory has {rows} rows; distill again")
    return found

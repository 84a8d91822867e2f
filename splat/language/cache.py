"""Features of photos on disk: made once, resumed after an interruption, read again at no cost.

One safetensors file a photo: `vectors` [M, D] float16; `labels` the zlib-compressed bytes of [L, h, w] int32 (labels
are large and plain: 2 MB become some 20 KB), whose shape stands in the file's metadata beside what made them.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from splat.capture.images import labels_as_the_camera_sees
from splat.capture.types import Capture
from splat.console import progress, warn
from splat.errors import SplatError
from splat.files import atomic_path
from splat.images import nearest_cells, shown
from splat.language.types import MASKED, SILENT, Teacher, ViewFeatures

FORMAT = "2"


def cached_features(
    teacher: Teacher, capture: Capture, indices: Sequence[int], folder: str | Path, *, quiet: bool = False
) -> Iterator[ViewFeatures]:
    """Features of the photos `indices`, in this order; those that are missing on disk are made and kept.

    Pixels that the capture's masks exclude or that are transparent have no features (label `MASKED`). Vectors come back
    at half precision's accuracy whether they were just made or read, so that a resumed run gives the same result.

    Args:
        folder: where the files lie or go; files that other settings or another photo made are replaced.
        quiet: no progress bar, for a second pass over the same photos.

    Raises:
        SplatError: from the teacher, or when the disk is full.
    """
    folder = Path(folder)
    paths = [cache_path(folder, capture, index) for index in indices]
    keys = [_key(teacher, capture, index) for index in indices]
    if quiet:
        for index, path, key in zip(indices, paths, keys):
            yield _one(teacher, capture, index, path, key)
        return
    ready = [read_features(path, key) is not None for path, key in zip(paths, keys)]
    if all(ready):
        yield from cached_features(teacher, capture, indices, folder, quiet=True)
        return
    with progress(f"Features of photos ({teacher.name})", len(paths), "photo", completed=sum(ready)) as bar:
        for index, path, key, done in zip(indices, paths, keys, ready):
            features = _one(teacher, capture, index, path, key)
            if not done:
                bar.advance(regions=len(features.vectors))
            yield features


def _one(teacher: Teacher, capture: Capture, index: int, path: Path, key: str) -> ViewFeatures:
    known = read_features(path, key)
    if known is not None:
        return known
    camera = capture.frames[index].camera
    name = camera.name or capture.frames[index].path.name
    made = _checked(teacher.features(capture.images.image(index), name), teacher, name)
    plans = capture.images.plans
    if plans and teacher.of_photos:
        made = ViewFeatures(labels_as_the_camera_sees(made.labels, plans[index]), made.vectors)
    keep = shown(capture.images.mask(index), capture.images.alpha(index))
    if keep is not None and not keep.all():
        made = ViewFeatures(np.where(nearest_cells(keep, *made.labels.shape[1:]), made.labels, MASKED), made.vectors)
    write_features(path, made, key)
    return ViewFeatures(made.labels, made.vectors.astype(np.float16).astype(np.float32))


def cache_path(folder: Path, capture: Capture, index: int) -> Path:
    """The file of one photo; the index keeps photos of one name in several folders apart."""
    return folder / f"{index:05d}-{capture.frames[index].path.stem}.safetensors"


def write_features(path: Path, features: ViewFeatures, key: str) -> None:
    """Write one photo's features.

    Raises:
        SplatError: when the folder cannot be written.
    """
    labels = np.ascontiguousarray(features.labels, np.int32)
    packed = np.frombuffer(zlib.compress(labels.tobytes(), 6), np.uint8)
    metadata = {"format": FORMAT, "key": key, "shape": json.dumps(labels.shape)}
    with atomic_path(path) as temporary:
        tensors: dict[str, np.ndarray] = {
            "vectors": np.ascontiguousarray(features.vectors.astype(np.float16)),
            "labels": packed,
        }
        save_file(tensors, str(temporary), metadata)


def read_features(path: Path, key: str | None = None) -> ViewFeatures | None:
    """Read one photo's features; None when there are none, or others than `key` asks for, or the file is broken."""
    if not path.is_file():
        return None
    try:
        with safe_open(str(path), "numpy") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT or (key is not None and metadata.get("key") != key):
                return None
            labels = np.frombuffer(zlib.decompress(file.get_tensor("labels").tobytes()), np.int32)
            vectors = file.get_tensor("vectors").astype(np.float32)
            return ViewFeatures(labels.reshape(json.loads(metadata["shape"])), vectors)
    except (SafetensorError, OSError, zlib.error, ValueError) as error:
        warn(f"{path} is damaged ({error}) and is made again")
        return None


def _key(teacher: Teacher, capture: Capture, index: int) -> str:
    """What the features depend on: the teacher with its settings, the photo and its mask, how both become an image."""
    frame = capture.frames[index]
    parts = [
        teacher.signature or teacher.name,
        frame.camera.name or frame.path.name,
        f"{_digest(frame.path)} {frame.camera.width}x{frame.camera.height} {capture.data_factor}",
    ]
    plans = capture.images.plans
    if plans:
        plan = plans[index]
        mask = None if plan.mask_path is None else _digest(plan.mask_path)
        parts.append(f"{mask} {dataclasses.replace(plan, path=Path(), mask_path=None)}")  # a capture may be moved
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def _digest(path: Path) -> str:
    """What tells a file's content from another; times and sizes do not, where photos are restored or painted over."""
    if not path.is_file():
        return "none"
    status = path.stat()
    return _content(path, status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=8192)
def _content(path: Path, size: int, time: int) -> str:
    """Read once for a state of the file: keys are asked for at every pass over the photos."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            found.update(part)
    return found.hexdigest()


def _checked(features: ViewFeatures, teacher: Teacher, name: str) -> ViewFeatures:
    """The features, if they keep to what a teacher promises; regions with a vector of zeros are said nothing about."""
    labels, vectors = features.labels, features.vectors
    fits = labels.ndim == 3 and vectors.ndim == 2 and vectors.shape[1] == teacher.dim
    if not fits or labels.shape[0] != len(teacher.levels) or labels.max(initial=-1) >= len(vectors):
        raise SplatError(
            f"teacher {teacher.name} gave labels {labels.shape} and vectors {vectors.shape} that do not fit its "
            f"{len(teacher.levels)} levels and {teacher.dim} dimensions; remove its files and make them again"
        )
    lengths = np.linalg.norm(vectors, axis=1)
    if not np.isfinite(lengths).all():
        raise SplatError(
            f"teacher {teacher.name} gave vectors that are not numbers for the photo {name}; where it has nothing to "
            "say it should give zeros or leave the label out"
        )
    silent = np.append(lengths < 1e-6, True)  # labels below 0 find the last one
    return ViewFeatures(np.where(silent[np.maximum(labels, -1)], SILENT, labels).astype(np.int32), vectors)

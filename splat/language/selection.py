"""The file that a query writes and an edit takes: which Gaussians, and how surely."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from splat.errors import SplatError
from splat.files import atomic_path
from splat.language.ask import Answer3D
from splat.language.clusters import Cluster

_NAMES = ("indices", "weights", "objects")


class StoredSelection(NamedTuple):
    """What a selection file says of M Gaussians of a scene."""

    indices: Tensor  # [M] int64
    weights: Tensor  # [M] float32 0..1
    objects: Tensor | None  # [M] int64, rank of the object in the answer (1 is the largest), 0 for none of those listed
    facts: dict[str, Any]  # text, field, and `scene`, the digest of the scene file it belongs to


def write_selection(path: Path, answer: Answer3D, clusters: list[Cluster], facts: dict[str, Any]) -> None:
    """Write the selected Gaussians as safetensors: indices int64, weights float16, objects int16, and facts as JSON."""
    indices = answer.selected.nonzero()[:, 0].cpu()
    objects = np.zeros(len(answer.selected), np.int16)
    for rank, cluster in enumerate(clusters, start=1):
        objects[cluster.indices] = rank
    tensors = {
        "indices": indices,
        "weights": answer.relevancy[indices].half().cpu(),
        "objects": torch.from_numpy(objects[indices.numpy()]),
    }
    with atomic_path(path) as temporary:
        save_file(tensors, str(temporary), {"facts": json.dumps(facts)})


def read_selection(path: Path) -> StoredSelection:
    """Read a selection file of a query or an edit.

    Raises:
        SplatError: when it is none, or damaged.
    """
    try:
        with safe_open(str(path), "pt") as file:
            facts = json.loads((file.metadata() or {}).get("facts", "{}"))
            found = {name: file.get_tensor(name) for name in _NAMES if name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, RecursionError) as error:
        raise SplatError(f"{path} is not a selection file ({_line(error)})") from error
    missing = [name for name in _NAMES[:2] if name not in found]
    if missing or not isinstance(facts, dict):
        raise SplatError(f"{path} is not a selection file (it has no {missing[0] if missing else 'facts'})")
    indices, weights, objects = found["indices"], found["weights"], found.get("objects")
    sizes = {tuple(tensor.shape) for tensor in found.values()}
    whole = not any(
        tensor.is_floating_point() or tensor.is_complex() for tensor in (indices, objects) if tensor is not None
    )
    if len(sizes) != 1 or indices.dim() != 1 or not whole or weights.is_complex():
        raise SplatError(f"{path} is damaged: it needs an index, a weight and an object number for each Gaussian")
    weights = weights.float()
    if not bool(((weights >= 0) & (weights <= 1)).all()):
        raise SplatError(f"{path} is damaged: it needs a weight from 0 to 1 for each index")
    return StoredSelection(indices.long(), weights, None if objects is None else objects.long(), facts)


def _line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]

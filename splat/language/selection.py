"""The file that a query writes and an edit takes: which Gaussians, and how surely."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from splat.errors import SplatError
from splat.files import atomic_path
from splat.language.ask import Answer3D
from splat.language.clusters import Cluster


@dataclass
class Selection:
    """Some Gaussians of a scene."""

    indices: Tensor  # [M] int64, ascending
    weights: Tensor  # [M] float32 0..1, relevancy
    objects: Tensor  # [M] int64, rank of the object (1 is the largest), 0 for none of those listed
    facts: dict[str, Any]  # text, field, and `scene`, the digest of the scene file it belongs to


def write_selection(path: Path, answer: Answer3D, clusters: list[Cluster], facts: dict[str, Any]) -> None:
    """Write the selected Gaussians as safetensors: indices int64, weights float16, objects int16, and facts as JSON."""
    from safetensors.torch import save_file

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


def read_selection(path: Path) -> Selection:
    """Read a selection.

    Raises:
        SplatError: when it is not one.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), "pt") as file:
            facts = json.loads((file.metadata() or {}).get("facts", "{}"))
            found = {name: file.get_tensor(name) for name in ("indices", "weights", "objects")}
    except (SafetensorError, OSError, ValueError) as error:
        raise SplatError(f"{path} is not a selection file of splat query ({error})") from error
    return Selection(found["indices"].long(), found["weights"].float(), found["objects"].long(), facts)

"""Which Gaussians an edit is about: a weight from 0 to 1 for each, how such sets combine, and their file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from splat.errors import SplatError
from splat.files import atomic_path
from splat.language.selection import read_selection

INSIDE = 0.5  # a weight from here on counts as selected where a Gaussian is either in or out


@dataclass(frozen=True)
class Selection:
    """A fuzzy set over the N Gaussians of one scene (Zadeh 1965: and is min, or is max, not is 1 - w)."""

    weights: Tensor  # [N] float32 0..1
    source: str = ""  # where it comes from, for people

    @classmethod
    def from_mask(cls, mask: Tensor, source: str = "") -> Selection:
        """The Gaussians where `mask` [N] bool is True, with weight 1."""
        return cls(mask.to(torch.float32), source)

    @property
    def mask(self) -> Tensor:
        """[N] bool: weight of at least one half."""
        return self.weights >= INSIDE

    @property
    def indices(self) -> Tensor:
        """[M] int64: the Gaussians in `mask`, ascending."""
        return self.mask.nonzero()[:, 0]

    @property
    def count(self) -> int:
        """How many Gaussians `mask` holds."""
        return int(self.mask.sum())

    @property
    def share(self) -> float:
        """Share (0 to 1) of the scene's Gaussians that `mask` holds."""
        return self.count / max(len(self), 1)

    def __len__(self) -> int:
        return self.weights.shape[0]

    def __and__(self, other: Selection) -> Selection:
        return Selection(torch.minimum(self.weights, self._like(other)), f"({self.source} & {other.source})")

    def __or__(self, other: Selection) -> Selection:
        return Selection(torch.maximum(self.weights, self._like(other)), f"({self.source} | {other.source})")

    def __sub__(self, other: Selection) -> Selection:
        return Selection(torch.minimum(self.weights, 1 - self._like(other)), f"({self.source} - {other.source})")

    def __invert__(self) -> Selection:
        return Selection(1 - self.weights, f"~{self.source}")

    def hard(self, threshold: float = INSIDE) -> Selection:
        """Weights of 1 from `threshold` on, else 0."""
        return Selection.from_mask(self.weights >= threshold, self.source)

    def _like(self, other: Selection) -> Tensor:
        if len(other) != len(self):
            raise SplatError(f"a selection of {len(other):,} Gaussians does not fit one of {len(self):,}")
        return other.weights.to(self.weights)


def save_selection(path: str | Path, selection: Selection, scene: str | None = None) -> None:
    """Write the Gaussians with a weight above 0 as safetensors.

    The file has the tensors that `splat query` writes too (indices int64, weights, objects: rank of an object of the
    answer, 1 here) and, as metadata, JSON with `count`, the number N of the scene's Gaussians.

    Args:
        scene: digest of the scene file it belongs to, if known.
    """
    indices = (selection.weights > 0).nonzero()[:, 0].cpu()
    weights = selection.weights.detach().cpu()[indices].float()
    tensors = {"indices": indices, "weights": weights, "objects": torch.ones(len(indices), dtype=torch.int16)}
    facts = {"source": selection.source, "count": len(selection), "scene": scene}
    with atomic_path(path) as temporary:
        save_file(tensors, str(temporary), {"facts": json.dumps(facts)})


def load_selection(path: str | Path, count: int, cluster: int | None = None, scene: str | None = None) -> Selection:
    """Read a selection file of an edit or of `splat query`.

    Args:
        count: N, Gaussians of the scene that it is for.
        cluster: only the object of this rank (1 is the largest).
        scene: digest of that scene file, to compare with the one the selection was made for.

    Raises:
        SplatError: when the file is missing, is no selection, or belongs to another scene.
    """
    path = Path(path)
    if not path.is_file():
        raise SplatError(f"no selection file at {path}")
    indices, weights, objects, facts = read_selection(path)
    made_for = facts.get("count", count)
    other_scene = scene is not None and facts.get("scene") is not None and facts["scene"] != scene
    if other_scene or made_for != count or (len(indices) and (indices.min() < 0 or indices.max() >= count)):
        raise SplatError(f"{path} belongs to another scene; make the selection again for this one")
    source = f"file({path.name})"
    if cluster is not None:
        ranks = sorted(set(objects.tolist()) - {0}) if objects is not None else []
        if objects is None or cluster not in ranks:
            raise SplatError(f"{path} has no object {cluster}; it has {', '.join(map(str, ranks)) or 'none'}")
        indices, weights = indices[objects == cluster], torch.ones(int((objects == cluster).sum()))
        source = f"{source}#{cluster}"
    dense = torch.zeros(count)
    # the relevancy in a query's file ranks its members; being listed is what makes them members
    dense[indices] = weights if "count" in facts else weights.clamp(min=INSIDE)
    return Selection(dense, source)

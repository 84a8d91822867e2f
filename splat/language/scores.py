"""Scores of all Gaussians against a few vectors, prepared once so that a question takes milliseconds."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor


class Scores(Protocol):
    """Holds decoded features of P rows in a form that multiplies fast."""

    def cosines(self, vectors: Tensor) -> Tensor:
        """[P, T] cosines of the features with vectors [T, R]."""
        ...


class DenseScores:
    """The features themselves."""

    def __init__(self, features: Tensor) -> None:
        self.features = features  # [P, R], unit length

    def cosines(self, vectors: Tensor) -> Tensor:
        """See `Scores`; converted in parts, so that half precision on the CPU is no slower than single."""
        return torch.cat([part.float() @ vectors.T for part in self.features.split(65_536)])


class SparseScores:
    """Features that are short sums of the rows of a table: the rows are multiplied, not the features."""

    def __init__(self, table: Tensor, indices: Tensor, weights: Tensor) -> None:
        self.table = table  # [K, R]
        self.indices = indices  # [P, k] int32, rows of the table
        self.weights = weights  # [P, k] float32, such that each sum has unit length

    def cosines(self, vectors: Tensor) -> Tensor:
        """See `Scores`."""
        rows = self.table @ vectors.T  # [K, T]
        return torch.nn.functional.embedding_bag(self.indices, rows, per_sample_weights=self.weights, mode="sum")


def sparse_scores(table: Tensor, weights: Tensor, keep: int) -> SparseScores:
    """Keep the `keep` largest of the weights [P, K] of each sum over the table [K, R], and scale it to unit length."""
    top = weights.topk(min(keep, weights.shape[1]), dim=1)
    gram = table @ table.T
    squared = torch.zeros(len(weights), device=weights.device)
    for i in range(top.indices.shape[1]):  # over the few kept rows, not over Gaussians
        pair = gram[top.indices[:, i : i + 1], top.indices]  # [P, k]
        squared += top.values[:, i] * (pair * top.values).sum(1)
    values = top.values / squared.clamp(min=1e-12).sqrt()[:, None]
    return SparseScores(table, top.indices.int(), values.contiguous())

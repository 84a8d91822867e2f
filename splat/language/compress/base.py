"""The interface of all compressions: what is stored per Gaussian, and how it becomes a feature again."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from splat.language.scores import DenseScores, Scores

CHUNK = 2_048  # rows that are decoded at once: what lies in between stays in the cache


class Compression(nn.Module, ABC):
    """Turns features [P, R] into codes [P, C] that may be splatted, and splatted codes into features.

    Everything that all Gaussians share is a parameter or buffer of the module, so that it is saved with the field and
    distillation by gradient can go on learning it.
    """

    kind: ClassVar[str]
    dim: int  # R
    code_dim: int  # C, channels that are splatted

    @abstractmethod
    def fit(self, vectors: Tensor, weights: Tensor, examples: Tensor, seed: int) -> Tensor:
        """Learn from a scene.

        Args:
            vectors: [P, R] float32, unit length, what each Gaussian (at each level) should hold.
            weights: [P] how much each counts.
            examples: [T, R] unit vectors as the teacher gave them, before they were averaged.
            seed: of all draws.

        Returns:
            codes [P, C] float32.
        """

    @abstractmethod
    def decode(self, codes: Tensor) -> Tensor:
        """Features [..., R] of unit length of codes [..., C], perhaps splatted ones; differentiable."""

    @abstractmethod
    def encode(self, vectors: Tensor) -> Tensor:
        """Codes [P, C] of other vectors [P, R], after `fit`."""

    def pack(self, codes: Tensor) -> dict[str, Tensor]:
        """What is written for codes [P, C]: tensors with P rows."""
        return {"codes": codes.half()}

    def unpack(self, stored: dict[str, Tensor]) -> Tensor:
        """The codes [P, C] float32 of what `pack` made."""
        return stored["codes"].float()

    def scores(self, codes: Tensor) -> Scores:
        """What answers questions about codes [P, C] fast, see `Scores`."""
        return DenseScores(torch.cat([self.decode(part) for part in codes.split(CHUNK)]).half())

    def settings(self) -> dict[str, Any]:
        """What, with `dim`, makes a module of the same shapes: arguments of the constructor."""
        return {}

    def shared_bytes(self) -> int:
        """Bytes on disk, in half precision, of what all Gaussians share."""
        return 2 * sum(tensor.numel() for tensor in self.state_dict().values())


@contextlib.contextmanager
def few_threads(size: int) -> Iterator[None]:
    """One thread where operations are short (`size` numbers): on a busy machine threads wait longer than they work."""
    before = torch.get_num_threads()
    if size < 4_000_000:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)

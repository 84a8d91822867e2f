"""Memory attention: a small query on each Gaussian looks features up in the scene's principal components (M3)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from splat.errors import SplatError
from splat.language.compress.base import CHUNK, Compression, few_threads
from splat.language.compress.cover import greedy_cover
from splat.language.scores import Scores, SparseScores, sparse_scores
from splat.random import sample_rows

KERNELS = ("softmax", "gaussian", "learned")
KEPT = 32  # rows of a Gaussian's attention that count in scores of scenes too large for `DENSE`
DENSE = 100_000_000  # numbers: up to so many, features are kept as they are, which is exact
SAMPLE = 2048  # Gaussians that the projection is learned on


class Memory(Compression):
    """Principal scene components M [K, R], the projection W [C, R], and a query q [C] on each Gaussian.

    Kernels, with e = q W and unit rows m of M:
        softmax   a = softmax(cos(e, m) / t), the paper's (M3, Zou et al., ICLR 2025, eq. 2, with the cosine and
                  t = 0.05 of its code). The length of q does not matter.
        gaussian  a = exp(-|e - m|^2 / 2t), never normalised: it needs no sum over all rows (SOFT, Lu et al. 2021).
                  The length of q counts; on the unit sphere it gives the directions of softmax.
        learned   the same with a width of its own for each row.

    The feature is the direction of a M. Unlike the released code of M3 the projection W is learned, and it begins at
    the principal directions of the features, so that the first queries are right up to what C dimensions can hold.
    """

    kind = "memory"

    def __init__(
        self,
        dim: int,
        rows: int = 0,
        code_dim: int = 16,
        kernel: str = "softmax",
        temperature: float = 0.05,
        threshold: float = 0.95,
        max_rows: int = 2048,
        steps: int = 100,
    ) -> None:
        super().__init__()
        self.dim, self.code_dim = dim, code_dim
        self.kernel, self.temperature, self.threshold, self.max_rows = kernel, temperature, threshold, max_rows
        self.steps = steps
        self.register_buffer("memory", torch.zeros(rows, dim))
        self.projection = nn.Parameter(torch.zeros(code_dim, dim))
        self.log_width = nn.Parameter(torch.zeros(rows), requires_grad=kernel == "learned")
        self.memory: Tensor
        self.source = torch.empty(0, dtype=torch.long)  # [K] the examples that became rows; known after `fit` only

    def attention(self, codes: Tensor) -> Tensor:
        """[..., K] weights of the memory's rows for queries [..., C]."""
        keys = self.projection @ self.memory.T  # [C, K]; e · m without ever making e
        product = codes @ keys
        squared = ((codes @ (self.projection @ self.projection.T)) * codes).sum(-1, keepdim=True)  # |e|^2
        if self.kernel == "softmax":
            return torch.softmax(product / (squared.clamp(min=1e-12).sqrt() + 1e-6) / self.temperature, dim=-1)
        width = self.temperature
        if self.kernel == "learned":
            return torch.exp(-(squared - 2 * product + 1).clamp(min=0) / (2 * width * self.log_width.exp()))
        return torch.exp(-(squared - 2 * product + 1).clamp(min=0) / (2 * width))

    def decode(self, codes: Tensor) -> Tensor:
        """See `Compression.decode`."""
        return normalize(self.attention(codes) @ self.memory, dim=-1, eps=1e-12)

    def fit(self, vectors: Tensor, weights: Tensor, examples: Tensor, seed: int) -> Tensor:
        """See `Compression.fit`. The memory covers all examples; W is learned on a sample, then every query is."""
        self.source = self._cover(examples)
        self.memory = normalize(examples[self.source], dim=1)
        self.log_width = nn.Parameter(torch.zeros(len(self.source)), requires_grad=self.kernel == "learned")
        sample = sample_rows(weights, SAMPLE, seed)
        self._begin(vectors[sample], weights[sample])
        with torch.enable_grad():
            codes = nn.Parameter(self._project(vectors[sample]))
            shared = [p for p in (self.projection, self.log_width) if p.requires_grad]
            self._learn(codes, vectors[sample], weights[sample], shared)
        return self.encode(vectors)

    def _cover(self, examples: Tensor) -> Tensor:
        """Greedy cover with at most `max_rows` rows: the threshold gives way for teachers whose vectors scatter."""
        while True:
            try:
                return greedy_cover(examples, self.threshold, self.max_rows)
            except SplatError:
                self.threshold = 1 - 1.25 * (1 - min(self.threshold, 0.99))

    def encode(self, vectors: Tensor) -> Tensor:
        """See `Compression.encode`: queries found by gradient from the projected vectors, the rest as it is."""
        found = []
        for part in vectors.split(CHUNK):
            with torch.enable_grad():
                codes = nn.Parameter(self._project(part))
                self._learn(codes, part, torch.ones(len(part)), [])
            found.append(codes.detach())
        return self._unit(torch.cat(found)) if found else torch.zeros(0, self.code_dim)

    def scores(self, codes: Tensor) -> Scores:
        """See `Compression.scores`. Attention may be wide: of 160 rows the 16 foremost held as little as two thirds."""
        if len(codes) * self.dim <= DENSE:
            return super().scores(codes)
        parts = [sparse_scores(self.memory, self.attention(part), KEPT) for part in codes.split(CHUNK)]
        indices, values = (torch.cat([getattr(part, name) for part in parts]) for name in ("indices", "weights"))
        return SparseScores(self.memory, indices, values)

    def settings(self) -> dict[str, Any]:
        """See `Compression.settings`."""
        names = ("code_dim", "kernel", "temperature", "threshold", "max_rows", "steps")
        return {"rows": len(self.memory), **{name: getattr(self, name) for name in names}}

    def _begin(self, vectors: Tensor, weights: Tensor) -> None:
        """W spans the principal directions of vectors and memory, uncentred: cosines are what it must keep."""
        stack = torch.cat(
            [vectors * (weights / weights.sum()).sqrt()[:, None], self.memory / math.sqrt(len(self.memory))]
        )
        directions = torch.linalg.eigh(stack.T @ stack).eigenvectors.flip(1)[:, : self.code_dim].T
        start = torch.zeros(self.code_dim, self.dim)
        start[: len(directions)] = directions
        self.projection = nn.Parameter(start)

    def _project(self, vectors: Tensor) -> Tensor:
        """Queries whose e = q W is nearest to the vectors (least squares)."""
        W = self.projection.detach()
        return torch.linalg.lstsq(W.T, vectors.T, driver="gelsd").solution.T.contiguous()

    def _unit(self, codes: Tensor) -> Tensor:
        """For softmax: every query with |e| = 1, so that each Gaussian has the same voice when they are splatted."""
        if self.kernel != "softmax":
            return codes
        W = self.projection.detach()
        return codes / ((codes @ (W @ W.T)) * codes).sum(1, keepdim=True).clamp(min=1e-12).sqrt()

    def _learn(self, codes: nn.Parameter, vectors: Tensor, weights: Tensor, shared: list[nn.Parameter]) -> None:
        """Adam on 1 - cos. a M·v = a·(M v); |a M|^2 = a (M M^T) a where that is shorter."""
        with few_threads(vectors.shape[0] * self.memory.shape[0]):
            self._descend(codes, vectors, weights, shared)

    def _descend(self, codes: nn.Parameter, vectors: Tensor, weights: Tensor, shared: list[nn.Parameter]) -> None:
        rows = vectors @ self.memory.T  # [P, K]
        wide = self.memory.shape[0] > self.memory.shape[1]  # then sums of length R are the shorter way
        gram = self.memory if wide else self.memory @ self.memory.T
        groups = [{"params": [codes], "lr": 0.02}] + ([{"params": shared, "lr": 2e-3}] if shared else [])
        optimizer = torch.optim.Adam(groups)
        weights = weights / weights.sum()
        for _ in range(self.steps if shared else self.steps // 6):
            optimizer.zero_grad()
            attention = self.attention(codes)
            inner = attention @ gram
            squared = inner.square() if wide else inner * attention
            length = squared.sum(1).clamp(min=1e-20).sqrt()
            loss = ((1 - (attention * rows).sum(1) / length) * weights).sum()
            (loss * len(codes)).backward() if not shared else loss.backward()
            optimizer.step()

"""A code book: each Gaussian mixes four of the scene's 64 codes (LangSplatV2)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from splat.language.compress.base import CHUNK, Compression
from splat.language.compress.cover import spherical_kmeans
from splat.language.scores import SparseScores, sparse_scores
from splat.random import sample_rows

SAMPLE = 8192
ROUNDS = 4  # of codes and coefficients in turn


class Codebook(Compression):
    """Codes S [size, R] and, on each Gaussian, `keep` non-negative coefficients (Li et al., NeurIPS 2025).

    What is splatted are the coefficients, and the rendered sum times S is exactly what splatting the features would
    give. The paper learns both from pictures; features that are lifted already are fitted in seconds instead: k-means,
    then coefficients by non-negative least squares and codes by least squares in turn.
    """

    kind = "codebook"

    def __init__(self, dim: int, size: int = 64, keep: int = 4) -> None:
        super().__init__()
        self.dim, self.code_dim, self.keep = dim, size, min(keep, size)
        self.codes = nn.Parameter(torch.zeros(size, dim))

    def fit(self, vectors: Tensor, weights: Tensor, examples: Tensor, seed: int) -> Tensor:
        """See `Compression.fit`."""
        sample = sample_rows(weights, SAMPLE, seed)
        some, heavy = vectors[sample], weights[sample]
        book = torch.zeros(self.code_dim, self.dim)
        centres = spherical_kmeans(some, heavy, self.code_dim, seed)
        book[: len(centres)] = centres
        best, kept = -1.0, book
        for _ in range(ROUNDS):
            mix = coefficients(some, book, self.keep)
            cosine = float((normalize(mix @ book, dim=1) * some).sum(1) @ heavy / heavy.sum())
            if cosine <= best:
                break  # codes that lie close together make the squares ill-conditioned
            best, kept = cosine, book
            left = (mix * heavy[:, None]).T @ mix
            ridge = 1e-2 * left.diagonal().mean() * torch.eye(self.code_dim)
            # towards the codes as they are, so that one that nobody uses stays where it is
            solved = torch.linalg.solve(left + ridge, (mix * heavy[:, None]).T @ some + ridge @ book)
            book = normalize(solved, dim=1)
        book = kept
        self.codes = nn.Parameter(book)
        return self.encode(vectors)

    def encode(self, vectors: Tensor) -> Tensor:
        """See `Compression.encode`."""
        book = self.codes.detach()
        return torch.cat([coefficients(part, book, self.keep) for part in vectors.split(CHUNK)])

    def decode(self, codes: Tensor) -> Tensor:
        """See `Compression.decode`."""
        return normalize(codes @ self.codes, dim=-1, eps=1e-12)

    def pack(self, codes: Tensor) -> dict[str, Tensor]:
        """See `Compression.pack`: which codes, and how much of each."""
        top = codes.topk(self.keep, dim=1)
        kind = torch.uint8 if self.code_dim <= 256 else torch.int32
        return {"code_indices": top.indices.to(kind), "code_weights": top.values.half()}

    def unpack(self, stored: dict[str, Tensor]) -> Tensor:
        """See `Compression.unpack`."""
        indices, values = stored["code_indices"].long(), stored["code_weights"].float()
        return torch.zeros(len(indices), self.code_dim).scatter_add_(1, indices, values)

    def scores(self, codes: Tensor) -> SparseScores:
        """See `Compression.scores`."""
        return sparse_scores(self.codes.detach(), codes, self.keep)

    def settings(self) -> dict[str, Any]:
        """See `Compression.settings`."""
        return {"size": self.code_dim, "keep": self.keep}


def coefficients(vectors: Tensor, book: Tensor, keep: int, rounds: int = 20) -> Tensor:
    """[P, K] with at most `keep` entries above 0: a mix of the codes nearest to each vector, by least squares.

    The codes are chosen by orthogonal matching pursuit (what is left over picks the next), the coefficients by
    multiplicative updates, which keep them positive.
    """
    product, gram = vectors @ book.T, book @ book.T
    chosen = product.argmax(1, keepdim=True)
    mix = torch.zeros_like(product)
    for _ in range(keep):
        picked = product.gather(1, chosen)  # [P, k]
        inner = gram[chosen[:, :, None], chosen[:, None, :]]  # [P, k, k]
        part = picked.clamp(min=1e-6) / chosen.shape[1]
        positive, negative = inner.clamp(min=0), (-inner).clamp(min=0)
        for _ in range(rounds):
            above = picked.clamp(min=0) + torch.einsum("pij,pj->pi", negative, part)
            below = (-picked).clamp(min=0) + torch.einsum("pij,pj->pi", positive, part)
            part = part * above / (below + 1e-9)
        mix = torch.zeros_like(product).scatter_(1, chosen, part)
        if chosen.shape[1] < keep:
            rest = (product - mix @ gram).scatter(1, chosen, -torch.inf)
            chosen = torch.cat([chosen, rest.argmax(1, keepdim=True)], dim=1)
    return mix

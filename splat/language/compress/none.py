"""No compression: the features themselves, in half precision."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import normalize

from splat.language.compress.base import Compression


class Uncompressed(Compression):
    """The yardstick of the other compressions."""

    kind = "none"

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = self.code_dim = dim

    def fit(self, vectors: Tensor, weights: Tensor, examples: Tensor, seed: int) -> Tensor:
        """See `Compression.fit`; there is nothing to learn."""
        return vectors.clone()

    def encode(self, vectors: Tensor) -> Tensor:
        """See `Compression.encode`."""
        return vectors.clone()

    def decode(self, codes: Tensor) -> Tensor:
        """See `Compression.decode`."""
        return normalize(codes, dim=-1, eps=1e-6)

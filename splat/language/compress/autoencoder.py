"""A scene's own autoencoder: three numbers on each Gaussian and a decoder for all (LangSplat)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from splat.language.compress.base import CHUNK, Compression, few_threads
from splat.random import sample_rows

SAMPLE = 16_384


class Autoencoder(Compression):
    """Encoder to a point on the unit sphere of C dimensions and back (Qin et al., CVPR 2024).

    The layers are the paper's where its 512 channels fit. The loss is mean squared error plus 1 - cos, where the
    released code's cosine runs along the batch by mistake.
    """

    kind = "autoencoder"

    def __init__(self, dim: int, code_dim: int = 3, steps: int = 800, batch: int = 256) -> None:
        super().__init__()
        self.dim, self.code_dim, self.steps, self.batch = dim, code_dim, steps, batch
        down = [dim, *(width for width in (256, 128, 64, 32) if width > code_dim), code_dim]
        up = [code_dim, *(width for width in (16, 32, 64, 128, 256, 256) if width > code_dim), dim]
        layers: list[nn.Module] = [nn.Linear(down[0], down[1])]
        for before, after in pairwise(down[1:]):
            layers += [nn.BatchNorm1d(before), nn.ReLU(), nn.Linear(before, after)]
        self.encoder = nn.Sequential(*layers)
        layers = [nn.Linear(up[0], up[1])]
        for before, after in pairwise(up[1:]):
            layers += [nn.ReLU(), nn.Linear(before, after)]
        self.decoder = nn.Sequential(*layers)
        self.eval()

    def fit(self, vectors: Tensor, weights: Tensor, examples: Tensor, seed: int) -> Tensor:
        """See `Compression.fit`."""
        sample = torch.cat([vectors[sample_rows(weights, SAMPLE, seed)], examples[:SAMPLE]])
        with torch.random.fork_rng(devices=[]), torch.enable_grad(), few_threads(self.batch * self.dim):
            torch.manual_seed(seed)
            for layer in self.modules():
                if isinstance(layer, (nn.Linear, nn.BatchNorm1d)):
                    layer.reset_parameters()
            self.train()
            optimizer = torch.optim.Adam(self.parameters(), lr=2e-3)
            schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=self.steps)
            for _ in range(self.steps):
                batch = sample[torch.randint(len(sample), (self.batch,))]
                found = self.decode(normalize(self.encoder(batch), dim=1, eps=1e-9))
                loss = (found - batch).square().mean() * self.dim + (1 - (found * batch).sum(1)).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
            self.eval()
        return self.encode(vectors)

    @torch.no_grad()
    def encode(self, vectors: Tensor) -> Tensor:
        """See `Compression.encode`."""
        return torch.cat([normalize(self.encoder(part), dim=1, eps=1e-9) for part in vectors.split(CHUNK)])

    def decode(self, codes: Tensor) -> Tensor:
        """See `Compression.decode`."""
        flat = normalize(codes.reshape(-1, self.code_dim), dim=1, eps=1e-9)
        return normalize(self.decoder(flat), dim=1, eps=1e-9).reshape(*codes.shape[:-1], self.dim)

    def settings(self) -> dict[str, Any]:
        """See `Compression.settings`."""
        return {"code_dim": self.code_dim, "steps": self.steps, "batch": self.batch}

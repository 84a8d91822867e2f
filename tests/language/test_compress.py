"""Compressions against their formulas, on small known cases."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from splat.errors import SplatError
from splat.language.compress.base import Compression
from splat.language.compress.codebook import Codebook, coefficients
from splat.language.compress.config import CompressOptions
from splat.language.compress.cover import greedy_cover, spherical_kmeans
from splat.language.compress.memory import Memory
from splat.language.compress.registry import make_compression, restore_compression
from splat.language.scores import SparseScores
from splat.options import check
from splat.random import sample_rows


def unit(*shape: int, seed: int = 0) -> Tensor:
    return normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)), dim=-1)


def concepts(count: int, dim: int, points: int, noise: float = 0.03) -> tuple[Tensor, Tensor]:
    """Points around a few directions, and the directions."""
    centres = unit(count, dim)
    which = torch.arange(points) % count
    return normalize(centres[which] + noise * unit(points, dim, seed=1), dim=1), centres


@pytest.mark.parametrize("threshold", [0.5, 0.9, 0.99])
def test_greedy_cover_covers_every_vector_and_keeps_its_own_apart(threshold: float) -> None:
    vectors = unit(700, 3) * torch.rand(700, 1).add(0.1)
    vectors[13] = 0
    taken = greedy_cover(vectors, threshold, chunk=100)
    directions = normalize(vectors, dim=1)
    rest = torch.arange(700) != 13
    assert float((directions[rest] @ directions[taken].T).amax(1).min()) >= threshold - 1e-6
    between = directions[taken] @ directions[taken].T - 2 * torch.eye(len(taken))
    assert float(between.max()) < threshold and 13 not in taken.tolist()
    assert taken.equal(greedy_cover(vectors, threshold, chunk=5000))


def test_cover_of_equal_vectors_is_one_and_a_limit_is_told() -> None:
    assert len(greedy_cover(unit(1, 8).expand(50, 8), 1.0)) == 1
    with pytest.raises(SplatError, match=r"more than 5 .*compress\.threshold"):
        greedy_cover(unit(100, 8), 0.99, limit=5)


def dense_attention(memory: Memory, q: Tensor) -> Tensor:
    """The formulas as they are written, in float64, with e = q W made in full."""
    e, m = q.double() @ memory.projection.double(), memory.memory.double()
    if memory.kernel == "softmax":
        cosines = (e / e.norm(dim=1, keepdim=True)) @ (m / m.norm(dim=1, keepdim=True)).T
        weights = (cosines / memory.temperature).exp()
        return weights / weights.sum(1, keepdim=True)
    distances = (e[:, None] - m[None]).square().sum(2)
    return (-distances / (2 * memory.temperature * memory.log_width.double().exp())).exp()


@pytest.mark.parametrize("kernel", ["softmax", "gaussian", "learned"])
def test_attention_equals_the_dense_formula(kernel: str) -> None:
    memory = Memory(40, rows=23, code_dim=6, kernel=kernel)
    memory.memory.copy_(unit(23, 40))
    with torch.no_grad():
        memory.projection.copy_(torch.randn(6, 40) * 0.3)
        if kernel == "learned":
            memory.log_width.copy_(torch.linspace(-1, 1, 23))
    q = torch.randn(50, 6)
    expected = dense_attention(memory, q)
    assert torch.allclose(memory.attention(q).double(), expected, rtol=2e-4, atol=1e-9)
    decoded = normalize(expected @ memory.memory.double(), dim=1)
    assert torch.allclose(memory.decode(q).double(), decoded, atol=1e-5)


def test_on_the_unit_sphere_the_gaussian_kernel_points_where_softmax_does() -> None:
    one, other = (Memory(16, rows=9, code_dim=16, kernel=kernel) for kernel in ("softmax", "gaussian"))
    for memory in (one, other):
        memory.memory.copy_(unit(9, 16))
        memory.projection.data.copy_(torch.eye(16))
    q = unit(30, 16, seed=2)
    assert torch.allclose(one.decode(q), other.decode(q), atol=1e-5)


KINDS = [
    ("memory", "softmax", 0.99), ("memory", "gaussian", 0.99), ("memory", "learned", 0.99),
    ("codebook", "softmax", 0.98), ("none", "softmax", 0.999999),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "kernel", "floor"), KINDS)
def test_fit_keeps_the_features_and_storage_keeps_the_fit(kind: str, kernel: str, floor: float) -> None:
    vectors, _ = concepts(12, 32, 600)
    options = CompressOptions(kind=kind, kernel=kernel)
    check(options)
    compression = make_compression(options, 32)
    codes = compression.fit(vectors, torch.ones(600), vectors[::7], seed=0)
    assert codes.shape == (600, compression.code_dim)
    with torch.no_grad():
        decoded = compression.decode(codes)
    assert float((decoded * vectors).sum(1).mean()) > floor
    assert torch.allclose(decoded.norm(dim=1), torch.ones(600), atol=1e-4)
    again = stored(compression)
    back = again.unpack(again.pack(codes))
    with torch.no_grad():
        assert float((again.decode(back) * decoded).sum(1).min()) > 0.998
        texts = unit(3, 32, seed=7)
        assert torch.allclose(again.scores(back).cosines(texts), again.decode(back) @ texts.T, atol=2e-2)


def stored(compression: Compression) -> Compression:
    """The compression after a trip through half precision."""
    again = restore_compression(compression.kind, {"dim": compression.dim, **compression.settings()})
    state = {k: v.half().float() if v.is_floating_point() else v for k, v in compression.state_dict().items()}
    again.load_state_dict(state)
    return again.requires_grad_(False)


def test_the_projection_is_learned_and_beats_a_random_one() -> None:
    """In M3's released code it stays as it was drawn."""
    vectors, _ = concepts(40, 64, 800, noise=0.2)
    memory = Memory(64, code_dim=8, threshold=0.95)
    codes = memory.fit(vectors, torch.ones(800), vectors, seed=0)
    learned = float((memory.decode(codes) * vectors).sum(1).mean())
    memory.projection = torch.nn.Parameter(torch.randn(8, 64, generator=torch.Generator().manual_seed(0)))
    with torch.no_grad():
        drawn = float((memory.decode(memory.encode(vectors)) * vectors).sum(1).mean())
    assert learned > drawn + 0.01


def test_coefficients_of_a_mix_are_found_exactly() -> None:
    book = normalize(torch.eye(10) + 0.1, dim=1)
    mix = torch.zeros(1, 10)
    mix[0, [1, 4, 7]] = torch.tensor([0.5, 0.3, 0.2])
    found = coefficients(mix @ book, book, 4, rounds=500)
    assert torch.allclose(found, mix, atol=5e-3) and int((found > 0).sum()) <= 4


def test_codebook_splats_linearly() -> None:
    """Rendering coefficients and then multiplying by the codes is rendering the features."""
    book = Codebook(12, size=5, keep=2)
    book.codes.data.copy_(unit(5, 12))
    codes, weights = torch.rand(4, 5), torch.rand(4)
    mixed = (weights[:, None] * codes).sum(0)
    expected = normalize((weights[:, None] * (codes @ book.codes)).sum(0), dim=0)
    assert torch.allclose(book.decode(mixed), expected, atol=1e-6)


def test_kmeans_finds_separate_directions_and_draw_prefers_weight() -> None:
    vectors, centres = concepts(6, 20, 300)
    found = spherical_kmeans(vectors, torch.ones(300), 6, seed=0)
    assert float((centres @ found.T).amax(1).min()) > 0.99
    weights = torch.ones(1000)
    weights[:10] = 1e6
    assert set(range(10)) <= set(sample_rows(weights, 100, seed=3).tolist())


@pytest.mark.parametrize("kernel", ["softmax", "gaussian"])
def test_scores_of_wide_attention_are_those_of_the_features(kernel: str) -> None:
    """Queries between many rows: what is left out of their attention changed cosines by 0.15."""
    generator = torch.Generator().manual_seed(0)
    vectors = normalize(torch.randn(400, 8, generator=generator), dim=1)
    memory = Memory(8, code_dim=8, kernel=kernel, temperature=0.3, threshold=0.9, max_rows=256)
    codes = memory.fit(vectors, torch.ones(400), vectors, 0)
    texts = normalize(torch.randn(5, 8, generator=generator), dim=1)
    attention = memory.attention(codes)
    assert float((attention.topk(16, dim=1).values.sum(1) / attention.sum(1)).min()) < 0.8
    exact = memory.decode(codes) @ texts.T
    assert torch.allclose(memory.scores(codes).cosines(texts), exact, atol=2e-3)


def test_scores_of_large_scenes_keep_the_foremost_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, _ = concepts(12, 32, 600)
    memory = Memory(32, threshold=0.9)
    codes = memory.fit(vectors, torch.ones(600), vectors[::7], 0)
    monkeypatch.setattr("splat.language.compress.memory.DENSE", 0)
    texts = unit(3, 32, seed=7)
    scores = memory.scores(codes)
    assert isinstance(scores, SparseScores)
    assert torch.allclose(scores.cosines(texts), memory.decode(codes) @ texts.T, atol=1e-2)

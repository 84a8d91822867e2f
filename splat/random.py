"""Random draws that can be repeated: by a seed, or by the state that a checkpoint keeps."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

from splat.lazy import lazy

if TYPE_CHECKING:
    import torch
else:
    torch = lazy("torch")

_MIX = 0x9E3779B97F4A7C15  # odd, so that different draws of one seed never collide


def next_draw(state: MutableMapping[str, Any]) -> int:
    """A fresh 63-bit seed from `state["seed"]` and the counter `state["draws"]`, which it moves on."""
    draw = int(state["draws"])
    state["draws"] = draw + 1
    mixed = (int(state["seed"]) * 0xD1342543DE82EF95 + (draw + 1) * _MIX) % 2**64
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) % 2**64
    return (mixed ^ (mixed >> 31)) >> 1


def next_generator(state: MutableMapping[str, Any], device: torch.device) -> torch.Generator:
    """A generator on `device` for the next draw of `state`."""
    return torch.Generator(device=device).manual_seed(next_draw(state))


def sample_indices(weights: torch.Tensor, count: int, generator: torch.Generator) -> torch.Tensor:
    """`count` indices [count] int64 drawn with replacement, with probability proportional to `weights` [N] >= 0.

    By inversion of the cumulative sum in float64; torch.multinomial stops at 2^24 categories.
    """
    cumulative = weights.double().cumsum(0)
    draws = torch.rand(count, dtype=torch.float64, device=weights.device, generator=generator) * cumulative[-1]
    return torch.searchsorted(cumulative, draws, right=True).clamp_(max=len(weights) - 1)


def sample_distinct(weights: torch.Tensor, count: int, generator: torch.Generator) -> torch.Tensor:
    """At most `count` different indices int64, drawn one after the other in proportion to `weights` [N] >= 0.

    Fewer where fewer weights are positive. By exponential races (Efraimidis & Spirakis 2006): the smallest E_i / w_i
    win, which is the same distribution as drawing without replacement.
    """
    count = max(0, min(count, int((weights > 0).sum())))
    uniform = torch.rand(len(weights), dtype=torch.float64, device=weights.device, generator=generator)
    times = -torch.log1p(-uniform) / weights.double()
    times[~(weights > 0)] = torch.inf
    return times.topk(count, largest=False).indices


def sample_rows(weights: torch.Tensor, count: int, seed: int) -> torch.Tensor:
    """Ascending indices int64 of at most `count` rows, drawn as by `sample_distinct`; all rows where there are no more.

    Rows without weight come last. Single precision, and a generator of its own on the CPU: the draws of stored fields.

    Args:
        weights: [N] >= 0, on the CPU.
        count: how many, at most.
        seed: of the generator.
    """
    if len(weights) <= count:
        return torch.arange(len(weights))
    generator = torch.Generator().manual_seed(seed)
    times = torch.empty(len(weights)).exponential_(generator=generator) / weights.clamp(min=1e-12)
    return times.topk(count, largest=False).indices.sort().values

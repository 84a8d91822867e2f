"""Compressions by name: made from options, or restored as they were stored."""

from __future__ import annotations

from typing import Any

from splat.language.compress.base import Compression
from splat.language.compress.codebook import Codebook
from splat.language.compress.config import CompressOptions
from splat.language.compress.memory import Memory
from splat.language.compress.none import Uncompressed

COMPRESSIONS: dict[str, type[Compression]] = {"memory": Memory, "codebook": Codebook, "none": Uncompressed}


def make_compression(options: CompressOptions, dim: int) -> Compression:
    """The compression that the options ask for, for features of `dim` dimensions; still to be fitted."""
    if options.kind == "memory":
        return Memory(
            dim,
            code_dim=options.code_dim or 16,
            kernel=options.kernel,
            temperature=options.temperature,
            threshold=options.threshold,
            max_rows=options.max_rows,
            steps=options.steps or 100,
        )
    return Codebook(dim, options.codes, options.keep) if options.kind == "codebook" else Uncompressed(dim)


def restore_compression(kind: str, settings: dict[str, Any]) -> Compression:
    """An empty compression of the shapes that `Compression.settings` recorded."""
    return COMPRESSIONS[kind](**settings)

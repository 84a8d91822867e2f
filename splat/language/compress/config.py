"""Options of compression; light to import."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from splat.options import option

if TYPE_CHECKING:
    from splat.language.compress.base import Compression

KINDS = ("memory", "codebook", "autoencoder", "none")


@dataclass
class CompressOptions:
    """How features are kept on Gaussians."""

    kind: str = option(
        "memory",
        "memory: a query on each Gaussian and attention over principal components; codebook: 4 of 64 codes; "
        "autoencoder: 3 numbers and a decoder; none: the features in half precision",
        choices=KINDS,
    )
    code_dim: int | None = option(
        None, "numbers of a memory's query or of the autoencoder's code (null: 16 and 3)", minimum=2, maximum=64
    )
    kernel: str = option(
        "softmax",
        "memory's attention: softmax of cosines, gaussian (no sum over rows), learned (a width for each row)",
        choices=("softmax", "gaussian", "learned"),
    )
    temperature: float = option(0.05, "sharpness of the memory's attention", above=0)
    threshold: float = option(
        0.95,
        "cosine at which one row of the memory stands for another vector; 1 keeps all different ones",
        above=0,
        maximum=1,
    )
    max_rows: int = option(
        256, "rows that the memory may have; the threshold gives way until so many are enough", minimum=1
    )
    codes: int = option(64, "codes of the codebook", minimum=2, maximum=4096)
    keep: int = option(4, "codes that a Gaussian mixes", minimum=1)
    steps: int | None = option(None, "steps in which memory or autoencoder is learned (null: 100 and 1000)", minimum=1)


def make_compression(options: CompressOptions, dim: int) -> Compression:
    """The compression that the options ask for, for features of `dim` dimensions; still to be fitted."""
    if options.kind == "memory":
        from splat.language.compress.memory import Memory

        return Memory(
            dim,
            code_dim=options.code_dim or 16,
            kernel=options.kernel,
            temperature=options.temperature,
            threshold=options.threshold,
            max_rows=options.max_rows,
            steps=options.steps or 100,
        )
    if options.kind == "codebook":
        from splat.language.compress.codebook import Codebook

        return Codebook(dim, options.codes, options.keep)
    if options.kind == "autoencoder":
        from splat.language.compress.autoencoder import Autoencoder

        return Autoencoder(dim, options.code_dim or 3, options.steps or 1000)
    from splat.language.compress.none import Uncompressed

    return Uncompressed(dim)


def restore_compression(kind: str, settings: dict[str, object]) -> Compression:
    """An empty compression of the shapes that `Compression.settings` recorded."""
    from splat.language.compress.autoencoder import Autoencoder
    from splat.language.compress.codebook import Codebook
    from splat.language.compress.memory import Memory
    from splat.language.compress.none import Uncompressed

    classes: dict[str, type[Compression]] = {
        "memory": Memory, "codebook": Codebook, "autoencoder": Autoencoder, "none": Uncompressed,
    }  # fmt: skip
    return classes[kind](**settings)  # type: ignore[arg-type]

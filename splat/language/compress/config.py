"""Options of compression; light to import."""

from __future__ import annotations

from dataclasses import dataclass

from splat.options import option

KINDS = ("memory", "codebook", "none")


@dataclass
class CompressOptions:
    """How features are kept on Gaussians."""

    kind: str = option(
        "memory",
        "memory: a query on each Gaussian and attention over principal components; codebook: 4 of 64 codes; "
        "none: the features in half precision",
        choices=KINDS,
    )
    code_dim: int | None = option(None, "numbers of a memory's query (null: 16)", minimum=2, maximum=64)
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
    steps: int | None = option(None, "steps in which the memory is learned (null: 100)", minimum=1)

"""Options of leaving passers-by out of the scene; importing this needs no torch."""

from __future__ import annotations

from dataclasses import dataclass

from splat.options import option

KINDS = ("none", "robust")


@dataclass
class TransientsOptions:
    """What single photos show and the scene does not. Off by default; `transients=robust` switches it on."""

    kind: str = option(
        "none",
        "robust: leave out of each photo what differs grossly from what the other photos agree on",
        choices=KINDS,
    )
    spread: float = option(
        3.0, "a pixel differs grossly by so many times the upper quartile of all differences lately", above=1
    )
    least: float = option(0.06, "and by this at least, of 1: smaller differences do no harm", minimum=0, below=1)
    consent: float = option(
        0.1,
        "what differs stays in where this share of the other photos of the place differ too: the scene is wrong there",
        minimum=0,
        maximum=1,
    )
    segments: int = option(
        300,
        "pieces of like colour that a photo is cut into; most of a piece must differ for it to be left out",
        minimum=1,
    )
    doubt: float = option(
        0.1, "share of its visits at which a piece counts though it differs, so that the scene can still learn it",
        minimum=0, below=1,
    )  # fmt: skip
    trust: float = option(
        0.1, "share of the steps over which all pieces' chance to count falls to a third", minimum=0, maximum=1
    )
    densify_from: float = option(
        0.0,
        "share of the steps before which no Gaussian is added: it would draw what passes",
        minimum=0,
        below=1,
    )

    @property
    def any(self) -> bool:
        """Whether anything is left out."""
        return self.kind != "none"

"""Options of per-photo colours; importing this needs no torch."""

from __future__ import annotations

from dataclasses import dataclass

from splat.options import option

KINDS = ("auto", "none", "exposure", "affine", "bilateral", "ppisp")


@dataclass
class AppearanceOptions:
    """What is learned for each photo, so that the scene keeps the mean look of the capture."""

    kind: str = option(
        "none",
        "what each photo may do to the scene's colours; appearance=KIND sets it; auto: what the photos' colours of the "
        "same points ask for",
        choices=KINDS,
    )
    least: float = option(
        0.07,
        "stops, of stored values, by which photos must differ (standard deviation) for auto to learn anything",
        above=0,
    )
    reach: float = option(
        0.05, "how far, of 1, steps in one direction would change a photo's colours over the whole training", above=0
    )
    warmup: float = option(
        0.3, "share of the steps over which learning begins, while the scene takes form", minimum=0, below=1
    )
    final: float = option(0.01, "rate of learning at the last step, as a part of its peak", above=0, maximum=1)

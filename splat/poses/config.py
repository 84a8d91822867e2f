"""Options of pose refinement; importing this needs no torch."""

from __future__ import annotations

from dataclasses import dataclass

from splat.options import option

MODES = ("none", "refine", "auto")


@dataclass
class PosesOptions:
    """Whether cameras move while the scene is trained, and how far; lengths are shares of a photo's longer side."""

    mode: str = option(
        "auto",
        "cameras stay as they are (none), or are refined with the scene; auto: refined where they do not fit their own"
        " points",
        choices=MODES,
    )
    start: float = option(0.05, "share of the steps after which cameras begin to move", minimum=0, below=1)
    coarse_until: float = option(
        0.25, "share of the steps, from the first on, in which photos have half their size", minimum=0, maximum=1
    )
    reach: float = option(
        0.04, "how far a photo's picture can move in all of the training, as a share of its longer side", above=0
    )
    final: float = option(0.02, "rate of the last step, as a part of the highest", minimum=0, maximum=1)
    hold: float = option(1.0, "visits of a photo that its first pose is worth: that many hold it back", minimum=0)

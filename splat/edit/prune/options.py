"""Options of `splat edit … prune`; light to import."""

from __future__ import annotations

from dataclasses import dataclass

from splat.options import option


@dataclass
class RefitOptions:
    """How the others take the place of what a decimation drops."""

    steps: int = option(300, "steps of the optimisation, one view each (0: all stay as they are)", minimum=0)
    shape: bool = option(True, "fit sizes and opacities too, which covers the gaps (false: colours alone)")
    views: int = option(48, "views whose pictures before are the target, at most", minimum=1)


@dataclass
class PruneOptions:
    """What nobody misses goes: by opacity, place, size, views, and down to a count."""

    min_opacity: float = option(0.005, "fainter Gaussians go", minimum=0, maximum=1)
    keep_box: str | None = option(None, "x0,y0,z0,x1,y1,z1: Gaussians with centres outside of this box go")
    max_size: float | None = option(
        None, "Gaussians go whose longest axis is over this times the usual one (the median)", above=0
    )
    min_views: int = option(1, "Gaussians go that fewer training views show (0: they stay)", minimum=0)
    floaters: bool = option(
        True, "of a run with its photos: Gaussians go that stand free before what views see, and that no photo misses"
    )
    isolated: float | None = option(
        None,
        "Gaussians go whose 8 neighbours are over this times as far as usual; 6 is a beginning, and PSNR says what it"
        " costs (null: none does)",
        above=0,
    )
    count: int | None = option(
        None, "then only so many Gaussians stay, those that the views show most of, fitted anew", minimum=1
    )
    refit: RefitOptions = option(RefitOptions, "with count: how the rest is fitted to the pictures before")

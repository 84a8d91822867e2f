"""Options of training through weather; importing this needs no torch."""

from __future__ import annotations

from dataclasses import dataclass

from splat.options import option

KINDS = ("none", "auto", "rain", "snow", "drops", "fog")


@dataclass
class WeatherOptions:
    """What stood between the camera and the scene. Everything is off by default; `weather=KIND` switches parts on."""

    kind: str = option("none", "what the photos were taken in, for the record; weather=KIND sets it", choices=KINDS)
    robust: bool = option(
        False,
        "leave out pixels whose photo differs from the scene as weather does; opacities are then never reset",
    )
    robust_side: str = option(
        "brighter",
        "brighter: pixels that are brighter more often than clean ones are darker (rain, snow); both: the largest"
        " differences, whatever their sign (costs detail)",
        choices=("brighter", "both"),
    )
    robust_trim: float = option(
        0.85, "robust_side=both: the share of the pixels that always counts", above=0, maximum=1
    )
    robust_margin: float = option(
        1.5,
        "robust_side=brighter: pixels that are brighter by less than so many times what nine in ten clean ones are"
        " always count",
        minimum=0,
    )
    robust_start: float = option(0.05, "share of the steps until which every pixel counts", minimum=0, maximum=1)
    robust_full: float = option(
        0.2, "share of the steps from which on weather is left out in full", minimum=0, maximum=1
    )
    consensus: bool = option(
        False,
        "leave out pixels that are brighter than the photos of the nearest cameras allow, carried along the scene's"
        " depth: rain and snow in the air",
    )
    consensus_views: int = option(9, "photos that each photo is compared with", minimum=4)
    consensus_evidence: float = option(
        1.8,
        "photos show weather where this many times as many pixels are brighter as are darker than their neighbours",
        minimum=0,
    )
    consensus_margin: float = option(
        0.3, "a pixel is left out where it is brighter by so many times what its neighbours scatter", minimum=0
    )
    consensus_start: float = option(
        0.2, "share of the steps after which photos are first compared", minimum=0, maximum=1
    )
    consensus_updates: int = option(
        3, "how often photos are compared, from consensus_start to two thirds of the steps", minimum=1
    )
    transient: bool = option(
        False,
        "a coarse white veil for each photo, found while training and dropped afterwards; it takes what makes a photo"
        " pale and leaves its detail to the scene",
    )
    transient_rate: float = option(
        0.5, "how fast a photo's veil follows what is found at each visit", above=0, maximum=1
    )
    transient_size: int = option(6, "pixels to a side of a cell of the veil", minimum=1)
    transient_margin: float = option(1.0, "as robust_margin, for the cells of the veil", minimum=0)
    lens: bool = option(
        False, "leave out what sits still in the photos while the scene moves: drops and dirt on the lens"
    )
    lens_start: float = option(0.15, "share of the steps from which on the lens is looked at", minimum=0, maximum=1)
    lens_sharpness: float = option(
        0.65, "a place is masked where photos have less than this part of the scene's detail", minimum=0, below=1
    )
    lens_residual: float = option(
        2.5, "a place is masked where photos differ so many times as much from the scene as elsewhere", above=1
    )
    haze: bool = option(
        False, "fog by distance, with one airlight and one density for the capture; the scene is the clear one"
    )
    haze_start: float = option(0.1, "share of the steps after which fog is first measured", minimum=0, maximum=1)
    haze_updates: int = option(4, "how often fog is measured, from haze_start to two thirds of the steps", minimum=1)
    haze_evidence: float = option(
        0.1, "fog counts as seen where it explains this part of how colours change with distance", minimum=0, below=1
    )

    @property
    def any(self) -> bool:
        """Whether anything is on."""
        return self.robust or self.consensus or self.transient or self.lens or self.haze

    @property
    def leaves_out(self) -> bool:
        """Whether pixels are left out; opacities are then never reset."""
        return self.robust or self.consensus or self.lens

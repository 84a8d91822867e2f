"""Options of training through weather; importing this needs no torch."""

from __future__ import annotations

from dataclasses import dataclass

from splat.options import option

KINDS = ("none", "auto", "rain", "snow", "drops", "fog")


@dataclass
class WeatherOptions:
    """What stood between the camera and the scene. Everything is off by default; `weather=KIND` switches parts on."""

    kind: str = option("none", "what the photos were taken in, for the record; weather=KIND sets it", choices=KINDS)
    network: bool = option(
        False, "take out of the photos the rain and snow that splat's own network sees in single views alone"
    )
    network_start: float = option(
        0.15, "share of the steps after which the network's view of the photos is first compared", minimum=0, maximum=1
    )
    network_updates: int = option(
        3, "how often it is compared, from network_start to two thirds of the steps", minimum=1
    )
    network_doubt: float = option(
        0.75,
        "share of the visits of a photo at which the scene decides how much of what the network sees is weather",
        minimum=0,
        maximum=1,
    )
    network_misses: bool = option(
        False, "take out more before surfaces on which the network sees less than on others, as in dense weather"
    )
    robust: bool = option(
        False,
        "take out of the photos what brightens them as rain and snow do; opacities are then never reset",
    )
    robust_shape: str = option(
        "spots",
        "what brightens photos: spots (flakes, and short streaks), or streaks along one direction, which is found",
        choices=("spots", "streaks"),
    )
    robust_start: float = option(0.05, "share of the steps until which photos stay as they are", minimum=0, maximum=1)
    robust_full: float = option(
        0.2, "share of the steps from which on all that is found is taken out", minimum=0, maximum=1
    )
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
    haze_start: float = option(0.15, "share of the steps after which fog is first looked for", minimum=0, maximum=1)
    haze_looks: int = option(
        3, "how often it is looked for until it is seen, from haze_start to two thirds of the steps", minimum=1
    )
    haze_evidence: float = option(
        0.1, "fog counts as seen where it explains this part of how colours change with distance", minimum=0, below=1
    )

    @property
    def any(self) -> bool:
        """Whether anything is on."""
        return self.network or self.robust or self.lens or self.haze

    @property
    def alters(self) -> bool:
        """Whether pixels are left out or changed; opacities are then never reset."""
        return self.robust or self.lens

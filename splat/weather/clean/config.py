"""Options of `splat clean`. Light: imports neither torch nor OpenCV."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from splat.capture.config import SPLIT_MEANING, SPLITS
from splat.options import option

WEATHERS = ("none", "rain", "snow", "fog", "drops")


@dataclass
class Restorer:
    """learned, with splat's own network, where rain or snow is found; fog stays for training to remove"""

    name: ClassVar[str] = "auto"


@dataclass
class NoRestorer(Restorer):
    """photos stay as they are, byte for byte; masks are still made"""

    name: ClassVar[str] = "none"


@dataclass
class ClassicalRestorer(Restorer):
    """streaks, flakes or haze taken out of each photo by itself"""

    name: ClassVar[str] = "classical"
    strength: float = option(1.0, "how much of what is found is taken out", above=0, maximum=1)
    haze_left: float = option(0.1, "share of the haze that stays, for the look of distance", minimum=0, maximum=1)


@dataclass
class MultiviewRestorer(Restorer):
    """what neighbouring views agree on replaces what only this photo shows; needs cameras"""

    name: ClassVar[str] = "multiview"
    scene: str | None = option(None, "run folder whose scene gives the depth (null: found from the photos)")
    neighbours: int = option(10, "views that are asked about each photo", minimum=3, maximum=64)
    agree: int = option(5, "views that must agree on a pixel before it is replaced", minimum=2)
    tolerance: float = option(0.06, "difference, of 1, within which views agree", above=0, below=1)
    size: int = option(320, "longer side in pixels at which depth is searched", minimum=64)
    planes: int = option(48, "depths that are tried", minimum=8)


@dataclass
class LearnedRestorer(Restorer):
    """a network: the small one that comes with splat, for rain and snow, or one that you bring"""

    name: ClassVar[str] = "learned"
    model: str = option(
        "own",
        "own: the small network of splat's repository, for rain and snow; or a TorchScript file, or folder or hub"
        " name of an image-to-image model of transformers",
    )
    tile: int = option(512, "side in pixels of the pieces that large photos are cut into", minimum=32)
    overlap: int = option(32, "pixels that neighbouring pieces share and blend over", minimum=0)
    multiple: int = option(8, "pieces are padded to multiples of this many pixels", minimum=1)
    device: str = option("auto", "where the network runs", choices=("auto", "cpu", "cuda"))
    offline: bool = option(False, "never download, take what lies on this machine (as HF_HUB_OFFLINE=1)")


RESTORERS: dict[str, type[Restorer]] = {
    "auto": Restorer,
    "classical": ClassicalRestorer,
    "multiview": MultiviewRestorer,
    "learned": LearnedRestorer,
    "none": NoRestorer,
}


@dataclass
class LensOptions:
    """How drops and dirt on the lens are found."""

    masks: str = option(
        "auto",
        "masks of drops and dirt: find (auto: where weather is auto or drops), or none",
        choices=("auto", "find", "none"),
    )
    photos: int = option(96, "most photos that are looked at to find them, evenly spread", minimum=8)
    size: int = option(512, "longer side in pixels at which they are searched", minimum=128, maximum=2048)
    grow: float = option(0.004, "how far masks reach beyond what was found, of the longer side", minimum=0, maximum=0.1)


@dataclass
class CleanConfig:
    """`splat clean`."""

    data: str = option("", "the capture: photos, COLMAP, transforms.json, Blender folder or video")
    out: str | None = option(None, "the new capture folder (null: DATA-clean beside DATA)")
    weather: str = option("auto", "what is to be taken out (auto: what is found)", choices=("auto", *WEATHERS))
    restorer: Restorer = option(Restorer, "what takes weather in the air out of the photos")
    photos: int = option(24, "most photos that are asked which weather it is, evenly spread", minimum=1)
    quality: int = option(97, "JPEG quality of restored photos (only of those that were JPEG)", minimum=50, maximum=100)
    sheet: int = option(4, "photos on the contact sheet of before, after and mask", minimum=1, maximum=50)
    fps: float | None = option(None, "frames a second taken from a video (null: max_frames over its length)", above=0)
    max_frames: int = option(150, "most frames taken from a video", minimum=2)
    test_every: int = option(
        8,
        "every n-th photo will be held out for testing (0: none), as in train: held-out photos and the others are"
        " cleaned without each other, and the new capture keeps the split; a capture's own split wins",
        minimum=2,
        also=0,
    )
    split: str = option("auto", SPLIT_MEANING, choices=SPLITS)
    lens: LensOptions = option(LensOptions, "drops and dirt on the lens")

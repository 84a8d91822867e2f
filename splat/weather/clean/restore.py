"""What takes weather in the air out of the photos: chosen once for the whole capture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from splat.capture.types import Split
from splat.errors import SplatError
from splat.weather.clean import haze
from splat.weather.clean.classical import remove_flakes, remove_streaks
from splat.weather.clean.config import (
    ClassicalRestorer,
    CleanConfig,
    LearnedRestorer,
    MultiviewRestorer,
    NoRestorer,
)
from splat.weather.clean.detect import Verdict, of_held_out
from splat.weather.clean.learned import load_learned
from splat.weather.clean.multiview import open_multiview
from splat.weather.clean.source import Source, SourcePhoto

AIR = ("rain", "snow", "fog")


@dataclass(frozen=True)
class Restored:
    """A photo without weather."""

    pixels: np.ndarray  # [H, W, 3] uint8, as the photo is stored
    share: float  # of the pixels that were changed


class PhotoRestorer(Protocol):
    """Restores photos one after the other."""

    name: str

    def restore(self, photo: SourcePhoto) -> Restored | None:
        """The photo without weather; None where it stays as it is."""
        ...

    def facts(self) -> dict[str, Any]:
        """What the record says."""
        ...


def choose_restorer(weather: Sequence[str], verdict: Verdict, source: Source, config: CleanConfig) -> PhotoRestorer:
    """The restorer that was asked for, or the one that fits what was found.

    Raises:
        SplatError: one that cannot work on this capture.
    """
    air = next((kind for kind in weather if kind in AIR), None)
    options = config.restorer
    if air is None or isinstance(options, NoRestorer):
        return Keep()
    if isinstance(options, LearnedRestorer):
        if options.model == "own" and air == "fog":
            raise SplatError(
                "splat's own network knows rain and snow; use restorer=classical, or train with weather=fog"
            )
        return ByNetwork(options)
    if isinstance(options, ClassicalRestorer):
        return Classical(air, by_side(verdict, source, air), options)
    if isinstance(options, MultiviewRestorer):
        if air == "fog":
            raise SplatError("fog looks the same in all views: use restorer=classical, or train with weather=fog")
        if not source.posed:
            raise SplatError(f"restorer=multiview needs cameras, {config.data} has none; use restorer=classical")
        held_out = {"test_every": config.test_every, "split": config.split}
        return ByViews(air, by_side(verdict, source, air), options, source, held_out)
    if air == "fog":
        return Keep(verdict.airlight)  # training removes it with depth, which pictures alone do not have
    return ByNetwork(LearnedRestorer())


def by_side(verdict: Verdict, source: Source, air: str) -> dict[Split, Verdict]:
    """What was learned of the weather from the training photos, and from those that are held out."""
    return {"train": verdict, "test": of_held_out(verdict, source, air)}


@dataclass
class Keep:
    """Photos stay as they are."""

    airlight: tuple[float, float, float] | None = None
    name: str = "none"

    def restore(self, photo: SourcePhoto) -> Restored | None:
        """Nothing to do."""
        return None

    def facts(self) -> dict[str, Any]:
        """Nothing to say."""
        return {}


@dataclass
class Classical:
    """Each photo by itself."""

    air: str
    verdicts: dict[Split, Verdict]
    options: ClassicalRestorer
    name: str = "classical"

    def restore(self, photo: SourcePhoto) -> Restored | None:
        """Streaks, flakes or haze taken out."""
        image = photo.upright(np.ascontiguousarray(photo.pixels()[..., :3]))
        return _restored(photo, image, self.upright(image, self.verdicts[photo.split]))

    def upright(self, image: np.ndarray, verdict: Verdict) -> np.ndarray:
        """The same for upright pixels [H, W, 3] uint8."""
        if self.air == "rain":
            assert verdict.streaks is not None  # learned because it is asked for
            return remove_streaks(image, verdict.streaks, self.options.strength)
        if self.air == "snow":
            assert verdict.flakes is not None
            return remove_flakes(image, verdict.flakes, self.options.strength)
        return haze.dehazed(image, verdict.airlight, self.options.haze_left)

    def facts(self) -> dict[str, Any]:
        """The parameters."""
        return {"strength": self.options.strength}


@dataclass
class ByViews:
    """What neighbouring views agree on; where they do not, each photo by itself."""

    air: str
    verdicts: dict[Split, Verdict]
    options: MultiviewRestorer
    source: Source
    held_out: dict[str, Any]  # options of `load_capture` that say which photos are held out
    name: str = "multiview"
    single: Classical = field(init=False)

    def __post_init__(self) -> None:
        self.single = Classical(self.air, self.verdicts, ClassicalRestorer())
        falling = self.air in ("rain", "snow")
        self.views = open_multiview(Path(self.source.path), self.options, self.held_out, brighter_only=falling)

    def restore(self, photo: SourcePhoto) -> Restored | None:
        """The views' consent where there is one."""
        single = self.single.restore(photo)
        found = self.views.restore(photo.name)
        if found is None or single is None:
            return single
        picture, where = found
        pixels = np.where(where[..., None], picture, single.pixels)
        return _restored(photo, photo.pixels()[..., :3], pixels, upright=False)

    def facts(self) -> dict[str, Any]:
        """The parameters."""
        return {"neighbours": self.options.neighbours, "agree": self.options.agree, "scene": self.options.scene}


class ByNetwork:
    """A network, each photo by itself."""

    name = "learned"

    def __init__(self, options: LearnedRestorer) -> None:
        self.learned = load_learned(options)

    def restore(self, photo: SourcePhoto) -> Restored | None:
        """What the network makes of the photo."""
        image = photo.upright(np.ascontiguousarray(photo.pixels()[..., :3]))
        return _restored(photo, image, self.learned.restore(image))

    def facts(self) -> dict[str, Any]:
        """Which network."""
        return {"model": self.learned.options.model}


def _restored(photo: SourcePhoto, before: np.ndarray, after: np.ndarray, upright: bool = True) -> Restored:
    """The result as it is stored, and how much it differs."""
    share = float((before != after).any(axis=-1).mean())
    return Restored(photo.stored(after) if upright else after, share)

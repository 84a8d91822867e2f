"""Which weather is in the air: every photo asked has a vote, the capture has one answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from splat import console
from splat.images import evenly, shrunk
from splat.weather.clean import cues
from splat.weather.clean.classical import Flakes, Streaks, learn_flakes, learn_streaks
from splat.weather.clean.config import CleanConfig
from splat.weather.clean.haze import Colour, airlight
from splat.weather.clean.source import Source, SourcePhoto

# Measured on the demo, fox, desk and lego, clean and with weather added: see docs/weather.md.
TRANSIENT = 5e-4  # mean brightness that only one photo has; clean captures stay below 2e-4
ONE_SIDED = 1.3  # times as much bright as dark that only one photo has; clean ones are below 1
COMMON = 2.6  # times more edges along the fall than elsewhere; clean captures stay below 2.4
COMMON_ALONE = 3.2  # where no neighbours can be asked
LIFTED = (0.18, 0.24)  # dark channel and darkest brightness; clean captures stay below 0.1 and 0.17
LEARNED_FROM = 6  # photos that streaks and flakes are learned from
LEARNED_SIDE = 960


@dataclass(frozen=True)
class Signs:
    """What one photo says."""

    bright: float | None  # transients; None without neighbours
    dark: float | None
    common: float  # along the capture's fall
    veil: tuple[float, float]
    airlight: Colour

    @property
    def falling(self) -> bool:
        """Whether something is there that neighbours do not show."""
        return self.bright is None or self.bright >= TRANSIENT

    def vote(self) -> str:
        """rain, snow, fog or none."""
        if self.common >= (COMMON_ALONE if self.bright is None else COMMON) and self.falling:
            return "rain"
        if self.bright is not None and self.dark is not None and self.bright >= max(TRANSIENT, ONE_SIDED * self.dark):
            return "snow"
        return "fog" if self.veil[0] >= LIFTED[0] and self.veil[1] >= LIFTED[1] else "none"


@dataclass(frozen=True)
class Verdict:
    """The answer for the whole capture, and why."""

    kind: str  # rain, snow, fog or none
    votes: dict[str, int]
    degrees: float  # in which streaks fall, from vertical, clockwise
    common: float  # how far that direction stands out
    bright: float  # medians over the photos
    dark: float
    veil: tuple[float, float]
    airlight: Colour
    streaks: Streaks | None = None  # where it rains, or rain was asked for
    flakes: Flakes | None = None

    def sentence(self) -> str:
        """The answer in words."""
        asked = sum(self.votes.values())
        if self.kind == "none":
            return "no weather in the air"
        lean = f" (streaks lean {self.degrees:.0f} degrees)" if self.kind == "rain" else ""
        return f"{self.kind} in {self.votes[self.kind]} of {asked} photos{lean}"

    def facts(self) -> dict[str, Any]:
        """Plain data for the record."""
        return {
            "in_the_air": self.kind,
            "votes": self.votes,
            "scores": {
                "bright_transients": round(self.bright, 6),
                "dark_transients": round(self.dark, 6),
                "common_direction": round(self.common, 3),
                "degrees": round(self.degrees, 1),
                "dark_channel": round(self.veil[0], 4),
                "darkest": round(self.veil[1], 4),
            },
            "airlight": [round(value, 4) for value in self.airlight],
        }


def look(source: Source, config: CleanConfig) -> Verdict:
    """Ask photos spread over the training photos: what is held out decides nothing."""
    photos = source.side("train") or source.photos
    asked = evenly(photos, config.photos)
    places = {photo.name: index for index, photo in enumerate(photos)}
    images, edges = [], []
    with console.progress("Looking for weather", len(asked), "photo") as bar:
        for photo in asked:
            index = places[photo.name]
            around = [photos[i] for i in (index - 1, index + 1) if 0 <= i < len(photos)]
            image = small(photo)
            images.append((image, [small(other) for other in around]))
            edges.append(cues.directions(image))
            bar.advance()
    degrees, common = cues.fall(np.concatenate(edges, axis=1))
    found = [_signs(image, around, own, degrees) for (image, around), own in zip(images, edges)]
    verdict = _count(found, degrees, common)
    return _with_models(verdict, asked, config.weather)


def small(photo: SourcePhoto) -> np.ndarray:
    """[h, w, 3] float32 0..1 upright, black where the photo is transparent."""
    pixels = shrunk(photo.upright(photo.pixels()), cues.SIDE).astype(np.float32) / 255.0
    return pixels[..., :3] * pixels[..., 3:] if pixels.shape[2] == 4 else pixels


def _signs(image: np.ndarray, around: Sequence[np.ndarray], edges: np.ndarray, degrees: float) -> Signs:
    fitting = [other for other in around if other.shape == image.shape]
    bright, dark = cues.transients(image, *fitting) if len(fitting) == 2 else (None, None)
    return Signs(bright, dark, cues.standing_out(edges, degrees), cues.veil(image), airlight(image))


def _count(found: Sequence[Signs], degrees: float, common: float) -> Verdict:
    """The majority's answer; none where there is no majority."""
    votes = [one.vote() for one in found if one.bright is not None] or [one.vote() for one in found]
    counted = {kind: votes.count(kind) for kind in ("rain", "snow", "fog", "none")}
    winner = max(counted, key=lambda kind: counted[kind])
    kind = winner if counted[winner] * 2 > len(votes) else "none"
    bright = [one.bright for one in found if one.bright is not None] or [0.0]
    dark = [one.dark for one in found if one.dark is not None] or [0.0]
    red, green, blue = (float(v) for v in np.median([one.airlight for one in found], axis=0))
    veil = np.median([one.veil for one in found], axis=0)
    return Verdict(
        kind, counted, degrees, common, float(np.median(bright)), float(np.median(dark)),
        (float(veil[0]), float(veil[1])), (red, green, blue),
    )  # fmt: skip


def of_held_out(verdict: Verdict, source: Source, kind: str) -> Verdict:
    """The same answer, with streaks, flakes and airlight learned from the held-out photos alone.

    Args:
        kind: the weather that is taken out.
    """
    asked = evenly(source.side("test"), LEARNED_FROM)
    if not asked or len(asked) == len(source.photos):
        return verdict
    images = [small(photo) for photo in asked]
    degrees, _ = cues.fall(np.concatenate([cues.directions(image) for image in images], axis=1))
    red, green, blue = (float(v) for v in np.median([airlight(image) for image in images], axis=0))
    own = replace(verdict, degrees=degrees, airlight=(red, green, blue), streaks=None, flakes=None)
    return _with_models(own, asked, kind)


def _with_models(verdict: Verdict, asked: Sequence[SourcePhoto], weather: str) -> Verdict:
    """The verdict with what is needed to take streaks or flakes out, where they are there."""
    kind = verdict.kind if weather == "auto" else weather
    if kind not in ("rain", "snow"):
        return verdict
    images = [
        shrunk(photo.upright(np.ascontiguousarray(photo.pixels()[..., :3])), LEARNED_SIDE)
        for photo in evenly(list(asked), LEARNED_FROM)
    ]
    if kind == "rain":
        return replace(verdict, streaks=learn_streaks(images, verdict.degrees))
    return replace(verdict, flakes=learn_flakes(images))

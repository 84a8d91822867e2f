"""Drops, dirt and smears on the lens: they stay in their place in the picture while the scene moves through it.

Two cues of that, from `static_marks`, find spots: closed outlines that are the same in all photos, and places without
fine detail. Where the scene hardly moves through the picture neither can be told from the scene, and nothing is marked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from splat import console
from splat.images import evenly, shrunk
from splat.weather.clean.config import LensOptions
from splat.weather.clean.morphology import disk, luma
from splat.weather.clean.source import Source, SourcePhoto, resized_mask
from splat.weather.clean.static_marks import Sums, surface

FEWEST = 8  # photos
SEED, EDGE = 1.3, 1.0  # lack of detail (natural logarithm) at which a spot is found, and how far it reaches
SEED_SPREADS, EDGE_SPREADS = 6.5, 4.5  # the same in spreads of the capture's own unevenness
CONSTANT = 0.58  # constancy of an outline; the highest of clean captures are single lines
ABOVE = 0.42  # and above the capture's typical constancy, which is higher with few photos
STILL = 0.09  # of the least constant quarter, above what chance gives: the scene moves too little through the picture
QUARTER = 0.536  # over the root of the photos: the lower quartile of the mean of unit vectors that point anywhere
ONE_WAY = 0.6  # of an outline that runs in one direction only: an edge of the scene; of a circle it is 0
NARROW = 0.012  # of the longer side: thinner things are lines
ALL_CONSTANT = 0.7  # mean over `PLACE` of the longer side: what cameras turn around stays where it is, too
PLACE = 0.12
SMALLEST = 6e-5  # of the picture: a spot
LARGEST = 0.12
REACH = 3  # pixels that the soft edge of a spot without detail still looks sharp
GONE = 0.4  # of the usual strength of its outline: the spot is not in this photo


@dataclass(frozen=True)
class Group:
    """Photos of one size, with the spots found on their lens."""

    spots: np.ndarray  # [h, w] int32: the number of each spot, 0 for none
    present: dict[str, np.ndarray]  # photo's name → [spots] bool
    still: bool  # the scene moves too little through the picture to tell
    photos: int


@dataclass(frozen=True)
class LensMasks:
    """What is on the lens, for each photo."""

    groups: dict[tuple[int, int], Group]  # by stored size, width first
    grow: float

    @property
    def found(self) -> bool:
        """Whether there is anything."""
        return any(group.spots.any() for group in self.groups.values())

    def mask(self, photo: SourcePhoto) -> np.ndarray:
        """[H, W] bool as the photo is stored, False on the lens's spots."""
        size = photo.header.width, photo.header.height
        group = self.groups.get(size)
        if group is None or not group.spots.any():
            return np.ones(size[::-1], bool)
        there = np.concatenate([[False], group.present.get(photo.name, np.ones(group.spots.max(), bool))])
        covered = there[group.spots]
        radius = round(self.grow * max(covered.shape))
        if radius:
            covered = cv2.dilate(covered.astype(np.uint8), disk(2 * radius + 1)) > 0
        return ~resized_mask(covered, *size)

    def share(self) -> float:
        """Of the picture that is covered, of the largest group."""
        largest = max(self.groups.values(), key=lambda group: group.photos, default=None)
        return 0.0 if largest is None else float((largest.spots > 0).mean())

    def sentence(self) -> str:
        """What was found, in words."""
        if not self.groups:
            return f"too few training photos to look for drops on the lens ({FEWEST} of one size needed)"
        spots = max(int(group.spots.max()) for group in self.groups.values())
        if spots:
            return f"{console.count(spots, 'spot')} on the lens ({100 * self.share():.1f} % of the picture)"
        if all(group.still for group in self.groups.values()):
            return "nothing to be seen on the lens (the scene moves too little through the picture to be sure)"
        return "nothing on the lens"

    def facts(self) -> dict[str, Any]:
        """Plain data for the record."""
        return {
            "found": self.found,
            "share": round(self.share(), 5),
            "groups": [
                {
                    "width": width,
                    "height": height,
                    "photos": group.photos,
                    "spots": int(group.spots.max()),
                    "scene_moves": not group.still,
                }
                for (width, height), group in self.groups.items()
            ],
        }


def find_lens_masks(source: Source, options: LensOptions) -> LensMasks:
    """Look for what stays in its place, separately for photos of different sizes.

    Only training photos are looked at; what is found on their lens is masked in those that are held out, too.
    """
    sizes: dict[tuple[int, int], list[SourcePhoto]] = {}
    for photo in source.photos:
        sizes.setdefault((photo.header.width, photo.header.height), []).append(photo)
    groups = {}
    for size, photos in sizes.items():
        training = [photo for photo in photos if photo.split == "train"]
        if len(training) >= FEWEST:
            groups[size] = _group(photos, training, options)
    return LensMasks(groups, options.grow)


def _group(photos: Sequence[SourcePhoto], training: Sequence[SourcePhoto], options: LensOptions) -> Group:
    asked = evenly(list(training), options.photos)
    sums = Sums()
    with console.progress("Looking at the lens", len(asked), "photo") as bar:
        for photo in asked:
            sums.add(*plane_of(photo, options.size))
            bar.advance()
    spots, still = find_spots(sums)
    known = dict(zip((photo.name for photo in asked), presence(sums, spots)))
    places = {photo.name: index for index, photo in enumerate(photos)}
    present = {}
    for photo in photos:  # those that were not asked have what the nearest has that was
        nearest = min(asked, key=lambda other: abs(places[other.name] - places[photo.name]))
        present[photo.name] = known[nearest.name]
    return Group(spots, present, still, len(photos))


def plane_of(photo: SourcePhoto, size: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Brightness [h, w] of a photo as stored, small, and where it is neither transparent nor masked by the user."""
    small = shrunk(photo.pixels(), size)
    plane = luma(small)
    known = np.ones(plane.shape, bool)
    if small.shape[2] == 4:
        known &= small[..., 3] > 250
    mask = photo.mask()
    if mask is not None:
        known &= resized_mask(mask, plane.shape[1], plane.shape[0])
    return plane, None if known.all() else known


def find_spots(sums: Sums) -> tuple[np.ndarray, bool]:
    """Spots [h, w] int32, numbered from 1, that stay in place, and whether the scene moves too little to tell."""
    constancy = sums.constancy()
    least, typical = np.quantile(constancy[constancy > 0], [0.25, 0.5]).tolist() if constancy.any() else (0.0, 0.0)
    if least > QUARTER * sums.count**-0.5 + STILL:  # drops may cover half of the picture
        return np.zeros(constancy.shape, np.int32), True
    covered = outlined(sums, constancy, max(CONSTANT, typical + ABOVE)) | without_detail(sums)
    return cv2.connectedComponents(covered.astype(np.uint8), connectivity=8)[1], False


def outlined(sums: Sums, constancy: np.ndarray, least: float) -> np.ndarray:
    """[h, w] bool: what closed constant edges surround; lines that surround nothing are dropped."""
    place = max(3, round(PLACE * max(constancy.shape)) | 1)
    moving = cv2.blur(constancy, (place, place), borderType=cv2.BORDER_REFLECT_101) < ALL_CONSTANT
    edges: np.ndarray = ((constancy > least) & moving).astype(np.uint8)
    ring: np.ndarray = cv2.morphologyEx(edges, cv2.MORPH_CLOSE, disk(5))
    height, width = ring.shape
    frame = max(height, width) // 6  # mirrored, so that a drop that the picture cuts off is closed as well
    framed: np.ndarray = cv2.copyMakeBorder(ring, frame, frame, frame, frame, cv2.BORDER_REFLECT)
    framed[[0, -1]] = 0
    framed[:, [0, -1]] = 0
    outside = np.zeros((framed.shape[0] + 2, framed.shape[1] + 2), np.uint8)
    cv2.floodFill(framed, outside, (0, 0), 2)
    filled = (framed[frame : frame + height, frame : frame + width] != 2).astype(np.uint8)
    narrow = max(5, round(NARROW * max(ring.shape)) | 1)
    region = _of_size(cv2.morphologyEx(filled, cv2.MORPH_OPEN, disk(narrow))).astype(np.uint8)
    return _round(sums, region, ring > 0)


def _round(sums: Sums, region: np.ndarray, ring: np.ndarray) -> np.ndarray:
    """[h, w] bool: the parts of a region [h, w] uint8 whose outlines run in all directions, unlike a line."""
    count, numbers = cv2.connectedComponents(region, connectivity=8)
    x, y = np.asarray(sums.x), np.asarray(sums.y)
    length = np.maximum(np.hypot(x, y), 1e-9)
    angle = 2.0 * np.arctan2(y / length, x / length)
    on_ring = np.where(ring, numbers, 0).ravel()
    totals = np.maximum(np.bincount(on_ring, minlength=count), 1)
    cosine = np.bincount(on_ring, np.cos(angle).ravel(), minlength=count) / totals
    sine = np.bincount(on_ring, np.sin(angle).ravel(), minlength=count) / totals
    kept = np.hypot(cosine, sine) <= ONE_WAY
    kept[0] = False
    return kept[numbers]


def without_detail(sums: Sums) -> np.ndarray:
    """[h, w] bool: where fine detail is missing in photo after photo."""
    mean, informed = sums.lack()
    if informed.mean() < 0.05:
        return np.zeros(mean.shape, bool)
    mean = np.where(informed, mean, np.median(mean[informed])).astype(np.float32)
    uneven = mean - surface(mean)
    spread = 1.4826 * float(np.median(np.abs(uneven - np.median(uneven))))
    seeds = (uneven < -max(SEED, SEED_SPREADS * spread)) & informed
    reach = ((uneven < -max(EDGE, EDGE_SPREADS * spread)) & informed).astype(np.uint8)
    _, numbers = cv2.connectedComponents(reach, connectivity=8)
    seeded = np.bincount(numbers[seeds], minlength=int(numbers.max()) + 1) >= max(3.0, 0.5 * SMALLEST * reach.size)
    seeded[0] = False
    return cv2.dilate(_of_size(seeded[numbers].astype(np.uint8)).astype(np.uint8), disk(2 * REACH + 1)) > 0


def _of_size(region: np.ndarray) -> np.ndarray:
    """[h, w] bool: the connected parts of a region [h, w] uint8 that are neither specks nor most of the picture."""
    _, numbers, facts, _ = cv2.connectedComponentsWithStats(region, connectivity=8)
    areas = facts[:, cv2.CC_STAT_AREA] / region.size
    kept = (areas >= SMALLEST) & (areas <= LARGEST)
    kept[0] = False
    return kept[numbers]


def presence(sums: Sums, spots: np.ndarray) -> np.ndarray:
    """[N, spots] bool: which spots each photo has; drops come and dry, and a lens is wiped."""
    count = int(spots.max())
    here = np.ones((sums.count, count), bool)
    for number in range(1, count + 1):
        region = cv2.dilate((spots == number).astype(np.uint8), disk(5)) > 0
        here[:, number - 1] = sums.agreement(region) >= GONE
    return here

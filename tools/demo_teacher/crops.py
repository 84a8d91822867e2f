"""Training pictures: what the teacher will see at use, cut from the rendered photos."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from splat.console import progress
from splat.files import atomic_path
from splat.language.regions.crops import Look, crops
from splat.language.regions.segments import Segments
from tools.demo_teacher.captions import KIND_LIST, ThingTable, table
from tools.demo_teacher.photos import read_shot
from tools.demo_teacher.things import KINDS, MIXED, Thing
from tools.demo_teacher.worlds import Shot

SIDE = 72
LOOK = Look(context=0.35, surround=0.4)  # a fragment of a thing is known by what it hangs together with
PURE = 0.6  # a region is called after a thing that fills so much of it
SMALLEST = 40  # pixels


@dataclass(frozen=True)
class Pictures:
    """Squares with their things."""

    pixels: np.ndarray  # [N, SIDE, SIDE, 3] uint8
    things: ThingTable
    shares: np.ndarray  # [N, kinds of KINDS] float32, of the region's pixels; rows sum to 1

    def __len__(self) -> int:
        return len(self.pixels)


def collect(paths: list[Path], seed: int = 0, processes: int = 1) -> Pictures:
    """Found regions, true masks and pieces of true masks of all photos."""
    pixels, things, shares = [], [], []
    with (
        progress("Cutting out pictures", len(paths), "photo") as bar,
        ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool,
    ):
        for cut, found, share in pool.map(partial(_of_photo, seed=seed), paths, chunksize=4):
            pixels.append(cut)
            things += found
            shares.append(share)
            bar.advance()
    return Pictures(np.concatenate(pixels), table(things), np.concatenate(shares))


def _of_photo(path: Path, seed: int) -> tuple[np.ndarray, list[Thing], np.ndarray]:
    """The pictures of one photo, their things, and the shares of kinds in them."""
    import cv2

    cv2.setNumThreads(1)
    shot = read_shot(path)
    rng = np.random.default_rng([seed, *path.stem.encode()])
    pixels, things, shares = [], [], []
    for labels, found in (true_masks(shot), _pieces(shot, rng), found_regions(shot, Segments())):
        pixels += list(crops(shot.image, labels, len(found), SIDE, LOOK))
        things += found
        shares.append(kind_shares(shot, labels, len(found)))
    return np.stack(pixels), things, np.concatenate(shares)


def cached(path: Path, paths: list[Path], seed: int = 0, processes: int = 1) -> Pictures:
    """`collect`, kept in a file that later runs read."""
    made_of = [f"{SIDE} {LOOK} {Segments().signature} {seed}", *(photo.name for photo in paths)]
    if path.is_file():
        with np.load(path, allow_pickle=False) as file:
            if file["made_of"].tolist() == made_of:
                return Pictures(file["pixels"], ThingTable(file["kind"], file["colours"]), file["shares"])
    found = collect(paths, seed, processes)
    arrays = {"pixels": found.pixels, "kind": found.things.kind, "colours": found.things.colors}
    with atomic_path(path) as temporary:
        np.savez(temporary, **arrays, shares=found.shares, made_of=np.array(made_of))
    return found


def kind_shares(shot: Shot, labels: np.ndarray, count: int) -> np.ndarray:
    """[count, kinds] of each region's pixels the share that things of each kind fill; nameless pixels do not count."""
    kinds = np.array([len(KINDS), *(list(KINDS).index(thing.kind) for thing in shot.things)])[shot.labels]
    found = np.zeros((count, len(KINDS) + 1))
    for plane in labels:
        inside = plane >= 0
        fresh = np.bincount(plane[inside] * (len(KINDS) + 1) + kinds[inside], minlength=found.size)
        found = np.maximum(found, fresh.reshape(found.shape))  # a region in several levels is the same in all
    known = found[:, :-1]
    return (known / np.maximum(known.sum(1, keepdims=True), 1)).astype(np.float32)


def true_masks(shot: Shot) -> tuple[np.ndarray, list[Thing]]:
    """Labels [1, h, w] of the things themselves, and which they are; the tiny ones are left out."""
    sizes = np.bincount(shot.labels.reshape(-1), minlength=len(shot.things) + 1)
    seen = np.nonzero(sizes[1:] >= SMALLEST)[0]
    return _renumbered(shot.labels.astype(np.int32) - 1, seen)[None], [shot.things[k] for k in seen]


def found_regions(shot: Shot, segments: Segments) -> tuple[np.ndarray, list[Thing]]:
    """Regions as they are found at use, called after the thing that fills most of them."""
    labels = segments(shot.image)
    count = int(labels.max()) + 1
    kinds = len(shot.things) + 1
    shares = np.zeros((count, kinds))
    for plane in labels:
        present = np.unique(plane)
        table_of = np.bincount(plane.reshape(-1) * kinds + shot.labels.reshape(-1), minlength=count * kinds)
        shares[present] = table_of.reshape(count, kinds)[present]
    total = np.maximum(shares.sum(1), 1)
    best, fill = shares[:, 1:].argmax(1), shares[:, 1:].max(1) / total
    big = np.nonzero(total >= SMALLEST)[0]
    kept = np.stack([_renumbered(plane, big) for plane in labels])
    return kept, [shot.things[best[k]] if fill[k] >= PURE else Thing(MIXED, ()) for k in big]


def _pieces(shot: Shot, rng: np.random.Generator) -> tuple[np.ndarray, list[Thing]]:
    """Things cut by a line through them, as by an edge of shading or something in front."""
    labels, things = true_masks(shot)
    plane = labels[0].copy()
    y, x = np.mgrid[: plane.shape[0], : plane.shape[1]]
    for number in range(len(things)):
        inside = plane == number
        angle, share = rng.uniform(0, 2 * np.pi), rng.uniform(0.25, 0.75)
        position = np.cos(angle) * x + np.sin(angle) * y
        plane[inside & (position > np.quantile(position[inside], share))] = -1
    return plane[None], things


def _renumbered(labels: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Labels `kept[k]` become k, all others -1."""
    lookup = np.full(max(int(labels.max()), int(kept.max(initial=0))) + 2, -1, np.int32)  # its last entry serves -1
    lookup[kept] = np.arange(len(kept))
    return lookup[labels]


def counts(pictures: Pictures) -> dict[str, int]:
    """How many pictures of each kind."""
    found = np.bincount(pictures.things.kind, minlength=len(KIND_LIST))
    return dict(zip(KIND_LIST, found.tolist()))

"""Cameras from matches: COLMAP's usual mapper, and the others where that places too few photos."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from splat import console
from splat.capture.sfm.child import run_step
from splat.errors import SplatError

ENOUGH = 0.7  # of the photos, placed by the first engine: no other is tried


@dataclass(frozen=True)
class Engine:
    """One way to place cameras."""

    name: str
    step: str  # of colmap_child
    relaxed: bool = False  # begins with photos that show little parallax, as on a walk straight ahead


INCREMENTAL = Engine("incremental mapping", "incremental")
RELAXED = Engine("incremental mapping from a weaker start", "incremental", relaxed=True)
GLOBAL = Engine("global mapping", "global")
ENGINES = {"auto": (INCREMENTAL, RELAXED, GLOBAL), "incremental": (INCREMENTAL,), "global": (GLOBAL,)}


@dataclass(frozen=True)
class Placed:
    """What an engine found."""

    engine: Engine
    photos: int
    model: Path  # folder of a COLMAP model, absent where no photo is placed


def place_cameras(database: Path, images: Path, work: Path, count: int, fewest: int, mapper: str = "auto") -> Placed:
    """Try the first engine and, where it places too few photos, the others; the first of those that place most.

    Args:
        database: with features and verified matches.
        images: folder of the photos.
        work: folder for the models.
        count: photos in the database.
        fewest: photos that a model must have.
        mapper: auto, incremental or global.

    Raises:
        SplatError: every engine fails with an error.
    """
    tried: list[Placed] = []
    failed: list[SplatError] = []
    for engine in ENGINES[mapper]:
        try:
            tried.append(run_engine(engine, database, images, work / engine.name.replace(" ", "-"), count, fewest))
        except SplatError as error:  # another may do: global mapping aborts on some matches that others can use
            failed.append(error)
            console.warn(str(error))
            continue
        if tried[-1].photos >= (ENOUGH * count if engine is ENGINES[mapper][0] else count):
            break
    if not tried:
        raise failed[0]
    best = max(tried, key=lambda placed: placed.photos)
    if len(tried) > 1 and best.photos:
        others = ", ".join(f"{placed.engine.name} {placed.photos}" for placed in tried if placed is not best)
        console.info(f"{best.engine.name} places {best.photos} of {count} photos and is used ({others})")
    return best


def run_engine(engine: Engine, database: Path, images: Path, model: Path, count: int, fewest: int) -> Placed:
    """Run one engine, which leaves its largest model in the folder `model`."""
    arguments: dict[str, Any] = {
        "database": str(database),
        "images": str(images),
        "model": str(model),
        "fewest": fewest,
        "relaxed": engine.relaxed,
    }
    return Placed(engine, run_step("Placing cameras", count, "photo", engine.step, arguments), model)

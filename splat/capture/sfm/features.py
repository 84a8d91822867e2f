"""Features and matches of photos in a COLMAP database, on the processor, with progress."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from splat import console, workers
from splat.capture.config import CaptureOptions
from splat.errors import Interrupted, SplatError
from splat.native import default_threads

SEQUENTIAL_OVERLAP = 10
PATIENCE = 2.0  # seconds that Ctrl-C waits for COLMAP to stop
TILE = 14  # photos on each side of a square of pairs that is matched at once


@dataclass(frozen=True)
class CameraGroup:
    """Photos that one camera took with one focal length."""

    names: tuple[str, ...]  # relative to the photos' folder
    model: str = "SIMPLE_RADIAL"


def quiet_colmap() -> Any:
    """The pycolmap module with its own log reduced to errors (unless $GLOG_minloglevel says) and a fixed seed."""
    import pycolmap

    if "GLOG_minloglevel" not in os.environ:
        pycolmap.logging.minloglevel = 2
    pycolmap.set_random_seed(0)
    return pycolmap


def threads(options: CaptureOptions) -> int:
    """Threads to use, never left to a library's own guess."""
    return options.num_threads or default_threads()


def extract_features(
    database: Path,
    photos: Path,
    groups: Sequence[CameraGroup],
    options: CaptureOptions,
    *,
    own_cameras: bool = False,
    masks: Path | None = None,
) -> None:
    """Find SIFT features in the photos and write them to the database; photos done before are kept.

    Args:
        database: file to create, or to complete after an interruption.
        photos: folder that the names are relative to; pixels are read as stored.
        groups: photos that share a camera.
        own_cameras: give every photo a camera of its own (to be overwritten with known ones).
        masks: folder of NAME.png for the photo NAME; features on its zeros are dropped.
    """
    pycolmap = quiet_colmap()
    extraction = pycolmap.FeatureExtractionOptions()
    extraction.use_gpu = False
    extraction.num_threads = threads(options)
    extraction.max_image_size = options.sfm_image_size
    extraction.sift.max_num_features = options.sfm_features
    mode = pycolmap.CameraMode.PER_IMAGE if own_cameras else pycolmap.CameraMode.SINGLE
    batch = max(4, 2 * threads(options))

    def work(cancel: dict[str, Any], advance: Callable[[int], None]) -> None:
        known = known_photos(database)  # creates it
        for group in groups:
            reader = pycolmap.ImageReaderOptions()
            reader.camera_model = group.model
            if masks is not None:
                reader.mask_path = str(masks)
            # Photos get their numbers in name order first: the search ends in any order, and results depend on them.
            if not known.issuperset(group.names):
                pycolmap.import_images(
                    database_path=str(database),
                    image_path=str(photos),
                    camera_mode=mode,
                    image_names=list(group.names),
                    options=reader,
                )
            for start in range(0, len(group.names), batch):
                names = list(group.names[start : start + batch])
                pycolmap.extract_features(
                    database_path=str(database),
                    image_path=str(photos),
                    image_names=names,
                    camera_mode=mode,
                    reader_options=reader,
                    extraction_options=extraction,
                    device=pycolmap.Device.cpu,
                    **cancel,
                )
                advance(len(names))

    run_counted("Finding features", sum(len(group.names) for group in groups), "photo", work)


def known_photos(database: Path) -> set[str]:
    """Names of the photos in a database, which is made where there is none."""
    with quiet_colmap().Database.open(str(database)) as opened:
        return {image.name for image in opened.read_all_images()}


def match_pairs(database: Path, pairs: Sequence[tuple[str, str]], options: CaptureOptions) -> None:
    """Match the photos of each pair and check the matches against two-view geometry; pairs done before are kept."""
    pycolmap = quiet_colmap()
    matching = pycolmap.FeatureMatchingOptions()
    matching.use_gpu = False
    matching.num_threads = threads(options)
    pairing = pycolmap.ImportedPairingOptions()
    listed = database.with_name("pairs.txt")
    pairing.match_list_path = str(listed)
    verification = pycolmap.TwoViewGeometryOptions()
    verification.ransac.random_seed = 0

    # Every call reads and indexes its photos' features anew: few, large calls, each of few photos; progress shows after
    # each of them.
    rank = {name: index // TILE for index, name in enumerate(dict.fromkeys(name for pair in pairs for name in pair))}
    pairs = sorted(pairs, key=lambda pair: (rank[pair[0]], rank[pair[1]]))
    batch = max(TILE * TILE, len(pairs) // 20)

    def work(cancel: dict[str, Any], advance: Callable[[int], None]) -> None:
        for start in range(0, len(pairs), batch):
            part = pairs[start : start + batch]
            listed.write_text("".join(f"{first} {second}\n" for first, second in part), encoding="utf-8")
            pycolmap.match_image_pairs(
                database_path=str(database),
                matching_options=matching,
                pairing_options=pairing,
                verification_options=verification,
                device=pycolmap.Device.cpu,
                **cancel,
            )
            advance(len(part))

    run_counted("Matching photos", len(pairs), "pair", work)


def choose_pairs(names: Sequence[str], matcher: str) -> list[tuple[str, str]]:
    """Pairs of photos to match, as (earlier, later) in the order given.

    exhaustive: all; sequential: the next ten and those 16, 32, 64, … further on, so that a long walk keeps its shape.
    """
    count = len(names)
    if matcher == "exhaustive":
        return [(names[i], names[j]) for i in range(count) for j in range(i + 1, count)]
    steps = list(range(1, SEQUENTIAL_OVERLAP + 1)) + [2**power for power in range(4, 11)]
    return [(names[i], names[i + step]) for i in range(count) for step in steps if i + step < count]


def run_counted(
    description: str, total: int | None, unit: str, work: Callable[[dict[str, Any], Callable[[int], None]], None]
) -> None:
    """Run `work(cancel, advance)` in a thread under a progress bar; `cancel` lets Ctrl-C reach COLMAP's functions.

    Raises:
        SplatError: when COLMAP fails.
        Interrupted: after Ctrl-C. COLMAP is told to stop; where it does not within seconds, its thread goes on for a
            while and `workers.running` knows it.
    """
    # The database must not be opened from here meanwhile, not even to count: Python's SQLite and COLMAP's are two
    # libraries in one process, and closing a file in one drops the other's locks.
    for earlier in workers.running():
        earlier.wait()  # an interrupted one, which still writes
    make_token = getattr(quiet_colmap(), "CancellationToken", None)  # since pycolmap 4.2
    token = make_token() if make_token else None
    stopping = threading.Event()
    failures: list[BaseException] = []
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done = done + count if total is None else min(done + count, total)  # COLMAP starts again after a bad pair
        if stopping.is_set():
            raise InterruptedError("cancelled")

    def guarded() -> None:
        try:
            work({} if token is None else {"cancellation_token": token}, advance)
        except BaseException as error:
            failures.append(error)

    worker = workers.Worker(target=guarded, name=description)
    with console.progress(description, total, unit) as bar:
        try:
            worker.start()
            finished = False
            while not finished:
                finished = worker.wait(0.3)
                if done > bar.completed:
                    bar.advance(done - bar.completed)
        except BaseException as stop:
            stopping.set()
            if token is not None:
                token.cancel()
            with contextlib.suppress(KeyboardInterrupt):  # a second Ctrl-C ends the waiting
                worker.wait(PATIENCE)
            if not isinstance(stop, KeyboardInterrupt):
                raise
            raise Interrupted(f"stopped while {description.lower()}; the same command goes on from there") from stop
    if failures:
        reason = (str(failures[0]).strip() or type(failures[0]).__name__).splitlines()[0]
        raise SplatError(f"structure from motion failed while {description.lower()}: {reason}") from failures[0]

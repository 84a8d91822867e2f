"""Features and matches of photos in a COLMAP database, on the processor, with progress."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2

from splat.capture.config import CaptureOptions
from splat.capture.photo import read_mask, read_photo
from splat.capture.sfm.child import run_step
from splat.capture.sfm.colmap import quiet_colmap
from splat.capture.sfm.counted import run_counted
from splat.capture.sfm.sift import Features, sift_features
from splat.native import default_threads

SEQUENTIAL_OVERLAP = 10
NEXT = 3
TILE = 14  # photos on each side of a square of pairs that is matched at once
AT_ONCE = 8  # photos at most whose features are searched at the same time: each takes 300 MB at 1,600 pixels


@dataclass(frozen=True)
class CameraGroup:
    """Photos that one camera took with one focal length."""

    names: tuple[str, ...]  # relative to the photos' folder
    model: str = "SIMPLE_RADIAL"


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

    OpenCV finds them in a fifth of the time that COLMAP takes on a processor, and their places agree to 0.02 pixels.

    Args:
        database: file to create, or to complete after an interruption.
        photos: folder that the names are relative to; pixels are read as stored.
        groups: photos that share a camera.
        own_cameras: give every photo a camera of its own (to be overwritten with known ones).
        masks: folder of NAME.png for the photo NAME; features on its zeros are dropped.
    """
    names = [name for group in groups for name in group.names]

    def found(name: str) -> Features:
        mask = None if masks is None else masks / f"{name}.png"
        gray = cv2.cvtColor(read_photo(photos / name)[:, :, :3], cv2.COLOR_RGB2GRAY)
        pixels = read_mask(mask) if mask is not None and mask.is_file() else None
        return sift_features(gray, options.sfm_features, options.sfm_image_size, pixels)

    def work(cancel: dict[str, Any], advance: Callable[[int], None]) -> None:
        _import_photos(database, photos, groups, own_cameras)
        pycolmap = quiet_colmap()
        kind = pycolmap.FeatureExtractorType.SIFT
        with pycolmap.Database.open(str(database)) as opened:
            numbers = {image.name: image.image_id for image in opened.read_all_images()}
            missing = [name for name in names if not opened.exists_descriptors(numbers[name])]
            advance(len(names) - len(missing))
            for name, features in _in_order(found, missing, min(threads(options), AT_ONCE)):
                if not opened.exists_keypoints(numbers[name]):  # else interrupted between the two
                    opened.write_keypoints(numbers[name], features.keypoints)
                described = pycolmap.FeatureDescriptors(type=kind, data=features.descriptors)
                opened.write_descriptors(numbers[name], described)
                advance(1)

    run_counted("Finding features", len(names), "photo", work)


def _import_photos(database: Path, photos: Path, groups: Sequence[CameraGroup], own_cameras: bool) -> None:
    """Give the photos numbers in name order, and cameras with the focal length that EXIF tells."""
    pycolmap = quiet_colmap()
    known = known_photos(database)  # creates it
    for group in groups:
        if known.issuperset(group.names):
            continue
        reader = pycolmap.ImageReaderOptions()
        reader.camera_model = group.model
        pycolmap.import_images(
            database_path=str(database),
            image_path=str(photos),
            camera_mode=pycolmap.CameraMode.PER_IMAGE if own_cameras else pycolmap.CameraMode.SINGLE,
            image_names=list(group.names),
            options=reader,
        )


def _in_order(work: Callable[[str], Features], names: Sequence[str], at_once: int) -> Iterator[tuple[str, Features]]:
    """What `work` finds for each name, in their order, by so many threads that never run far ahead."""
    with one_thread_each(), ThreadPoolExecutor(at_once) as pool:
        for start in range(0, len(names), 2 * at_once):
            part = names[start : start + 2 * at_once]
            yield from zip(part, pool.map(work, part))


@contextlib.contextmanager
def one_thread_each() -> Iterator[None]:
    """OpenCV with one thread for each call, for as long as several calls run side by side."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def known_photos(database: Path) -> set[str]:
    """Names of the photos in a database, which is made where there is none."""
    with quiet_colmap().Database.open(str(database)) as opened:
        return {image.name for image in opened.read_all_images()}


def match_pairs(database: Path, pairs: Sequence[tuple[str, str]], options: CaptureOptions) -> None:
    """Match the photos of each pair and check the matches against two-view geometry; pairs done before are kept."""
    # Every call reads and indexes its photos' features anew: few, large calls, each of few photos; progress shows after
    # each of them.
    rank = {name: index // TILE for index, name in enumerate(dict.fromkeys(name for pair in pairs for name in pair))}
    pairs = sorted(pairs, key=lambda pair: (rank[pair[0]], rank[pair[1]]))
    size = max(TILE * TILE, len(pairs) // 20)
    batches = [pairs[start : start + size] for start in range(0, len(pairs), size)]
    arguments = {"database": str(database), "threads": threads(options), "batches": batches}
    run_step("Matching photos", len(pairs), "pair", "match", arguments)


def choose_pairs(names: Sequence[str], matcher: str) -> list[tuple[str, str]]:
    """Pairs of photos to match, as (earlier, later) in the order given.

    exhaustive: all; sequential: the next ten and those 16, 32, 64, … further on, so that a long walk keeps its shape;
    next: the next three, beside pairs that are chosen otherwise.
    """
    count = len(names)
    if matcher == "next":
        return [(names[i], names[j]) for i in range(count) for j in range(i + 1, min(i + NEXT, count - 1) + 1)]
    if matcher == "exhaustive":
        return [(names[i], names[j]) for i in range(count) for j in range(i + 1, count)]
    steps = list(range(1, SEQUENTIAL_OVERLAP + 1)) + [2**power for power in range(4, 11)]
    return [(names[i], names[i + step]) for i in range(count) for step in steps if i + step < count]

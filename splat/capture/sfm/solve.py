"""Cameras and points from photos alone: structure from motion on the processor, cached."""

from __future__ import annotations

import dataclasses
import hashlib
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from splat import console
from splat.capture.assemble import assign_splits
from splat.capture.cache import cache_folder, cache_key, kept_points, require_space
from splat.capture.colmap.files import read_model
from splat.capture.config import CaptureOptions
from splat.capture.masks import aligned_mask
from splat.capture.oddities import CUT_UP, shaped_like_panoramas
from splat.capture.photo import camera_identity, photo_header
from splat.capture.reader_result import PosedPhoto
from splat.capture.sfm.colmap import quiet_colmap
from splat.capture.sfm.colmap_workspace import stage_mask, stage_photo, work_folder
from splat.capture.sfm.features import CameraGroup, choose_pairs, extract_features, match_pairs
from splat.capture.sfm.mapping import ENOUGH, place_cameras
from splat.capture.sfm.retrieval import similar_pairs
from splat.capture.sfm.training_points import training_points
from splat.capture.sfm.unplaced import UNKNOWN, keep_reasons, kept_reasons, unplaced_note, unplaced_reasons
from splat.capture.split import rule_for
from splat.capture.suffixes import CAMERA_SUFFIXES
from splat.capture.types import Points, TrackFiles
from splat.errors import SplatError

EXHAUSTIVE_UP_TO = 30
MANY = 150  # photos: more are matched with more of their neighbours by name, and never all with all
ORDERED_UP_TO = 60  # frames of a video that may look alike although they are far apart
FEWEST_PHOTOS = 3
ADVICE = "take more photos with 60-80 % overlap, from different places, sharp and of a scene that keeps still"

_announced: set[Path] = set()


@dataclass(frozen=True)
class SolvedCameras:
    """What structure from motion found."""

    posed: list[PosedPhoto]  # those that could be placed, in name order
    points: Points | None  # that are seen in training photos
    notes: list[str]
    tracks: TrackFiles


@dataclass(frozen=True)
class UnposedPhoto:
    """A photo without a camera."""

    name: str  # relative to the photos' folder, with forward slashes
    path: Path
    mask_path: Path | None = None  # features on its zeros are ignored


def solve_cameras(
    photos: Sequence[UnposedPhoto], options: CaptureOptions, *, ordered: bool, test_lists: Sequence[Path] = ()
) -> SolvedCameras:
    """Shots of the photos that could be placed, the points seen in training photos, and notes; kept in the cache.

    Args:
        photos: in name order.
        options: matcher, sizes, threads, cache folder, and which photos are held out.
        ordered: the photos follow each other as in a video.
        test_lists: where a list of the held-out photos may lie.

    Raises:
        SplatError: too few photos, or too few that fit together.
    """
    if len(photos) < FEWEST_PHOTOS:
        be = "is" if len(photos) == 1 else "are"
        raise SplatError(
            f"{console.count(len(photos), 'photo')} {be} too few to find their cameras (3 at least); {ADVICE}"
        )
    matcher = options.matcher
    if matcher == "auto":
        matcher = _matcher(len(photos), ordered)
    settings = {
        "kind": "sfm",
        "version": 2,  # 1 had COLMAP's own features and one mapper
        "mapper": options.mapper,
        "image_size": options.sfm_image_size,
        "features": options.sfm_features,
        "matcher": [options.matcher, matcher],
        "names": [photo.name for photo in photos],
        "masks": [str(photo.mask_path) for photo in photos if photo.mask_path],
    }
    files = [photo.path for photo in photos] + [photo.mask_path for photo in photos if photo.mask_path]
    with cache_folder(options.cache_dir, "sfm", cache_key(files, settings)) as folder:
        model_folder = folder / "model"
        if not model_folder.is_dir():
            start = time.monotonic()
            _reconstruct(_numbered(photos), matcher, options, folder)
            took = console.duration(time.monotonic() - start)
            console.info(f"cameras found in {took}, kept in {model_folder}")
        elif model_folder not in _announced:
            console.info(f"cameras of an earlier run: {model_folder}")
        _announced.add(model_folder)  # commands may read a capture more than once
        model = read_model(model_folder)
        by_name = {staged.name: photo for staged, photo in zip(_numbered(photos), photos)}
        posed, names = [], {}
        for number, image in model.images.items():
            if image.has_pose:
                photo = by_name[image.name]
                names[number] = photo.name
                lens = model.cameras[image.camera_id]
                posed.append(PosedPhoto(photo.name, photo.path, image.viewmat, lens, photo.mask_path, upright=True))
        posed.sort(key=lambda photo: photo.name)
        sides = assign_splits(posed, options.test_every, test_lists, rule_for(options.split, "photos"))
        held_out = {photo.name for photo, side in zip(posed, sides) if side == "test"}
        training = {name: photo.path for name, photo in by_name.items() if photo.name not in held_out}
        points = _training_points(folder, training) if options.points != "none" else None
        placed = {photo.name for photo in posed}
        kept = kept_reasons(folder)
        reasons = {photo.name: kept.get(name, UNKNOWN) for name, photo in by_name.items() if photo.name not in placed}
    notes = [f"cameras from structure from motion: {len(posed)} of {len(photos)} photos placed ({matcher} matching)"]
    notes += unplaced_note(reasons, len(photos))
    return SolvedCameras(posed, points, notes, TrackFiles(model_folder, names))


def _training_points(folder: Path, photos: dict[str, Path]) -> Points | None:
    """The points of `folder`/model as the training photos show them, computed once for each choice of these."""
    choice = hashlib.sha256("\n".join(sorted(photos)).encode()).hexdigest()[:16]
    return kept_points(
        folder / f"points-{choice}.npz",
        lambda: training_points(quiet_colmap().Reconstruction(str(folder / "model")), photos),
    )


def _numbered(photos: Sequence[UnposedPhoto]) -> list[UnposedPhoto]:
    """The photos under plain names in the same order: COLMAP's lists of pairs allow no spaces in names."""
    suffixes = [photo.path.suffix.lower() for photo in photos]
    return [
        dataclasses.replace(photo, name=f"{index:06d}{'.jpg' if suffix in CAMERA_SUFFIXES else suffix}")
        for index, (photo, suffix) in enumerate(zip(photos, suffixes))
    ]


def _reconstruct(photos: Sequence[UnposedPhoto], matcher: str, options: CaptureOptions, folder: Path) -> None:
    """Run the whole pipeline and leave the largest model in `folder`/model."""
    require_space(folder, len(photos), options.sfm_features)
    with work_folder(folder / "work") as work:
        images, database = work / "photos", work / "database.db"
        masks = work / "masks" if any(photo.mask_path for photo in photos) else None
        for photo in photos:
            header = photo_header(photo.path)
            stage_photo(photo.path, images / photo.name, header.orientation, options.sfm_image_size)
            if masks is not None and photo.mask_path is not None:
                mask = aligned_mask(photo.mask_path, header, upright=True)
                stage_mask(mask, masks / f"{photo.name}.png", images / photo.name)
        extract_features(database, images, camera_groups(photos), options, masks=masks)
        names = [photo.name for photo in photos]
        match_pairs(database, _pairs(names, matcher, database), options)
        found = place_cameras(database, images, work, len(photos), FEWEST_PHOTOS, options.mapper)
        doubtful = found.photos < ENOUGH * len(photos) and options.matcher == "auto"
        if doubtful and matcher == "similar" and len(photos) <= MANY:
            console.info(f"only {found.photos} of {len(photos)} photos are placed: all are matched with all")
            match_pairs(database, choose_pairs(names, "exhaustive"), options)
            found = place_cameras(database, images, work, len(photos), FEWEST_PHOTOS, options.mapper)
            matcher = "exhaustive"
        _check_placed(found.photos, [photo.path for photo in photos], matcher)
        model = quiet_colmap().Reconstruction(str(found.model))
        placed = {image.name for image in model.images.values() if image.has_pose}
        keep_reasons(folder, unplaced_reasons(database, placed))
        finished = work / "finished"
        write_model(model, finished)
        finished.rename(folder / "model")


def write_model(model: Any, folder: Path) -> None:
    """Write a pycolmap.Reconstruction and look whether it is whole: COLMAP says nothing when the disk becomes full.

    Raises:
        SplatError: when it is not.
    """
    folder.mkdir(exist_ok=True)
    model.write_binary(str(folder))
    try:
        written = read_model(folder)
        whole = len(written.images) == len(model.images)
    except SplatError:
        whole = False
    if not whole:
        raise SplatError(f"cannot write the cameras into {folder}: the disk is full; free some space")


def _pairs(names: Sequence[str], matcher: str, database: Path) -> list[tuple[str, str]]:
    """The pairs to match; what looks alike is told from the features in the database."""
    if matcher != "similar":
        return choose_pairs(names, matcher)
    if len(names) > MANY:
        return sorted({*choose_pairs(names, "sequential"), *similar_pairs(database, names, 20)})
    return sorted({*choose_pairs(names, "next"), *similar_pairs(database, names, 15)})


def _matcher(count: int, ordered: bool) -> str:
    """The matcher that `matcher=auto` picks for this number of photos."""
    if ordered and count > ORDERED_UP_TO:
        return "sequential"
    return "exhaustive" if count <= EXHAUSTIVE_UP_TO else "similar"


def camera_groups(photos: Sequence[UnposedPhoto]) -> list[CameraGroup]:
    """Photos that share a camera: same size, make, model and focal length.

    A camera with many photos gets OpenCV's four distortion terms, one with few only a radial one, which is all that
    they can determine.
    """
    groups: defaultdict[tuple[Any, ...], list[str]] = defaultdict(list)
    for photo in photos:
        groups[camera_identity(photo.path)].append(photo.name)
    return [CameraGroup(tuple(names), "OPENCV" if len(names) >= 10 else "SIMPLE_RADIAL") for names in groups.values()]


def _check_placed(placed: int, paths: list[Path], matcher: str) -> None:
    """Warn, or give up, when many photos could not be placed."""
    count = len(paths)
    if 2 * len(shaped_like_panoramas(paths)) > count:
        hint = f"they are shaped like 360° panoramas: {CUT_UP}"
    else:
        hint = ADVICE if matcher == "exhaustive" else f"try capture.matcher=exhaustive, or {ADVICE}"
    if placed < FEWEST_PHOTOS:
        raise SplatError(f"{'none' if not placed else f'only {placed}'} of the {count} photos could be placed; {hint}")
    if placed < ENOUGH * count:
        console.warn(f"only {placed} of {count} photos could be placed; {hint}")

"""Initial points, and which photos see them, from photos with known cameras."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from splat import console
from splat.capture.assemble import photo_orientation
from splat.capture.cache import cache_folder, cache_key, kept_points, require_space
from splat.capture.config import CaptureOptions
from splat.capture.reader_result import PosedPhoto
from splat.capture.sfm.colmap import quiet_colmap
from splat.capture.sfm.colmap_workspace import remove_tree, stage_photo, work_folder
from splat.capture.sfm.counted import run_counted
from splat.capture.sfm.epipolar import matches_fit
from splat.capture.sfm.features import CameraGroup, extract_features, match_pairs, threads
from splat.capture.sfm.solve import write_model
from splat.capture.types import Points, TrackFiles

NEIGHBOURS = 14  # photos that each photo is matched with
FEWEST_POINTS = 50
MODEL = "model"  # in the cache: a COLMAP model with what each photo sees
IMAGE_SIZE = 1000  # known poses need no subpixel features: as many points as at 1600, in a third of the time


@dataclass(frozen=True)
class Triangulated:
    """What photos with known poses give."""

    points: Points | None = None  # in the capture's frame; None where too few are found
    tracks: TrackFiles | None = None  # in the same frame; None where no two photos could see the same


def triangulated(posed: Sequence[PosedPhoto], options: CaptureOptions) -> Triangulated:
    """Points triangulated from the photos and their known poses, and which photos see them.

    The result is kept in the cache; held-out photos should not be among `posed`.
    """
    if len(posed) < 2:
        return Triangulated()
    options = replace(options, sfm_image_size=IMAGE_SIZE)
    settings = {
        "kind": "triangulation",
        "version": 4,  # 1 did not know how well the poses fit; 2 had COLMAP's features; 3 kept no model
        "image_size": IMAGE_SIZE,
        "features": options.sfm_features,
        "cameras": [[photo.viewmat.tolist(), astuple(photo.lens)] for photo in posed],
    }
    key = cache_key([photo.path for photo in posed], settings)
    with cache_folder(options.cache_dir, "points", key) as folder:
        found = kept_points(folder / "points.npz", lambda: _announced(posed, options, folder))
    points = replace(found, origin="triangulated") if found and len(found.xyz) >= FEWEST_POINTS else None
    return Triangulated(points, TrackFiles(folder / MODEL, {}) if (folder / MODEL).is_dir() else None)


def _announced(posed: Sequence[PosedPhoto], options: CaptureOptions, folder: Path) -> Points:
    """The points, and a line that counts them."""
    start = time.monotonic()
    points = _triangulate(posed, options, folder)
    took = console.duration(time.monotonic() - start)
    console.info(f"{len(points.xyz):,} points triangulated from {len(posed)} photos in {took}")
    return points


def neighbour_pairs(viewmats: np.ndarray, neighbours: int = NEIGHBOURS) -> list[tuple[int, int]]:
    """Pairs of cameras [C, 4, 4] that see much of the same: near each other and looking the same way."""
    rotations = viewmats[:, :3, :3]
    positions = -np.einsum("cji,cj->ci", rotations, viewmats[:, :3, 3])
    cosines = np.clip(rotations[:, 2] @ rotations[:, 2].T, -1.0, 1.0)
    distances = np.linalg.norm(positions[:, None] - positions[None], axis=2)
    # Half a turn counts as much as the spread of the cameras; views more than 75° apart share too little.
    cost = distances / max(float(np.median(distances)), 1e-12) + np.arccos(cosines) / np.pi * 4.0
    cost[cosines < np.cos(np.radians(75))] = np.inf
    np.fill_diagonal(cost, np.inf)
    nearest = np.argsort(cost, axis=1, kind="stable")[:, :neighbours]
    pairs = {(min(i, int(j)), max(i, int(j))) for i in range(len(cost)) for j in nearest[i] if np.isfinite(cost[i, j])}
    return sorted(pairs)


def keep_inliers(xyz: np.ndarray) -> np.ndarray:
    """[P] bool, False for the few points absurdly far out: over 20 times the median distance from the median point."""
    distances = np.linalg.norm(xyz - np.median(xyz, axis=0), axis=1)
    return distances <= 20.0 * np.median(distances)


def _triangulate(posed: Sequence[PosedPhoto], options: CaptureOptions, folder: Path) -> Points:
    pairs = neighbour_pairs(np.stack([photo.viewmat for photo in posed]))
    empty = Points(np.zeros((0, 3)), np.zeros((0, 3), np.uint8), "triangulated")
    if not pairs:
        return empty
    require_space(folder, len(posed), options.sfm_features)
    with work_folder(folder / "work") as work:
        photos, database = work / "photos", work / "database.db"
        names = [f"{index:06d}{photo.path.suffix.lower()}" for index, photo in enumerate(posed)]
        for photo, name in zip(posed, names):
            stage_photo(photo.path, photos / name, photo_orientation(photo), IMAGE_SIZE)
        extract_features(database, photos, [CameraGroup(tuple(names))], options, own_cameras=True)
        model = _known_model(database, posed, names)
        match_pairs(database, [(names[i], names[j]) for i, j in pairs], options)
        fit = matches_fit(database, model)
        solved = _solve(model, database, photos, work / "model", options)
        for image in solved.images.values():
            image.name = posed[names.index(image.name)].name
        finished = work / "finished"
        write_model(solved, finished)
        remove_tree(folder / MODEL)  # of a call that was interrupted before its points were written
        finished.rename(folder / MODEL)
    xyz, rgb = _places(solved)
    if not len(xyz):
        return replace(empty, fit=fit)
    keep = keep_inliers(xyz)
    return Points(xyz[keep], rgb[keep], "triangulated", fit)


def _known_model(database: Path, posed: Sequence[PosedPhoto], names: Sequence[str]) -> Any:
    """A COLMAP model of the known cameras, with the database's own numbers; writes the lenses to the database too."""
    pycolmap = quiet_colmap()
    model = pycolmap.Reconstruction()
    with pycolmap.Database.open(str(database)) as opened:
        images = {image.name: image for image in opened.read_all_images()}
        for photo, name in zip(posed, names):
            image = images[name]
            stored = opened.read_camera(image.camera_id)
            camera = photo.lens.colmap(image.camera_id)
            camera.rescale(stored.width, stored.height)
            camera.has_prior_focal_length = True
            opened.update_camera(camera)
            model.add_camera_with_trivial_rig(camera)
            pose = pycolmap.Rigid3d(np.ascontiguousarray(photo.viewmat[:3]))
            model.add_image_with_trivial_frame(
                pycolmap.Image(name=name, camera_id=image.camera_id, image_id=image.image_id), pose
            )
    return model


def _solve(model: Any, database: Path, photos: Path, output: Path, options: CaptureOptions) -> Any:
    """The model with points, a pycolmap.Reconstruction."""
    pycolmap = quiet_colmap()
    output.mkdir(parents=True, exist_ok=True)
    pipeline = pycolmap.IncrementalPipelineOptions()
    pipeline.num_threads = threads(options)
    pipeline.random_seed = 0
    pipeline.ba_use_gpu = False
    results: list[Any] = []

    def work(cancel: dict[str, Any], advance: Callable[[int], None]) -> None:
        results.append(
            pycolmap.triangulate_points(
                reconstruction=model,
                database_path=str(database),
                image_path=str(photos),
                output_path=str(output),
                options=pipeline,
                **cancel,
            )
        )
        advance(1)

    run_counted("Triangulating points", 1, "model", work)
    return results[0]


def _places(model: Any) -> tuple[np.ndarray, np.ndarray]:
    """Places [P, 3] and colours [P, 3] of a model's points."""
    points = list(model.points3D.values())
    xyz = np.array([point.xyz for point in points], np.float64).reshape(-1, 3)
    rgb = np.array([point.color for point in points], np.uint8).reshape(-1, 3)
    finite = np.isfinite(xyz).all(axis=1)
    return xyz[finite], rgb[finite]

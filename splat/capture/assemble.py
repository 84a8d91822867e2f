"""How what a reader found becomes a `Capture`: sizes, orientation, split, masks, lazily loaded pixels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from splat import console
from splat.cameras import Camera
from splat.capture.config import CaptureOptions
from splat.capture.extras import look_around, with_depth_maps, with_masks
from splat.capture.images import PhotoImages
from splat.capture.lens import undistorted_matrix
from splat.capture.masks import alpha_meaning, file_meaning
from splat.capture.oddities import odd_lenses, same_poses, twins_across, twins_in_place
from splat.capture.photo import PhotoHeader, photo_header
from splat.capture.reader_result import PosedPhoto, ReaderResult
from splat.capture.split import Rule, has_list, how_held_out, inside_note, rule_for, sides_of
from splat.capture.types import Capture, Frame, PhotoPlan, Split
from splat.errors import SplatError
from splat.files import is_file


def build_capture(found: ReaderResult, name: str, options: CaptureOptions) -> Capture:
    """Turn what a reader found into a capture at the working resolution.

    Raises:
        SplatError: an unreadable photo, or one whose shape is not its camera's.
    """
    posed = sorted(found.posed, key=lambda photo: photo.name)
    repeated = [name for name, count in Counter(photo.name for photo in posed).items() if count > 1]
    if repeated:
        raise SplatError(f"{found.root} lists {repeated[0]} more than once; keep one entry for each photo")
    _refuse_one_photo_twice(found.root, posed)
    notes = list(found.notes)
    posed = with_depth_maps(with_masks(posed, found, options, notes), found, notes)
    plans: list[PhotoPlan] = []
    frames: list[Frame] = []
    rule = rule_for(options.split, found.kind)
    sides = assign_splits(posed, options.test_every, found.test_lists, rule)
    own = has_own_split(posed, found.test_lists)
    notes += _split_note(sides, options, own, rule)
    for photo, split in zip(posed, sides):
        frame, plan = _frame_and_plan(photo, found.header(photo.path), split, options)
        frames.append(frame)
        plans.append(plan)
    if any(plan.lens is not None for plan in plans):
        notes.append("photos are undistorted to a pinhole camera")
    notes += odd_lenses([frame.camera for frame in frames])
    notes += same_poses([frame.camera for frame in frames])
    notes += twins_across(frames)
    if found.kind not in ("photos", "video"):  # of which all have been compared with all
        notes += twins_in_place(frames)
    unlisted = look_around(found, posed, notes)
    return Capture(
        name=name,
        root=found.root,
        kind=found.kind,
        frames=frames,
        images=PhotoImages(plans, int(options.cache_gb * 1e9)),
        points=None if options.points == "none" else found.points,
        data_factor=options.data_factor,
        notes=notes,
        origin=found.origin,
        depth_maps=sum(frame.depth_path is not None and is_file(frame.depth_path) for frame in frames),
        photos_found=max(found.listed, len(frames)) + unlisted,
        tracks=found.tracks,
        held_out=how_held_out(sides, own, rule, options.test_every),
    )


def _refuse_one_photo_twice(root: Path, posed: Sequence[PosedPhoto]) -> None:
    """Names in other spellings, or without suffix, may lead to the same file.

    Raises:
        SplatError: two entries are one photo.
    """
    names: dict[Path, str] = {}
    for photo in posed:
        if (other := names.setdefault(photo.path, photo.name)) != photo.name:
            raise SplatError(
                f"{root} lists {other} and {photo.name}, but both are {photo.path}; keep one entry a photo"
            )


def _split_note(sides: Sequence[Split], options: CaptureOptions, own: bool, rule: Rule) -> list[str]:
    """What is said where test views are not those of published tables, or not those that the user asks for."""
    if own:
        usual = CaptureOptions()
        asked = {"test_every": options.test_every, "split": options.split}
        unused = [f"{key}={value}" for key, value in asked.items() if value != getattr(usual, key)]
        if not unused:
            return []
        held_out = console.count(list(sides).count("test"), "photo")
        be = "is" if len(unused) == 1 else "are"
        note = f"{' and '.join(unused)} {be} not used: the capture itself says what is held out ({held_out})"
        console.warn(note)
        return [note]
    return [inside_note(sides, options.test_every)] if rule == "inside" and "test" in sides else []


def has_own_split(posed: Sequence[PosedPhoto], lists: Sequence[Path]) -> bool:
    """Whether the capture itself says which photos are held out."""
    return any(photo.split is not None for photo in posed) or has_list([photo.name for photo in posed], lists)


def assign_splits(
    posed: Sequence[PosedPhoto], test_every: int, lists: Sequence[Path] = (), rule: Rule = "3dgs"
) -> list[Split]:
    """The side of every photo: the capture's own where it has one, else by list or number, as `sides_of` has it."""
    if any(photo.split is not None for photo in posed):
        return [photo.split or "train" for photo in posed]
    return sides_of([photo.name for photo in posed], test_every, lists, rule)


def largest_size(found: ReaderResult) -> tuple[int, int]:
    """Width and height in pixels of the largest photo, as its camera sees it.

    Raises:
        SplatError: as `build_capture`.
    """
    sizes = [_size(photo, found.header(photo.path)) for photo in sorted(found.posed, key=lambda photo: photo.name)]
    return max(sizes, key=lambda size: size[0] * size[1])


def _size(photo: PosedPhoto, header: PhotoHeader) -> tuple[int, int]:
    """Width and height in pixels of a photo once it is turned as its camera is."""
    return header.upright_size if photo_orientation(photo, header) >= 5 else (header.width, header.height)


def _frame_and_plan(
    photo: PosedPhoto, header: PhotoHeader, split: Split, options: CaptureOptions
) -> tuple[Frame, PhotoPlan]:
    orientation = photo_orientation(photo, header)
    width, height = _size(photo, header)
    if photo.reduced == 1:
        width, height = (max(1, round(side / options.data_factor)) for side in (width, height))
    K = torch.tensor(undistorted_matrix(photo.lens), dtype=torch.float64)
    viewmat = torch.from_numpy(np.array(photo.viewmat, np.float64))
    camera = Camera(viewmat, K, photo.lens.width, photo.lens.height, photo.name).resized(width, height)
    plan = PhotoPlan(
        path=photo.path,
        orientation=orientation,
        lens=photo.lens if photo.lens.pinhole() is None else None,
        width=width,
        height=height,
        mask_path=photo.mask_path,
        alpha_means=alpha_meaning(options.masks),
        mask_means=file_meaning(options.masks),
    )
    opaque = not header.has_alpha or plan.alpha_means != "transparent"
    opaque &= plan.mask_path is None or plan.mask_means != "transparent"
    return Frame(camera, split, photo.path, opaque, photo.depth_path), plan


def photo_orientation(photo: PosedPhoto, header: PhotoHeader | None = None) -> int:
    """The EXIF turn that makes the photo fit its camera.

    COLMAP and nerfstudio calibrate pixels as stored, phones' own apps the upright photo; the camera's shape tells.
    """
    lens = photo.lens
    if lens.width < 1 or lens.height < 1:
        raise SplatError(
            f"the camera of {photo.name} is {lens.width}x{lens.height} pixels large; fix the capture's file"
        )
    header = header or photo_header(photo.path)

    if photo.upright and header.orientation != 1:
        return header.orientation
    if lens.has_shape(header.width, header.height):
        return 1
    if lens.has_shape(*header.upright_size):
        return header.orientation
    raise SplatError(
        f"{photo.path} is {header.width}x{header.height} but its camera {lens.width}x{lens.height}: another shape;"
        " use the photos that the cameras were computed from"
    )


def reduced_folder(images: Path, data_factor: float) -> Path | None:
    """The folder of already reduced photos for a whole `data_factor` (images_4 beside images), or None."""
    if data_factor <= 1 or data_factor != round(data_factor):
        return None
    folder = images.with_name(f"{images.name}_{round(data_factor)}")
    return folder if folder.is_dir() else None

"""transforms.json of nerfstudio and instant-ngp."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from splat import console
from splat.capture.assemble import reduced_folder
from splat.capture.by_name import files_by_name, moved_photos
from splat.capture.config import CaptureOptions
from splat.capture.intrinsics import LENS_KEYS, frame_lens
from splat.capture.named_files import NamedFiles
from splat.capture.names import clean_name, climbs_out, find_file, find_photo, located, printable
from splat.capture.ply import read_ply_points
from splat.capture.reader_result import PosedPhoto, ReaderResult
from splat.capture.rigid import viewmat_of_camera
from splat.capture.split import LIST
from splat.capture.types import FARTHEST, Points, Split
from splat.capture.usable import UsablePhotos
from splat.errors import SplatError
from splat.files import read_json

# Settings of other programs, which change no picture and no place
SETTINGS = frozenset(
    {"aabb_scale", "applied_scale", "offset", "scale", "up", "sharpness", "rotation", "colmap_im_id", "camera_id"}
    | {"orientation_override", "auto_scale_poses_override", "integer_depth_scale", "enable_depth_loading"}
)
READ = LENS_KEYS | {"file_path", "transform_matrix", "applied_transform", "ply_file_path", "frames"}
LISTS = frozenset({"train_filenames", "test_filenames", "val_filenames"})
SPLIT_LISTS: tuple[tuple[str, Split], ...] = (("train_filenames", "train"), ("test_filenames", "test"))


@dataclass
class TransformsFrames:
    """What is read from the frames of one file, or of several of the same capture."""

    posed: list[PosedPhoto] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    left_out: list[Path] = field(default_factory=list)  # photos that are there but cannot be used
    read: list[Path] = field(default_factory=list)  # further files
    listed: int = 0


def read_transforms(path: Path, options: CaptureOptions) -> ReaderResult:
    """Read a transforms.json, or that of a folder, with its photos, points, masks and depth maps.

    Raises:
        SplatError: not such a file, or no frame with a photo and a pose.
    """
    file = path if path.is_file() else path / "transforms.json"
    root = file.parent
    meta = read_meta(file)
    frames = TransformsFrames()
    read_frames(meta, root, file, options, frames)
    posed = _own_split(meta, root, frames)
    if posed and all(photo.split is None for photo in posed):
        posed = _split_of_files(root, file, posed, frames)
    if "applied_transform" in meta:
        frames.notes.append("the file's applied_transform is kept: everything is in the frame of the file's poses")
    points, ply = named_points(meta, root, options, frames.notes)
    return ReaderResult(
        "transforms",
        root,
        posed,
        points,
        frames.notes,
        sides=[root],
        listed=frames.listed,
        left_out=frames.left_out,
        read=[file, *ply, *frames.read],
        test_lists=[root / LIST],
    )


def read_meta(file: Path) -> dict[str, Any]:
    """The file's content, checked to be a transforms file."""
    meta = read_json(file)
    if not isinstance(meta, dict) or not isinstance(meta.get("frames"), list):
        raise SplatError(f"{file} has no list of frames; it is no transforms.json of nerfstudio or instant-ngp")
    for entry in meta["frames"]:
        if not isinstance(entry, dict) or not isinstance(entry.get("file_path"), str) or not entry["file_path"]:
            raise SplatError(f"{file} has a frame without file_path; fix the file")
    return meta


def read_frames(
    meta: Mapping[str, Any],
    root: Path,
    file: Path,
    options: CaptureOptions,
    frames: TransformsFrames,
    side: Split | None = None,
) -> None:
    """Add the posed photos of a transforms file; one warning each counts frames without a photo or a pose.

    Raises:
        SplatError: no frame is left, a value that cannot be read, or a mask that is not there.
    """
    posed: list[PosedPhoto] = []
    usable = UsablePhotos()
    unposed: list[str] = []
    used_reduced: set[str] = set()
    extras = NamedFiles(root, file, options)
    entries = meta["frames"]
    names = [located(root, entry["file_path"])[0] for entry in entries]
    moved = _moved(root, file, names, frames.notes) if side is None else {}
    for entry, name in zip(entries, names):
        path, reduced = _photo(root, name, moved.get(name), options, used_reduced)
        full = find_photo(root, name) if reduced > 1 else None
        name = printable(name)
        outside = ", which leads out of the folder" if path is None and climbs_out(name) else ""
        path = usable.take(name + outside, path)
        if path is None:
            continue
        _refuse_transposed(entry.get("transform_matrix"), name)
        viewmat = opengl_to_viewmat(entry.get("transform_matrix"))
        if viewmat is None:
            unposed.append(name)
            frames.left_out.append(path)
            continue
        lens = frame_lens(entry, meta, full or path, name, 1 if full else reduced)
        mask, depth = extras.mask(entry, name), extras.depth_map(entry, name)
        posed.append(PosedPhoto(name, path, viewmat, lens, mask, depth, split=side, reduced=reduced))
    notes = usable.notes(str(file), len(posed) + len(unposed))
    frames.left_out += usable.left_out
    if not posed:
        raise SplatError(
            f"{file} has no frame with a usable pose: a transform_matrix of 4 rows of 4 numbers that is not mirrored;"
            " use the photos alone instead"
        )
    if unposed:
        notes.append(f"{len(unposed)} frames of {file} have no usable pose (first: {unposed[0]})")
        console.warn(f"{notes[-1]}; going on with the other {len(posed)}")
    notes += [f"photos from {name}/ (figures differ a little from scaling here)" for name in sorted(used_reduced)]
    frames.notes += [note for note in (*notes, *extras.notes(), *_not_read(meta, file)) if note]
    frames.posed += posed
    frames.listed += len(entries)


def _refuse_transposed(matrix: Any, name: str) -> None:
    """Refuse a matrix whose last row is that of no pose: it was written column by column.

    Raises:
        SplatError: naming the frame.
    """
    try:
        last = np.array(matrix, np.float64)[3]
    except (TypeError, ValueError, OverflowError, IndexError):
        return
    if last.shape == (4,) and np.isfinite(last).all() and np.abs(last - [0.0, 0.0, 0.0, 1.0]).max() > 1e-4:
        shown = ", ".join(f"{value:g}" for value in last)
        raise SplatError(
            f"transform_matrix of frame {name} ends in the row {shown} instead of 0, 0, 0, 1; write the matrices row"
            " by row, with the camera's place in the last column"
        )


def _not_read(meta: Mapping[str, Any], file: Path) -> list[str]:
    """One note that names what the file says and nothing here reads; files that frames name are counted elsewhere."""
    unknown = set(meta) - READ - LISTS - SETTINGS
    unknown |= {key for entry in meta["frames"] for key in entry if not key.endswith("_path")} - READ - SETTINGS
    names = ", ".join(printable(name)[:40] for name in sorted(unknown)[:8])
    return [f"not read of {file.name}: {names}{', …' if len(unknown) > 8 else ''}"] if unknown else []


def opengl_to_viewmat(matrix: Any) -> np.ndarray | None:
    """World to camera with OpenCV axes [4, 4] float64, from a camera-to-world with OpenGL axes (x right, y up, z back).

    None where the matrix is missing, not finite, singular or mirrored. A scale in the rotation is removed.
    """
    try:
        camtoworld = np.array(matrix, np.float64)
    except (TypeError, ValueError, OverflowError):
        return None
    if camtoworld.shape not in ((4, 4), (3, 4)) or not (np.abs(camtoworld) < FARTHEST).all():
        return None
    return viewmat_of_camera(camtoworld[:3, :3] * np.array([1.0, -1.0, -1.0]), camtoworld[:3, 3])


def named_points(
    meta: Mapping[str, Any], root: Path, options: CaptureOptions, notes: list[str]
) -> tuple[Points | None, list[Path]]:
    """The points that `ply_file_path` names, and their file."""
    name = meta.get("ply_file_path") or None
    if name is not None and not isinstance(name, str):
        raise SplatError("ply_file_path in the transforms file is no file name; fix the file")
    if options.points == "none" or name is None:
        return None, []
    written = name
    name, path = located(root, name, find_file)
    if path is None and (path := files_by_name(root, [written]).get(written)) is not None:
        notes.append(f"the points {printable(written)} are read from {path}, where a file of that name is")
        console.warn(notes[-1])
    if path is None:
        notes.append(f"the points {printable(str(root / name))} are missing")
        console.warn(f"{notes[-1]}; going on without them")
        return None, []
    return read_ply_points(path, notes), [path]


def _moved(root: Path, file: Path, names: Sequence[str], notes: list[str]) -> dict[str, Path]:
    """Photos that are not where the file says but are found by name below `root`; said once, with the count."""
    there = {name: None if climbs_out(name) else find_photo(root, name) for name in names}
    found = moved_photos(root, {name: path for name, path in there.items() if path or not _in_reduced(root, name)})
    if found:
        first = next(iter(found))
        notes.append(
            f"{len(found):,} of {console.count(len(names), 'photo')} are not where {file} says (first:"
            f" {printable(first)}); they are found by name ({found[first].relative_to(root).as_posix()})"
        )
        console.warn(notes[-1])
    return found


def _in_reduced(root: Path, name: str) -> bool:
    """Whether reduced copies of a photo may be there where the photo itself is not."""
    folder = (root / name).parent
    return folder.parent.is_dir() and any(folder.parent.glob(f"{folder.name}_*"))


def _photo(
    root: Path, name: str, moved: Path | None, options: CaptureOptions, used: set[str]
) -> tuple[Path | None, int]:
    """The photo of a frame and how much smaller it is than the file's intrinsics say."""
    if climbs_out(name):
        return moved, 1
    reduced = reduced_folder((moved or root / name).parent, options.data_factor)
    if reduced is not None and (path := find_photo(reduced, PurePosixPath(name).name)):
        used.add(reduced.name)
        return path, round(options.data_factor)
    return moved or find_photo(root, name), 1


def _own_split(meta: Mapping[str, Any], root: Path, frames: TransformsFrames) -> list[PosedPhoto]:
    """Apply nerfstudio's lists of file names; frames in none of them are left out, as nerfstudio does."""
    sides: dict[str, Split] = {}
    for key, side in SPLIT_LISTS:
        sides.update(dict.fromkeys(_names(meta, key, root), side))
    if "test" not in sides.values():  # nerfstudio evaluates on the validation list
        sides.update(dict.fromkeys(_names(meta, "val_filenames", root), "test"))
    if not sides:
        return frames.posed
    kept = [dataclasses.replace(photo, split=sides[photo.name]) for photo in frames.posed if photo.name in sides]
    if not kept:
        raise SplatError("train_filenames and test_filenames name none of the frames; fix the transforms.json")
    if len(kept) < len(frames.posed):
        left = [photo for photo in frames.posed if photo.name not in sides]
        frames.left_out += [photo.path for photo in left]
        frames.notes.append(f"{len(left)} frames are in no list of the file's own split and are left out")
        console.warn(frames.notes[-1])
    listed = {printable(clean_name(entry["file_path"])) for entry in meta["frames"]}
    listed |= {photo.name for photo in frames.posed}
    if strangers := [name for name in sides if name not in listed]:
        frames.notes.append(
            f"{console.count(len(strangers), 'name')} in the lists of the file's own split are of no frame"
            f" (first: {strangers[0]})"
        )
        console.warn(frames.notes[-1])
    return kept


def _split_of_files(root: Path, file: Path, posed: list[PosedPhoto], frames: TransformsFrames) -> list[PosedPhoto]:
    """Hold out what transforms_test.json (else ..._val.json) beside the file lists, where that is any of the photos."""
    tests = [root / f"transforms_{side}.json" for side in ("test", "val")]
    test_file = next((path for path in tests if path.is_file() and path != file), None)
    if test_file is None or file.name != "transforms.json":
        return posed
    named = [located(root, entry["file_path"])[1] for entry in read_meta(test_file)["frames"]]
    test = {path for path in named if path is not None}
    held_out = sum(photo.path in test for photo in posed)
    if not held_out:
        frames.notes.append(f"{test_file.name} lists none of the photos of {file.name} and is not used")
        console.warn(f"{frames.notes[-1]}; capture.format=blender reads the split files instead")
        return posed
    frames.read.append(test_file)
    frames.notes.append(f"held out: the {console.count(held_out, 'photo')} that {test_file.name} lists")
    return [dataclasses.replace(photo, split="test" if photo.path in test else "train") for photo in posed]


def _names(meta: Mapping[str, Any], key: str, root: Path) -> list[str]:
    """The names in a list of the file; none where there is no such list."""
    listed = meta.get(key) or []
    if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
        raise SplatError(f"{key} in the transforms file is no list of names; fix the file")
    return [printable(located(root, name)[0]) for name in listed]

"""A capture as a run recorded it: cameras, split and the way each photo is read. Only pixels come from the photos.

Nothing is looked for and nothing is computed anew, so a photo that was added, a model that was refined or cameras that
are found elsewhere on another machine cannot change what a run is scored, resumed or distilled with.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import torch

from splat.cameras import Camera
from splat.capture.config import CaptureOptions
from splat.capture.images import PhotoImages
from splat.capture.lens import Lens
from splat.capture.readers.registry import READERS
from splat.capture.types import Capture, Frame, PhotoPlan, Points
from splat.errors import SplatError
from splat.files import sha256_of

LARGEST = 1_000_000  # pixels on a side that a record may claim
MEANINGS = ("ignore", "transparent", "none")
# What a damaged or foreign record may raise where its values are put to use
DAMAGE = (KeyError, TypeError, ValueError, IndexError, OverflowError, RuntimeError, AttributeError)


@dataclass(frozen=True)
class File:
    """A file that a run was trained on."""

    path: str  # relative to the capture's root, with forward slashes
    sha256: str


def capture_record(capture: Capture) -> dict[str, Any]:
    """What `recorded_capture` needs, as plain data: cameras.json of a run.

    Poses are world to camera, OpenCV axes, in the capture's frame minus `origin`; intrinsics are of the image at
    working size. Captures whose pixels are no files record their cameras alone.
    """
    plans: Sequence[PhotoPlan | None] = capture.images.plans or [None] * len(capture.frames)
    digests = _digests([path for plan in plans if plan for path in (plan.path, plan.mask_path) if path])
    base = _base(capture)
    return {
        "convention": "OpenCV, world to camera, pixels",
        "origin": list(capture.origin),
        "name": capture.name,
        "kind": capture.kind,
        "data_factor": capture.data_factor,
        "photos_found": capture.photos_found,
        "depth_maps": capture.depth_maps,
        "held_out": capture.held_out,
        "frames": [_frame_record(frame, plan, base, digests) for frame, plan in zip(capture.frames, plans)],
    }


def _frame_record(frame: Frame, plan: PhotoPlan | None, base: Path, digests: dict[Path, str]) -> dict[str, Any]:
    camera = frame.camera
    record = {
        "name": camera.name,
        "split": frame.split,
        "width": camera.width,
        "height": camera.height,
        "K": camera.K.tolist(),
        "viewmat": camera.viewmat.tolist(),
    }
    if frame.given_viewmat is not None:
        record["given_viewmat"] = frame.given_viewmat.tolist()
    if plan is None:
        return record

    def file(path: Path | None) -> dict[str, str] | None:
        return None if path is None else {"path": _relative(path, base), "sha256": digests[path]}

    lens = plan.lens
    record["photo"] = {
        "file": file(plan.path),
        "orientation": plan.orientation,
        "lens": lens and {**vars(lens), "params": list(lens.params)},
        "mask": file(plan.mask_path),
        "depth": None if frame.depth_path is None else _relative(frame.depth_path, base),
        "alpha_means": plan.alpha_means,
        "mask_means": plan.mask_means,
        "opaque": frame.opaque,
    }
    return record


def recorded_capture(record: dict[str, Any], root: Path, options: CaptureOptions, points: Points | None) -> Capture:
    """The capture of a record, its photos below `root`.

    Args:
        record: what `capture_record` made.
        root: where the capture is now: its folder, or the video.
        options: the cache for pixels, and how frames were taken from a video.
        points: initial points, which are not part of the record.

    Raises:
        SplatError: the record is damaged or names no photos, or photos are missing or not those that it was made of.
    """
    entries = frames_of(record)
    if any("photo" not in entry for entry in entries):
        raise SplatError("cameras.json does not say which photos the run was trained on; train it again")
    unpack = unpacking(record.get("kind"))
    base = unpack(root, options) if unpack else root
    if not base.exists():
        raise SplatError(f"the photos are no longer at {base}")
    frames, plans, files = [], [], []
    for number, entry in enumerate(entries):
        try:
            frame, plan, known = _recorded_frame(entry, base)
        except DAMAGE as error:
            raise SplatError(f"cameras.json is damaged (frame {number}: {_reason(error)})") from error
        frames.append(frame)
        plans.append(plan)
        files += known
    refuse_others(files, base)
    try:
        x, y, z = (float(value) for value in record["origin"])
        name, kind, factor = str(record["name"]), str(record["kind"]), float(record["data_factor"])
        photos, depth_maps = int(record["photos_found"]), int(record["depth_maps"])
    except DAMAGE as error:
        raise SplatError(f"cameras.json is damaged ({_reason(error)})") from error
    images = PhotoImages(plans, int(options.cache_gb * 1e9))
    return Capture(
        name,
        root,
        kind,
        frames,
        images,
        points,
        factor,
        origin=(x, y, z),
        photos_found=photos,
        depth_maps=depth_maps,
        held_out=str(record.get("held_out", "")),  # which older runs did not record
    )


def frames_of(record: Any) -> list[dict[str, Any]]:
    """The frames of a record.

    Raises:
        SplatError: when it is none.
    """
    frames = record.get("frames") if isinstance(record, dict) else None
    if not isinstance(frames, list) or not all(isinstance(frame, dict) for frame in frames):
        raise SplatError("cameras.json is damaged: it has no list of frames")
    return frames


def photo_paths(record: dict[str, Any], base: Path) -> dict[str, Path]:
    """The photo of each camera of a record, by the camera's name.

    Raises:
        SplatError: when it names none.
    """
    try:
        return {str(entry["name"]): base / str(entry["photo"]["file"]["path"]) for entry in frames_of(record)}
    except DAMAGE as error:
        raise SplatError(f"cameras.json does not say which photos the run was trained on ({_reason(error)})") from error


def recorded_camera(entry: dict[str, Any]) -> Camera:
    """The camera of one frame of a record.

    Raises:
        SplatError: naming the frame, when it is not readable.
    """
    try:
        viewmat, K = (np.array(entry[key], np.float64) for key in ("viewmat", "K"))
        width, height = int(entry["width"]), int(entry["height"])
        if viewmat.shape != (4, 4) or K.shape != (3, 3):
            raise ValueError("wrong shape")
        if not (np.isfinite(viewmat).all() and np.isfinite(K).all() and abs(np.linalg.det(viewmat)) > 1e-12):
            raise ValueError("no pose")
        if not (0 < width <= LARGEST and 0 < height <= LARGEST and K[0, 0] > 0 and K[1, 1] > 0):
            raise ValueError("no image")
        if not isinstance(entry["name"], str) or entry.get("split", "train") not in ("train", "test"):
            raise ValueError("no name or split")
    except DAMAGE as error:
        name = str(entry.get("name", "?"))[:80]
        raise SplatError(f"cameras.json: the camera of {name} is not readable ({_reason(error)})") from error
    return Camera(torch.from_numpy(viewmat), torch.from_numpy(K), width, height, entry["name"])


def _recorded_frame(entry: dict[str, Any], base: Path) -> tuple[Frame, PhotoPlan, list[tuple[str, File]]]:
    camera, photo = recorded_camera(entry), entry["photo"]
    file = File(**photo["file"])
    mask = File(**photo["mask"]) if photo["mask"] is not None else None
    lens = photo["lens"]
    if lens is not None:
        lens = Lens(str(lens["model"]), tuple(map(float, lens["params"])), int(lens["width"]), int(lens["height"]))
        try:
            lens.colmap()
        except SplatError as error:
            raise ValueError(str(error)) from error
    if photo["alpha_means"] not in MEANINGS or photo["mask_means"] not in MEANINGS:
        raise ValueError("unknown meaning of masks")
    if photo["orientation"] not in range(1, 9):
        raise ValueError("unknown orientation")
    plan = PhotoPlan(
        path=base / file.path,
        orientation=photo["orientation"],
        lens=lens,
        width=camera.width,
        height=camera.height,
        mask_path=None if mask is None else base / mask.path,
        alpha_means=photo["alpha_means"],
        mask_means=photo["mask_means"],
    )
    depth = photo.get("depth")
    depth_path = None if depth is None else base / str(depth)
    given = None
    if entry.get("given_viewmat") is not None:  # training has refined the pose
        given = recorded_camera({**entry, "viewmat": entry["given_viewmat"]}).viewmat
    frame = Frame(camera, entry["split"], plan.path, bool(photo["opaque"]), depth_path, given)
    return frame, plan, [(camera.name, known) for known in (file, mask) if known is not None]


def refuse_others(files: Sequence[tuple[str, File]], base: Path) -> None:
    """Refuse photos and masks that are not those of the record.

    Args:
        files: with the name of the photo that each belongs to.
        base: what their paths are relative to.

    Raises:
        SplatError: one line that counts and names them.
    """
    present = {file.path: base / file.path for _, file in files}
    missing = [name for name, file in files if not _is_file(present[file.path])]
    if missing:
        raise SplatError(f"{_listed(missing)} no longer below {base}; put them back")
    found = _digests(list(present.values()))
    changed = [name for name, file in files if found[present[file.path]] != file.sha256]
    if changed:
        raise SplatError(f"{_listed(changed)} not the same any more in {base}; put the old ones back")


def _listed(names: list[str]) -> str:
    """Begins a sentence: "2 of the photos (or masks) that the run was trained on (0003.jpg, 0007.jpg) are"."""
    names = sorted(set(names))
    shown = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    be = "is" if len(names) == 1 else "are"
    return f"{len(names)} of the photos (or masks) that the run was trained on ({shown}) {be}"


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _digests(paths: Sequence[Path]) -> dict[Path, str]:
    """SHA-256 of files, several at a time: hashing lets other threads go on."""
    unique = list(dict.fromkeys(paths))
    with ThreadPoolExecutor() as pool:
        return dict(zip(unique, pool.map(_digest, unique)))


def _digest(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError as error:
        raise SplatError(f"cannot read {path}: {error.strerror}") from error


def _base(capture: Capture) -> Path:
    """What the paths of photos are relative to: the capture's folder, or that of what a single file was unpacked to."""
    if unpacking(capture.kind) and capture.frames:
        return capture.frames[0].path.parent
    return capture.root


def unpacking(kind: object) -> Callable[[Path, CaptureOptions], Path] | None:
    """What unpacks the photos of a capture that is one file; None where they lie in a folder."""
    reader = READERS.get(kind) if isinstance(kind, str) else None
    return None if reader is None else reader.unpack


def _relative(path: Path, base: Path) -> str:
    try:
        return PurePath(os.path.relpath(path.absolute(), base.absolute())).as_posix()
    except ValueError:  # on another drive
        return path.absolute().as_posix()


def _reason(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0][:120]}" if text and not isinstance(error, KeyError) else f"no {error}"

"""Warnings about captures that can be read but are hardly what people meant: odd lenses, equal photos, panoramas."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from splat import console
from splat.cameras import Camera
from splat.capture.photo import photo_header
from splat.capture.types import Frame
from splat.files import sha256_of

FOCAL_LENGTHS = (0.12, 60.0)  # in image widths: views of 153° and of 1°; the longest tele lenses reach about 35
MOST_STRETCHED = 3.0  # focal length across against down
EDGE = 0.02  # of the side within which no lens has its centre; as a share of the side it would be 0.5 pixels
SAME_PLACE = 0.005  # of the cameras' spread, and radians
MOST_NEIGHBOURS = 4  # training photos that a held-out one is compared with
THUMBNAIL = 32  # pixels
LARGE = 4_000_000  # pixels
CUT_UP = "cut them into perspective views first"  # what to do with panoramas
SAME_LEVELS = 1.0  # mean difference of 256 grey levels below which two thumbnails show the same


def odd_lenses(cameras: Sequence[Camera]) -> list[str]:
    """One warning that counts the cameras whose intrinsics no lens has; nothing else is done about them."""
    odd = [(camera, reason) for camera in cameras if (reason := _odd(camera))]
    if not odd:
        return []
    camera, reason = odd[0]
    note = (
        f"{len(odd):,} of {console.count(len(cameras), 'camera')} can hardly be right (first: {camera.name}, {reason});"
        " check the capture's intrinsics"
    )
    console.warn(note)
    return [note]


def same_poses(cameras: Sequence[Camera]) -> list[str]:
    """One warning that counts the cameras with the very pose of another: programs write one where they found none."""
    seen: dict[bytes, str] = {}
    same = []
    for camera in cameras:
        first = seen.setdefault(camera.viewmat.numpy().tobytes(), camera.name)
        if first != camera.name:
            same.append((camera.name, first))
    if not same:
        return []
    note = (
        f"{len(same):,} of {console.count(len(cameras), 'camera')} have exactly the pose of another"
        f" (first: {same[0][0]} that of {same[0][1]}); unless a tripod took them, their poses are wrong"
    )
    console.warn(note)
    return [note]


def _odd(camera: Camera) -> str | None:
    """What is impossible about a camera."""
    (fx, _, cx), (_, fy, cy), _ = camera.K.tolist()
    size = f"{camera.width}x{camera.height} pixels"
    longest = max(camera.width, camera.height)
    if not FOCAL_LENGTHS[0] <= max(fx, fy) / longest <= FOCAL_LENGTHS[1]:
        return f"a focal length of {max(fx, fy):,.6g} for {size}"
    if not 1 / MOST_STRETCHED <= fx / fy <= MOST_STRETCHED:
        return f"focal lengths of {fx:,.6g} across and {fy:,.6g} down"
    shares = cx / camera.width, cy / camera.height
    if not all(EDGE <= share <= 1 - EDGE for share in shares):
        return f"the centre {cx:,.6g}, {cy:,.6g} at the edge or outside of {size}"
    return None


def twins_across(frames: Sequence[Frame]) -> list[str]:
    """One warning that counts held-out photos of which a training photo is a copy: they test nothing."""
    test = {frame.path for frame in frames if frame.split == "test"}
    twins = []
    for same in equal_files(frame.path for frame in frames):
        held = [path for path in same if path in test]
        trained = [path for path in same if path not in test]
        twins += [(path, trained[0]) for path in held if trained]
    if not twins:
        return []
    first, other = twins[0]
    note = (
        f"{len(twins)} of {len(test)} held-out photos are copies of training photos"
        f" (first: {first} of {other}), so scores on them mean nothing; remove the copies"
    )
    console.warn(note)
    return [note]


def twins_in_place(frames: Sequence[Frame]) -> list[str]:
    """One warning that counts held-out photos that show what a training photo from the same place shows.

    They were saved anew, so their bytes differ. Only photos whose cameras all but coincide are looked at.
    """
    test = [frame for frame in frames if frame.split == "test"]
    train = [frame for frame in frames if frame.split == "train"]
    if not test or not train:
        return []
    places = np.stack([frame.camera.position.numpy() for frame in train])
    turns = np.stack([frame.camera.viewmat[:3, :3].numpy() for frame in train])
    near = SAME_PLACE * float(np.linalg.norm(places - places.mean(axis=0), axis=1).mean())
    pairs = []
    for frame in test:
        apart = np.linalg.norm(places - frame.camera.position.numpy(), axis=1)
        bent = np.abs(turns - frame.camera.viewmat[:3, :3].numpy()).max(axis=(1, 2))
        for index in np.flatnonzero((apart <= near) & (bent <= SAME_PLACE))[:MOST_NEIGHBOURS]:
            other = train[index].path
            if other.read_bytes() != frame.path.read_bytes() and look_alikes([other, frame.path]):
                pairs.append((frame.path, other))
                break
    if not pairs:
        return []
    note = (
        f"{len(pairs)} of {len(test)} held-out photos show the same as a training photo from the same place (first:"
        f" {pairs[0][0]} as {pairs[0][1]}), so their scores mean nothing; keep one of the two"
    )
    console.warn(note)
    return [note]


def shaped_like_panoramas(paths: Iterable[Path]) -> list[Path]:
    """Photos twice as wide as high, as equirectangular panoramas are and no ordinary camera's photos.

    Nothing in the pixels says for sure that one is a panorama.
    """
    return [path for path in paths if (header := photo_header(path)).width == 2 * header.height]


def panoramas(paths: Sequence[Path]) -> list[str]:
    """One warning that counts what is shaped like panoramas."""
    found = shaped_like_panoramas(paths)
    if not found:
        return []
    note = (
        f"{len(found):,} of {console.count(len(paths), 'photo')} are twice as wide as high, as 360° panoramas are"
        f" (first: {found[0].name}); cameras of panoramas are not found: {CUT_UP}"
    )
    console.warn(note)
    return [note]


def equal_files(paths: Iterable[Path]) -> list[list[Path]]:
    """Groups of files with the same bytes, each in the order given; files that cannot be read are in none."""
    sizes: defaultdict[int, list[Path]] = defaultdict(list)
    for path in dict.fromkeys(paths):
        try:
            sizes[path.stat().st_size].append(path)
        except OSError:
            continue
    groups: defaultdict[tuple[int, str], list[Path]] = defaultdict(list)
    for size, same in sizes.items():
        for path in same if len(same) > 1 else []:
            groups[size, _digest(path)].append(path)
    return [group for group in groups.values() if len(group) > 1]


def look_alikes(paths: Sequence[Path]) -> list[tuple[Path, Path]]:
    """Photos that show all but the same as an earlier one, with that one; compared as small grey pictures.

    Large photos other than JPEG are not looked at: decoding them takes too long.
    """
    small = np.empty((len(paths), THUMBNAIL * THUMBNAIL), np.float32)
    kept: list[Path] = []
    found = []
    for path in paths:
        thumbnail = _thumbnail(path, path.stat().st_mtime_ns)
        if thumbnail is None:
            continue
        differences = np.abs(small[: len(kept)] - thumbnail).mean(axis=1)
        if kept and differences.min() < SAME_LEVELS:
            found.append((path, kept[int(differences.argmin())]))
            continue
        small[len(kept)] = thumbnail
        kept.append(path)
    return found


def _digest(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError:
        return str(path)


@functools.lru_cache(maxsize=4096)  # training reads a capture twice
def _thumbnail(path: Path, changed: int) -> np.ndarray | None:
    """[n] float32 grey levels of a photo; None where it cannot be decoded, is flat, or decoding takes long."""
    try:
        with Image.open(path) as photo:
            if photo.format not in ("JPEG", "MPO") and photo.width * photo.height > LARGE:
                return None
            photo.draft("L", (4 * THUMBNAIL, 4 * THUMBNAIL))  # JPEG is decoded at an eighth, which is fast
            grey = photo.convert("L").resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)
            pixels = np.asarray(grey, np.float32).ravel()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    return pixels if pixels.std() > SAME_LEVELS else None

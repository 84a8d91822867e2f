"""What a capture's folder holds beside what is read from it, said in one line with counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from pathlib import Path

from splat import console
from splat.capture.suffixes import OTHER_PICTURE_SUFFIXES, PHOTO_SUFFIXES, VIDEO_SUFFIXES
from splat.capture.walk import Walk, pictures_in

POINT_SUFFIXES = frozenset({".ply", ".pcd", ".las", ".laz", ".e57"})
ARRAY_SUFFIXES = frozenset({".npy", ".npz", ".exr", ".pfm"})
KINDS = PHOTO_SUFFIXES | OTHER_PICTURE_SUFFIXES | POINT_SUFFIXES | VIDEO_SUFFIXES | ARRAY_SUFFIXES
# Cameras of other programs: Record3D, kapture, Metashape, OpenMVG, Meshroom, OpenSfM, Bundler, ZInD
CAMERA_FILES = frozenset(
    {"metadata.json", "sensors.txt", "trajectories.txt", "cameras.xml", "sfm_data.json", "cameras.sfm"}
    | {"reconstruction.json", "bundle.out", "zind_data.json", "doc.xml", "poses.txt", "traj.txt"}
)
MOST_GROUPS = 8  # that one line names


def own_notes(found: Walk) -> list[str]:
    """A warning that counts the pictures in folders that this program wrote."""
    notes = []
    counts = {folder: pictures_in(folder, PHOTO_SUFFIXES) for folder in found.own}
    if total := sum(counts.values()):
        first = found.own[0].relative_to(found.root).as_posix()
        folders = console.count(len(found.own), "folder")
        pictures = console.count(total, "picture")
        notes.append(f"{pictures} in {folders} that splat wrote below {found.root} are no photos (first: {first})")
        console.warn(notes[-1])
    return notes


def walk_notes(found: Walk) -> list[str]:
    """Warnings about links and folders that could not be followed."""
    notes = []
    if found.closed:
        first = found.closed[0].relative_to(found.root).as_posix()
        notes.append(f"{console.count(len(found.closed), 'folder')} below {found.root} cannot be read (first: {first})")
    if found.dangling:
        first = found.dangling[0].relative_to(found.root).as_posix()
        notes.append(f"{console.count(len(found.dangling), 'link')} below {found.root} lead nowhere (first: {first})")
    if found.repeated:
        first = found.repeated[0].relative_to(found.root).as_posix()
        links = console.count(len(found.repeated), "link")
        notes.append(
            f"{links} to folders below {found.root} are not followed, they lead to what is read (first: {first})"
        )
    if not found.complete:
        notes.append(f"{found.root} holds too many files; not all of it was looked at")
    for note in notes:
        console.warn(note)
    return notes


def unused_note(found: Walk, used: Collection[Path]) -> str | None:
    """One line that counts the pictures, points, videos and models that are not read; None where all are.

    For example "not read: images_2/ (24 png), normals/ (24 png), clip.mp4".

    Args:
        used: the files that are read.
    """
    taken = {path.resolve() for path in used}
    groups: Counter[tuple[str, str]] = Counter()
    names: dict[tuple[str, str], str] = {}
    for path in found.files:
        if not _is_data(path) or path.resolve() in taken:
            continue
        inside = path.relative_to(found.root)
        key = (inside.parent.as_posix(), path.suffix.lower().lstrip("."))
        groups[key] += 1
        names.setdefault(key, inside.as_posix())
    if not groups:
        return None
    listed = [
        names[key] if number == 1 else f"{'' if key[0] == '.' else key[0] + '/'} ({number:,} {key[1]})".strip()
        for key, number in sorted(groups.items())
    ]
    more = f" and {len(listed) - MOST_GROUPS} more kinds" if len(listed) > MOST_GROUPS else ""
    return f"not read: {', '.join(listed[:MOST_GROUPS])}{more}"


def _is_data(path: Path) -> bool:
    """Whether a file is one that people would expect to be read."""
    name = path.name.lower()
    if path.suffix.lower() in KINDS or name in CAMERA_FILES:
        return True
    if name in ("cameras.bin", "cameras.txt"):
        return (path.parent / f"images{path.suffix}").is_file()
    return name.startswith("transforms") and name.endswith(".json")

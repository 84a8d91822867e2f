"""A COLMAP model in its folder: three files, binary or text."""

from __future__ import annotations

from pathlib import Path

from splat.capture.colmap import binary, text
from splat.capture.colmap.model import Model
from splat.capture.ply import read_ply_points
from splat.capture.types import Points
from splat.errors import SplatError
from splat.files import is_file

NEEDED = ("cameras", "images")  # files without which there is no model


def has_model(folder: Path) -> bool:
    """Whether a folder holds a COLMAP model, whole or not."""
    return any(is_file(folder / f"{name}{suffix}") for name in NEEDED for suffix in (".bin", ".txt"))


def read_model(folder: Path) -> Model:
    """Read a COLMAP model (binary where both forms are there, as COLMAP does).

    Raises:
        SplatError: a missing or damaged file.
    """
    model = read_views(folder)
    model.points, file = _points(folder, model.files[0].suffix, model.notes)
    model.files += [file] if file else []
    return model


def read_views(folder: Path) -> Model:
    """Read cameras and images of a COLMAP model, without its points.

    Raises:
        SplatError: a missing or damaged file.
    """
    whole = [kind for kind in (".bin", ".txt") if all(is_file(folder / f"{name}{kind}") for name in NEEDED)]
    suffix = whole[0] if whole else None
    if suffix is None:
        suffix = ".txt" if is_file(folder / "cameras.txt") or is_file(folder / "images.txt") else ".bin"
        name = next(name for name in NEEDED if not is_file(folder / f"{name}{suffix}"))
        raise SplatError(f"the COLMAP model {folder} has no {name}{suffix}; copy the whole model")
    notes: list[str] = []
    if suffix == ".bin":
        cameras = binary.read_cameras(folder / "cameras.bin")
        images = binary.read_images(folder / "images.bin")
    else:
        cameras = text.read_cameras(folder / "cameras.txt")
        images = text.read_images(folder / "images.txt", notes)
    for number, image in images.items():
        if image.camera_id not in cameras:
            raise SplatError(
                f"the COLMAP model {folder} is damaged: image {number} ({image.name}) has the camera {image.camera_id},"
                f" which cameras{suffix} lacks; copy the whole model again"
            )
    return Model(cameras, images, notes=notes, files=[folder / f"{name}{suffix}" for name in NEEDED])


def _points(folder: Path, suffix: str, notes: list[str]) -> tuple[Points | None, Path | None]:
    """The model's points and their file: the one in the form of the others, else any other that is there."""
    names = dict.fromkeys((f"points3D{suffix}", "points3D.bin", "points3D.txt", "points3D.ply"))
    file = next((folder / name for name in names if is_file(folder / name)), None)
    if file is None:
        notes.append(f"the COLMAP model {folder} has no points3D{suffix}, so it brings no points")
        return None, None
    if file.suffix != suffix:
        notes.append(f"the points are those of {file.name}: there is no points3D{suffix}")
    if file.suffix == ".ply":
        return read_ply_points(file, notes), file
    return (binary if file.suffix == ".bin" else text).read_points(file, notes), file

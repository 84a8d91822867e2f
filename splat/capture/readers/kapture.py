"""kapture: sensors/sensors.txt, trajectories.txt and records_camera.txt, with rigs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from splat import console
from splat.capture.colmap.model import model_lens, pose_matrix
from splat.capture.config import CaptureOptions
from splat.capture.lens import MODELS, Lens
from splat.capture.listed import UNPOSED, ListedPhoto, PhotoList, listed_capture
from splat.capture.numbers import floats
from splat.capture.reader_result import ReaderResult
from splat.errors import SplatError
from splat.files import read_text

FOLDER = "sensors"
FILES = ("sensors.txt", "trajectories.txt", "records_camera.txt")
MARK = "# kapture format"
RIGS = "rigs.txt"
PARAMETERS = dict(MODELS.values())  # of COLMAP's camera models, whose names these are
DEEPEST = 8  # rigs within rigs


@dataclass(frozen=True)
class _Mounted:
    """A sensor, or rig, on a rig."""

    rig: str
    pose: np.ndarray  # [4, 4] from the rig to the sensor


def kapture_folder(root: Path) -> Path | None:
    """The folder of the files, at or below `root`; None where one of them is missing."""
    folders = (root / FOLDER, root)
    return next((folder for folder in folders if all((folder / name).is_file() for name in FILES)), None)


def read_kapture(root: Path, options: CaptureOptions) -> ReaderResult:
    """Read the cameras of a kapture folder; points and features are not read.

    Raises:
        SplatError: no such folder, a damaged file, or no photo with a pose.
    """
    folder = kapture_folder(root)
    if folder is None:
        raise SplatError(f"{root} is no kapture folder; expected {', '.join(FILES)} in sensors/")
    sensors = folder / FILES[0]
    if not read_text(sensors).startswith(MARK):
        raise SplatError(f"{sensors} does not begin with '{MARK}'; it is no kapture file")
    lenses = _lenses(sensors)
    rigs, placed = _rigs(folder / RIGS), _trajectories(folder / FILES[1])
    photos = []
    for moment, device, name in _rows(folder / FILES[2], 3, exactly=True):
        if device not in lenses:
            raise SplatError(f"{folder / FILES[2]} names a sensor {device[:40]!a} that {sensors} does not have; fix it")
        lens, reason = lenses[device]
        pose = _pose(moment, device, rigs, placed)
        photos.append(ListedPhoto(name, pose, lens, reason if lens is None else UNPOSED))
    read = [folder / name for name in (*FILES[:2], RIGS) if (folder / name).is_file()]
    listed = PhotoList("kapture", folder / FILES[2], photos, [folder / "records_data"], read=read)
    return listed_capture(root, listed, options)


def _rows(file: Path, fewest: int, exactly: bool = False) -> list[list[str]]:
    """The values of each line that is no comment."""
    rows = []
    for number, line in enumerate(read_text(file).splitlines(), start=1):
        values = [value.strip() for value in line.split(",")]
        if not line.strip() or line.startswith("#"):
            continue
        if len(values) < fewest or (exactly and len(values) > fewest):
            raise SplatError(f"line {number} of {file} has {len(values)} values, not {fewest}; copy the file again")
        rows.append(values)
    return rows


def _lenses(file: Path) -> dict[str, tuple[Lens | None, str]]:
    """The lens of each camera, or why it has none."""
    found: dict[str, tuple[Lens | None, str]] = {}
    for sensor, _, kind, *values in _rows(file, 3):
        if kind != "camera":
            continue
        model = values[0] if values else ""
        where = f"sensor {sensor[:40]} of {file}"
        if model not in PARAMETERS:
            found[sensor] = None, f"of a camera of the model {model[:40]!a}, which cannot be read,"
            continue
        numbers = floats(values[1:], 2 + PARAMETERS[model], f"{model} of {where}")
        if not np.isfinite(numbers).all():
            raise SplatError(f"{where} has values that are not finite; fix the file")
        found[sensor] = model_lens(model, round(numbers[0]), round(numbers[1]), tuple(numbers[2:].tolist()), where), ""
    return found


def _rigs(file: Path) -> dict[str, _Mounted]:
    """What is mounted on which rig; nothing where there is no such file."""
    rows = _rows(file, 9) if file.is_file() else []
    return {sensor: _Mounted(rig, _matrix(values, file)) for rig, sensor, *values in rows}


def _trajectories(file: Path) -> dict[tuple[str, str], np.ndarray]:
    """[4, 4] from the world to a sensor or rig, by moment and device."""
    return {(moment, device): _matrix(values, file) for moment, device, *values in _rows(file, 9)}


def _matrix(values: list[str], file: Path) -> np.ndarray:
    """[4, 4] of qw, qx, qy, qz, tx, ty, tz; NaN where a value is empty, which is how unknown ones are written."""
    numbers = floats([value or "nan" for value in values[:7]], 7, f"a pose of {file}").tolist()
    return pose_matrix(tuple(numbers[:4]), tuple(numbers[4:]))


def _pose(
    moment: str, device: str, rigs: Mapping[str, _Mounted], placed: Mapping[tuple[str, str], np.ndarray]
) -> np.ndarray | None:
    """[4, 4] from the world to a sensor, its own or by way of its rig; None where it has none."""
    mounted = np.eye(4)
    for _ in range(DEEPEST):
        if (moment, device) in placed:
            pose = mounted @ placed[moment, device]
            return pose if np.isfinite(pose).all() else None
        if device not in rigs:
            return None
        mounted = mounted @ rigs[device].pose
        device = rigs[device].rig
    console.warn(f"the rigs of {device} are nested more than {DEEPEST} deep, or in a circle; they are not read")
    return None

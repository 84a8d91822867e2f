"""Photos with positions, and runs whose cameras are known in metres."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from splat.capture.gps import Place
from splat.files import read_json, write_json
from tests.edit.scenes import write_run

METRES_A_DEGREE = 111_319.49079327357  # of longitude on the equator


def write_photo(path: Path, place: Place | None) -> None:
    """A small JPEG with this place in its EXIF."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (16, 12)).save(path, exif=exif_of(place))


def exif_of(place: Place | None) -> Image.Exif:
    """EXIF with this place."""
    exif = Image.Exif()
    if place is not None:
        exif[0x8825] = {
            1: "N" if place.latitude >= 0 else "S", 2: _parts(place.latitude),
            3: "E" if place.longitude >= 0 else "W", 4: _parts(place.longitude),
        }  # fmt: skip
        if place.altitude is not None:
            exif[0x8825] |= {5: b"\x01" if place.altitude < 0 else b"\x00", 6: _rational(abs(place.altitude))}
    return exif


def _parts(degrees: float) -> tuple[IFDRational, ...]:
    minutes, whole = math.modf(abs(degrees))
    seconds, minute = math.modf(minutes * 60)
    return _rational(whole), _rational(minute), _rational(seconds * 60)


def _rational(value: float) -> IFDRational:
    fraction = Fraction(value).limit_denominator(1_000_000)
    return IFDRational(fraction.numerator, fraction.denominator)


def place_of(metres: np.ndarray) -> Place:
    """Where metres east, north and up [3] of latitude 0, longitude 10, altitude 50 are; for some hundred metres."""
    latitude = metres[1] / 110_574.27582159436  # metres a degree of latitude on the equator
    return Place(float(latitude), 10.0 + float(metres[0] / METRES_A_DEGREE), 50.0 + float(metres[2]))


def run_with_photos(folder: Path, places: dict[str, Place | None]) -> Path:
    """The run of `write_run`, whose photos lie there again, each with its place."""
    run = write_run(folder)
    record = read_json(run / "cameras.json")
    for frame in record["frames"]:
        frame["photo"] = {"file": {"path": frame["name"].replace(".png", ".jpg"), "sha256": ""}}
        write_photo(run / "gone" / frame["photo"]["file"]["path"], places.get(frame["name"]))
    write_json(run / "cameras.json", record)
    return run

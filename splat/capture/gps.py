"""Where photos say that they were taken: GPS in EXIF, or a table of names and places."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from splat import console
from splat.capture.camera_files import open_picture
from splat.errors import SplatError
from splat.files import read_text

_EXIF_GPS = 0x8825
_LATITUDE_REF, _LATITUDE, _LONGITUDE_REF, _LONGITUDE, _ALTITUDE_REF, _ALTITUDE = 1, 2, 3, 4, 5, 6
_BELOW = (1, 3, b"\x01", b"\x03")  # the second since EXIF 3.0, which tells the sea from the ellipsoid
_UNIT = re.compile(r"\s*[(\[](m|metres|meters|deg|degrees|°)[)\]]$")  # behind a column's name
COLUMNS = {  # what people call them
    "name": ("name", "file", "filename", "file_name", "image", "photo", "label", "path"),
    "latitude": ("lat", "latitude"),
    "longitude": ("lon", "lng", "long", "longitude"),
    "altitude": ("alt", "altitude", "elevation", "height"),
}


@dataclass(frozen=True)
class Place:
    """Where a photo was taken, WGS84."""

    latitude: float  # degrees, -90 to 90
    longitude: float  # degrees, -180 to 180
    altitude: float | None = None  # metres

    @property
    def usable(self) -> bool:
        """Whether anything was measured: 0,0 is what devices write that know nothing."""
        inside = abs(self.latitude) <= 90 and abs(self.longitude) <= 180
        return inside and (self.latitude, self.longitude) != (0.0, 0.0)


def exif_place(path: Path) -> Place | None:
    """The GPS position in a photo's EXIF; None where there is none, or the file is no photo that can be opened."""
    try:
        with open_picture(path) as photo:
            if photo.format == "PNG" and "exif" not in photo.info:  # Pillow would decode the pixels to look behind
                return None
            tags = photo.getexif().get_ifd(_EXIF_GPS)
        latitude = _degrees(tags[_LATITUDE], tags.get(_LATITUDE_REF), "S")
        longitude = _degrees(tags[_LONGITUDE], tags.get(_LONGITUDE_REF), "W")
        place = Place(latitude, longitude, _altitude(tags))
    except (KeyError, TypeError, ValueError, ArithmeticError, OSError, SyntaxError, Image.DecompressionBombError):
        return None
    return place if place.usable else None


def _degrees(parts: Any, reference: Any, negative: str) -> float:
    """Degrees, minutes and seconds, or fewer with a fraction, as one number with the sign of the reference (N, South).

    Raises:
        ValueError: no number, or nothing says on which side of the equator or of Greenwich it is.
    """
    written = [float(part) for part in (parts if isinstance(parts, (tuple, list)) else [parts])]
    value = math.fsum(part / 60.0**place for place, part in enumerate(written[:3]))
    if not written or not math.isfinite(value):  # a fraction whose denominator is 0
        raise ValueError
    text = reference.decode("ascii", "replace") if isinstance(reference, bytes) else str(reference or "")
    side = text.strip("\0 ").upper()[:1]
    if not side and value > 0:
        raise ValueError
    return -value if side == negative else value


def _altitude(tags: Mapping[int, Any]) -> float | None:
    try:
        value = float(tags[_ALTITUDE])
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return None
    below = tags.get(_ALTITUDE_REF) in _BELOW
    return (-value if below else value) if math.isfinite(value) else None


def table_of_places(path: Path) -> dict[str, Place]:
    """Places by photo name from a CSV: name, latitude, longitude and, where known, altitude; degrees and metres, WGS84.

    Columns go by their names in the first line, else they are in that order. Commas, semicolons or tabs part them.

    Raises:
        SplatError: naming the line that cannot be read.
    """
    rows = read_rows(path)
    places: dict[str, Place] = {}
    columns = _columns([_UNIT.sub("", cell.strip().lower()) for cell in rows[0][1]])
    if columns is None:
        console.info(f"{path} has no line of column names: taken as name, latitude, longitude, altitude")
    for number, cells in rows if columns is None else rows[1:]:
        at = columns or {name: index for index, name in enumerate(COLUMNS)}
        try:
            altitude = cells[at["altitude"]].strip() if at.get("altitude", len(cells)) < len(cells) else ""
            latitude, longitude = _number(cells[at["latitude"]]), _number(cells[at["longitude"]])
            place = Place(latitude, longitude, _number(altitude) if altitude else None)
            if not (place.usable and math.isfinite(place.altitude or 0.0)):
                raise ValueError
        except (ValueError, IndexError) as error:
            wanted = "name,latitude,longitude,altitude in degrees and metres"
            raise SplatError(f"{path}, line {number}: {','.join(cells)[:80]!a} is not {wanted}") from error
        name = cells[at["name"]].strip()
        if places.setdefault(name, place) != place:
            raise SplatError(f"{path}, line {number}: {name[:80]!a} stands there twice, with two places; keep one")
    return places


def _number(cell: str) -> float:
    """A number, with the comma that a spreadsheet writes in half of the world too; raises ValueError."""
    return float(cell.strip().replace(",", "."))


def read_rows(path: Path) -> list[tuple[int, list[str]]]:
    """Number and cells of the lines of a CSV that are neither empty nor begin with #; at least one.

    Raises:
        SplatError: when there are none, or the file cannot be read.
    """
    text = read_text(path)
    head = next((line for line in text.splitlines() if line.strip() and not line.startswith("#")), "")
    delimiter = next((mark for mark in (";", "\t") if mark in head), ",")
    try:
        rows = list(enumerate(csv.reader(text.splitlines(), delimiter=delimiter), 1))
    except csv.Error as error:
        raise SplatError(f"{path} is not a table of values with commas between them ({error})") from error
    found = [(number, cells) for number, cells in rows if any(map(str.strip, cells)) and not cells[0].startswith("#")]
    if not found:
        raise SplatError(f"{path} is empty")
    return found


def _columns(head: Sequence[str]) -> dict[str, int] | None:
    """Which column is what, by the words of the first line; None where these are no such words."""
    found = {name: head.index(word) for name, words in COLUMNS.items() for word in words if word in head}
    return found if {"name", "latitude", "longitude"} <= set(found) else None

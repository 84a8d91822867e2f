"""Positions from EXIF and tables, and metres of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from splat.alignment.gps import _origin, metres_of
from splat.capture.gps import Place, exif_place, table_of_places
from splat.errors import SplatError
from splat.frame import Geodetic
from tests.alignment.places import write_photo


def ecef(latitude: float, longitude: float, altitude: float) -> np.ndarray:
    """[3] metres from the Earth's centre: the closed form of WGS84."""
    a, e2 = 6378137.0, 6.69437999014e-3
    lat, lon = np.radians(latitude), np.radians(longitude)
    normal = a / np.sqrt(1 - e2 * np.sin(lat) ** 2)
    ring = (normal + altitude) * np.cos(lat)
    return np.array([ring * np.cos(lon), ring * np.sin(lon), (normal * (1 - e2) + altitude) * np.sin(lat)])


def test_metres_are_those_of_the_closed_form() -> None:
    assert np.allclose(ecef(90, 0, 0), [0, 0, 6356752.3142], atol=1e-3)
    random = np.random.default_rng(0)
    for latitude, longitude in ((55.7, 13.2), (-33.9, 151.2), (0.0, -179.999), (89.9, 10.0)):
        near = np.array([latitude, longitude, 40.0]) + random.uniform(-1, 1, (20, 3)) * [0.01, 0.01, 100]
        found = metres_of(near, Geodetic(latitude, longitude, 40.0))
        offsets = np.stack([ecef(*place) for place in near]) - ecef(latitude, longitude, 40.0)
        assert np.allclose(np.linalg.norm(found, axis=1), np.linalg.norm(offsets, axis=1), atol=1e-6)
        lat, lon = np.radians([latitude, longitude])
        up = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
        east = np.array([-np.sin(lon), np.cos(lon), 0.0])
        assert np.allclose(found[:, 2], offsets @ up, atol=1e-6) and np.allclose(found[:, 0], offsets @ east, atol=1e-6)
    north = metres_of(np.array([[50.001, 8.0, 12.0]]), Geodetic(50.0, 8.0, 12.0))[0]
    assert north == pytest.approx([0, 111.23, 0], abs=0.01)  # a thousandth of a degree


@pytest.mark.parametrize(
    "place", [Place(55.698167, 13.195389, 37.0), Place(-33.85, -70.25, -12.5), Place(10.5, 20.25, None)]
)
def test_exif_is_read_as_it_was_written(tmp_path: Path, place: Place) -> None:
    write_photo(tmp_path / "a.jpg", place)
    found = exif_place(tmp_path / "a.jpg")
    assert found is not None and found.altitude == place.altitude
    assert (found.latitude, found.longitude) == pytest.approx((place.latitude, place.longitude), abs=1e-8)


def test_a_photo_has_one_place_in_a_table(tmp_path: Path) -> None:
    table = tmp_path / "places.csv"
    table.write_text("a.jpg,50.1,8.2\nb.jpg,50.2,8.3\na.jpg,50.1,8.2\n")
    assert len(table_of_places(table)) == 2
    table.write_text("a.jpg,50.1,8.2\nb.jpg,50.2,8.3\na.jpg,50.1,8.4\n")
    with pytest.raises(SplatError, match=r"line 3: 'a\.jpg' stands there twice"):
        table_of_places(table)


SOUTH_WEST = {1: "S", 2: (33.0, 51.0, 0.0), 3: "W", 4: (70.0, 15.0, 0.0), 5: b"\0", 6: 12.5}


@pytest.mark.parametrize(
    ("changes", "altitude"),
    [
        ({}, 12.5),
        ({1: "South", 3: "west"}, 12.5),
        ({1: b"S", 3: b"W"}, 12.5),
        ({2: (33.0, 51.0), 4: (70.25,)}, 12.5),  # a fraction instead of minutes and seconds
        ({5: b"\x01"}, -12.5),
        ({5: b"\x02"}, 12.5),  # EXIF 3.0: above the sea
        ({5: b"\x03"}, -12.5),
    ],
)
def test_exif_as_programs_write_it(tmp_path: Path, changes: dict[int, object], altitude: float) -> None:
    exif = Image.Exif()
    exif[0x8825] = {**SOUTH_WEST, **changes}
    Image.new("RGB", (8, 8)).save(tmp_path / "a.jpg", exif=exif)
    found = exif_place(tmp_path / "a.jpg")
    assert found is not None and found.altitude == altitude
    assert (found.latitude, found.longitude) == pytest.approx((-33.85, -70.25), abs=1e-8)


def test_a_table_without_names_of_columns_says_what_is_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "places.csv").write_text("a.jpg,50.1,8.2,120\n")
    assert table_of_places(tmp_path / "places.csv") == {"a.jpg": Place(50.1, 8.2, 120.0)}
    assert "taken as name, latitude, longitude, altitude" in capsys.readouterr().err
    (tmp_path / "places.csv").write_text("name,lon,lat\na.jpg,8.2,50.1\n")
    assert table_of_places(tmp_path / "places.csv") == {"a.jpg": Place(50.1, 8.2)}
    assert not capsys.readouterr().err


@pytest.mark.parametrize(
    "longitudes", [(179.9999, -179.9999, 179.9998), (-179.9999, 179.9999, -179.9998), (179.9998, -179.9999, -179.9998)]
)
def test_the_origin_of_places_on_both_sides_of_the_date_line(longitudes: tuple[float, ...]) -> None:
    places = np.array([[-16.5, longitude, 10.0] for longitude in longitudes])
    origin = _origin(None, places)
    assert abs(origin.longitude) == pytest.approx(179.9999, abs=1e-9) and origin.latitude == -16.5
    assert np.abs(metres_of(places, origin)).max() < 50


def test_what_says_no_place_has_none(tmp_path: Path) -> None:
    write_photo(tmp_path / "bare.jpg", None)
    Image.new("RGB", (8, 8)).save(tmp_path / "bare.png")
    write_photo(tmp_path / "zero.jpg", Place(0.0, 0.0, 0.0))
    exif = Image.Exif()
    exif[0x8825] = {1: "N", 2: (91.0, 0.0, 0.0), 3: "E", 4: (13.0, 0.0, 0.0)}
    Image.new("RGB", (8, 8)).save(tmp_path / "pole.jpg", exif=exif)
    exif[0x8825] = {1: "N", 3: "E"}
    Image.new("RGB", (8, 8)).save(tmp_path / "cut.jpg", exif=exif)
    exif[0x8825] = {1: "N", 2: (50.0, 0.0, 0.0), 4: (13.0, 0.0, 0.0)}  # east or west?
    Image.new("RGB", (8, 8)).save(tmp_path / "side.jpg", exif=exif)
    (tmp_path / "text.jpg").write_text("no photo")
    for name in ("bare.jpg", "bare.png", "zero.jpg", "pole.jpg", "cut.jpg", "side.jpg", "text.jpg", "gone.jpg"):
        assert exif_place(tmp_path / name) is None, name


@pytest.mark.parametrize(
    "text",
    [
        "name,lat,lon,alt\na.jpg,50.1,8.2,120\nb/c.jpg,50.2,8.3,\n",
        "\ufeffaltitude;Longitude;Latitude;file\n120;8.2;50.1;a.jpg\n;8.3;50.2;b/c.jpg\n",
        "# by hand\na.jpg,50.1,8.2,120\n\nb/c.jpg,50.2,8.3\n",
        "label\tlng\tlat\televation\na.jpg\t8.2\t50.1\t120\nb/c.jpg\t8.3\t50.2\t\n",
        "Filename;Latitude (deg);Longitude [deg];Altitude (m)\na.jpg;50.1;8.2;120\nb/c.jpg;50.2;8.3;\n",
        "name;lat;lon;alt\na.jpg;50,1;8,2;120,0\nb/c.jpg;50,2;8,3;\n",
    ],
)
def test_tables_as_people_write_them(tmp_path: Path, text: str) -> None:
    (tmp_path / "places.csv").write_text(text, encoding="utf-8")
    places = table_of_places(tmp_path / "places.csv")
    assert places == {"a.jpg": Place(50.1, 8.2, 120.0), "b/c.jpg": Place(50.2, 8.3, None)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("a.jpg,50.1,8.2,120\nb.jpg,x,8.3,1", "line 2: 'b.jpg,x,8.3,1' is not name,latitude"),
        ("a.jpg,95,8.2,120", "line 1"),
        ("a.jpg,50,8.2,nan", "line 1"),
        ("a.jpg,50", "line 1"),
    ],
)
def test_tables_that_cannot_be_read_name_the_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "places.csv").write_text(text)
    with pytest.raises(SplatError, match=message):
        table_of_places(tmp_path / "places.csv")


def test_heic_of_a_phone_has_its_place_too(tmp_path: Path) -> None:
    heif = pytest.importorskip("pillow_heif")
    write_photo(tmp_path / "a.jpg", Place(55.5, 13.25, 37.0))
    with Image.open(tmp_path / "a.jpg") as photo:
        heif.from_pillow(photo.resize((64, 64))).save(tmp_path / "a.heic", exif=photo.info["exif"])
    assert exif_place(tmp_path / "a.heic") == Place(55.5, 13.25, 37.0)

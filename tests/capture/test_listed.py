"""Photos that a file lists are found where they are, and what cannot be used is counted."""

import numpy as np
import pytest
from capture_scenes import H, W
from known_cameras import write_photos

from splat.capture.config import CaptureOptions
from splat.capture.lens import Lens
from splat.capture.listed import ListedPhoto, PhotoList, listed_capture, photo_places
from splat.errors import SplatError

LENS = Lens("PINHOLE", (200.0, 200.0, W / 2, H / 2), W, H)


def listed(root, *photos, kind="metashape"):
    entries = [photo if isinstance(photo, ListedPhoto) else ListedPhoto(photo, np.eye(4), LENS) for photo in photos]
    file = root / "cameras.xml"
    return listed_capture(root, PhotoList(kind, file, entries, photo_places(root)), CaptureOptions())


def test_the_folder_is_that_in_which_most_are(tmp_path):
    write_photos(tmp_path / "input", ["a.png", "b.png", "c.png"])
    write_photos(tmp_path / "images", ["a.png"])
    found = listed(tmp_path, "a", "b.JPG", "c.png")
    assert [photo.name for photo in found.posed] == ["a.png", "b.png", "c.png"]
    assert {photo.path.parent.name for photo in found.posed} == {"input"}


def test_bare_names_are_looked_for_everywhere_and_said(tmp_path):
    write_photos(tmp_path / "flight" / "100MEDIA", ["DJI_1.png", "DJI_2.png", "DJI_2_mask.png"])
    found = listed(tmp_path, "DJI_1", "Z:\\project\\DJI_2.JPG")
    assert [photo.name for photo in found.posed] == ["flight/100MEDIA/DJI_1.png", "flight/100MEDIA/DJI_2.png"]
    assert any("2 photos of" in note and "flight/100MEDIA/DJI_1.png" in note for note in found.notes)


def test_what_cannot_be_told_apart_is_left_out(tmp_path, capsys):
    write_photos(tmp_path, ["1/a.png", "2/a.png", "b.png", "c.png"])
    found = listed(tmp_path, "a", "b", "b", "c", ListedPhoto("d", None, None))
    assert [photo.name for photo in found.posed] == ["c.png"]
    warnings = capsys.readouterr().err
    assert "1 photo without a pose (first: d)" in warnings
    assert "2 photos that share a name" in warnings
    assert "1 of 2 photos listed" in warnings  # a: two files have that name


def test_a_lens_may_ask_for_the_size_of_the_photo(tmp_path):
    write_photos(tmp_path, ["a.png"], 64, 48)
    found = listed(
        tmp_path, ListedPhoto("a", np.eye(4), lambda width, height: Lens("PINHOLE", (9.0,) * 4, width, height))
    )
    assert (found.posed[0].lens.width, found.posed[0].lens.height) == (64, 48)


def test_none_left_is_an_error(tmp_path):
    write_photos(tmp_path, ["a.png"])
    with pytest.raises(SplatError, match=r"cameras\.xml places no photo: 1 photo of glass"):
        listed(tmp_path, ListedPhoto("a", np.eye(4), None, "of glass"))
    with pytest.raises(SplatError, match="none of the 1 photos"):
        listed(tmp_path, "x")


def test_absolute_names_lead_to_their_files(tmp_path):
    write_photos(tmp_path / "elsewhere", ["a.png"])
    (tmp_path / "capture").mkdir()
    found = listed(tmp_path / "capture", str(tmp_path / "elsewhere" / "a.png"))
    assert found.posed[0].path == tmp_path / "elsewhere" / "a.png"

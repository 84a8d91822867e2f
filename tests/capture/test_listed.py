"""Photos that a file lists are found where they are, and what cannot be used is counted."""

import shutil

import numpy as np
import pytest
from capture_scenes import H, W
from known_cameras import write_photos

from splat.capture.config import CaptureOptions
from splat.capture.lens import Lens
from splat.capture.listed import ListedPhoto, PhotoList, listed_capture, photo_places
from splat.errors import SplatError

LENS = Lens("PINHOLE", (200.0, 200.0, W / 2, H / 2), W, H)


def listed(root, *photos, off=None, **options):
    entries = [photo if isinstance(photo, ListedPhoto) else ListedPhoto(photo, np.eye(4), LENS) for photo in photos]
    file = root / "cameras.xml"
    found = PhotoList("metashape", file, entries, photo_places(root), off=off or {})
    return listed_capture(root, found, CaptureOptions(**options))


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


def test_reduced_copies_leave_no_doubt_which_photo_is_meant(tmp_path):
    write_photos(tmp_path, ["images/1/a.png", "images/2/b.png"])
    write_photos(tmp_path, ["images_2/1/a.png", "images_2/2/b.png"], W // 2, H // 2)
    paths = [photo.path.relative_to(tmp_path).as_posix() for photo in listed(tmp_path, "a", "b").posed]
    assert paths == ["images/1/a.png", "images/2/b.png"]
    shutil.rmtree(tmp_path / "images")
    paths = [photo.path.relative_to(tmp_path).as_posix() for photo in listed(tmp_path, "a", "b").posed]
    assert paths == ["images_2/1/a.png", "images_2/2/b.png"]


def test_what_is_about_a_photo_does_not_stand_in_for_it(tmp_path, capsys):
    write_photos(tmp_path, ["images/a.png", "masks/a.png", "masks/b.png", "depth/c.png", "thumbnails/d.png"])
    found = listed(tmp_path, "a.png", "b.png", "c.png", "d.png")
    assert [photo.path for photo in found.posed] == [tmp_path / "images" / "a.png"]
    assert "3 of 4 photos listed" in capsys.readouterr().err


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
    with pytest.raises(SplatError, match="the only photo listed"):
        listed(tmp_path, "x")


def test_absolute_names_lead_to_their_files(tmp_path):
    write_photos(tmp_path / "elsewhere", ["a.png"])
    (tmp_path / "capture").mkdir()
    found = listed(tmp_path / "capture", str(tmp_path / "elsewhere" / "a.png"))
    assert found.posed[0].path == tmp_path / "elsewhere" / "a.png"


def test_masks_and_depth_of_the_same_name_are_not_taken_for_photos(tmp_path):
    for folder in ("pictures", "masks", "depth"):
        write_photos(tmp_path / "flight" / folder, ["a.png", "b.png"])
    found = listed(tmp_path, "a", "b")
    assert [photo.name for photo in found.posed] == ["flight/pictures/a.png", "flight/pictures/b.png"]


def test_reduced_copies_are_read_at_their_factor_and_have_the_lens_of_the_whole_photo(tmp_path):
    write_photos(tmp_path / "images", ["a.png", "b.png"])
    write_photos(tmp_path / "images_2", ["a.png"], W // 2, H // 2)
    found = listed(tmp_path, "a", "b", data_factor=2.0)
    assert [(photo.path.parent.name, photo.reduced) for photo in found.posed] == [("images_2", 2), ("images", 1)]
    assert any("photos from reduced copies" in note for note in found.notes)
    assert all(photo.lens == LENS for photo in found.posed)
    for factor in (1.0, 4.0):
        assert {photo.path.parent.name for photo in listed(tmp_path, "a", "b", data_factor=factor).posed} == {"images"}


def test_what_is_there_and_not_used_is_told_from_what_is_missing(tmp_path, capsys):
    write_photos(tmp_path, ["a.png", "b.png", "cut.png"])
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:-200])
    found = listed(tmp_path, "a", ListedPhoto("b", None, None), "cut", "gone")
    assert [photo.name for photo in found.posed] == ["a.png"] and found.listed == 4
    assert sorted(path.name for path in found.left_out) == ["b.png", "cut.png"]
    said = " ".join(capsys.readouterr().err.split())
    assert "1 of 3 photos listed" in said and "1 of 2 photos cannot be read (first: cut.png" in said
    with pytest.raises(SplatError, match=r"the only photo, .* cannot be read"):
        listed(tmp_path, "cut", "gone")


def test_the_farthest_of_the_nearest_lenses_is_said(tmp_path):
    write_photos(tmp_path, ["a.png"])
    assert any(
        "2 calibrations" in note and "at most 0.250 px off" in note
        for note in listed(tmp_path, "a", off={"one": 0.1, "two": 0.25}).notes
    )

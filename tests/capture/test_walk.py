"""Folders of photos: what is entered, what is left out, and that all of it is said."""

import os
from pathlib import Path

import numpy as np
import pytest
from capture_scenes import LENSES, H, W, smooth_photo, viewmat, write_colmap, write_photo

from splat.capture import load_capture
from splat.capture.readers.photos import list_photos, photo_files
from splat.capture.readers.registry import capture_format
from splat.capture.walk import walk
from splat.errors import SplatError


def photos(root, *names):
    for name in names:
        write_photo(root / name, smooth_photo(sum(name.encode()), 48, 36))
    return root


def names_of(root):
    return [path.relative_to(root).as_posix() for path in photo_files(root)]


RUNS = {
    "finished": ("config.yaml", "cameras.json", "scene.ply"),
    "unfinished": ("config.yaml", "checkpoints/step_000100.safetensors"),
    "default.old-2": ("config.yaml", "metrics.csv"),
    "starting": (".running.json",),
    "without settings": ("checkpoints/step_000100.safetensors",),
}


def test_run_folders_are_no_photos(tmp_path, capsys):
    photos(tmp_path, "a.png", "b.png", "deep/c.png")
    for name, files in RUNS.items():
        for file in files:
            (tmp_path / "runs" / "kitchen" / name / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "runs" / "kitchen" / name / file).touch()
        photos(tmp_path / "runs" / "kitchen" / name, "renders/a.png", "videos/orbit/0001.png")
    assert names_of(tmp_path) == ["a.png", "b.png", "deep/c.png"]
    notes = list_photos(tmp_path).notes()
    assert len(notes) == 1 and "10 pictures in 5 folders that splat wrote" in notes[0]
    assert notes[0] in capsys.readouterr().err


def test_cleaned_copies_and_renderings_are_no_photos(tmp_path):
    photos(tmp_path, "room/a.png", "room-clean/images/a.png", "orbit/0001.png")
    for file in ("room-clean/clean.json", "room-clean/clean.png", "orbit/.rendered-by-splat"):
        (tmp_path / file).touch()
    assert names_of(tmp_path) == ["room/a.png"]
    assert names_of(tmp_path / "room-clean") == ["images/a.png"]  # given itself, it is a capture


def test_a_run_folder_is_no_capture(tmp_path):
    photos(tmp_path, "renders/a.png")
    for file in RUNS["finished"]:
        (tmp_path / file).touch()
    with pytest.raises(SplatError, match="is a run folder, whose pictures are no photos"):
        capture_format(tmp_path)


def test_what_belongs_to_photos_is_left_out_and_counted(tmp_path):
    photos(tmp_path, "a.jpg", "b.jpg", "a_mask.png", "b_depth.png", "masks/a.png", "Depth/a.png", "confidence/b.png")
    listing = list_photos(tmp_path)
    assert [path.name for path in listing.photos] == ["a.jpg", "b.jpg"]
    notes = listing.notes()
    assert any("3 pictures in folders of masks, depth maps and the like (first: Depth/a.png)" in note for note in notes)
    assert any("2 pictures that belong to others by their names (first: a_mask.png)" in note for note in notes)


def test_folders_of_what_is_made_of_photos_have_many_names(tmp_path):
    photos(tmp_path, "a.jpg", "sam_masks/a.png", "depth_anything/a.png", "Thumbs/a.jpg", "MaskFactory/b.jpg")
    listing = list_photos(tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in listing.photos] == ["MaskFactory/b.jpg", "a.jpg"]
    assert any("3 pictures in folders of masks, depth maps and the like" in note for note in listing.notes())


def test_photos_outside_of_the_usual_folder_are_counted(tmp_path):
    photos(tmp_path, "images/a.png", "images_2/a2.png", "more/b.png", "c.png")
    listing = list_photos(tmp_path)
    assert [path.name for path in listing.photos] == ["a.png"]
    assert any("3 pictures outside of images/" in note for note in listing.notes())


def test_copies_are_left_out_and_counted(tmp_path):
    photos(tmp_path, "a.png", "b.png")
    (tmp_path / "copy of a.png").write_bytes((tmp_path / "a.png").read_bytes())
    listing = list_photos(tmp_path)
    assert len(listing.photos) == 3  # `splat clean` keeps them
    listing.drop_copies()
    assert [path.name for path in listing.photos] == ["a.png", "b.png"]
    assert any("1 picture that are copies of others" in note for note in listing.notes())


def test_a_raw_polycam_export_has_each_photo_once(tmp_path):
    for index in range(3):
        for folder in ("images", "corrected_images"):
            write_photo(tmp_path / "keyframes" / folder / f"{index}.jpg", smooth_photo(index, 48, 36))
        for folder in ("confidence", "depth"):
            write_photo(tmp_path / "keyframes" / folder / f"{index}.png", smooth_photo(index, 32, 24))
    write_photo(tmp_path / "thumbnail.jpg", smooth_photo(0, 48, 36))
    folder = tmp_path / "keyframes" / "corrected_images"
    for given in (tmp_path, tmp_path / "keyframes"):
        assert photo_files(given) == [folder / f"{index}.jpg" for index in range(3)]


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_links_are_followed_once_and_dead_ones_are_counted(tmp_path, capsys):
    photos(tmp_path / "elsewhere", "x.png", "deep/y.png")
    root = photos(tmp_path / "photos", "a.png", "sub/b.png")
    (root / "linked").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (root / "again").symlink_to(root / "sub", target_is_directory=True)
    (root / "up").symlink_to(tmp_path, target_is_directory=True)
    (root / "c.png").symlink_to(tmp_path / "elsewhere" / "x.png")
    (root / "gone.png").symlink_to(tmp_path / "nothing.png")
    found = walk(root)
    assert {path.relative_to(root).as_posix() for path in found.files} == {
        "a.png", "sub/b.png", "linked/x.png", "linked/deep/y.png", "c.png"
    }  # fmt: skip
    assert {path.name for path in found.repeated} == {"again", "up"}
    listing = list_photos(root)
    listing.drop_copies()
    names = [path.relative_to(root).as_posix() for path in listing.photos]
    assert names == ["a.png", "c.png", "linked/deep/y.png", "sub/b.png"]  # c.png is linked/x.png
    listing.notes()
    said = capsys.readouterr().err
    assert "1 link below" in said and "(first: gone.png)" in said and "2 links to folders below" in said


def test_folders_that_may_not_be_read_are_counted(tmp_path, monkeypatch):
    photos(tmp_path, "a.png", "closed/b.png")
    scandir = os.scandir

    def refusing(path):  # a user with all rights, as tests may have, is refused nothing
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    assert names_of(tmp_path) == ["a.png"]
    assert any(
        "1 folder below" in note and "cannot be read (first: closed)" in note for note in list_photos(tmp_path).notes()
    )


def test_a_huge_folder_is_not_searched_for_ever(tmp_path, monkeypatch):
    from splat.capture import walk as module

    photos(tmp_path, *(f"{index}.png" for index in range(9)))
    monkeypatch.setattr(module, "MOST_ENTRIES", 5)
    found = walk(tmp_path)
    assert len(found.files) == 5 and not found.complete
    assert any("too many files" in note for note in list_photos(tmp_path).notes())


def colmap(root, *names):
    photos(root / "images", *names)
    write_colmap(root, [("PINHOLE", LENSES["PINHOLE"], W, H)], [(name, 1, viewmat(i)) for i, name in enumerate(names)])
    return root


def test_what_a_posed_capture_does_not_read_is_one_note(tmp_path):
    colmap(tmp_path, "a.png", "b.png")
    photos(tmp_path, "normals/a.png", "normals/b.png", "images_4/a.png", "images/extra.png")
    for name in ("clip.mp4", "IMG_1.DNG", "sparse/0/points3D.ply", "transforms.json", "notes.txt"):
        (tmp_path / name).touch()
    write_colmap(tmp_path, [("PINHOLE", LENSES["PINHOLE"], W, H)], [("a.png", 1, np.eye(4))], folder="other/1")
    (note,) = [note for note in load_capture(tmp_path, points="none").notes if note.startswith("not read")]
    for part in ("normals/ (2 png)", "images/extra.png", "clip.mp4", "IMG_1.DNG", "transforms.json", "other"):
        assert part in note
    assert "points3D.ply" in note and "images_4" not in note and "notes.txt" not in note


def test_a_model_of_few_of_the_photos_is_a_warning(tmp_path, capsys):
    colmap(tmp_path, "a.png", "b.png")
    photos(tmp_path / "images", *(f"other{index}.png" for index in range(5)))
    capture = load_capture(tmp_path, points="none")
    assert (len(capture.frames), capture.photos_found) == (2, 7)
    assert "only 2 photos have cameras: 5 beside them have none" in capsys.readouterr().err


def test_missing_and_damaged_photos_count_as_found(tmp_path):
    colmap(tmp_path, "a.png", "b.png", "c.png", "d.png")
    (tmp_path / "images" / "b.png").unlink()
    (tmp_path / "images" / "c.png").write_bytes(b"")
    assert load_capture(tmp_path, points="none").photos_found == 4


def test_a_folder_with_only_a_link_to_itself_holds_no_capture(tmp_path: Path):
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    with pytest.raises(SplatError, match="holds no capture"):
        capture_format(tmp_path)

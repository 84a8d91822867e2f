"""Which photos are held out: by number, or by the capture's own list."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from splat.capture import load_capture
from splat.capture.config import CaptureOptions
from splat.capture.recorded import capture_record, recorded_capture
from splat.capture.split import counted, rule_for, sides_of, write_list
from splat.errors import SplatError
from tests.capture.capture_scenes import smooth_photo, viewmat, write_colmap, write_photo

NAMES = [f"a/{index}.png" for index in range(6)]


def held_out(sides: list[str]) -> list[int]:
    return [index for index, side in enumerate(sides) if side == "test"]


def test_every_nth_without_a_list(tmp_path: Path) -> None:
    assert held_out(sides_of(NAMES, 4, [tmp_path / "test.txt"])) == [0, 4]
    assert held_out(sides_of(NAMES, 0)) == [] == held_out(sides_of(NAMES[:1], 2))
    with pytest.raises(SplatError, match="test_every=1"):
        sides_of(NAMES, 1)


@pytest.mark.parametrize(
    ("count", "every", "chosen"),
    [
        (20, 8, [3, 11]),
        (12, 8, [3]),  # the 12th is the end of the path
        (13, 8, [3, 11]),
        (7, 8, [3]),
        (4, 8, [2]),
        (3, 8, [1]),
        (2, 8, []),
        (1, 8, []),
        (6, 2, [1, 3]),
        (6, 100, [3]),
    ],
)
def test_inside_leaves_both_ends_of_the_path(count: int, every: int, chosen: list[int]) -> None:
    assert sorted(counted(count, every, "inside")) == chosen
    assert sorted(counted(count, every, "3dgs")) == (list(range(0, count, every)) if count > 1 else [])
    assert held_out(sides_of([f"{index:02d}" for index in range(count)], every, rule="inside")) == chosen


def test_auto_counts_inside_only_where_cameras_are_found_here(tmp_path: Path) -> None:
    kinds = ("colmap", "transforms", "blender", "photos", "video")
    assert [rule_for("auto", kind) for kind in kinds] == ["3dgs", "3dgs", "3dgs", "inside", "inside"]
    assert [rule_for("inside", kind) for kind in kinds] == ["inside"] * 5
    assert [rule_for("3dgs", kind) for kind in kinds] == ["3dgs"] * 5


def test_a_capture_says_how_its_test_views_were_chosen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"{index}.png" for index in range(7)]
    for index, name in enumerate(names):
        write_photo(tmp_path / "images" / name, smooth_photo(index))
    images = [(name, 1, viewmat(index)) for index, name in enumerate(names)]
    write_colmap(tmp_path, [("PINHOLE", (200.0, 200.0, 160.0, 120.0), 320, 240)], images)
    said = {}
    for split in ("auto", "3dgs", "inside"):
        capture = load_capture(tmp_path, points="none", test_every=4, split=split)
        said[split] = (capture.held_out, [camera.name for camera in capture.cameras("test")])
        assert any("split=3dgs begins with the first" in note for note in capture.notes) == (split == "inside")
    first, inner = ["0.png", "4.png"], ["1.png", "5.png"]
    assert said["auto"] == said["3dgs"] == ("3dgs, test_every=4", first)
    assert said["inside"] == ("inside, test_every=4", inner)
    capture = load_capture(tmp_path, points="none", split="inside")
    again = recorded_capture(capture_record(capture), tmp_path, CaptureOptions(split="3dgs"), None)
    assert again.held_out == "inside, test_every=8" and again.indices("test") == capture.indices("test") == [3]
    assert load_capture(tmp_path, points="none", test_every=0).held_out == "none"
    write_list(tmp_path / "test.txt", ["2.png"])
    capsys.readouterr()
    capture = load_capture(tmp_path, points="none", split="inside")
    assert capture.held_out == "the capture's own" and capture.indices("test") == [2]
    assert "split=inside is not used" in capsys.readouterr().err


def test_a_list_wins(tmp_path: Path) -> None:
    write_list(tmp_path / "test.txt", ["a/1.png", "a/5.png"])
    assert held_out(sides_of(NAMES, 4, [tmp_path / "missing.txt", tmp_path / "test.txt"])) == [1, 5]
    write_list(tmp_path / "test.txt", [])
    assert held_out(sides_of(NAMES, 4, [tmp_path / "test.txt"])) == []


def test_lines_that_name_no_photo_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lists = [tmp_path / "test.txt"]
    lists[0].write_text("a/1.png\nb/1.png\n\nb/2.png\n")
    assert held_out(sides_of(NAMES, 4, lists)) == [1]
    assert "2 of 3 lines" in (said := capsys.readouterr().err) and "b/1.png" in said and "not used" not in said
    lists[0].write_text("shopping\nlist\n")
    assert held_out(sides_of(NAMES, 4, lists)) == [0, 4]
    assert "it is not used" in capsys.readouterr().err
    lists[0].write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SplatError, match="list of held-out photos"):
        sides_of(NAMES, 4, lists)


@pytest.mark.parametrize("line", ["1", "1.png", "a/1", "a\\1.jpg", "images/a/1.png", "./a/1.png", "\ufeffa/1.png"])
def test_names_in_a_list_as_people_write_them(tmp_path: Path, line: str) -> None:
    (tmp_path / "test.txt").write_text(f"{line}\n", encoding="utf-8")
    assert held_out(sides_of(NAMES, 4, [tmp_path / "test.txt"])) == [1]


def test_a_name_in_a_list_that_fits_several_photos_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "test.txt").write_text("1.png\nb/3\n")
    assert held_out(sides_of([*NAMES, "b/1.png", "b/3.png"], 4, [tmp_path / "test.txt"])) == [7]
    assert "1 of 2 lines" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["sparse/0", "."])
def test_a_colmap_capture_with_a_list(tmp_path: Path, place: str) -> None:
    names = [f"{index}.png" for index in range(4)]
    for index, name in enumerate(names):
        write_photo(tmp_path / "images" / name, smooth_photo(index))
    images = [(name, 1, viewmat(index)) for index, name in enumerate(names)]
    write_colmap(tmp_path, [("PINHOLE", (200.0, 200.0, 160.0, 120.0), 320, 240)], images)
    write_list(tmp_path / place / "test.txt", ["2.png"])
    capture = load_capture(tmp_path, points="none", test_every=2)
    assert [camera.name for camera in capture.cameras("test")] == ["2.png"]


@pytest.mark.parametrize("file", ["transforms.json", "transforms_test.json", "transforms_val.json"])
def test_a_split_beside_a_model_that_is_not_read_is_said(
    tmp_path: Path, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for index in range(3):
        write_photo(tmp_path / "images" / f"{index}.png", smooth_photo(index))
    images = [(f"{index}.png", 1, viewmat(index)) for index in range(3)]
    write_colmap(tmp_path, [("PINHOLE", (200.0, 200.0, 160.0, 120.0), 320, 240)], images)
    lists = {"test_filenames": ["images/1.png"]} if file == "transforms.json" else {}
    (tmp_path / file).write_text(json.dumps({"frames": [], **lists}))
    said = f"{file} says which photos are held out"
    assert any(note.startswith(said) for note in load_capture(tmp_path, points="none").notes)
    assert said in capsys.readouterr().err
    write_list(tmp_path / "test.txt", ["1.png"])
    assert not any(note.startswith(said) for note in load_capture(tmp_path, points="none").notes)

"""Photos that structure from motion leaves out are named with the reason."""

from pathlib import Path

import numpy as np
import pycolmap

from splat.capture.sfm.unplaced import (
    ALONE,
    APART,
    FEATURES,
    WEAK,
    keep_reasons,
    kept_reasons,
    unplaced_note,
    unplaced_reasons,
)


def database(path: Path, features: dict[str, int], matches: dict[tuple[str, str], int]) -> Path:
    """A database of COLMAP with so many features of photos, and so many matches of pairs."""
    with pycolmap.Database.open(str(path)) as opened:
        camera = opened.write_camera(pycolmap.Camera.create_from_model_name(1, "SIMPLE_PINHOLE", 100.0, 100, 100))
        numbers = {}
        for name, count in features.items():
            numbers[name] = opened.write_image(pycolmap.Image(name=name, camera_id=camera))
            opened.write_keypoints(numbers[name], np.zeros((count, 4), np.float32))
        for (one, other), count in matches.items():
            geometry = pycolmap.TwoViewGeometry()
            geometry.inlier_matches = np.zeros((count, 2), np.uint32)
            opened.write_two_view_geometry(numbers[one], numbers[other], geometry)
    return path


def test_each_photo_has_its_reason(tmp_path):
    features = dict.fromkeys(("a", "b", "weak", "alone", "few", "pair 1", "pair 2", "chance"), 500)
    pairs = {("a", "b"): 90, ("a", "weak"): 20, ("pair 1", "pair 2"): 60, ("a", "chance"): 9}
    file = database(tmp_path / "d.db", {**features, "few": 12}, pairs)
    assert unplaced_reasons(file, {"a", "b"}) == {
        "weak": WEAK, "alone": ALONE, "few": FEATURES, "pair 1": APART, "pair 2": APART, "chance": ALONE,
    }  # fmt: skip


def test_reasons_come_back_as_they_were_kept(tmp_path):
    assert kept_reasons(tmp_path) == {}
    keep_reasons(tmp_path, {"a": ALONE})
    assert kept_reasons(tmp_path) == {"a": ALONE}
    (tmp_path / "unplaced.json").write_text("{")
    assert kept_reasons(tmp_path) == {}


def test_the_note_names_all_and_the_warning_the_first_of_each_reason(capsys):
    reasons = {f"{index}.jpg": ALONE for index in range(8)} | {"dark.jpg": FEATURES}
    (note,) = unplaced_note(reasons, 20)
    assert note.startswith("9 of 20 photos could not be placed and are left out: 8 that match no other photo: 0.jpg")
    assert "7.jpg" in note and "more" not in note and "1 with fewer than 100 features" in note
    said = " ".join(capsys.readouterr().err.split())
    assert "5.jpg and 2 more" in said and "7.jpg" not in said and "dark.jpg" in said
    assert unplaced_note({}, 20) == []

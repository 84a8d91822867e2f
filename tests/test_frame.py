"""RUN/frame.json: what is written is read again, and damage is said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from splat.errors import SplatError
from splat.frame import Agreement, Geodetic, SceneFrame, Similarity, read_frame, write_frame

FRAME = SceneFrame(
    Similarity(12.5, Rotation.from_euler("xyz", [100, -20, 30], degrees=True).as_matrix(), np.array([1.0, -2.0, 3e6])),
    "gps",
    "gps and cameras",
    Geodetic(55.7, 13.2, 41.5),
    (448_000.0, 5_411_000.0, 0.0),
    Agreement("photos", 29, 27, 3.0, 3.5, 8.0, ("01.jpg", "02.jpg")),
)


def test_a_frame_is_read_as_it_was_written(tmp_path: Path) -> None:
    for frame in (FRAME, SceneFrame(Similarity(1.0, np.eye(3), np.zeros(3)))):
        assert write_frame(tmp_path, frame) == tmp_path / "frame.json"
        found = read_frame(tmp_path)
        assert found is not None and np.allclose(found.similarity.matrix, frame.similarity.matrix, rtol=1e-14)
        for name in ("scale_from", "up_from", "geodetic", "origin", "fit", "metres"):
            assert getattr(found, name) == getattr(frame, name), name
        assert found.describe() == frame.describe()
        unit = json.loads((tmp_path / "frame.json").read_text())["unit"]
        assert unit == ("m" if frame.scale_from else "unit of the scene")
    assert read_frame(tmp_path / "other") is None


def test_unit_up_and_scale_are_those_that_are_known() -> None:
    assert FRAME.metres == 12.5 and FRAME.up is not None
    assert np.allclose(FRAME.similarity.rotation @ FRAME.up, [0, 0, 1])
    nothing = SceneFrame(Similarity(2.0, np.eye(3), np.zeros(3)))
    assert nothing.metres is None and nothing.up is None and nothing.describe() == "no scale; no up"


def test_an_edit_has_the_frame_of_its_run(tmp_path: Path) -> None:
    edit = tmp_path / "edits" / "001-remove"
    edit.mkdir(parents=True)
    (edit / "edit.json").write_text("{}")
    assert write_frame(edit, FRAME) == tmp_path.resolve() / "frame.json"
    assert read_frame(tmp_path) is not None and read_frame(edit) is not None


def test_similarities_follow_each_other() -> None:
    first, points = Similarity(0.5, FRAME.similarity.rotation.T, np.array([1.0, 2, 3])), np.random.rand(5, 3)
    both = FRAME.similarity.after(first)
    assert np.allclose(both.apply(points), FRAME.similarity.apply(first.apply(points)))
    assert np.allclose(both.matrix, FRAME.similarity.matrix @ first.matrix)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("version", 2, "of a later version of splat; update splat"),
        ("version", "1", "version is '1'; it must be a whole number"),
        ("scale", 0, "scale is 0; it must be above 0"),
        ("scale", -1.0, "above 0"),
        ("scale", None, "scale is None; it must be a finite number"),
        ("quat", [1, 0, 0], "quat is .* a list of 4 finite numbers"),
        ("quat", [1, 1, 0, 0], "a quaternion of length 1"),
        ("translation", [0, 0, 1e400], "translation is"),
        ("geodetic", {"latitude": 5}, "geodetic: longitude is missing"),
        ("fit", 7, "fit is damaged"),
    ],
)
def test_damage_is_one_line_that_names_the_key(tmp_path: Path, key: str, value: object, message: str) -> None:
    write_frame(tmp_path, FRAME)
    record = json.loads((tmp_path / "frame.json").read_text())
    (tmp_path / "frame.json").write_text(json.dumps({**record, key: value}))
    with pytest.raises(SplatError, match=message) as caught:
        read_frame(tmp_path)
    assert "frame.json" in str(caught.value) and "\n" not in str(caught.value)

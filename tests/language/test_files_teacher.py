"""Features that users bring, in every form that is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from splat.errors import SplatError
from splat.files import write_json
from splat.language.teachers import TeacherOptions, load_teacher
from splat.language.types import Teacher

PHOTO = np.zeros((6, 8, 3), np.uint8)
TABLE = np.array([[3.0, 0, 0], [0, 2, 0], [0, 0, 1]], np.float32)


def teacher(folder: Path) -> Teacher:
    return load_teacher(TeacherOptions(teacher="files", files=str(folder)))


def test_label_pictures_count_from_one_and_arrays_from_zero(tmp_path: Path) -> None:
    np.save(tmp_path / "vectors.npy", TABLE)
    write_json(tmp_path / "names.json", ["mug", "coffee_table", "bat_(animal)"])
    Image.fromarray(np.array([[0, 1], [2, 3]], np.uint8)).save(tmp_path / "a.png")
    np.save(tmp_path / "b.npy", np.array([[-1, 0], [1, 2]]))
    known = teacher(tmp_path)
    for name in ("photos/a.jpg", "b.jpg"):
        found = known.features(PHOTO, name)
        assert found.labels.tolist() == [[[-1, 0], [1, 2]]] and np.allclose(found.vectors, np.eye(3))
    assert known.levels == ("object",) and known.dim == 3 and not known.dense
    assert np.allclose(known.encode_text(["a Coffee table", "bat"]), np.eye(3)[1:])
    with pytest.raises(SplatError, match="did you mean 'mug'"):
        known.encode_text(["mugs"])
    with pytest.raises(SplatError, match=r"photo c\.jpg"):
        known.features(PHOTO, "c.jpg")


def test_labels_by_name_with_words_of_another_table(tmp_path: Path) -> None:
    write_json(tmp_path / "vectors.json", {"mug": [1, 0, 0], "rug": [0, 1, 0]})
    write_json(tmp_path / "labels.json", {"7": "rug", "9": None, "200": "mug"})
    write_json(tmp_path / "text.json", {"carpet": [0.0, 1, 0]})
    np.save(tmp_path / "a.npy", np.array([[7, 9, 200, 4]]))
    known = teacher(tmp_path)
    assert known.features(PHOTO, "a.png").labels.tolist() == [[[1, -1, 0, -1]]]
    assert np.allclose(known.encode_text(["carpet"]), [[0, 1, 0]])


def test_langsplats_files(tmp_path: Path) -> None:
    np.save(tmp_path / "frame_1_s.npy", np.arange(-1, 7).reshape(4, 1, 2))
    np.save(tmp_path / "frame_1_f.npy", np.eye(7, dtype=np.float16) * 4)
    known = teacher(tmp_path)
    found = known.features(PHOTO, "frame_1.jpg")
    assert known.levels == ("default", "part", "object", "whole") and known.dim == 7
    assert found.labels.shape == (4, 1, 2) and np.allclose(found.vectors, np.eye(7))
    with pytest.raises(SplatError, match="knows no words"):
        known.encode_text(["mug"])


def test_feature_maps_are_dense(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(24, dtype=np.float32).reshape(2, 3, 4) + 1)
    known = teacher(tmp_path)
    found = known.features(PHOTO, "a.jpg")
    assert known.dense and found.labels.tolist() == [[[0, 1, 2], [3, 4, 5]]]
    assert np.allclose(np.linalg.norm(found.vectors, axis=1), 1)


@pytest.mark.parametrize(
    ("name", "array", "part"),
    [("a.npy", np.array([[5]]), "has 3 rows"), ("a.npy", np.zeros((2, 2)), "integer labels")],
)
def test_what_does_not_fit_is_named(tmp_path: Path, name: str, array: np.ndarray, part: str) -> None:
    np.save(tmp_path / "vectors.npy", TABLE)
    np.save(tmp_path / name, array)
    with pytest.raises(SplatError, match=part):
        teacher(tmp_path)
    with pytest.raises(SplatError, match="is no folder"):
        teacher(tmp_path / "nowhere")

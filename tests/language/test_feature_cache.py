"""Features on disk: resumed, renewed when their makers change, at half precision."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from splat.cameras import Camera
from splat.capture import load_capture
from splat.capture.types import Capture, Frame
from splat.errors import SplatError
from splat.files import write_json
from splat.language.cache import cache_path, cached_features, read_features
from splat.language.types import MASKED, SILENT, Teacher, ViewFeatures


class Photos:
    """Three photos; the last one's right half does not count."""

    plans = ()

    def image(self, index: int) -> np.ndarray:
        return np.full((8, 12, 3), 10 * index, np.uint8)

    def alpha(self, index: int) -> None:
        return None

    def mask(self, index: int) -> np.ndarray | None:
        return np.tile(np.arange(12) < 6, (8, 1)) if index == 2 else None


class Counting(Teacher):
    """Says how often it was asked; fails at photo `fails`."""

    name, dim, levels, dense = "counting", 4, ("whole",), False

    def __init__(self, fails: int = -1, signature: str = "one") -> None:
        self.asked: list[str] = []
        self.fails, self.signature = fails, signature

    def features(self, image: np.ndarray, name: str) -> ViewFeatures:
        if int(image[0, 0, 0]) == 10 * self.fails:
            raise KeyboardInterrupt
        self.asked.append(name)
        vectors = np.random.default_rng(int(image[0, 0, 0])).normal(size=(2, 4))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        labels = np.zeros((1, 4, 6), np.int32)
        labels[0, :, 3:] = 1
        return ViewFeatures(labels, vectors.astype(np.float32))

    def encode_text(self, texts: object) -> np.ndarray:
        raise AssertionError


@pytest.fixture
def capture(tmp_path: Path) -> Capture:
    camera = Camera(torch.eye(4), torch.tensor([[10.0, 0, 6], [0, 10, 4], [0, 0, 1]]), 12, 8)
    frames = [Frame(camera, "train", tmp_path / f"{k}.jpg") for k in range(3)]
    return Capture("c", tmp_path, "colmap", frames, Photos())


def test_work_goes_on_where_it_stopped(capture: Capture, tmp_path: Path) -> None:
    folder = tmp_path / "features"
    broken = Counting(fails=1)
    with pytest.raises(KeyboardInterrupt):
        list(cached_features(broken, capture, [0, 1, 2], folder))
    assert broken.asked == ["0.jpg"]
    teacher = Counting()
    fresh = list(cached_features(teacher, capture, [0, 1, 2], folder))
    assert teacher.asked == ["1.jpg", "2.jpg"]
    again = list(cached_features(Counting(fails=0), capture, [2, 0], folder))
    for one, other in ((fresh[2], again[0]), (fresh[0], again[1])):
        assert np.array_equal(one.labels, other.labels) and np.array_equal(one.vectors, other.vectors)
    direct = Counting().features(Photos().image(0), "0.jpg")
    np.testing.assert_allclose(fresh[0].vectors, direct.vectors, atol=5e-4)  # half precision
    assert not list(folder.glob(".*"))  # nothing half-written is left


def test_what_the_mask_excludes_has_no_features(capture: Capture, tmp_path: Path) -> None:
    last = next(iter(cached_features(Counting(), capture, [2], tmp_path / "f")))
    assert (last.labels[0, :, :3] == 0).all() and (last.labels[0, :, 3:] == MASKED).all()


def test_what_is_transparent_has_no_features(capture: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alpha = np.tile(np.where(np.arange(12) < 6, 20, 255).astype(np.uint8), (8, 1))
    monkeypatch.setattr(Photos, "alpha", lambda self, index: alpha)
    first, last = cached_features(Counting(), capture, [0, 2], tmp_path / "f")
    assert (first.labels[0, :, :3] == MASKED).all() and (first.labels[0, :, 3:] == 1).all()
    assert (last.labels == MASKED).all()  # its mask leaves the other half out


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_vectors_of_zeros_say_nothing_and_those_of_no_numbers_are_refused(
    capture: Capture, tmp_path: Path, value: float
) -> None:
    class Faulty(Counting):
        def features(self, image: np.ndarray, name: str) -> ViewFeatures:
            found = super().features(image, name)
            found.vectors[1] = value
            found.labels[0, 0] = -7
            return found

    if value == 0:
        (found,) = cached_features(Faulty(), capture, [0], tmp_path / "f")
        assert (found.labels[0, 1:, :3] == 0).all() and (found.labels[0, 1:, 3:] == SILENT).all()
        assert (found.labels[0, 0] == SILENT).all()
    else:
        with pytest.raises(SplatError, match=r"not numbers for the photo 0\.jpg"):
            list(cached_features(Faulty(), capture, [0], tmp_path / "f"))


def test_other_settings_make_them_anew(capture: Capture, tmp_path: Path) -> None:
    list(cached_features(Counting(), capture, [0], tmp_path / "f"))
    other = Counting(signature="two")
    list(cached_features(other, capture, [0], tmp_path / "f"))
    assert other.asked == ["0.jpg"]


def test_another_photo_or_mask_under_the_same_name_makes_them_anew(tmp_path: Path) -> None:
    """Painted over at the same size in bytes; another mask; the same photos at another place."""
    photos = tmp_path / "photos"
    (photos / "images").mkdir(parents=True)
    (photos / "masks").mkdir()
    Image.fromarray(np.full((8, 12, 3), 100, np.uint8)).save(photos / "images" / "a.bmp")
    keep = np.full((8, 12), 255, np.uint8)
    Image.fromarray(keep).save(photos / "masks" / "a.bmp.png")
    shot = {"file_path": "images/a.bmp", "transform_matrix": np.eye(4).tolist()}
    write_json(photos / "transforms.json", {"fl_x": 10.0, "cx": 6, "cy": 4, "w": 12, "h": 8, "frames": [shot]})

    def asked(place: Path) -> tuple[list[str], np.ndarray]:
        teacher = Counting()
        found = list(cached_features(teacher, load_capture(place, points="none", test_every=0), [0], tmp_path / "f"))
        return teacher.asked, found[0].labels

    assert asked(photos)[0] == ["images/a.bmp"] and asked(photos)[0] == []
    moved = photos.rename(tmp_path / "moved")
    assert asked(moved)[0] == []
    Image.fromarray(np.full((8, 12, 3), 50, np.uint8)).save(moved / "images" / "a.bmp")
    assert asked(moved)[0] == ["images/a.bmp"] and asked(moved)[0] == []
    keep[:, 6:] = 0
    Image.fromarray(keep).save(moved / "masks" / "a.bmp.png")
    again, labels = asked(moved)
    assert again == ["images/a.bmp"] and (labels[0, :, 3:] == MASKED).all() and (labels[0, :, :3] == 0).all()


def test_a_damaged_file_is_made_anew(capture: Capture, tmp_path: Path) -> None:
    list(cached_features(Counting(), capture, [0], tmp_path / "f"))
    path = cache_path(tmp_path / "f", capture, 0)
    path.write_bytes(path.read_bytes()[:100])
    assert read_features(path) is None
    teacher = Counting()
    list(cached_features(teacher, capture, [0], tmp_path / "f"))
    assert teacher.asked == ["0.jpg"] and read_features(path) is not None


def test_a_teacher_that_breaks_its_word_is_named(capture: Capture, tmp_path: Path) -> None:
    teacher = Counting()
    teacher.dim = 5
    with pytest.raises(SplatError, match="counting"):
        list(cached_features(teacher, capture, [0], tmp_path / "f"))

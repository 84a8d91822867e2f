"""Pictures: written and read, laid over colours, at other sizes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from splat.errors import SplatError
from splat.images import evenly, luma, nearest_cells, over, read_image, shown, shrunk, to_bytes, write_image


def test_a_picture_is_written_as_red_green_blue(tmp_path: Path) -> None:
    image = np.zeros((4, 5, 3), np.uint8)
    image[1, 2] = (250, 100, 10)
    write_image(tmp_path / "a.png", image)
    assert cv2.imread(str(tmp_path / "a.png"))[1, 2].tolist() == [10, 100, 250]  # OpenCV has blue first
    again = read_image(tmp_path / "a.png")
    assert again is not None and np.array_equal(again, image)
    depth = np.array([[0.0, 1.5], [1e-7, 3e8]], np.float32)
    write_image(tmp_path / "depth.tiff", depth)
    assert np.array_equal(cv2.imread(str(tmp_path / "depth.tiff"), cv2.IMREAD_UNCHANGED), depth)


def test_what_is_no_picture_is_none_and_unknown_suffixes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    assert read_image(tmp_path / "a.png") is None and read_image(tmp_path / "gone.png") is None
    with pytest.raises((SplatError, cv2.error)):
        write_image(tmp_path / "a.nothing", np.zeros((2, 2, 3), np.uint8))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png"]


def test_colours_round_to_the_nearest_byte() -> None:
    assert to_bytes(torch.tensor([-1.0, 0.0, 0.4981, 0.5, 1.0, 7.0])).tolist() == [0, 0, 127, 128, 255, 255]


def test_luma_of_the_primary_colours() -> None:
    assert torch.allclose(luma(torch.eye(3)), torch.tensor([0.299, 0.587, 0.114]))  # ITU-R BT.601


def test_half_transparent_over_a_colour() -> None:
    image, alpha = torch.full((1, 3, 3), 255, dtype=torch.uint8), torch.tensor([[[0], [51], [255]]], dtype=torch.uint8)
    found = over(image, alpha, torch.tensor([0.5, 0.0, 1.0]))
    assert torch.allclose(found[0], torch.tensor([[0.5, 0.0, 1.0], [0.6, 0.2, 1.0], [1.0, 1.0, 1.0]]))


def test_sizes() -> None:
    assert shrunk(np.zeros((100, 300, 3), np.uint8), 150).shape == (50, 150, 3)
    image = np.zeros((10, 10, 3), np.uint8)
    assert shrunk(image, 150) is image
    values = np.arange(12).reshape(3, 4)
    assert nearest_cells(values, 6, 8).tolist() == np.repeat(np.repeat(values, 2, 0), 2, 1).tolist()
    assert nearest_cells(np.repeat(np.repeat(values, 2, 0), 2, 1), 3, 4).tolist() == values.tolist()


def test_what_shows_the_scene_counts_and_is_not_transparent() -> None:
    mask, alpha = np.array([[True, True, False]]), np.array([[127, 128, 255]], np.uint8)
    assert shown(None, None) is None and shown(mask, None) is mask
    assert shown(None, alpha).tolist() == [[False, True, True]]  # type: ignore[union-attr]
    assert shown(mask, alpha).tolist() == [[False, True, False]]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("count", "wanted"), [(1, [0]), (2, [0, 9]), (4, [0, 3, 6, 9]), (10, list(range(10))), (99, list(range(10)))]
)
def test_evenly_spread(count: int, wanted: list[int]) -> None:
    assert evenly(range(10), count) == wanted and evenly([], count) == []

"""The tool that knows what should come of real captures: three small ones, and that it notices what differs."""

import dataclasses

import numpy as np
import pytest

from splat.images import write_image
from tools.check_captures import EXPECTED, Outcome, wrong


@pytest.mark.parametrize("name", ["balcony_paths", "seven_cameras", "stitch_truncated_colmap"])
def test_real_captures_are_read_as_they_should_be(shared_data, name):
    path = shared_data(f"captures/{name}")
    assert wrong(path, EXPECTED[name], cameras=False) == []
    assert wrong(path, dataclasses.replace(EXPECTED[name], says=("something else",)), cameras=False)


def test_what_differs_is_said(tmp_path, shared_data):
    path = shared_data("captures/seven_cameras")
    assert wrong(path, Outcome("transforms", 8, ((10, 10),)), cameras=False) == [
        "read as colmap, not transforms",
        "7 photos, not 8",
        "sizes [(1280, 720)], not [(10, 10)]",
    ]
    assert "should be refused" in wrong(path, Outcome(refused=True), cameras=False)[0]
    assert wrong(tmp_path, EXPECTED["mouse"], cameras=False)[0].startswith("refused: ")


def test_panoramas_must_be_called_that(tmp_path):
    panoramas = dataclasses.replace(EXPECTED["pano_house"], photos=3)
    draw = np.random.default_rng(0)
    for width, differs in ((128, False), (127, True)):
        folder = tmp_path / str(width)
        folder.mkdir()
        for number in range(3):
            write_image(folder / f"{number}.png", draw.integers(0, 256, (64, width, 3), dtype=np.uint8))
        assert bool(wrong(folder, panoramas, cameras=True)) == differs

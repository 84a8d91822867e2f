"""Views for training: pixels without copies, transparency over a colour."""

from pathlib import Path

import numpy as np
import pytest
import torch

from splat import console
from splat.cameras import Camera
from splat.capture.types import Capture, Frame
from splat.errors import SplatError
from splat.render.config import RenderOptions
from splat.train.config import TrainConfig
from splat.train.normalize import Normalization
from splat.train.strategies.context import StrategyContext
from splat.train.views import TrainingViews
from splat.training import train
from tests.capture.capture_scenes import smooth_photo, viewmat, write_colmap, write_photo

PIXELS = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
OPACITY = np.arange(4 * 5, dtype=np.uint8).reshape(4, 5) * 13


class OnePhoto:
    plans = ()

    def image(self, index: int) -> np.ndarray:
        return PIXELS

    def alpha(self, index: int) -> np.ndarray | None:
        return OPACITY

    def mask(self, index: int) -> np.ndarray | None:
        return None


def test_a_view_shares_the_memory_of_the_decoded_photo() -> None:
    camera = Camera(torch.eye(4).double(), torch.eye(3).double(), 5, 4)
    capture = Capture("one", Path(), "photos", [Frame(camera, "train", Path("a.png"))], OnePhoto())
    view = TrainingViews(capture, [0], Normalization.from_cameras([camera]), torch.device("cpu"))[0]
    assert view.target.data_ptr() == PIXELS.ctypes.data
    assert view.alpha is not None and view.alpha.data_ptr() == OPACITY.ctypes.data and view.mask is None


def test_strategies_see_photos_over_black() -> None:
    camera = Camera(torch.eye(4).double(), torch.eye(3).double(), 5, 4)
    capture = Capture("one", Path(), "photos", [Frame(camera, "train", Path("a.png"))], OnePhoto())
    views = TrainingViews(capture, [0], Normalization.from_cameras([camera]), torch.device("cpu"))
    photo = StrategyContext(views, torch.zeros(0, 3), RenderOptions()).photo(0)
    np.testing.assert_allclose(photo.numpy(), PIXELS / 255.0 * (OPACITY[..., None] / 255.0), atol=1e-6)


@pytest.mark.parametrize("by", ["mask", "alpha"])
@pytest.mark.parametrize("hidden", [1, 2])
def test_photos_that_show_nothing_are_said_and_refused_where_all_are(
    tmp_path: Path, hidden: int, by: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for index in range(3):  # the first is held out
        shown = np.full((24, 32, 1), 0 if index > 2 - hidden else 255, np.uint8)
        photo = smooth_photo(index, 32, 24)
        if by == "mask":
            write_photo(tmp_path / "masks" / f"{index}.png", np.repeat(shown, 3, axis=2))
        else:
            photo = np.dstack([photo, shown])
        write_photo(tmp_path / "images" / f"{index}.png", photo)
    images = [(f"{index}.png", 1, viewmat(index)) for index in range(3)]
    points = np.array([[0.0, 0.0, 4.0], [1.0, 0.5, 5.0], [0.0, 1.0, 6.0]])
    write_colmap(tmp_path, [("PINHOLE", (20.0, 20.0, 16.0, 12.0), 32, 24)], images, points)
    config = TrainConfig(data=str(tmp_path), out=str(tmp_path / "run"), max_steps=4, data_factor=1)
    if hidden == 2:
        says = "masks hide every pixel of all" if by == "mask" else "all training views are transparent"
        with pytest.raises(SplatError, match=says):
            train(config)
        assert not (tmp_path / "run").exists()
    else:
        console._warned.clear()  # said once a process
        train(config)
        assert "some photos show nothing (first: 2.png)" in capsys.readouterr().err

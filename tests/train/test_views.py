"""Views for training: pixels without copies, transparency over a colour."""

from pathlib import Path

import numpy as np
import torch

from splat.cameras import Camera
from splat.capture.types import Capture, Frame
from splat.render.config import RenderOptions
from splat.train.access import SceneAccess
from splat.train.normalize import Normalization
from splat.train.trainer import composite
from splat.train.views import TrainingViews

PIXELS = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
OPACITY = np.arange(4 * 5, dtype=np.uint8).reshape(4, 5) * 13


class OnePhoto:
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
    photo = SceneAccess(views, torch.zeros(0, 3), RenderOptions()).photo(0)
    np.testing.assert_allclose(photo.numpy(), PIXELS / 255.0 * (OPACITY[..., None] / 255.0), atol=1e-6)


def test_transparency_shows_the_colour_behind() -> None:
    behind = torch.tensor([0.2, 0.9, 0.0])
    mixed = composite(torch.from_numpy(PIXELS), torch.from_numpy(OPACITY)[..., None], behind)
    weight = OPACITY[..., None] / 255.0
    expected = PIXELS / 255.0 * weight + behind.numpy() * (1 - weight)
    np.testing.assert_allclose(mixed.numpy(), expected, atol=1e-6)

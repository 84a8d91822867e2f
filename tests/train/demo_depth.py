"""The demo with its true depth where captures have depth maps."""

from pathlib import Path

import torch

from splat.capture import load_capture
from splat.train.normalize import Normalization
from splat.train.views import TrainingViews

DEMO = Path(__file__).resolve().parents[2] / "data" / "demo"


def demo_with_depth(folder: Path) -> Path:
    """Links to the demo; its depth, 16 bits in millimetres, is `depth/NAME.png`."""
    for name, place in (("images", "images"), ("sparse", "sparse")):
        (folder / name).symlink_to(DEMO / place, target_is_directory=True)
    (folder / "depth").mkdir()
    for file in (DEMO / "truth" / "depth").iterdir():
        (folder / "depth" / file.name).symlink_to(file)
    return folder


def training_views(folder: Path, data_factor: float = 4.0) -> TrainingViews:
    """The training views of a capture with points."""
    capture = load_capture(folder, data_factor=data_factor)
    normalization = Normalization.from_cameras(capture.cameras("train"))
    return TrainingViews(capture, capture.indices("train"), normalization, torch.device("cpu"))

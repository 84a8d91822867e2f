"""The capture's depth maps of the training views, for the first Gaussians."""

from __future__ import annotations

import numpy as np

from splat.capture.depth import depth_of_photo
from splat.console import warn
from splat.errors import SplatError
from splat.files import is_file
from splat.train.views import TrainingViews


class DepthMaps:
    """Depth maps by the number of the training view; those that cannot be used are remembered, not raised."""

    def __init__(self, views: TrainingViews) -> None:
        capture = views.capture
        self.cameras, self.bent = (
            views.cameras,
            [capture.images.plans[index].lens is not None for index in views.indices],
        )
        self.files = [capture.frames[index].depth_path for index in views.indices]
        self.problems: dict[int, str] = {}  # of views that have a map which is not used

    def __call__(self, view: int) -> np.ndarray | None:
        """[H, W] float32 in the file's own unit, 0 where it is unknown; None where there is none to be used."""
        path, camera = self.files[view], self.cameras[view]
        if path is None or not is_file(path):
            return None
        if self.bent[view]:  # maps are of the photo as it was taken
            self.problems[view] = f"{path.name}: its photo is undistorted here"
            return None
        try:
            return depth_of_photo(path, camera.width, camera.height)
        except SplatError as error:
            self.problems[view] = str(error)
            return None

    def say_problems(self) -> None:
        """One line with a count and the first of them."""
        if self.problems:
            first = next(iter(self.problems.values()))
            warn(f"{len(self.problems)} depth maps of the capture do not help to start the scene (first: {first})")

"""Regions by colour and edges, for those who have no SAM: multi-scale segmentation from scikit-image."""

from __future__ import annotations

import numpy as np

from splat.language.masks import numbered, shrunk

SCALES = (60.0, 250.0, 900.0)


class Segments:
    """Felzenszwalb and Huttenlocher's graph segmentation (2004) at three scales."""

    def __init__(self, longest: int = 640) -> None:
        self.longest = longest
        self.signature = f"segments 0 {longest}"

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Labels [3, h, w] int32 of a photo [H, W, 3] uint8, as `Masker` says."""
        from skimage.segmentation import felzenszwalb

        small = shrunk(image, self.longest)
        labels = [felzenszwalb(small, scale=scale, sigma=0.8, min_size=int(scale / 2)) for scale in SCALES]
        starts = np.cumsum([0] + [int(level.max()) + 1 for level in labels[:-1]])
        return numbered(np.stack([level + start for level, start in zip(labels, starts)]).astype(np.int32))

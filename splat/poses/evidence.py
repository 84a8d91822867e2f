"""Whether a capture's poses ask to be refined: what they miss in the photos that they belong to."""

from __future__ import annotations

from splat.capture.colmap.choice import model_folder
from splat.capture.colmap.fit import model_fit
from splat.capture.types import Capture, PoseFit
from splat.errors import SplatError

PIXELS = 1.2  # an error that features alone do not make: they are found to about half a pixel
SHARE = 1e-3  # of the longer side: less is less than a pixel in the photos that a scene is trained on
VIEWS = 1.5  # photos a point, below which nobody has compared the photos: every pixel has its own point


def pose_fit(capture: Capture) -> PoseFit | None:
    """How well the poses of a capture fit its photos; None where nothing tells, or where they were found here.

    Where the capture has a model, by the model's own points and their images; where points were triangulated with its
    poses, by the matches.
    """
    if capture.points is not None and capture.points.fit is not None:
        return capture.points.fit
    if capture.kind != "colmap" or (folder := model_folder(capture.root)) is None:
        return None
    try:
        return model_fit(folder, {camera.name for camera in capture.cameras("train")})
    except SplatError:  # a model that has changed since it was read
        return None


def asks_for_refining(fit: PoseFit | None) -> bool:
    """Whether such poses are worth refining."""
    return fit is not None and (fit.views < VIEWS or fit.error > max(PIXELS, SHARE * fit.side))


def described(fit: PoseFit) -> str:
    """The reason, for people."""
    if fit.views < VIEWS:
        return f"their model has a point seen by {fit.views:.1f} photos on average, so no photos have been compared"
    return f"they miss what photos share by {fit.error:.1f} px (median, photos of {fit.side:,} px)"

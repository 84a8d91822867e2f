"""Whether two scenes that are compared lie in one frame, by the cameras that both know."""

from __future__ import annotations

import numpy as np

from splat.view.opened import OpenedScene

NEAR = 0.05  # of the usual depth: cameras of one photo this close are the same, but for refined poses


def frames_in_words(first: OpenedScene, second: OpenedScene) -> str:
    """What keeps two scenes from being compared place by place; empty where nothing does."""
    if first.run is None or second.run is None:
        return "A scene file has no photos: nobody knows whether both scenes lie in the same frame."
    places = {camera.name: camera.position.double().cpu().numpy() for camera in second.cameras}
    apart = [
        float(np.linalg.norm(camera.position.double().cpu().numpy() - places[camera.name]))
        for camera in first.cameras
        if camera.name in places
    ]
    if not apart:
        return "The scenes have no photo in common: nobody knows whether both lie in the same frame."
    middle = float(np.median(apart))
    if middle <= NEAR * first.depth:
        return ""
    return (
        f"The scenes lie in different frames: cameras of the same photos are {middle:.3g} units apart. What is compared"
        " is not the same place; train both with the same poses."
    )

"""Where a training gets its photos and cameras from: read afresh, or as the run that is resumed recorded them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from splat.capture import load_capture, random_points
from splat.capture.config import CaptureOptions
from splat.capture.load import capture_name, capture_root, load_planned
from splat.capture.types import Capture, Points
from splat.errors import SplatError
from splat.run import Run
from splat.run_records import read_config
from splat.train.config import TrainConfig
from splat.train.folder import prepare_folder
from splat.train.plan import Machine, plan_factor
from splat.train.priors import depth_digest

SSIM_WINDOW = 11  # pixels


def training_capture(config: TrainConfig, machine: Machine) -> tuple[Capture, dict[str, Any]]:
    """The capture at the planned resolution, and the arguments of `load_capture` that gave it.

    A resumed run goes on with the cameras, the split, the photos and the points that it began with: nothing is looked
    for or computed again.

    Raises:
        SplatError: as `load_capture`; or the photos of a resumed run are not those that it began with; or there is
            nothing to train on.
    """
    if config.resume:
        root = capture_root(Path(config.data))
        folder = prepare_folder(config, capture_name(root))
        run = Run(folder, read_config(folder))
        capture, arguments = run.capture(root).as_given(), dict(run.config["capture"])
        known = run.config.get("depth_maps")
        if known is not None and depth_digest(capture, config.depth_priors) != known:
            raise SplatError(f"depth maps of {root} are not those that {folder} began with; put the old ones back")
    else:
        arguments = {"test_every": config.test_every, "split": config.split, **vars(config.capture)}
        if config.data_factor is not None:
            capture = load_capture(config.data, **arguments, data_factor=config.data_factor)
        else:
            factor = partial(plan_factor, config, machine)
            capture = load_planned(config.data, CaptureOptions(**arguments), factor)
        arguments |= {"origin": list(capture.origin), "data_factor": capture.data_factor}
    if not capture.indices("train"):
        raise SplatError(f"{config.data} has no training views; lower test_every or add photos")
    check_size(capture, config)
    check_pixels(capture)
    return capture, arguments


def check_size(capture: Capture, config: TrainConfig) -> None:
    """Refuse pictures on which no SSIM can be measured.

    Raises:
        SplatError: when a photo, divided by data_factor, is smaller than the window of SSIM.
    """
    small = min((frame.camera for frame in capture.frames), key=lambda camera: min(camera.width, camera.height))
    if min(small.width, small.height) < SSIM_WINDOW:
        factor = "" if config.data_factor is None else f" with data_factor={config.data_factor:g}"
        raise SplatError(
            f"{small.name} is {small.width}x{small.height} pixels{factor}; each side needs {SSIM_WINDOW} at least"
        )


def check_pixels(capture: Capture) -> None:
    """Refuse training views that show nothing; photos are decoded until one does, which is the first mostly.

    Raises:
        SplatError: when masks or alpha channels hide all of them.
    """
    clear = 0
    for index in capture.indices("train"):
        mask, alpha = capture.images.mask(index), capture.images.alpha(index)
        counts, shows = mask is None or mask.any(), alpha is None or alpha.any()
        if counts and shows:
            return
        clear += not shows
    if clear:
        raise SplatError(
            "all training views are transparent as a whole: their alpha is zero everywhere; if they should show"
            " something, capture.masks=none takes their colours alone"
        )
    raise SplatError(
        "the masks hide every pixel of all training views: black (zero) is what is masked; turn them round, or go on"
        " without: capture.masks=none"
    )


def starting_points(capture: Capture, config: TrainConfig) -> Points:
    """The capture's points, else grey ones at random where the training cameras look."""
    if capture.points is not None:
        return capture.points
    xyz = random_points(capture.cameras("train"), config.initial.random_points, config.seed)
    return Points(xyz, np.full(xyz.shape, 128, np.uint8), origin="random")

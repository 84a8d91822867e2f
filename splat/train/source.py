"""Where a training gets its photos and cameras from: read afresh, or as the run that is resumed recorded them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from splat.capture import load_capture
from splat.capture.load import capture_name, capture_root
from splat.capture.types import Capture
from splat.errors import SplatError
from splat.run import Run, read_config
from splat.train.config import TrainConfig
from splat.train.folder import prepare_folder
from splat.train.plan import Machine, plan_factor
from splat.train.priors import depth_digest


def training_capture(config: TrainConfig, machine: Machine) -> tuple[Capture, dict[str, Any]]:
    """The capture at the planned resolution, and the arguments of `load_capture` that gave it.

    A resumed run goes on with the cameras, the split, the photos and the points that it began with: nothing is looked
    for or computed again.

    Raises:
        SplatError: as `load_capture`; or the photos of a resumed run are not those that it began with.
    """
    if config.resume:
        root = capture_root(Path(config.data))
        folder = prepare_folder(config, capture_name(root))
        run = Run(folder, read_config(folder))
        capture = run.capture(root)
        known = run.config.get("depth_maps")
        if known is not None and depth_digest(capture, config.strategy) != known:
            raise SplatError(f"depth maps of {root} are not those that {folder} began with; put the old ones back")
        return capture, dict(run.config["capture"])
    arguments: dict[str, Any] = {"test_every": config.test_every, **vars(config.capture)}
    # a look at the size comes first, unless the user has said what to train at
    first = {"data_factor": config.data_factor} if config.data_factor is not None else {"points": "capture"}
    capture = load_capture(config.data, **{**arguments, **first})
    largest = max((frame.camera for frame in capture.frames), key=lambda camera: camera.width * camera.height)
    arguments["origin"] = list(capture.origin)
    arguments["data_factor"] = plan_factor(config, machine, largest.width, largest.height)
    final = config.data_factor is not None
    return (capture if final else load_capture(config.data, **arguments)), arguments

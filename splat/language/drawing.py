"""How the scene of a run is drawn when features are lifted from its photos or rendered into views."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch

from splat.render.config import RenderOptions
from splat.run import Run


def render_options(run: Run, backend: str = "auto") -> RenderOptions:
    """How the scene was drawn in training, in the capture's own units, on this machine.

    The planes are set in units of the training frame; with a capture of tiny units (kilometres, say) the nearest one
    taken as it is would cut the whole scene away.
    """
    from splat.train.normalize import Normalization

    options = run.render_options()
    unit = 1 / Normalization.from_cameras(run.cameras("train") or run.cameras()).scale
    return dataclasses.replace(
        options, near_plane=options.near_plane * unit, far_plane=options.far_plane * unit, backend=backend
    )


def render_settings(options: RenderOptions) -> dict[str, Any]:
    """The options as arguments of `rasterize` and `lift`."""
    return {
        "near_plane": options.near_plane,
        "far_plane": options.far_plane,
        "eps2d": options.eps2d,
        "rasterize_mode": "antialiased" if options.antialiased else "classic",
    }


def renderer_device() -> torch.device:
    """Where the renderer runs best on this machine."""
    from splat.render import select_backend

    return torch.device("cuda" if select_backend("auto").name == "gsplat" else "cpu")

"""Rendering: Gaussians to images, and images back to Gaussians.

`rasterize` and `render_gaussians` speak gsplat's conventions and run on gsplat (CUDA) or on this package's own kernels
(any CPU). `lift` carries pixel features to the Gaussians that show them.

Nothing is imported until it is used, so that reading options does not load torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from splat.render.api import lift, rasterize, render_gaussians
    from splat.render.backends import Backend, select_backend

_HOMES = {
    "rasterize": "splat.render.api",
    "render_gaussians": "splat.render.api",
    "lift": "splat.render.api",
    "Backend": "splat.render.backends",
    "select_backend": "splat.render.backends",
}

__all__ = ["Backend", "lift", "rasterize", "render_gaussians", "select_backend"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)

"""Captures: photos with known cameras, from every kind of input people have.

`load_capture` reads any of them; it is imported on first use, because cameras bring torch with them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from splat.capture.load import load_capture
    from splat.capture.points import random_points
    from splat.capture.types import Capture, Frame, Points

__all__ = ["Capture", "Frame", "Points", "load_capture", "random_points"]

_HOMES = {
    "Capture": "splat.capture.types",
    "Frame": "splat.capture.types",
    "Points": "splat.capture.types",
    "load_capture": "splat.capture.load",
    "random_points": "splat.capture.points",
}


def __getattr__(name: str) -> Any:
    import importlib

    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__} has no attribute {name}")

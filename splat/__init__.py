"""Photos to 3D Gaussian scenes: train, evaluate, render and export, with or without a GPU.

The functions below are the library; `splat.api` has them with their arguments. Nothing is imported until it is used.
"""

import importlib
from typing import Any

__version__ = "0.1.0"
__all__ = [
    "__version__",
    "align",
    "distill",
    "edit",
    "evaluate",
    "export",
    "load_capture",
    "load_scene",
    "open_run",
    "query",
    "rasterize",
    "train",
]
_PACKAGES = ("edit", "evaluate", "train")  # functions whose names are packages too: see splat.callable_package


def __getattr__(name: str) -> Any:
    if name in _PACKAGES:
        return importlib.import_module(f"splat.{name}")
    if name in __all__:
        return getattr(importlib.import_module("splat.api"), name)
    raise AttributeError(f"module 'splat' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

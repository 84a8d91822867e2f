"""Modules that are imported when they are first used.

Options are dataclasses, and `splat --help` and a refused path read them at once: what they stand beside must not load
torch, which takes seconds. A module that says `torch = lazy("torch")` at its top need not import it in each function:

    if TYPE_CHECKING:
        import torch
    else:
        torch = lazy("torch")
"""

from __future__ import annotations

import importlib
from typing import Any


class LazyModule:
    """Stands for a module; asking it for anything imports that module."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(importlib.import_module(self._name), attribute)


def lazy(name: str) -> LazyModule:
    """The module of that name, imported on first use."""
    return LazyModule(name)

"""Packages that are functions too: `splat.train` holds the modules of training, and `splat.train(data)` trains."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any


class CallablePackage(ModuleType):
    """The class of a package `splat.NAME`, which is called as the function NAME of `splat.api`.

    A package becomes one with `sys.modules[__name__].__class__ = CallablePackage`. The function, and what it needs, is
    imported by the first call.
    """

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return self._function()(*arguments, **keywords)

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self._function())

    def _function(self) -> Callable[..., Any]:
        function: Callable[..., Any] = getattr(importlib.import_module("splat.api"), self.__name__.rpartition(".")[2])
        return function

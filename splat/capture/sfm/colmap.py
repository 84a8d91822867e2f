"""The pycolmap module as the program uses it."""

from __future__ import annotations

import os
from typing import Any


def quiet_colmap() -> Any:
    """The pycolmap module with its own log reduced to errors (unless $GLOG_minloglevel says) and a fixed seed."""
    import pycolmap

    if "GLOG_minloglevel" not in os.environ:
        pycolmap.logging.minloglevel = 2
    pycolmap.set_random_seed(0)
    return pycolmap

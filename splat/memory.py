"""Memory that is free but not given back."""

from __future__ import annotations

import ctypes
import sys


def give_back() -> None:
    """Return freed memory to the system.

    The C library keeps freed blocks for later, and blocks of many sizes, as growing scenes and decoded photos leave
    them, do not fit what comes next: the process holds a tenth more than it uses. Does nothing where there is no glibc.
    """
    if not sys.platform.startswith("linux"):
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # not in musl
    if trim is not None:
        trim(0)

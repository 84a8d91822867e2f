"""Threads inside libraries that Python cannot stop: who still runs, and how a process leaves without them."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from typing import NoReturn


class Worker(threading.Thread):
    """A thread that spends its time in a native library.

    It is no daemon: an interpreter that ends waits for it, because one that is torn down under a running library
    crashes. The command line, which must not wait, leaves with `leave`.
    """


def running() -> list[Worker]:
    """The workers that have not come back yet, for example after Ctrl-C."""
    return [thread for thread in threading.enumerate() if isinstance(thread, Worker) and thread.is_alive()]


def leave(code: int) -> NoReturn:
    """End the process at once, with what was printed flushed but without tearing the interpreter down."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)

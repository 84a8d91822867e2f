"""Threads inside libraries that Python cannot stop: who still runs, and how a process leaves without them."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable
from typing import NoReturn


class Worker(threading.Thread):
    """A thread that spends its time in a native library.

    It is no daemon: an interpreter that ends waits for it, because one that is torn down under a running library
    crashes. The command line, which must not wait, leaves with `leave`.
    """

    def __init__(self, target: Callable[[], object], name: str | None = None) -> None:
        super().__init__(name=name)
        self._work = target
        self.finished = threading.Event()

    def run(self) -> None:
        """Do the work."""
        try:
            self._work()
        finally:
            self.finished.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end, or so many seconds; returns whether it has come.

        Unlike `join`: until Python 3.12 a Ctrl-C in that one marks the thread as stopped although it runs on.
        """
        return self.finished.wait(timeout)


def running() -> list[Worker]:
    """The workers that have not come back yet, for example after Ctrl-C."""
    return [thread for thread in threading.enumerate() if isinstance(thread, Worker) and not thread.finished.is_set()]


def leave(code: int) -> NoReturn:
    """End the process at once, with what was printed flushed but without tearing the interpreter down."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)

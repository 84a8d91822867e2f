"""Work in a thread under a progress bar, which Ctrl-C ends."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

from splat import console, workers
from splat.capture.sfm.colmap import quiet_colmap
from splat.errors import Interrupted, SplatError

PATIENCE = 2.0  # seconds that Ctrl-C waits for COLMAP to stop


def run_counted(
    description: str, total: int | None, unit: str, work: Callable[[dict[str, Any], Callable[[int], None]], None]
) -> None:
    """Run `work(cancel, advance)` in a thread under a progress bar; `cancel` lets Ctrl-C reach COLMAP's functions.

    Raises:
        SplatError: when COLMAP fails.
        Interrupted: after Ctrl-C. COLMAP is told to stop; where it does not within seconds, its thread goes on for a
            while and `workers.running` knows it.
    """
    # The database must not be opened from here meanwhile, not even to count: Python's SQLite and COLMAP's are two
    # libraries in one process, and closing a file in one drops the other's locks.
    for earlier in workers.running():
        earlier.wait()  # an interrupted one, which still writes
    make_token = getattr(quiet_colmap(), "CancellationToken", None)  # since pycolmap 4.2
    token = make_token() if make_token else None
    stopping = threading.Event()
    failures: list[BaseException] = []
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done = done + count if total is None else min(done + count, total)  # COLMAP starts again after a bad pair
        if stopping.is_set():
            raise InterruptedError("cancelled")

    def guarded() -> None:
        try:
            work({} if token is None else {"cancellation_token": token}, advance)
        except BaseException as error:
            failures.append(error)

    worker = workers.Worker(target=guarded, name=description)
    with console.progress(description, total, unit) as bar:
        try:
            worker.start()
            finished = False
            while not finished:
                finished = worker.wait(0.3)
                if done > bar.completed:
                    bar.advance(done - bar.completed)
        except BaseException as stop:
            stopping.set()
            if token is not None:
                token.cancel()
            with contextlib.suppress(KeyboardInterrupt):  # a second Ctrl-C ends the waiting
                worker.wait(PATIENCE)
            if not isinstance(stop, KeyboardInterrupt):
                raise
            raise Interrupted(f"stopped while {description.lower()}; the same command goes on from there") from stop
    if failures:
        reason = (str(failures[0]).strip() or type(failures[0]).__name__).splitlines()[0]
        raise SplatError(f"structure from motion failed while {description.lower()}: {reason}") from failures[0]

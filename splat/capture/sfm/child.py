"""Starts a step of COLMAP in a process of its own and follows it."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from splat.capture.sfm import colmap_child
from splat.capture.sfm.counted import run_counted

LISTENING = 0.2  # seconds between looks at whether to stop
# COLMAP's own threads share out the pairs. More below each take 5 % longer, and sums of BLAS depend on them.
SINGLE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def run_step(description: str, total: int | None, unit: str, step: str, arguments: dict[str, Any]) -> Any:
    """Run a step of `colmap_child` under a progress bar; returns what it returns.

    Raises:
        SplatError: COLMAP fails or takes its process down; the line says how.
        Interrupted: after Ctrl-C; the process is ended.
    """
    results: list[Any] = []

    def work(cancel: dict[str, Any], advance: Callable[[int], None]) -> None:
        results.append(_follow(step, arguments, advance))

    run_counted(description, total, unit, work)
    return results[0]


def _follow(step: str, arguments: dict[str, Any], advance: Callable[[int], None]) -> Any:
    command = [sys.executable, str(Path(colmap_child.__file__)), step]
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            env={**os.environ, **SINGLE},
            start_new_session=True,
        )
        assert child.stdin is not None and child.stdout is not None
        try:
            with contextlib.suppress(BrokenPipeError):  # it has ended already; its exit code says more
                child.stdin.write(json.dumps(arguments).encode() + b"\n")
                child.stdin.flush()
            result = _listen(child.stdout, advance)
            code = child.wait()
        finally:
            child.kill()
            child.wait()
            child.stdout.close()
            with contextlib.suppress(BrokenPipeError):
                child.stdin.close()
        if code != 0 or result is None:
            said.seek(0)
            raise RuntimeError(f"COLMAP {_ending(code)}: {_reason(said.read().decode(errors='replace'))}")
    return result["result"]


def _listen(output: IO[bytes], advance: Callable[[int], None]) -> dict[str, Any] | None:
    """Hand on the numbers that come until the output ends; returns the result, None where none came."""
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def read() -> None:
        with contextlib.suppress(ValueError):  # closed meanwhile
            for line in output:
                lines.put(line)
        lines.put(b"")

    threading.Thread(target=read, daemon=True).start()
    while True:
        try:
            line = lines.get(timeout=LISTENING)
        except queue.Empty:
            advance(0)  # raises when the user has stopped the work
            continue
        if not line:
            return None
        if line.startswith(b"{"):
            found: dict[str, Any] = json.loads(line)
            return found
        if line.strip().isdigit():
            advance(int(line))


def _ending(code: int) -> str:
    """How a process ended, from its exit code."""
    if code >= 0:
        return f"ended with exit code {code}"
    with contextlib.suppress(ValueError):
        return f"was ended by {signal.Signals(-code).name}"
    return f"was ended by signal {-code}"


def _reason(said: str) -> str:
    """The line of COLMAP's or Python's own words that says most: the first error of its log, else the last line."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    logged = [line for line in lines if line[:1] in "FE" and line[1:9].isdigit() and "] " in line]
    if logged:
        return logged[0].split("] ", 1)[1]
    return lines[-1] if lines else "it said nothing; its disk or the memory may be full"

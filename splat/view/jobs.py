"""Long work: a command of splat in a process of its own, so that the page goes on, cancelling works and memory returns.

What a page does is thereby what the command line does, with the same words, errors and files.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from splat.console import PROGRESS_SECONDS

PATIENCE = 10.0  # seconds that a cancelled command gets to clean up
MOST_LINES = 200  # of output that are kept
_SHARE = re.compile(r"\((\d+) %\)")


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int  # its exit code; 130 and negative ones: cancelled
    output: tuple[str, ...]  # lines on stdout, such as the folder that was written
    said: tuple[str, ...]  # lines on stderr
    cancelled: bool = False

    @property
    def sentence(self) -> str:
        """Why it failed; empty where it did not."""
        if self.code == 0:
            return ""
        if self.cancelled:
            return "cancelled"
        errors = [line.removeprefix("error: ") for line in self.said if line.startswith("error: ")]
        return errors[-1] if errors else (self.said[-1] if self.said else f"ended with code {self.code}")

    @property
    def warnings(self) -> tuple[str, ...]:
        """What it warned of."""
        return tuple(line.removeprefix("warning: ") for line in self.said if line.startswith("warning: "))


@dataclass
class Job:
    """One command that runs. Threads of its own call `on_line` and, once, `on_end`."""

    words: Sequence[str]
    on_line: Callable[[str, float | None], None]  # a line for people, and the share that is done where it says so
    on_end: Callable[[Ended], None]
    _process: subprocess.Popen[str] = field(init=False)
    _cancelled: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        environment = {**os.environ, PROGRESS_SECONDS: "0.5", "PYTHONUNBUFFERED": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "splat", *self.words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            env=environment,
            start_new_session=os.name == "posix",  # Ctrl-C ends the viewer, which then ends this
        )
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def cancel(self) -> None:
        """Stop it as Ctrl-C does; returns when it has ended."""
        if self._process.poll() is not None:
            return
        self._cancelled = True
        self._process.send_signal(signal.SIGINT if os.name == "posix" else signal.SIGTERM)
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._thread.join(PATIENCE)

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._thread.is_alive()

    def _follow(self) -> None:
        output: list[str] = []
        said: list[str] = []
        reader = threading.Thread(target=self._collect, args=(output,), daemon=True)
        reader.start()
        assert self._process.stderr is not None
        for line in self._process.stderr:
            text = line.rstrip()
            if text:
                said[:] = [*said, text][-MOST_LINES:]
                share = _SHARE.search(text)
                self.on_line(text, int(share.group(1)) / 100 if share else None)
        reader.join()
        code = self._process.wait()
        self.on_end(Ended(code, tuple(output), tuple(said), self._cancelled and code != 0))

    def _collect(self, output: list[str]) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            output[:] = [*output, line.rstrip()][-MOST_LINES:]

"""Messages and progress for people, on stderr; stdout stays free for results that scripts read."""

from __future__ import annotations

import contextlib
import math
import os
import sys
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from splat.errors import harmless
from splat.lazy import lazy

if TYPE_CHECKING:
    from rich import console as rich_console
    from rich import live, progress_bar, table, text
    from rich.console import Console, RenderableType
    from rich.live import Live
else:  # only terminals need it
    rich_console, live, progress_bar, table, text = (
        lazy(f"rich.{name}") for name in ("console", "live", "progress_bar", "table", "text")
    )

PLAIN_SECONDS = 10.0  # a piped log gets a line at least this often …
PLAIN_FRACTION = 0.1  # … or whenever this much more is done,
PLAIN_PAUSE = 5.0  # but never more often than this
PROGRESS_SECONDS = "SPLAT_PROGRESS_SECONDS"  # variable: seconds between lines for whoever reads them all, a program
LABELS = {
    "psnr": "PSNR",
    "test_psnr": "test PSNR",
    "ssim": "SSIM",
    "lpips": "LPIPS",
    "gaussians": "Gaussians",
    "num_gaussians": "Gaussians",
}

_console: Console | None = None
_warned: set[str] = set()
_records: list[list[str]] = []  # of those who write down what is warned of
_active: list[Progress] = []  # nested bars, the outermost first
_live: Live | None = None  # draws all of them
_follower: ContextVar[Callable[[str, float], None] | None] = ContextVar("follower", default=None)


def info(message: str) -> None:
    """Say what happens."""
    _say(message)


def warn(message: str) -> None:
    """Say what the user should know but need not act on at once; the same words are said once only."""
    for kept in _records:
        if message not in kept:
            kept.append(message)
    if message in _warned:
        return
    _warned.add(message)
    _say(message, "warning: ", "yellow")


def has_warned(beginning: str) -> bool:
    """Whether a warning with this beginning was given."""
    return any(message.startswith(beginning) for message in _warned)


@contextlib.contextmanager
def recorded_warnings() -> Iterator[list[str]]:
    """The warnings that are given meanwhile, in order, each once; also those that were said before already."""
    kept: list[str] = []
    _records.append(kept)
    try:
        yield kept
    finally:
        _records[:] = [other for other in _records if other is not kept]


def error(message: str) -> None:
    """Say why the command stops."""
    _say(message, "error: ", "bold red")


@contextlib.contextmanager
def progress(description: str, total: int | None, unit: str = "step", completed: int = 0) -> Iterator[Progress]:
    """Show how far a piece of work is: a live bar in a terminal, a plain line now and then in a log.

    Args:
        description: what is done, for example "Training".
        total: how many units there are; None if nobody knows.
        unit: what is counted, for the speed ("step/s").
        completed: units that an earlier run has done already (they do not count for the speed).
    """
    bar = Progress(description, total, unit, completed)
    _active.append(bar)
    if len(_active) == 1 and is_terminal():
        _start_live()
    finished = False
    try:
        yield bar
        finished = True
    finally:
        if len(_active) == 1 and _live is not None:
            _stop_live()
        elif finished and not is_terminal():
            bar.print_line(done=True)
        _active.remove(bar)


@contextlib.contextmanager
def followed(follower: Callable[[str, float], None]) -> Iterator[None]:
    """Whatever of this thread shows how far it is meanwhile also tells `follower`: what it does, and its share 0 to 1.

    What the follower raises ends that work.
    """
    token = _follower.set(follower)
    try:
        yield
    finally:
        _follower.reset(token)


class Progress:
    """One piece of work; made by `progress`."""

    def __init__(self, description: str, total: int | None, unit: str, completed: int) -> None:
        self.description = description
        self.total = total
        self.unit = unit
        self.completed = completed
        self.fields: dict[str, Any] = {}
        self.start = time.monotonic()
        self._recent: deque[tuple[float, int]] = deque([(self.start, completed)])
        self._printed = (self.start, completed)

    def advance(self, n: int = 1, **fields: Any) -> None:
        """`n` more units are done; `fields` as in `update`."""
        self.completed += n
        now = time.monotonic()
        if now - self._recent[-1][0] > 0.2:
            self._recent.append((now, self.completed))
            while now - self._recent[0][0] > 20 and len(self._recent) > 2:
                self._recent.popleft()
        self.update(**fields)
        if (follower := _follower.get()) is not None and self.total:
            follower(self.description, min(1.0, self.completed / self.total))

    def update(self, **fields: Any) -> None:
        """Show named values beside the bar, such as loss=0.03, psnr=25.1, gaussians=120000."""
        if fields:
            self.fields = {**self.fields, **fields}
        if not is_terminal():
            self._maybe_print()

    def rate(self) -> float:
        """Units per second over about the last 20 seconds; 0 before anything is done."""
        (then, before), now = self._recent[0], time.monotonic()
        return (self.completed - before) / max(now - then, 1e-9)

    def seconds_left(self) -> float | None:
        """Estimate of the time left; None while it cannot be known."""
        rate = self.rate()
        return (self.total - self.completed) / rate if self.total is not None and rate > 0 else None

    def counts(self) -> str:
        """For example '1,200/30,000'."""
        return f"{self.completed:,}/{self.total:,}" if self.total is not None else f"{self.completed:,}"

    def values(self, separator: str = "  ") -> str:
        """The named values in one line."""
        return separator.join(f"{LABELS.get(key, key)} {_value_text(value)}" for key, value in self.fields.items())

    def print_line(self, done: bool = False) -> None:
        """Write the state as one plain line."""
        self._printed = (time.monotonic(), self.completed)
        elapsed = self._printed[0] - self.start
        parts = [f"{self.description}: {self.counts()}"]
        if self.total and not done:
            parts[0] += f" ({100 * self.completed // self.total} %)"
        parts.append(_rate_text(self.rate(), self.unit))
        if self.fields:
            parts.append(self.values(", "))
        left = self.seconds_left()
        if done:
            parts.append(f"took {duration(elapsed)}")
        elif left is not None:
            parts.append(f"{duration(elapsed)} elapsed, {duration(left)} left")
        _say(", ".join(parts))

    def _maybe_print(self) -> None:
        then, before = self._printed
        elapsed = time.monotonic() - then
        share = (self.completed - before) / self.total if self.total else 0.0
        unfinished = self.total is None or self.completed < self.total
        often = share >= PLAIN_FRACTION and elapsed >= PLAIN_PAUSE
        if unfinished and (elapsed >= min(PLAIN_SECONDS, _asked_pause()) or often):
            self.print_line()


def is_terminal() -> bool:
    """Whether a person watches stderr live."""
    # While a bar is drawn, rich puts its own stand-in for sys.stderr, which does not know.
    return _live is not None or (sys.stderr.isatty() and os.environ.get("TERM") != "dumb")


def duration(seconds: float) -> str:
    """A time span for people: '7.3 s', '4:05' (minutes), '1:02:03' (hours)."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def count(number: int, noun: str) -> str:
    """A number of things in words: '1 photo', '1,200 photos', 'no photos'."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}" if number else f"no {noun}s"


def quiet_libraries() -> None:
    """Ask OpenCV, COLMAP and the like to keep their own logs to themselves; call it before they are imported.

    Variables that the user has set are left alone. Python's warnings, which speak to developers, stay with
    SPLAT_DEBUG=1 and `python -W`.
    """
    if not sys.warnoptions and os.environ.get("SPLAT_DEBUG", "") in ("", "0"):
        warnings.simplefilter("ignore")
    for name, value in {
        "OPENCV_LOG_LEVEL": "FATAL",  # its errors come as messages of ours, like COLMAP's
        "OPENCV_FFMPEG_LOGLEVEL": "-8",
        "GLOG_minloglevel": "3",
        "TORCH_CPP_LOG_LEVEL": "ERROR",
        "TRANSFORMERS_VERBOSITY": "error",
        "DIFFUSERS_VERBOSITY": "error",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }.items():
        os.environ.setdefault(name, value)


def _asked_pause() -> float:
    """Seconds between lines that the environment asks for; infinity where it does not."""
    try:
        return float(os.environ.get(PROGRESS_SECONDS, "inf"))
    except ValueError:
        return math.inf


def _value_text(value: Any) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _rate_text(rate: float, unit: str) -> str:
    if 0 < rate < 1:
        return f"{1 / rate:.1f} s/{unit}"
    return f"{rate:.1f} {unit}/s" if rate < 100 else f"{rate:,.0f} {unit}/s"


def _say(message: str, prefix: str = "", style: str = "") -> None:
    message = harmless(message)
    if not is_terminal():
        print(prefix + message, file=sys.stderr, flush=True)
        return
    _shared_console().print(text.Text.assemble((prefix, style), message), soft_wrap=True)


def _shared_console() -> Console:
    # One console for messages and bars, so that a message appears above a live bar instead of tearing it.
    global _console
    if _console is None:
        _console = rich_console.Console(stderr=True, highlight=False)
    return _console


def _start_live() -> None:
    global _live
    _live = live.Live(get_renderable=_draw, console=_shared_console(), refresh_per_second=5, redirect_stdout=False)
    _live.start()


def _stop_live() -> None:
    global _live
    if _live is not None:
        _live.refresh()
        _live.stop()
    _live = None


def _draw() -> RenderableType:
    lines: list[RenderableType] = []
    for bar in list(_active):
        left = bar.seconds_left()
        times = duration(time.monotonic() - bar.start) + (f", {duration(left)} left" if left else "")
        row = table.Table.grid(padding=(0, 1), expand=True)
        for _ in range(4):
            row.add_column(no_wrap=True)
        row.columns[1].ratio = 1
        row.columns[3].justify = "right"
        drawn = progress_bar.ProgressBar(total=bar.total, completed=bar.completed, pulse=bar.total is None)
        rate = _rate_text(bar.rate(), bar.unit) if bar.completed else ""
        row.add_row(bar.description, drawn, f"{bar.counts()}  {rate}", text.Text(times, style="dim"))
        lines.append(row)
        if bar.fields:
            lines.append(text.Text("  " + bar.values(), style="cyan", no_wrap=True, overflow="ellipsis"))
    return rich_console.Group(*lines)

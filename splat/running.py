"""Whether a process works in a folder now: a small file in it, which a process that died no longer counts for."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from splat.console import info
from splat.errors import SplatError
from splat.files import read_json
from splat.lazy import lazy
from splat.records import record
from splat.temporary import clear

psutil, filelock = lazy("psutil"), lazy("filelock")

NAME = ".running.json"
INSIDE = ("edits", "language/*")  # folders of a run that other work than training holds
WRITING_SECONDS = 10.0  # a file without content is one that is being written, unless it is older
LOOK_SECONDS = 0.2  # between two looks while waiting


class Held(SplatError):
    """Another process works in the folder."""


@dataclass(frozen=True)
class Holder:
    """The process that works in a folder."""

    pid: int
    host: str
    started: float  # when the process began, seconds since 1970: numbers of processes are used again
    work: str = "training"

    @classmethod
    def here(cls, work: str = "training") -> Holder:
        """This process."""
        return cls(os.getpid(), socket.gethostname(), psutil.Process().create_time(), work)

    @classmethod
    def read(cls, file: Path) -> Holder | None:
        """The process that a file names, dead or alive; None where it names none."""
        with contextlib.suppress(SplatError):
            found = record(read_json(file), str(file))
            work = found.text("work") if found.has("work") else "training"
            return cls(found.whole("pid", maximum=2**31), found.text("host"), found.number("started"), work)
        return None

    def alive(self) -> bool:
        """Whether it still runs; one on another machine is taken to."""
        if self.host != socket.gethostname():
            return True
        try:
            return abs(psutil.Process(self.pid).create_time() - self.started) < 2.0
        except psutil.AccessDenied:
            return True
        except psutil.Error:
            return False

    def __str__(self) -> str:
        """For people: "running now (process 12)"."""
        place = "" if self.host == socket.gethostname() else f" on {self.host}"
        return f"running now (process {self.pid}{place})"


def holder_of(folder: Path) -> Holder | None:
    """The process that works in a folder; None where there is none, or where it died."""
    file = folder / NAME
    holder = Holder.read(file)
    if holder is None and file.exists():  # it is being written
        holder = Holder(0, socket.gethostname(), 0.0)
    return None if _dead(file) else holder


def refuse_running(folder: Path) -> None:
    """Refuse a run folder in which another process trains, edits or distills.

    Raises:
        Held: naming that process.
    """
    for place in (folder, *(path for pattern in INSIDE for path in folder.glob(pattern))):
        if holder := holder_of(place):
            raise Held(f"{_taken(place, holder)}; wait for it, or choose another name=...")


@contextlib.contextmanager
def held(folder: Path, work: str = "training", wait: bool = False) -> Iterator[None]:
    """Hold a folder while working in it; the sign is taken away at the end, also after errors.

    Args:
        folder: made if it is not there, and taken away again if nothing was put into it.
        work: what is done, for the line that others get.
        wait: wait for another process that has it, and say so, instead of refusing.

    Raises:
        Held: when another process has it.
        SplatError: when the folder cannot be written.
    """
    file = folder / NAME
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        _take(file, work, wait)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                if Holder.read(file) in (None, Holder.here(work)):  # the folder was taken away, and taken by another
                    file.unlink(missing_ok=True)
    finally:
        with contextlib.suppress(OSError):  # something stands in it
            for path in made:
                path.rmdir()


def _take(file: Path, work: str, wait: bool) -> None:
    """Put the sign there as soon as nobody else's is."""
    waiting = False
    while True:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            clear(file.parent)
            if _sign(file, work):
                return
            holder = holder_of(file.parent)
            if holder is None:
                _drop(file.parent)
                continue
        except OSError as error:
            raise SplatError(f"cannot write {file}: {error.strerror}; choose another out=") from error
        if not wait:
            raise Held(f"{_taken(file.parent, holder)}; wait for it, or choose another name=...")
        if not waiting:
            info(f"waiting: {_taken(file.parent, holder)}")
        waiting = True
        time.sleep(LOOK_SECONDS)


def _sign(file: Path, work: str) -> bool:
    """Put the sign of this process there; False where there is one."""
    content = json.dumps(asdict(Holder.here(work)))
    try:
        handle = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    except FileExistsError:
        return False
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as sign:
            sign.write(content)
    except OSError:
        file.unlink(missing_ok=True)
        raise
    return True


def _drop(folder: Path) -> None:
    """Take away the sign of a process that died.

    Only one process of this machine looks and takes at a time: else the second would take the sign that somebody put
    there since it looked. Signs of other machines never count as dead.
    """
    user = os.getuid() if hasattr(os, "getuid") else ""  # Windows gives everybody a folder of their own
    with filelock.FileLock(Path(tempfile.gettempdir()) / f"splat-{user}.lock"):
        if _dead(folder / NAME):
            (folder / NAME).unlink(missing_ok=True)


def _dead(file: Path) -> bool:
    """Whether there is a sign, and its process is gone; False where there is none, for one may come at any moment."""
    holder = Holder.read(file)
    if holder is not None:
        return not holder.alive()
    try:
        return time.time() - file.stat().st_mtime >= WRITING_SECONDS
    except OSError:
        return False


def _taken(folder: Path, holder: Holder) -> str:
    """ "runs/a: another training is running now (process 12)", with a way out where nobody can look."""
    away = "" if holder.host == socket.gethostname() else f" (if it is not: delete {folder / NAME})"
    return f"{folder}: another {holder.work} is {holder}{away}"

"""Whether a process works in a run folder now: a small file in it, which a process that died no longer counts for."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from splat.errors import SplatError

NAME = ".running.json"
WRITING_SECONDS = 10.0  # a file without content is one that is being written, unless it is older


class Held(SplatError):
    """Another process works in the folder."""


@dataclass(frozen=True)
class Holder:
    """The process that works in a folder."""

    pid: int
    host: str
    started: float  # when the process began, seconds since 1970: numbers of processes are used again

    @classmethod
    def here(cls) -> Holder:
        """This process."""
        import psutil

        return cls(os.getpid(), socket.gethostname(), psutil.Process().create_time())

    def alive(self) -> bool:
        """Whether it still runs; one on another machine is taken to."""
        import psutil

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
    try:
        holder = Holder(**json.loads(file.read_text(encoding="utf-8")))
        return holder if holder.alive() else None
    except (OSError, ValueError, TypeError):
        with contextlib.suppress(OSError):
            if time.time() - file.stat().st_mtime < WRITING_SECONDS:
                return Holder(0, socket.gethostname(), 0.0)
        return None


def refuse_running(folder: Path) -> None:
    """Refuse a folder in which another process works.

    Raises:
        Held: naming that process.
    """
    if holder := holder_of(folder):
        away = "" if holder.host == socket.gethostname() else f" (if it is not: delete {folder / NAME})"
        raise Held(f"{folder}: another training is {holder}{away}; wait for it, or choose another name=...")


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold a folder while working in it; the sign is taken away at the end, also after errors.

    Raises:
        Held: when another process has it.
        SplatError: when the folder cannot be written.
    """
    file = folder / NAME
    while True:
        try:
            handle = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
            break
        except FileExistsError:
            refuse_running(folder)
            file.unlink(missing_ok=True)
        except OSError as error:
            raise SplatError(f"cannot write {file}: {error.strerror}; choose another out=") from error
    try:
        os.write(handle, json.dumps(asdict(Holder.here())).encode())
        os.close(handle)
        yield
    finally:
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)

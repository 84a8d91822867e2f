"""The console command `splat`: picks the command, and turns every failure into one line and an exit code."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Sequence

from splat import __version__, console, disk, invocation, workers
from splat.commands import help_text
from splat.commands.app import launch, load
from splat.commands.completion import complete
from splat.errors import Interrupted, SplatError

USER_MISTAKE = 2
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `splat` with these words (default: those of the process) and return its exit code.

    0: done; 1: a defect of splat; 2: something the user can fix; 130: interrupted. With SPLAT_DEBUG=1 failures keep
    their traceback.
    """
    if arguments is not None:
        return answer(list(arguments))
    gc.set_threshold(100_000)  # libraries make half a million objects when they load, and none of them is garbage
    code = answer(sys.argv[1:])
    if not workers.running():  # COLMAP does not stop at once: then not even this
        atexit._run_exitfuncs()
    workers.leave(code)  # an interpreter that has loaded torch takes 0.7 s to tear itself down


def answer(words: list[str]) -> int:
    """Do what the words say; returns the exit code."""
    console.quiet_libraries()
    try:
        code = dispatch(words)
        sys.stdout.flush()  # here, where it is still noticed that the disk is full or nobody reads on
        return code
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException as failure:
        if os.environ.get("SPLAT_DEBUG", "") not in ("", "0"):
            raise
        return report(failure)


def dispatch(words: list[str]) -> int:
    """Answer the words: help, version, completion or a command."""
    if not words or words[0] in ("-h", "--help", "help"):
        print(
            help_text.command(load(words[1]), words[2:]) if words[1:] and words[0] == "help" else help_text.overview()
        )
        return 0
    if words[0] in ("--version", "-V", "version"):
        print(f"splat {__version__}")
        return 0
    if words[0].split("=")[0] in ("-sc", "--shell-completion"):
        return complete(words)
    command = load(words[0])
    options = words[1 : words.index("--")] if "--" in words else words[1:]
    if "--help" in options or "-h" in options:
        print(help_text.command(command, options))
        return 0
    invocation.remember(words)
    launch(command, words[1:])
    return 0


def report(failure: BaseException) -> int:
    """Say in one line what went wrong; returns the exit code."""
    if isinstance(failure, Interrupted):
        console.info(str(failure))
        return INTERRUPTED
    if isinstance(failure, SplatError):
        console.error(str(failure))
        return USER_MISTAKE
    if isinstance(failure, KeyboardInterrupt):
        console.error("interrupted")
        return INTERRUPTED
    if isinstance(failure, BrokenPipeError):  # `splat info … | head`: nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return INTERRUPTED
    if isinstance(failure, OSError) and failure.errno in disk.FULL:
        place = f" ({failure.filename})" if failure.filename else ""
        console.error(f"the disk is full{place}; free some space or choose another out=")
        return USER_MISTAKE
    if isinstance(failure, OSError) and failure.filename is not None:
        console.error(
            f"{failure.filename}: {failure.strerror or failure}"
        )  # rights, names, limits, files that went away
        return USER_MISTAKE
    if not isinstance(failure, OSError) and (reason := disk.refusal(failure)):
        console.error(f"cannot write: {reason}; {disk.advice(reason)}")
        return USER_MISTAKE
    if (
        isinstance(failure, MemoryError)
        or type(failure).__name__ == "OutOfMemoryError"
        or "can't allocate" in str(failure)
    ):
        console.error("not enough memory; raise data_factor, lower cap_max or lower capture.cache_gb")
        return USER_MISTAKE
    lines = str(failure).strip().splitlines() or [""]
    console.error(
        f"{type(failure).__name__}: {lines[0]} (a defect of splat: set SPLAT_DEBUG=1 for the traceback; please report)"
    )
    return 1

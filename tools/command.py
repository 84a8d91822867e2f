"""What all tools that are run by hand share."""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Callable
from pathlib import Path

from splat.errors import SplatError


def exit_code(work: Callable[[], None]) -> int:
    """Do the work; 0, or 2 after one line where the user can fix what went wrong."""
    try:
        work()
    except SplatError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def command_of(module: str, parser: argparse.ArgumentParser, given: argparse.Namespace, aside: tuple[str, ...]) -> str:
    """The command that was given, with the options that are not at their defaults; those `aside` change nothing."""
    words = [f"python -m {module}"]
    for name, value in vars(given).items():
        if name not in aside and value != parser.get_default(name):
            words.append(f"--{'' if value is not False else 'no-'}{name.replace('_', '-')}")
            words += [] if isinstance(value, bool) else [str(value)]
    return " ".join(words)


def fingerprint(file: Path) -> str:
    """SHA-256 of a file, which says whether weights are those that were measured."""
    return hashlib.sha256(file.read_bytes()).hexdigest()

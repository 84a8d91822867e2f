"""The command line as the user typed it, for records: Hydra replaces `sys.argv` by its own while it runs."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence

_typed: list[str] | None = None


def remember(words: Sequence[str]) -> None:
    """Keep the words that follow `splat`."""
    global _typed
    _typed = ["splat", *words]


def command_line() -> str:
    """What was typed, quoted for the shell; outside the command line, the script and its arguments."""
    return shlex.join(sys.argv if _typed is None else _typed)

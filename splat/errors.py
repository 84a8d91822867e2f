"""The one exception that users see as a message instead of a traceback."""

from __future__ import annotations

import re

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")  # all but tabs and line feeds


def harmless(text: str) -> str:
    """A text whose letters a terminal shows instead of obeying: control characters become \\xNN, lines stay."""
    return _UNPRINTABLE.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


class SplatError(Exception):
    """A problem that the user can fix: one line that says what is wrong and what to do.

    The command line prints the message and exits with code 2; library callers catch it as any exception. Names out of
    damaged files may hold anything, so line breaks become blanks here and control characters \\xNN.
    """

    def __init__(self, message: object = "") -> None:
        super().__init__(harmless(" ".join(str(message).splitlines())))


class Interrupted(SplatError):
    """The user stopped long work; what was done is saved and the message says how to go on. Exit code 130."""

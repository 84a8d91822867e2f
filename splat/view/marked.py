"""Names and sentences in the Markdown of the page, as what they are: viser obeys all HTML in it, also scripts."""

from __future__ import annotations

import re

from splat.errors import harmless

_MARKS = re.compile(r"[\\`*_\[\]<>&~|#]")
_WHITE = re.compile(r"\s+")


def plain(value: object) -> str:
    """Any text as one line that Markdown shows letter by letter."""
    return _MARKS.sub(lambda found: f"\\{found[0]}", _line(value))


def code(value: object) -> str:
    """Any text as code within a line; a backtick, which would end it, becomes an apostrophe."""
    return f"`{_line(value).replace('`', chr(39))}`"


def block(value: object) -> str:
    """Any text as lines of code, with the same apostrophes."""
    return f"```\n{harmless(str(value)).replace('`', chr(39))}\n```"


def _line(value: object) -> str:
    return harmless(_WHITE.sub(" ", str(value)).strip())

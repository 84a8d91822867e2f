"""What all tools that are run by hand share."""

from __future__ import annotations

import sys
from collections.abc import Callable

from splat.errors import SplatError


def exit_code(work: Callable[[], None]) -> int:
    """Do the work; 0, or 2 after one line where the user can mend what went wrong."""
    try:
        work()
    except SplatError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0

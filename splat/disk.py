"""What a disk says when it refuses, whichever library passes it on."""

from __future__ import annotations

import errno
import re

FULL = (errno.ENOSPC, errno.EDQUOT)
REFUSALS = (*FULL, errno.EFBIG, errno.EROFS, errno.EIO)
# Libraries that are no Python keep the system's words in theirs: Rust's "(os error 28)", SQLite, NumPy's tofile.
WORDS = re.compile(
    r"(?P<rust>[^:]+) \(os error \d+\)|No space left on device|File too large|Disk quota exceeded|Read-only file system"
    r"|database or disk is full|disk I/O error|readonly database|\d+ requested and \d+ written",
    re.IGNORECASE,
)


def refusal(failure: BaseException) -> str | None:
    """Why the disk, or a limit of the system, refused a file; None where an exception is about other things.

    Any error of the system counts; and one of another kind that was raised because a disk was full, or says so.
    """
    seen: list[BaseException] = []
    each: BaseException | None = failure
    while each is not None and each not in seen:
        if isinstance(each, OSError) and (not seen or each.errno in REFUSALS):
            return each.strerror or _first_line(each)
        if isinstance(each, Exception) and (match := WORDS.search(str(each))):
            return (match["rust"] or match[0]).strip()
        seen.append(each)
        each = each.__cause__ or each.__context__
    return None


def advice(reason: str) -> str:
    """What to do about it."""
    if "name too long" in reason.lower():
        return "choose a shorter name"
    if "too large" in reason.lower():
        return "raise the limit on the size of files (ulimit -f) or choose another out="
    return "free some space or choose another out="


def _first_line(failure: BaseException) -> str:
    return (str(failure).strip().splitlines() or [type(failure).__name__])[0]

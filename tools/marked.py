"""Tables between two marks in a page."""

from __future__ import annotations

from pathlib import Path


def write_between(path: Path, start: str, end: str, content: str) -> None:
    """Put a text between its marks in a page, each mark a line of its own.

    Raises:
        SystemExit: the page lacks the marks.
    """
    before, mark, rest = path.read_text(encoding="utf-8").partition(start)
    _, last, after = rest.partition(end)
    if not mark or not last:
        raise SystemExit(f"{path} lacks the lines {start} and {end}")
    path.write_text(f"{before}{start}\n{content}\n{end}{after}", encoding="utf-8")

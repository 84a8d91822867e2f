"""A section of the page whose files cannot be read says so, and the page goes on."""

from __future__ import annotations

from collections.abc import Callable

from splat.errors import SplatError
from splat.evaluate.page import text


def guarded(title: str, make: Callable[[], list[str]]) -> list[str]:
    """The section that `make` gives, under its title; nothing where there is nothing to say.

    Args:
        title: plain text; empty for a part of the page without one.
        make: gives HTML; raises SplatError where a file of an edited run folder is damaged.
    """
    try:
        body = make()
    except SplatError as problem:
        body = [f'<p class="warn">This part cannot be shown: {text(problem)}</p>']
    return [f"<h2>{text(title)}</h2>", *body] if body and title else body

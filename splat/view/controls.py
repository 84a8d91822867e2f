"""Small things that panels share."""

from __future__ import annotations

from typing import Any


def put(control: Any, value: Any) -> None:
    """Set what a control of the page shows; viser then calls what listens to it, if it is another value.

    viser declares the property in a way that type checkers take for read-only.
    """
    control.value = value

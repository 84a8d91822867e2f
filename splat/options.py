"""Typed options: a dataclass field that carries the sentence `--help` prints."""

import dataclasses
from typing import Any


def option(default: Any, help: str, choices: tuple[str, ...] = ()) -> Any:
    """A dataclass field with a default, its meaning and, for words, the words that are allowed.

    Args:
        default: the value, or a dataclass type for a group of options; lists and dicts are copied for every instance.
        help: one sentence without a full stop.
        choices: the allowed words, for the message when another one is given.
    """
    metadata = {"help": help, "choices": choices}
    if isinstance(default, type):
        return dataclasses.field(default_factory=default, metadata=metadata)
    if isinstance(default, (list, dict)):
        return dataclasses.field(default_factory=default.copy, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)

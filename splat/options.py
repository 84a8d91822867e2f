"""Typed options: a dataclass field that carries the sentence `--help` prints."""

import dataclasses
from typing import Any


def option(default: Any, help: str, choices: tuple[str, ...] = ()) -> Any:
    """A dataclass field with a default, its meaning and, for words, the words that are allowed.

    A mutable default (list, dict, dataclass instance) is copied for every instance.
    """
    metadata = {"help": help, "choices": choices}
    if isinstance(default, (list, dict, set)) or dataclasses.is_dataclass(default):
        kind = default if isinstance(default, type) else None
        factory = kind if kind is not None else (lambda: dataclasses.replace(default) if dataclasses.is_dataclass(default) else type(default)(default))
        return dataclasses.field(default_factory=factory, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)

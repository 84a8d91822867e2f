"""Typed options: a dataclass field that carries the sentence `--help` prints and the values that make sense."""

from __future__ import annotations

import dataclasses
import difflib
import math
import numbers
import os
import types
import typing
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from splat.errors import SplatError

KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


@dataclass(frozen=True)
class Range:
    """The numbers that an option may be. NaN and the infinities never are."""

    minimum: float | None = None  # this or more
    maximum: float | None = None  # this or less
    above: float | None = None  # more than this
    below: float | None = None  # less than this
    also: float | None = None  # a single value outside, such as 0 for "never"

    def allows(self, value: float) -> bool:
        """Whether `value` lies inside."""
        try:
            if not math.isfinite(value):
                return False
        except OverflowError:  # a whole number of hundreds of digits
            return False
        if self.also is not None and value == self.also:
            return True
        return (
            (self.minimum is None or value >= self.minimum)
            and (self.maximum is None or value <= self.maximum)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )

    def __str__(self) -> str:
        """For people: "at least 1", "0 to 3", "above 0 and at most 1", "0 or at least 2"; empty without any bound."""
        if self.minimum is not None and self.maximum is not None:
            words = f"{_short(self.minimum)} to {_short(self.maximum)}"
        else:
            bounds = (
                ("at least", self.minimum),
                ("above", self.above),
                ("at most", self.maximum),
                ("below", self.below),
            )
            words = " and ".join(f"{word} {_short(bound)}" for word, bound in bounds if bound is not None)
        return f"{_short(self.also)} or {words}" if self.also is not None else words


def option(
    default: Any,
    help: str,
    choices: tuple[str, ...] = (),
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    above: float | None = None,
    below: float | None = None,
    also: float | None = None,
    changeable: bool = False,
) -> Any:
    """A dataclass field with a default, its meaning and the values that are allowed; `check` holds a value to them.

    Args:
        default: the value, or a dataclass type for a group of options; lists and dicts are copied for every instance.
        help: one sentence without a full stop.
        choices: the allowed words, for the message when another one is given.
        minimum, maximum, above, below, also: the allowed numbers, see `Range`.
        changeable: whether work that is resumed may go on with another value, because the result does not depend on it.
    """
    metadata = {
        "help": help,
        "choices": choices,
        "range": Range(minimum, maximum, above, below, also),
        "changeable": changeable,
    }
    if isinstance(default, type):
        return dataclasses.field(default_factory=default, metadata=metadata)
    if isinstance(default, (list, dict)):
        return dataclasses.field(default_factory=default.copy, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def check(config: Any) -> None:
    """Refuse values of the wrong kind, words that are no choice, and numbers out of range, those of nested groups too.

    Args:
        config: an instance of a dataclass made with `option`.

    Raises:
        SplatError: naming the key, the value and what is allowed.
    """
    for name, field, hint, value in _values(config, ""):
        kind, nullable = without_none(hint)
        if value is None and nullable:
            continue
        if kind in KINDS and not _is_kind(value, kind):
            raise SplatError(f"{name}={value}: must be {KINDS[kind]}{' or null' if nullable else ''}")
        if typing.get_origin(kind) is list:
            _check_list(name, value, typing.get_args(kind)[0])
        choices = tuple(field.metadata.get("choices", ()))
        if choices and value not in choices:
            raise SplatError(wrong_choice(name, str(value), choices))
        allowed = field.metadata.get("range", Range())
        if kind in (int, float) and not allowed.allows(value):
            raise SplatError(f"{name}={value}: must be {str(allowed) or 'a finite number'}")


def changeable(config: Any) -> set[str]:
    """Names, with dots, of the options that may change when work is resumed."""
    return {name for name, field, _, _ in _values(config, "") if field.metadata.get("changeable")}


def flat(config: Any) -> dict[str, Any]:
    """The value of every option by its name with dots."""
    return {name: value for name, _, _, value in _values(config, "")}


def put(config: Any, name: str, value: Any) -> None:
    """Set an option by its name with dots."""
    *path, leaf = name.split(".")
    for part in path:
        config = getattr(config, part)
    setattr(config, leaf, value)


def parse_numbers(name: str, text: str, count: int | None = None) -> list[float]:
    """The numbers of an option such as `0,0,1` or `[0, 0, 1]`.

    Raises:
        SplatError: naming the option, when they are not finite numbers or not `count` of them.
    """
    try:
        values = [float(part) for part in text.strip().strip("[]()").split(",")]
    except ValueError:
        values = []
    if not values or any(not math.isfinite(value) for value in values):
        raise SplatError(f"{name}={text}: must be numbers with commas between them")
    if count is not None and len(values) != count:
        raise SplatError(f"{name}={text}: must be {count} numbers")
    return values


def nearest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that a mistyped word most likely meant; None if nothing is near."""
    by_lower = {candidate.lower(): candidate for candidate in candidates}
    found = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None


def wrong_choice(name: str, value: str, choices: Iterable[str]) -> str:
    """'strategy=mcmcc: there is no such choice; did you mean mcmc? (default, mcmc, none)'."""
    choices = list(choices)
    near = nearest(value, choices)
    hint = f"; did you mean {near}?" if near else ""
    return f"{name}={value}: there is no such choice{hint} ({', '.join(choices)})"


def without_none(hint: Any) -> tuple[Any, bool]:
    """A type hint without its None, and whether it had one."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        rest = [part for part in typing.get_args(hint) if part is not type(None)]
        return (rest[0] if len(rest) == 1 else None), len(rest) < len(typing.get_args(hint))
    return hint, False


def _values(config: Any, prefix: str) -> Iterator[tuple[str, dataclasses.Field[Any], Any, Any]]:
    hints = typing.get_type_hints(type(config))
    for field in dataclasses.fields(config):
        name, value = prefix + field.name, getattr(config, field.name)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            yield from _values(value, name + ".")
        elif "help" in field.metadata:
            yield name, field, hints[field.name], value


def _check_list(name: str, value: Any, kind: Any) -> None:
    """Every member is of the list's kind, and no number is NaN or infinite."""
    fine = isinstance(value, (list, tuple)) and all(_is_kind(item, kind) for item in value)
    if not fine or (kind in (int, float) and not all(Range().allows(item) for item in value)):
        raise SplatError(f"{name}={value}: must be a list, each of it {KINDS.get(kind, 'as described')}")


def _is_kind(value: Any, kind: type) -> bool:
    if isinstance(value, bool):
        return kind is bool
    accepted: dict[type, Any] = {
        int: numbers.Integral,
        float: numbers.Real,
        str: (str, os.PathLike),
    }  # NumPy's numbers and paths too
    return isinstance(value, accepted.get(kind, kind))


def _short(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:g}"

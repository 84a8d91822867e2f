"""Plain data from files that anybody may have written: asked for by type, and what does not fit is one clear line."""

from __future__ import annotations

import dataclasses
import math
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

from splat.errors import SplatError
from splat.files import is_name, read_json, read_text
from splat.options import check

T = TypeVar("T")

LARGEST = 1_000_000  # values in a YAML file
SHOWN = 60  # letters of a wrong value that a message repeats


@dataclass(frozen=True)
class Record:
    """A mapping. Its methods raise SplatError, naming file and key, for a value that is missing or does not fit."""

    values: Mapping[str, Any]
    where: str  # the file, and the place in it

    def text(self, key: str) -> str:
        """A text that may be printed and may name a file."""
        value = self.values.get(key)
        if not isinstance(value, str) or not _is_plain(value):
            raise self.wrong(key, "a text")
        return value

    def name(self, key: str) -> str:
        """The name of one file or folder: it leads nowhere else."""
        value = self.text(key)
        if not is_name(value):
            raise self.wrong(key, "the name of one folder")
        return value

    def names(self, key: str) -> tuple[str, ...]:
        """Names as `name`; none where the key is missing."""
        found = self.values.get(key, [])
        if not isinstance(found, list):
            raise self.wrong(key, "a list of names")
        numbered = Record({str(number): name for number, name in enumerate(found)}, f"{self.where}: {key}")
        return tuple(numbered.name(number) for number in numbered.values)

    def texts(self, key: str) -> tuple[str, ...]:
        """Texts as `text`, in a list."""
        found = self.values.get(key)
        if not isinstance(found, list) or not all(isinstance(item, str) and _is_plain(item) for item in found):
            raise self.wrong(key, "a list of texts")
        return tuple(found)

    def whole(self, key: str, minimum: int = 0, maximum: int = 2**53) -> int:
        """A whole number between two others."""
        value = self.values.get(key)
        if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
            raise self.wrong(key, f"a whole number from {minimum:,} to {maximum:,}")
        return value

    def number(self, key: str) -> float:
        """A finite number."""
        value = self.values.get(key)
        if value is None or not is_number(value):
            raise self.wrong(key, "a finite number")
        return float(value)

    def numbers(self, key: str, count: int) -> list[float]:
        """So many finite numbers."""
        value = self.values.get(key)
        if not isinstance(value, (list, tuple)) or len(value) != count or not all(map(is_number, value)):
            raise self.wrong(key, f"a list of {count} finite numbers")
        return [float(item) for item in value]

    def part(self, key: str) -> Record:
        """A mapping in it; empty where the key is missing or null."""
        value = self.values.get(key)
        return record({} if value is None else value, f"{self.where}: {key}")

    def parts(self, key: str) -> list[Record]:
        """The mappings of a list."""
        value = self.values.get(key)
        if not isinstance(value, list):
            raise self.wrong(key, "a list")
        return [record(item, f"{self.where}: {key}[{number}]") for number, item in enumerate(value)]

    def options(self, kind: type[T]) -> T:
        """A dataclass made with `splat.options.option`; what is missing has its default, other keys are left."""
        known = [item.name for item in dataclasses.fields(kind) if item.name in self.values]  # type: ignore[arg-type]
        for name in known:
            if isinstance(self.values[name], str):
                self.text(name)
        made = kind(**{name: self.values[name] for name in known})
        try:
            check(made)
        except SplatError as problem:
            raise SplatError(f"{self.where}: {problem}") from problem
        return made

    def has(self, key: str) -> bool:
        """Whether there is a value that is not null."""
        return self.values.get(key) is not None

    def wrong(self, key: str, wanted: str) -> SplatError:
        """What to raise for a value that does not fit."""
        if key not in self.values:
            return SplatError(f"{self.where}: {key} is missing; it must be {wanted}")
        shown = ascii(reprlib.repr(self.values[key]))[1:-1]  # which is short, whatever it is of
        shown = shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}…"
        return SplatError(f"{self.where}: {key} is {shown}; it must be {wanted}")


def record(value: Any, where: str) -> Record:
    """A value as a record.

    Raises:
        SplatError: when it is no mapping from texts.
    """
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise SplatError(f"{where} is damaged: it holds no names with values")
    return Record(value, where)


def json_record(path: Path) -> Record:
    """A JSON file as a record.

    Raises:
        SplatError: when it is missing, no JSON, or no object.
    """
    return record(read_json(path), str(path))


def yaml_record(path: Path) -> Record:
    """A YAML file as a record of plain data.

    Raises:
        SplatError: when it is missing, no plain YAML, or no mapping.
    """
    return record(read_yaml(path), str(path))


def read_yaml(path: Path) -> Any:
    """A YAML file as plain data.

    Raises:
        SplatError: when it is missing, no plain YAML, or its aliases stand for more than anybody writes.
    """
    text = read_text(path)
    try:
        value = yaml.safe_load(text)
        size = _expanded(value, {})
    except RecursionError as error:
        raise SplatError(f"cannot read {path}: it is nested too deeply") from error
    except (yaml.YAMLError, ValueError, TypeError, OverflowError) as error:  # also a date or number that is none
        raise SplatError(f"cannot read {path}: {' '.join(str(error).split())[:200]}") from error
    if size > LARGEST:
        raise SplatError(f"cannot read {path}: its aliases (*name) stand for more than {LARGEST:,} values")
    return value


def _expanded(value: Any, known: dict[int, float]) -> float:
    """How many values there are with all aliases written out; infinity for one that holds itself."""
    if not isinstance(value, (dict, list)):
        return 1
    if id(value) not in known:
        known[id(value)] = math.inf
        members = [*value.keys(), *value.values()] if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_expanded(member, known) for member in members)
    return known[id(value)]


def is_number(value: Any) -> bool:
    """Whether a value is a number, finite and small enough for a float."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return abs(value) <= 1e300 and math.isfinite(value)


def _is_plain(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)  # half a pair, from JSON

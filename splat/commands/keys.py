"""The keys of a configuration, read from its dataclass: for help, for checking words and for suggestions."""

from __future__ import annotations

import dataclasses
import re
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from splat.options import KINDS, Range, nearest, without_none, wrong_choice

__all__ = ["Key", "Vocabulary", "keys_of", "nearest", "section_titles", "suggest_key", "wrong_choice"]

SYNONYMS = {"backend": ("renderer", "device", "gpu", "cuda")}  # what people call a key, by its last part


@dataclass(frozen=True)
class Key:
    """One thing that can be set: `name=value`."""

    name: str  # with dots: "render.backend"
    kind: type | None  # int, float, bool, str; None for anything else
    nullable: bool
    default: Any
    help: str
    choices: tuple[str, ...]
    range: Range
    section: str  # the dataclass that holds it: "" at the top, "render", …

    @property
    def expected(self) -> str:
        """What a value must be, in words."""
        words = "one of " + ", ".join(self.choices) if self.choices else KINDS.get(self.kind or object, "another value")
        return words + (" or null" if self.nullable else "")


@dataclass(frozen=True)
class Vocabulary:
    """All that can be set for one command."""

    command: str
    keys: list[Key]  # those of group options included
    groups: Mapping[str, list[str]]  # group → options
    schemas: Mapping[str, Mapping[str, type]]  # group → option → dataclass


def keys_of(config: type, prefix: str = "") -> Iterator[Key]:
    """All keys of a dataclass and of the dataclasses in it, in the order they are written."""
    hints = typing.get_type_hints(config)
    for field in dataclasses.fields(config):
        hint, nullable = without_none(hints[field.name])
        name = prefix + field.name
        if dataclasses.is_dataclass(hint) and isinstance(hint, type):
            yield from keys_of(hint, name + ".")
            continue
        default = field.default
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        yield Key(
            name=name,
            kind=hint if hint in KINDS else None,
            nullable=nullable,
            default=default,
            help=field.metadata.get("help", ""),
            choices=tuple(field.metadata.get("choices", ())),
            range=field.metadata.get("range", Range()),
            section=prefix.rstrip("."),
        )


def section_titles(config: type, prefix: str = "") -> dict[str, str]:
    """The help sentence of every nested dataclass, by section name."""
    titles: dict[str, str] = {}
    hints = typing.get_type_hints(config)
    for field in dataclasses.fields(config):
        hint, _ = without_none(hints[field.name])
        if dataclasses.is_dataclass(hint) and isinstance(hint, type):
            titles[prefix + field.name] = field.metadata.get("help", "")
            titles.update(section_titles(hint, f"{prefix}{field.name}."))
    return titles


def suggest_key(word: str, keys: list[Key], groups: Iterable[str] = ()) -> str | None:
    """The key that was meant: by another program's name for it, by its last part, or by spelling."""
    meant: dict[str, str] = {}  # what one may write → the key
    for name in [*(key.name for key in keys), *groups]:
        meant.setdefault(name, name)
        meant.setdefault(name.rsplit(".", 1)[-1], name)
    for key in keys:
        for alias in re.findall(r"(?:3DGS|gsplat|nerfstudio): (\w+)", key.help):
            meant.setdefault(alias, key.name)
    for key in keys:
        for synonym in SYNONYMS.get(key.name.rsplit(".", 1)[-1], ()):
            meant.setdefault(synonym, key.name)
    leaf = word.rsplit(".", 1)[-1]
    for exact in (word, leaf):
        if exact in meant:
            return meant[exact]
    near = nearest(word, meant) or nearest(leaf, meant)
    return meant[near] if near else None

"""Damaged files, made the same way each time, and what a reader may do with them: read them, or refuse in one line."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

from splat.errors import SplatError

ODD_VALUES: list[Any] = [
    None, True, False, 0, -1, 1, 2**31, 2**63, -(2**63), 10**400, 1e308, -1e308, float("nan"), float("inf"), 0.5, "",
    "x", "..", "../../x", "a\0b", "\ud800", "x" * 3000, "null", "1", [], [[]], [None], ["x"], [1, 2, 3], [[[[]]]], {},
    {"x": 1}, {"": {}}, {"a": [{}]},
]  # fmt: skip
ODD_BYTES = [
    b"\0",
    b"\xff",
    b"[",
    b"]",
    b"{",
    b"}",
    b'"',
    b"\\",
    b"\n",
    b"\r",
    b"9" * 5000,
    b"[" * 5000,
    b"\xc3",
    b"-",
    b"e",
]


def damaged(content: bytes, seed: int, count: int) -> Iterator[bytes]:
    """`count` variants of a file: bytes changed, cut, doubled or put in."""
    draw = random.Random(seed)
    for _ in range(count):
        data = bytearray(content)
        for _ in range(draw.choice((1, 1, 1, 2, 4))):
            place = draw.randrange(len(data) + 1)
            match draw.randrange(6):
                case 0:
                    data[place : place + 1] = bytes([draw.randrange(256)])
                case 1:
                    del data[place:]
                case 2:
                    del data[place : place + draw.randrange(1, 9)]
                case 3:
                    data[place:place] = draw.choice(ODD_BYTES)
                case 4:
                    data[place:place] = data[place : place + draw.randrange(1, 40)]
                case 5 if place < len(data):
                    data[place] ^= 1 << draw.randrange(8)
        yield bytes(data)


def odd_records(value: Any, seed: int, count: int) -> Iterator[Any]:
    """`count` copies of a nested value with one to three values, keys or members odd, missing or twice there."""
    draw = random.Random(seed)
    for _ in range(count):
        copy = json.loads(json.dumps(value))
        for _ in range(draw.choice((1, 1, 2, 3))):
            places = list(_places(copy))
            if not places:
                break
            holder, key = draw.choice(places)
            match draw.randrange(4):
                case 0:
                    del holder[key]
                case 1 if isinstance(holder, list):
                    holder.insert(key, holder[key])
                case 2 if isinstance(holder, dict):
                    holder[draw.choice(("x", "", "kind", "__tensor__"))] = holder.pop(key)
                case _:
                    holder[key] = draw.choice(ODD_VALUES)
        yield copy


def survives(read: Callable[[], object], shown: object) -> bool:
    """Whether something was read; nothing but one line of SplatError may be raised instead."""
    try:
        read()
        return True
    except SplatError as refused:
        assert str(refused).strip() and "\n" not in str(refused), ascii(shown)[:500]
        return False
    except BaseException as failure:
        raise AssertionError(f"{type(failure).__name__}: {failure} for {ascii(shown)[:500]}") from failure


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key) of a nested value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in list(items):
        yield value, key
        yield from _places(item)

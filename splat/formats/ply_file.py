"""The PLY container: header at a glance, columns by name, counts that the file can hold."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import plyfile

from splat.errors import SplatError

_HEADER_LIMIT = 1 << 20  # bytes; real headers have a few kilobytes
_END = re.compile(rb"(?:^|(?<=[\r\n]))end_header[ \t]*(?:\r\n|\r|\n|$)")
_COUNT_DIGITS = 15
_LISTED = 8  # names in a message
LIST = "list"
_TYPE_BYTES = {
    **dict.fromkeys(("char", "uchar", "int8", "uint8"), 1),
    **dict.fromkeys(("short", "ushort", "int16", "uint16"), 2),
    **dict.fromkeys(("int", "uint", "float", "int32", "uint32", "float32"), 4),
    **dict.fromkeys(("double", "float64"), 8),
}


@dataclass(frozen=True)
class Element:
    """One element of a PLY header."""

    count: int
    types: dict[str, str]  # of the properties, in their order; LIST for lists

    @property
    def properties(self) -> tuple[str, ...]:
        return tuple(self.types)


@dataclass(frozen=True)
class Header:
    """A PLY header."""

    elements: dict[str, Element]
    comments: tuple[str, ...]
    text: bool  # ASCII
    bytes: int  # of the header itself

    def least_bytes(self) -> int:
        """How many bytes must follow the header at least."""
        total = 0
        for element in self.elements.values():
            if self.text:  # every value has a digit and something behind it
                row = 2 * len(element.types)
            else:
                row = sum(_TYPE_BYTES.get(kind, 1) for kind in element.types.values())
            total += element.count * max(row, 1)
        return total - 1 if self.text and total else total  # the last line may lack its end

    def has_lists(self) -> bool:
        return any(LIST in element.types.values() for element in self.elements.values())


def read_header(path: Path) -> Header:
    """The header alone (cheap for files of any size).

    Raises:
        SplatError: when there is no complete header, or one with counts that are none.
    """
    with Path(path).open("rb") as file:
        start = file.read(_HEADER_LIMIT)
    end = _END.search(start)
    if end is None:
        raise SplatError(f"{path} has no complete PLY header; it may be damaged or cut short")
    counts: dict[str, int] = {}
    types: dict[str, dict[str, str]] = {}
    comments, text, name = [], False, ""
    for line in re.split(r"\r\n|\r|\n", start[: end.start()].decode("latin-1")):
        words = line.split()
        if words[:1] == ["comment"]:
            comments.append(line.strip()[len("comment") :].strip())
        elif words[:2] == ["format", "ascii"]:
            text = True
        elif words[:1] == ["element"]:
            if len(words) != 3 or not (words[2].isascii() and words[2].isdigit()) or len(words[2]) > _COUNT_DIGITS:
                raise SplatError(f"{path} is a damaged PLY file: '{_printable(line)}' in its header has no count")
            name = words[1]
            counts[name], types[name] = int(words[2]), {}
        elif words[:1] == ["property"] and name and len(words) > 2:
            types[name][words[-1]] = words[1].lower()
    elements = {name: Element(counts[name], types[name]) for name in counts}
    return Header(elements, tuple(_printable(comment) for comment in comments), text, end.end())


def read_elements(path: Path, header: Header) -> plyfile.PlyData:
    """All elements through plyfile: ASCII, little and big endian.

    Raises:
        SplatError: when the file is damaged, cut short, or announces more than it can hold (before memory is set aside
            for that).
    """
    held = Path(path).stat().st_size - header.bytes
    if header.least_bytes() > held:
        announced = ", ".join(f"{_printable(name)} {element.count:,}" for name, element in header.elements.items())
        raise SplatError(
            f"{path} is cut short or damaged: it announces {announced}, at least {header.least_bytes():,} bytes; "
            f"{held:,} follow the header"
        )
    refused: tuple[type[Exception], ...] = (MemoryError,) if header.has_lists() else ()  # a list that announces more
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # numbers in words that no float32 holds become infinite
            return plyfile.PlyData.read(str(path))
    except (plyfile.PlyParseError, ValueError, ArithmeticError, LookupError, TypeError, EOFError, *refused) as error:
        raise SplatError(f"{path} is a damaged PLY file: {error}") from error


def unused_parts(path: Path, header: Header, used: dict[str, set[str]]) -> tuple[str, ...]:
    """What of a file is not used, for people.

    Args:
        used: the properties that are, by element.
    """
    found = []
    for name, element in header.elements.items():
        if element.count == 0:
            continue
        if name not in used:
            found.append(f"{element.count:,} of element {_printable(name)}")
            continue
        extra = [prop for prop in element.properties if prop not in used[name]]
        if extra:
            kinds = "property" if len(extra) == 1 else "properties"
            listed = _printable(", ".join(extra[:_LISTED])) + (", ..." if len(extra) > _LISTED else "")
            found.append(f"{len(extra)} {kinds} of each {name} ({listed})")
    behind = _bytes_behind(path, header)
    return (*found, f"{behind:,} bytes behind the last element") if behind else tuple(found)


def _bytes_behind(path: Path, header: Header) -> int:
    """How many bytes follow the last element of a binary file; 0 where that cannot be told from the header."""
    if header.text or header.has_lists():
        return 0
    return Path(path).stat().st_size - header.bytes - header.least_bytes()


def _printable(text: str) -> str:
    """The text without control characters, which a terminal would obey."""
    return "".join(letter for letter in text if letter.isprintable())

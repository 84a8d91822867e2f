"""What vendors put into SPZ files beside the Gaussians: records of a type, a length and as many bytes.

Layout and numbers: extensions/README.md and include/spz of github.com/nianticlabs/spz.
"""

from __future__ import annotations

import struct
from collections import Counter
from dataclasses import dataclass

USUAL_AXES = "RUB"
_AXES_TYPE = 0xADBE0003
_NAMES = {0xADBE0001: "SPZ_ADOBE_sh_quantization", 0xADBE0002: "SPZ_ADOBE_safe_orbit_camera"}
# By the number that the file has. The library mixes up the two left-handed, z-up systems of either side: what it
# calls LFD it stores as left, back, up, and so on. Files come from it, so its numbers stand here for what is stored.
_AXES = (
    USUAL_AXES,  # not specified
    *("LDB", "RDB", "LUB", "RUB", "LDF", "RDF", "LUF", "RUF"),
    *("LBU", "RBU", "LFU", "RFU", "LBD", "RBD", "LFD", "RFD"),
)
_MIXED_UP = {9: "LFD", 10: "RFD", 15: "LBU", 16: "RBU"}
_NAMED = 3  # types of which the line says more than their number


@dataclass(frozen=True)
class Extensions:
    axes: str = USUAL_AXES  # see splat.formats.axes
    unused: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def _records(data: bytes) -> tuple[list[tuple[int, bytes]], int]:
    """Types and contents, and how many bytes at the end are no records; type 0 is none."""
    found, start = [], 0
    while start + 8 <= len(data):
        kind, size = struct.unpack_from("<II", data, start)
        if kind == 0 or start + 8 + size > len(data):
            break
        found.append((kind, data[start + 8 : start + 8 + size]))
        start += 8 + size
    return found, len(data) - start


def parse_extensions(data: bytes) -> Extensions:
    """What the extensions say of the axes, and the others, counted."""
    records, rest = _records(data)
    axes, remarks = USUAL_AXES, []
    stated = [content for kind, content in records if kind == _AXES_TYPE]
    if stated:  # the library takes the first
        number = int.from_bytes(stated[0], "little") if len(stated[0]) == 4 else len(_AXES)
        if number < len(_AXES):
            axes = _AXES[number]
            if number in _MIXED_UP:
                remarks.append(
                    f"its axes are named {_MIXED_UP[number]}, which the SPZ library stores as {axes}: so read"
                )
        else:
            remarks.append("an extension names axes that are not known; they are taken as right, up, back")
    others = Counter(kind for kind, _ in records if kind != _AXES_TYPE)
    unused = []
    if others:
        names = [_NAMES.get(kind, f"0x{kind:08X}") for kind in list(others)[:_NAMED]]
        listed = ", ".join(names) + (", ..." if len(others) > _NAMED else "")
        total = sum(others.values())
        unused.append(f"{total:,} extension{'s' if total > 1 else ''} ({listed})")
    if rest:
        unused.append(f"extensions ({rest:,} bytes)")
    return Extensions(axes, tuple(unused), tuple(remarks))

"""Which photos are held out: those that the capture itself names, else every n-th.

Counted are the first and every n-th after it where cameras came with the photos, as published tables have it; where
they are found here, places inside the path, because at its ends a view has neighbours on one side only and what it
shows may be seen nowhere else: its score says how far the photos reach, not how good the scene is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from pathlib import Path, PurePosixPath
from typing import Literal

from splat import console
from splat.capture.names import clean_name
from splat.capture.suffixes import PHOTO_SUFFIXES
from splat.capture.types import Split
from splat.errors import SplatError

Rule = Literal["3dgs", "inside"]
FOUND_HERE = ("photos", "video")  # kinds of captures whose cameras are found here, with no layout of a benchmark
OWN = "the capture's own"  # instead of a rule, where the capture itself says what is held out
LIST = "test.txt"  # names of the held-out photos, one a line: beside a COLMAP model, as 3DGS has it, or in the folder


def rule_for(split: str, kind: str) -> Rule:
    """How photos are counted.

    Args:
        split: 3dgs, inside or auto.
        kind: of the capture, a key of `splat.capture.readers.registry.READERS`.
    """
    if split == "auto":
        return "inside" if kind in FOUND_HERE else "3dgs"
    return "inside" if split == "inside" else "3dgs"


def sides_of(names: Sequence[str], test_every: int, lists: Sequence[Path] = (), rule: Rule = "3dgs") -> list[Split]:
    """The side of each photo, in name order.

    Args:
        names: of the photos, in order.
        test_every: every so-many-th is held out; 0: none.
        lists: where a list of held-out photos may lie; the first that is there rules. An empty one holds out none.
        rule: where counting begins, see `counted`.

    Raises:
        SplatError: `test_every` is 1, or a list cannot be read.
    """
    held_out = listed(names, lists)
    if held_out is not None:
        return ["test" if name in held_out else "train" for name in names]
    if test_every == 1 and len(names) > 1:
        raise SplatError("test_every=1 would hold out every photo; use 2 or more, or 0 for none")
    chosen = counted(len(names), test_every, rule) if test_every > 0 else frozenset()
    return ["test" if index in chosen else "train" for index in range(len(names))]


def counted(count: int, every: int, rule: Rule) -> frozenset[int]:
    """Which of so many photos are held out, counted from 0.

    Args:
        count: of the photos.
        every: at least 2.
        rule: 3dgs: the first and every so-many-th after it, as in 3DGS and gsplat, of two photos or more. inside: every
            so-many-th from half of that number on (of every 8 the 4th), never the first or the last; one in the middle
            where that leaves none, of three photos or more.
    """
    if rule == "3dgs":
        return frozenset(range(0, count, every)) if count > 1 else frozenset()
    inner = range(max(1, (every - 1) // 2), count - 1, every)
    return frozenset(inner) or frozenset({count // 2} if count > 2 else ())


def how_held_out(sides: Sequence[Split], own: bool, rule: Rule, test_every: int) -> str:
    """What the record of a score says of how its views were chosen: `OWN`, none, or the rule with its number."""
    return OWN if own else f"{rule}, test_every={test_every}" if "test" in sides else "none"


def inside_note(sides: Sequence[Split], test_every: int) -> str:
    """A line that says where test views stand if they do not stand where published tables have them."""
    return (
        f"test views: {list(sides).count('test')} from inside the path of the photos, in name order"
        f" (split=inside, test_every={test_every}); split=3dgs begins with the first, as published tables do"
    )


def listed(names: Sequence[str], lists: Sequence[Path]) -> frozenset[str] | None:
    """The names that a capture's own list holds out; None without a list, or where it names no photo of the capture.

    A line may leave out the photo's suffix and its first folders, or have more of these, where one photo alone fits.
    """
    file = next((path for path in lists if path.is_file()), None)
    if file is None:
        return None
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise SplatError(f"cannot read {file}, the list of held-out photos: {error}; fix or remove it") from error
    meant = _meant(frozenset(line for line in lines if line), names)
    unknown = sorted(line for line, name in meant.items() if name is None)
    if unknown:
        rest = "; it is not used" if len(unknown) == len(meant) else ""
        console.warn(f"{len(unknown)} of {len(meant)} lines of {file} name no photo here (first: {unknown[0]}){rest}")
    return None if meant and len(unknown) == len(meant) else frozenset(name for name in meant.values() if name)


def _meant(lines: Collection[str], names: Sequence[str]) -> dict[str, str | None]:
    """The photo that each line means, if any."""
    ends: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    whole = {_parts(name): name for name in names}
    for parts, name in whole.items():
        for start in range(len(parts)):
            ends[parts[start:]].add(name)
    known = frozenset(names)
    meant: dict[str, str | None] = {}
    for line in lines:
        parts = _parts(line)
        fits = ends[parts] or {whole[parts[start:]] for start in range(len(parts)) if parts[start:] in whole}
        meant[line] = line if line in known else next(iter(fits)) if len(fits) == 1 else None
    return meant


def _parts(name: str) -> tuple[str, ...]:
    """Folders and name without the suffix of a photo."""
    path = PurePosixPath(clean_name(name))
    return (path.with_suffix("") if path.suffix.lower() in PHOTO_SUFFIXES else path).parts


def has_list(names: Sequence[str], lists: Sequence[Path]) -> bool:
    """Whether a list decides which of these photos are held out."""
    return listed(names, lists) is not None


def write_list(file: Path, names: Sequence[str]) -> None:
    """Name the held-out photos of a capture in a file."""
    file.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")

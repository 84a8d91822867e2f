"""Which photos are held out: those that the capture itself names, else every n-th."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from pathlib import Path, PurePosixPath

from splat import console
from splat.capture.names import clean_name
from splat.capture.suffixes import PHOTO_SUFFIXES
from splat.capture.types import Split
from splat.errors import SplatError

LIST = "test.txt"  # names of the held-out photos, one a line: beside a COLMAP model, as 3DGS has it, or in the folder


def sides_of(names: Sequence[str], test_every: int, lists: Sequence[Path] = ()) -> list[Split]:
    """The side of each photo, in name order.

    Args:
        names: of the photos, in order.
        test_every: the first and every so-many-th after it are held out, as in 3DGS and gsplat; 0: none. Of fewer than
            two photos none is.
        lists: where a list of held-out photos may lie; the first that is there rules. An empty one holds out none.

    Raises:
        SplatError: `test_every` is 1, or a list cannot be read.
    """
    held_out = listed(names, lists)
    if held_out is not None:
        return ["test" if name in held_out else "train" for name in names]
    if test_every > 0 and len(names) > 1:
        if test_every == 1:
            raise SplatError("test_every=1 would hold out every photo; use 2 or more, or 0 for none")
        return ["test" if index % test_every == 0 else "train" for index in range(len(names))]
    return ["train"] * len(names)


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

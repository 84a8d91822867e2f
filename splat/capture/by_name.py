"""Files that are not where a capture says, found by their names: people move folders, and programs write paths anew."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path, PurePosixPath

from splat.capture.names import clean_name, folded, has_suffix
from splat.capture.no_photos import no_photo_reason
from splat.capture.suffixes import PHOTO_SUFFIXES
from splat.capture.walk import walk


def moved_photos(root: Path, there: Mapping[str, Path | None]) -> dict[str, Path]:
    """Photos below `root` for names that lead nowhere, by name, where whole folders of them have moved.

    A photo beside which others are where they should be is missing, not moved: what has its name in another folder may
    be of another camera. Masks, depth maps and reduced copies are no photos. Of several files with the name, the one
    that shares most folders at its end counts; names for which that is no single one, or for which another name has the
    same, are left out.

    Args:
        root: of the capture.
        there: all names as the capture has them, with their files; None where there is none.
    """
    homes = {PurePosixPath(name).parent for name, path in there.items() if path is not None}
    lost = [name for name, path in there.items() if path is None and PurePosixPath(name).parent not in homes]

    def is_photo(path: Path) -> bool:
        return path.suffix.lower() in PHOTO_SUFFIXES and no_photo_reason(path, root) is None

    return _by_name(root, lost, {path for path in there.values() if path is not None}, is_photo)


def files_by_name(root: Path, names: Sequence[str], taken: Collection[Path] = ()) -> dict[str, Path]:
    """Files of any kind below `root` for names that lead nowhere, by name, as `moved_photos` has it.

    Args:
        root: of the capture.
        names: that have no file.
        taken: files that are something else.
    """
    return _by_name(root, names, taken, lambda path: True)


def _by_name(
    root: Path, names: Sequence[str], taken: Collection[Path], wanted: Callable[[Path], bool]
) -> dict[str, Path]:
    if not names:
        return {}
    free = [path for path in walk(root).files if path not in taken and wanted(path)]
    by_name: defaultdict[str, list[Path]] = defaultdict(list)
    by_stem: defaultdict[str, list[Path]] = defaultdict(list)
    for path in free:
        by_name[folded(path.name)].append(path)
        by_stem[folded(path.stem)].append(path)
    found: dict[str, Path] = {}
    for name in dict.fromkeys(names):
        last = PurePosixPath(clean_name(name)).name
        stem = PurePosixPath(last).stem if has_suffix(last) else last
        candidates = by_name.get(folded(last)) or by_stem.get(folded(stem), [])
        if (nearest := _nearest(root, name, candidates)) is not None:
            found[name] = nearest
    uses = Counter(found.values())
    return {name: path for name, path in found.items() if uses[path] == 1}


def _nearest(root: Path, name: str, candidates: Sequence[Path]) -> Path | None:
    """The one whose folders agree longest, from the end, with those of the name; None where that is not one alone."""
    wanted = [folded(part) for part in PurePosixPath(clean_name(name)).parts[-2::-1]]
    shared = [_common(wanted, [folded(part) for part in path.relative_to(root).parts[-2::-1]]) for path in candidates]
    best = [path for path, count in zip(candidates, shared) if count == max(shared)]
    return best[0] if len(best) == 1 else None


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """How many entries two lists share from their beginning."""
    count = 0
    while count < min(len(one), len(other)) and one[count] == other[count]:
        count += 1
    return count

"""From the names in a capture's files to the photos on this disk.

Captures are made on other systems and moved: names hold backslashes, drives, folders that are gone, letters in another
encoding or normal form, or no suffix.
"""

from __future__ import annotations

import functools
import os
import posixpath
import re
import time
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from urllib.parse import unquote

from splat.capture.suffixes import PHOTO_ORDER, PHOTO_SUFFIXES
from splat.files import is_file, safe_name

# Of the code pages in which Windows and zip programs write names; gb18030 reads nearly everything, so it comes late.
CODE_PAGES = ("cp932", "cp949", "big5", "cp1252", "cp1251", "cp1250", "cp437", "cp850", "mac_roman", "gb18030")
Finder = Callable[[Path, str], Path | None]
SETTLED = 2.0  # seconds after its last change, from which on a folder's list is kept


def clean_name(name: str) -> str:
    """A file name with forward slashes and without a leading './'."""
    path = PureWindowsPath(name) if "\\" in name else PurePosixPath(name)
    return PurePosixPath(*path.parts).as_posix() if not path.drive else path.as_posix()


def located(root: Path, name: str, find: Finder | None = None) -> tuple[str, Path | None]:
    """The name that a photo has below `root`, with forward slashes, and its file; None where there is none.

    Tried are the name itself, with forward slashes, as `splat clean` writes it, and without the signs of web addresses
    (%20); of names that are absolute or climb out of the folder, which were written elsewhere, the longest end that is
    there. A file outside of the folder is taken only where its name is absolute.

    Args:
        find: `find_photo`, or `find_file` for what is no photo.
    """
    find = find or find_photo
    cleaned = clean_name(name)
    absolute = cleaned.startswith("/") or bool(re.match("[A-Za-z]:", cleaned))
    parts = PurePosixPath(cleaned).parts
    ends = ["/".join(parts[start:]) for start in range(1, len(parts))]
    names = [*ends, cleaned] if absolute else [cleaned, *(ends if ".." in parts else [])]
    if not absolute and not climbs_out(cleaned) and (path := find(root, name)) is not None:
        return cleaned, path
    unquoted = unquote(cleaned).lstrip("/")  # some write names as in web addresses, with %20 for a space
    for candidate in dict.fromkeys((*names, safe_name(cleaned), unquoted)):
        if not climbs_out(candidate) and (path := find(root, candidate)) is not None:
            return candidate, path
    return cleaned, None


def find_file(root: Path, name: str) -> Path | None:
    """The file of exactly that name below `root`."""
    return root / name if is_file(root / name) else None


def climbs_out(name: str) -> bool:
    """Whether a name with forward slashes leads out of the folder that it is relative to."""
    return posixpath.normpath(name).split("/")[0] == ".."


def find_photo(root: Path, name: str) -> Path | None:
    """The file of a name below `root`: itself, or beside it one that differs only in suffix, case or normal form."""
    if PurePosixPath(name).name in ("", ".", ".."):
        return None
    path = root / name
    if is_file(path):
        return path
    candidates = [path.with_name(path.name + suffix) for suffix in PHOTO_ORDER]
    if has_suffix(path.name):
        candidates += [path.with_suffix(suffix) for suffix in PHOTO_ORDER]
    for candidate in candidates:
        for variant in (candidate, candidate.with_suffix(candidate.suffix.upper())):
            if is_file(variant):
                return variant
    folder = path.parent
    names = _names_in(folder)
    found = next((names[key] for key in map(folded, (path.name, *(c.name for c in candidates))) if key in names), None)
    return folder / found if found else None


def has_suffix(name: str) -> bool:
    """Whether a name ends in the suffix of some kind of file, not in the end of a time stamp."""
    return bool(re.fullmatch(r"\.[A-Za-z]\w{1,4}", PurePosixPath(name).suffix))


def folded(name: str) -> str:
    """A name by which those that differ only in case or normal form are the same."""
    return unicodedata.normalize("NFC", name).casefold()


def _names_in(folder: Path) -> dict[str, str]:
    """Photos in a folder by their folded names; names that only differ in that are none."""
    try:
        changed = folder.stat().st_mtime_ns
        listed = _listed_in if time.time() - changed / 1e9 > SETTLED else _listed_in.__wrapped__
        return listed(str(folder), changed)
    except (OSError, ValueError):  # ValueError: a name that no folder can have
        return {}


@functools.lru_cache(maxsize=64)
def _listed_in(folder: str, changed: int) -> dict[str, str]:
    found: dict[str, str] = {}
    twice = set()
    for path in sorted(Path(folder).iterdir()):
        if path.suffix.lower() in PHOTO_SUFFIXES:
            twice |= {folded(path.name)} & found.keys()
            found[folded(path.name)] = path.name
    return {key: name for key, name in found.items() if key not in twice}


def decoded(raw: Sequence[bytes], count_found: Callable[[list[str]], int]) -> tuple[list[str], str | None]:
    """Names of unknown encoding as text, and the encoding if it is not UTF-8.

    Args:
        raw: the names as they stand in a file.
        count_found: how many of the names have a photo.

    Returns:
        the names, and the code page by which most photos are found; "bytes" where files have the very same bytes.
    """
    try:
        return [name.decode("utf-8") for name in raw], None
    except UnicodeDecodeError:
        pass
    best, most, chosen = [name.decode("utf-8", "backslashreplace") for name in raw], 0, "an unknown encoding"
    for page in (*CODE_PAGES, "bytes"):
        names = [_read(name, page) for name in raw]
        if (found := count_found(names)) > most:
            best, most, chosen = names, found, page
    return best, chosen


def _read(name: bytes, page: str) -> str:
    """A name in UTF-8 where it is, else in a code page; "bytes" keeps what a file system has as it is."""
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        return os.fsdecode(name) if page == "bytes" else name.decode(page, "backslashreplace")


def printable(name: str) -> str:
    """A name that can be written anywhere: bytes that are no text, and letters that would break a line, as \\xNN."""
    text = name.encode("utf-8", "backslashreplace").decode("utf-8")
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", lambda match: f"\\x{ord(match[0]):02x}", text)

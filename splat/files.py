"""Writing files so that nothing is ever half-written."""

import contextlib
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from splat.errors import SplatError


@contextlib.contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it replaces `path`, on any failure it is removed.

    The temporary file keeps the suffix of `path`, because many writers choose their format by it.

    Raises:
        SplatError: when the disk is full or the folder cannot be written.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise SplatError(f"cannot write {path}: {error.strerror}; free some space or choose another out=") from error
    temporary = Path(name)
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)  # mkstemp makes private files; a scene should be as readable as any other
        temporary.replace(path)
    except OSError as error:
        raise SplatError(f"cannot write {path}: {error.strerror}; free some space or choose another out=") from error
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write a text file atomically (UTF-8)."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: Any) -> None:
    """Write JSON atomically, indented by two spaces; NaN and infinities are refused because readers choke on them."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def read_json(path: str | Path) -> Any:
    """Read a JSON file.

    Raises:
        SplatError: when the file is missing or is not JSON.
    """
    path = Path(path)
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))  # with or without Windows' mark
    except OSError as error:
        raise SplatError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise SplatError(f"{path} is not valid JSON: {error}") from error


def slug(text: str, empty: str = "query") -> str:
    """A text as a file name: 'Red mug!' -> 'red-mug'; where letters of other scripts are lost, with a digest of it.

    Args:
        empty: the name of a text of which nothing is left, before its digest.
    """
    plain = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    lost = any(letter.isalnum() and not letter.isascii() for letter in text)
    if plain and len(plain) <= 60 and not lost:
        return plain
    return f"{plain[:48].strip('-') or empty}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"

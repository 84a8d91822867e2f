"""Writing files so that nothing is ever half-written."""

from __future__ import annotations

import codecs
import contextlib
import hashlib
import io
import itertools
import json
import os
import re
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from splat import disk
from splat.errors import SplatError
from splat.lazy import lazy
from splat.temporary import temporary_folder

if TYPE_CHECKING:
    from PIL import Image
else:
    Image = lazy("PIL.Image")

LONGEST_NAME = 255  # bytes; what Linux, macOS and Windows allow
LONGEST_PART = 200  # bytes of a safe name's part; systems allow 255, and writers add to names
# What numpy raises for a damaged .npy, whose header is text that it takes apart with Python's own tokenizer
NPY_DAMAGE: tuple[type[Exception], ...] = (
    *(OSError, ValueError, EOFError, SyntaxError, TypeError, KeyError, OverflowError, MemoryError, RecursionError),
    tokenize.TokenError,
)


@contextlib.contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path; what is written there replaces `path` on success, on any failure nothing is left of it.

    The temporary file has the name of `path`, in a folder of its own beside it: many writers choose their format by the
    suffix, and some put further files beside theirs while they write.

    Raises:
        SplatError: when the disk is full or the folder cannot be written.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary_folder(path.parent) as folder:
            temporary = folder / path.name
            yield temporary
            umask = os.umask(0)
            os.umask(umask)
            temporary.chmod(0o666 & ~umask)  # some writers make private files; a scene is as readable as any other
            temporary.replace(path)
    except SplatError:
        raise
    except Exception as error:
        reason = disk.refusal(error)
        if reason is None:
            raise
        raise SplatError(f"cannot write {path}: {reason}; {disk.advice(reason)}") from error


def write_text(path: str | Path, text: str) -> None:
    """Write a text file atomically (UTF-8)."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: Any) -> None:
    """Write JSON atomically, indented by two spaces; NaN and infinities are refused because readers choke on them."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def save_image(path: Path, image: Image.Image, format: str | None = None, **options: Any) -> None:
    """Write a Pillow image in the format of the suffix unless one is named; not atomically, see `atomic_path`.

    Pillow itself, writing JPEG or TIFF to a disk that becomes full, leaves a cut file without a word.
    """
    content = io.BytesIO()
    image.save(content, format or _image_format(path), **options)
    path.write_bytes(content.getbuffer())


def _image_format(path: Path) -> str:
    return Image.registered_extensions()[path.suffix.lower()]


def read_text(path: str | Path) -> str:
    """Read a text file: UTF-8, or UTF-16 that says so by its first two bytes, as Windows' programs write it.

    Raises:
        SplatError: when it cannot be read or is neither.
    """
    try:
        with Path(path).open("rb") as file:
            encoding = text_encoding(file.read(2))
        return Path(path).read_text(encoding=encoding)
    except UnicodeDecodeError as error:
        name = encoding.upper().removesuffix("-SIG")
        raise SplatError(f"{path} is not {name} text (byte {error.start:,}); save it as UTF-8") from error
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise SplatError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error


def read_head(path: Path, size: int) -> str:
    """The first `size` bytes of a file as text, which may be no text at all; nothing where it cannot be read."""
    try:
        with path.open("rb") as file:
            head = file.read(size)
    except OSError:
        return ""
    return head.decode(text_encoding(head), "replace")


def text_encoding(head: bytes) -> str:
    """The encoding of a text file by its mark; both drop the mark."""
    return "utf-16" if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"


def read_json(path: str | Path) -> Any:
    """Read a JSON file.

    Raises:
        SplatError: when the file is missing or is not JSON.
    """
    text = read_text(path)
    try:
        return json.loads(text)
    except RecursionError as error:
        raise SplatError(f"{path} is not valid JSON: it is nested too deeply") from error
    except ValueError as error:
        raise SplatError(f"{path} is not valid JSON: {error}") from error


def is_name(text: str) -> bool:
    """Whether a text is the name of one file or folder: it leads nowhere else, and can be shown in a line."""
    leading = "/\\:" if os.name == "nt" else "/\\"
    plain = text.strip() not in ("", ".", "..") and not any(letter in leading or ord(letter) < 32 for letter in text)
    return plain and len(text.encode(errors="replace")) <= LONGEST_NAME


def is_file(path: Path) -> bool:
    """Whether there is a file; not where the name is too long for one or its folder may not be read."""
    try:
        return path.is_file()
    except OSError:
        return False


def safe_name(name: str) -> str:
    """A name from someone else's file as a relative path that stays inside any folder on any system.

    Forward slashes part folders. Drives, roots and '..' go, and what Windows has no names for is replaced by '_', so
    that a name which is safe on one system is not a way out on another. Two names may become one.
    """
    name = re.sub(r"^[A-Za-z]:", "", name.replace("\\", "/"))
    parts = [_safe_part(part) for part in name.split("/") if part.strip(" .")]
    return "/".join(parts) or "unnamed"


def _safe_part(part: str) -> str:
    part = re.sub(r'[\x00-\x1f\x7f-\x9f<>:"|?*\ud800-\udfff]', "_", part).rstrip(" .")
    if re.fullmatch(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", part, re.IGNORECASE):
        part = f"_{part}"
    if len(part.encode()) > LONGEST_PART:
        stem, dot, suffix = part.rpartition(".")
        suffix = dot + suffix if stem and len(suffix) <= 8 else ""
        digest = hashlib.sha256(part.encode()).hexdigest()[:8]
        part = f"{part.encode()[: LONGEST_PART - 24].decode('utf-8', 'ignore')}-{digest}{suffix}"
    return part


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content, 64 hexadecimal digits; other threads go on meanwhile.

    Raises:
        OSError: when it cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def first_free(name: str, taken: Callable[[str], bool], bare: bool = True) -> str:
    """The first of `name`, `name`-2, `name`-3, … that is not taken.

    Args:
        name: what is wanted.
        taken: whether a name is.
        bare: the name itself would do; otherwise they begin with `name`-1.
    """
    names = itertools.chain([name if bare else f"{name}-1"], (f"{name}-{number}" for number in itertools.count(2)))
    return next(candidate for candidate in names if not taken(candidate))


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

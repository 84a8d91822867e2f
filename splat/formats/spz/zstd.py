"""Whichever zstd there is: Python's own from 3.14 on, else the package zstandard."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, cast

from splat.errors import SplatError

_LEVEL = 12  # as the SPZ library has it


@dataclass(frozen=True)
class Zstd:
    reader: Callable[[bytes], BinaryIO]  # a file of what packed bytes hold
    compress: Callable[[bytes], bytes]
    error: type[Exception]  # of damaged bytes


def find_zstd(what: str, otherwise: str) -> Zstd:
    """
    Args:
        what: what needs it, for the message.
        otherwise: what one can do without it.

    Raises:
        SplatError: when there is none.
    """
    try:
        from compression import zstd  # type: ignore[import-not-found,unused-ignore]

        return Zstd(
            lambda data: cast(BinaryIO, zstd.ZstdFile(io.BytesIO(data))),
            lambda data: bytes(zstd.compress(data, level=_LEVEL)),
            zstd.ZstdError,
        )
    except ImportError:
        pass
    try:
        import zstandard
    except ImportError as error:
        raise SplatError(
            f"{what} is SPZ version 4, which needs zstd: `pip install zstandard`, or {otherwise}"
        ) from error
    return Zstd(
        lambda data: cast(BinaryIO, zstandard.ZstdDecompressor().stream_reader(data)),
        lambda data: zstandard.ZstdCompressor(level=_LEVEL).compress(data),
        zstandard.ZstdError,
    )

"""The container of glTF 2.0 (ISO/IEC 12113): GLB and JSON, buffers, and accessors as arrays.

Files come from strangers: buffers are read from the file itself, from data URIs and from files beside or below it,
never from elsewhere, and no array is made before the bytes for it are there.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote_to_bytes

import numpy as np

from splat.errors import SplatError
from splat.files import is_file
from splat.records import Record, record

MAGIC = b"glTF"
_JSON, _BIN = b"JSON", b"BIN\0"
_TYPES = {5120: "i1", 5121: "u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
_NUMBERS = {np.dtype(name): number for number, name in _TYPES.items()}
_NAMES = {width: name for name, width in _WIDTHS.items()}
_VERTICES, _INDICES = 34962, 34963  # what a buffer view is for, OpenGL's numbers
_LARGEST = 2**32 - 1  # GLB counts its bytes in 32 bits
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


@dataclass(frozen=True)
class Gltf:
    """A glTF document with a way to its arrays."""

    path: Path
    root: Record
    binary: bytes = b""  # the binary chunk of a GLB
    extra: int = 0  # bytes of other chunks, and behind the last
    _loaded: dict[int, bytes] = field(default_factory=dict)
    _lists: dict[str, list[Record]] = field(default_factory=dict)

    def all(self, key: str) -> list[Record]:
        """The objects of a list of the document; none where there is no such list."""
        if key not in self._lists:
            self._lists[key] = self.root.parts(key) if self.root.has(key) else []
        return self._lists[key]

    def item(self, key: str, index: int) -> Record:
        """One of them.

        Raises:
            SplatError: when there are not so many.
        """
        found = self.all(key)
        if not 0 <= index < len(found):
            raise SplatError(f"{self.path} is a damaged glTF file: it names {key}[{index}] and has {len(found)}")
        return found[index]

    def held(self) -> int:
        """Bytes of the file and of the buffers that were read."""
        return self.path.stat().st_size + sum(map(len, self._loaded.values()))

    def array(self, index: int, width: int) -> tuple[np.ndarray, bool]:
        """The values of an accessor.

        Args:
            index: of the accessor.
            width: how many numbers an element must have.

        Returns:
            [N, width] float32, normalised integers in [0, 1] or [-1, 1], others as they are; and whether they are
            stored as signed integers.

        Raises:
            SplatError: when it is damaged, sparse, compressed, or leaves its buffer.
        """
        accessor = self.item("accessors", index)
        for key in ("sparse", "extensions"):
            if accessor.has(key):
                raise SplatError(f"{accessor.where} has '{key}', which is not read; export it with plain accessors")
        number, count = accessor.whole("componentType"), accessor.whole("count")
        if number not in _TYPES or _WIDTHS.get(accessor.text("type")) != width:
            wanted = f"of type {_NAMES[width]} with a known componentType"
            raise SplatError(f"{accessor.where} is a damaged glTF file: an accessor that must be {wanted} is not")
        kind = np.dtype(_TYPES[number])
        data, stride = self._view(accessor.whole("bufferView"), kind.itemsize * width)
        start = accessor.whole("byteOffset") if accessor.has("byteOffset") else 0
        needed = start + stride * (count - 1) + kind.itemsize * width if count else start
        if needed > len(data):
            raise SplatError(
                f"{accessor.where} is damaged: it announces {count:,} elements, {needed:,} bytes; "
                f"its bufferView has {len(data):,}"
            )
        raw = np.ndarray((count, width), kind, data, start, (stride, kind.itemsize))
        values = raw.astype(np.float32)
        if accessor.values.get("normalized") is True and kind.kind in "iu":
            values = np.maximum(values / np.float32(np.iinfo(kind).max), np.float32(-1))
        return values, kind.kind == "i"

    def view(self, index: int) -> bytes:
        """The bytes of a buffer view.

        Raises:
            SplatError: when it is damaged, compressed, or leaves its buffer.
        """
        return bytes(self._view(index, 1)[0])

    def _view(self, index: int, element: int) -> tuple[memoryview, int]:
        """The bytes of a buffer view, and how far apart its elements are."""
        view = self.item("bufferViews", index)
        if view.has("extensions"):
            named = ", ".join(sorted(view.part("extensions").values)[:3])
            raise SplatError(f"{view.where} is compressed ({ascii(named)[1:-1]}), which is not read; export it without")
        stride = view.whole("byteStride", element, 4096) if view.has("byteStride") else element
        start = view.whole("byteOffset") if view.has("byteOffset") else 0
        end = start + view.whole("byteLength")
        buffer = self._buffer(view.whole("buffer"))
        if end > len(buffer):
            raise SplatError(f"{view.where} is damaged: it ends at byte {end:,} of a buffer of {len(buffer):,}")
        return memoryview(buffer)[start:end], stride

    def _buffer(self, index: int) -> bytes:
        if index not in self._loaded:
            buffer = self.item("buffers", index)
            length = buffer.whole("byteLength")
            if buffer.has("uri"):
                data = _fetched(self.path, buffer, length)
            else:
                data = self.binary if index == 0 else b""
            if len(data) < length:
                raise SplatError(f"{buffer.where} is cut short: it announces {length:,} bytes and has {len(data):,}")
            self._loaded[index] = data
        return self._loaded[index]


def read_gltf(path: Path) -> Gltf:
    """The document of a `.glb` or `.gltf` file.

    Raises:
        SplatError: when it is damaged or of another version.
    """
    data = path.read_bytes()
    text, binary, extra = _chunks(path, data) if data[:4] == MAGIC else (data, b"", 0)
    try:
        root = record(json.loads(text.decode("utf-8-sig")), str(path))
    except RecursionError as error:
        raise SplatError(f"{path} is a damaged glTF file: its JSON is nested too deeply") from error
    except ValueError as error:
        raise SplatError(f"{path} is a damaged glTF file: its JSON cannot be read ({error})") from error
    version = root.part("asset").values.get("version")
    if not isinstance(version, str) or not version.startswith("2."):
        raise SplatError(f"{path} is no glTF file of version 2, which is what is read; export it again")
    return Gltf(path, root, binary, extra)


def _chunks(path: Path, data: bytes) -> tuple[bytes, bytes, int]:
    """The JSON and the binary chunk of a GLB, and how many bytes there are beside them (section 4.4)."""
    if len(data) < 20:
        raise SplatError(f"{path} is cut short: {len(data)} bytes are no GLB")
    version, length = struct.unpack_from("<II", data, 4)
    if version != 2:
        raise SplatError(f"{path} is GLB version {version}; version 2 is read")
    if length > len(data):
        raise SplatError(f"{path} is cut short: it announces {length:,} bytes and has {len(data):,}")
    found: dict[bytes, bytes] = {}
    start, extra = 12, len(data) - length
    while start + 8 <= length:
        size, kind = struct.unpack_from("<I4s", data, start)
        if start + 8 + size > length:
            raise SplatError(
                f"{path} is a damaged GLB: a chunk announces {size:,} bytes, {length - start - 8:,} follow"
            )
        if start == 12 and kind != _JSON:
            raise SplatError(f"{path} is a damaged GLB: its first chunk is not JSON")
        if kind in (_JSON, _BIN) and kind not in found:
            found[kind] = data[start + 8 : start + 8 + size]
        else:
            extra += size
        start += 8 + size
    return found.get(_JSON, b""), found.get(_BIN, b""), extra


def _fetched(path: Path, buffer: Record, length: int) -> bytes:
    """The first `length` bytes of what a buffer's URI names: data in the URI, or a file of the document's folder."""
    uri = buffer.text("uri")
    if uri[:5].lower() == "data:":
        head, _, body = uri.partition(",")
        if not head.lower().endswith(";base64"):
            raise SplatError(f"{buffer.where} is damaged: its data URI is not base64")
        try:
            return base64.b64decode(body, validate=True)
        except (binascii.Error, ValueError) as error:
            raise SplatError(f"{buffer.where} is damaged: its data URI is not base64 ({error})") from error
    name = unquote_to_bytes(uri).decode("utf-8", "replace")
    folder = path.parent.resolve()
    climbs = _SCHEME.match(name) or "\\" in name or name.startswith("/") or not name.isprintable()
    target = folder if climbs else _resolved(folder / name)
    if climbs or not target.is_relative_to(folder):
        raise SplatError(f"{buffer.where} is not read: {ascii(uri)[:80]} leads out of the folder of {path.name}")
    if not is_file(target):
        raise SplatError(f"{buffer.where} is missing: {ascii(uri)[:80]} is not beside {path.name}")
    if target.stat().st_size < length:
        raise SplatError(f"{target} is cut short: {path.name} expects {length:,} bytes of it")
    with target.open("rb") as file:
        return file.read(length)


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError):  # a name too long, links in a circle
        return path


def write_glb(
    file: BinaryIO,
    attributes: Mapping[str, np.ndarray],
    primitive: Mapping[str, Any],
    extras: Mapping[str, Any],
    indices: np.ndarray | None = None,
    extensions: tuple[str, ...] = (),
) -> None:
    """Write a GLB of one node with one primitive.

    Args:
        file: where to.
        attributes: [N, C] or [N] arrays by name, POSITION first; whole numbers are written as normalised ones. Rows
            are a multiple of four bytes long.
        primitive: what the primitive has beside attributes and indices.
        extras: what the file says of itself, in `asset.extras`; nothing where empty.
        indices: whole numbers.
        extensions: names of those used.

    Raises:
        SplatError: when it would have more than 4 GiB, which a GLB cannot say.
    """
    arrays = [np.ascontiguousarray(array, array.dtype.newbyteorder("<")) for array in attributes.values()]
    accessors: list[dict[str, Any]] = [_accessor(array) for array in arrays]
    low, high = arrays[0].min(axis=0), arrays[0].max(axis=0)
    accessors[0] |= {"min": low.tolist(), "max": high.tolist()}
    if indices is not None:
        arrays.append(indices.reshape(-1).astype("<u4"))
        accessors.append({"componentType": 5125, "type": "SCALAR", "count": len(arrays[-1])})
    starts = np.cumsum([0, *(array.nbytes for array in arrays)]).tolist()
    views = [
        {"buffer": 0, "byteOffset": start, "byteLength": array.nbytes, "target": _VERTICES}
        for start, array in zip(starts, arrays)
    ]
    shape: dict[str, Any] = {"attributes": {name: number for number, name in enumerate(attributes)}, **primitive}
    if indices is not None:
        views[-1]["target"] = _INDICES
        shape["indices"] = len(arrays) - 1
    asset = {"version": "2.0", "generator": "splat"}
    document = {
        "asset": {**asset, "extras": dict(extras)} if extras else asset,
        **({"extensionsUsed": list(extensions)} if extensions else {}),
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [shape]}],
        "accessors": [{"bufferView": number, **accessor} for number, accessor in enumerate(accessors)],
        "bufferViews": views,
        "buffers": [{"byteLength": starts[-1]}],
    }
    text = json.dumps(document, allow_nan=False).encode("ascii")
    text += b" " * (-len(text) % 4)
    length = 12 + 8 + len(text) + 8 + starts[-1]
    if length > _LARGEST:
        raise SplatError(f"a GLB holds at most 4 GiB, and this would have {length / 2**30:.1f}; write a PLY")
    file.write(struct.pack("<4sII", MAGIC, 2, length))
    file.write(struct.pack("<I4s", len(text), _JSON) + text)
    file.write(struct.pack("<I4s", starts[-1], _BIN))
    for array in arrays:
        file.write(array.tobytes())


def _accessor(array: np.ndarray) -> dict[str, Any]:
    width = array.shape[1] if array.ndim > 1 else 1
    found = {"componentType": _NUMBERS[array.dtype], "type": _NAMES[width], "count": len(array)}
    return found | ({"normalized": True} if array.dtype.kind in "iu" else {})


def linear_light(values: np.ndarray) -> np.ndarray:
    """Linear light of sRGB values, both in [0, 1] (IEC 61966-2-1); glTF's COLOR_0 is linear."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)

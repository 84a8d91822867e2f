"""Reads the Gaussians of a USD file in a process of its own: OpenUSD ends its process on some damaged files.

Run as a script with the file's path, the bytes of memory that it may take, and the key of customLayerData under which
splat's notes stand; it imports nothing of splat, so that it starts quickly. What it finds goes to standard output: one
line of JSON, then the bytes of the arrays that the line lists. Errors are such a line too.

Only the file itself is read. References, payloads and sublayers that lead to other files are taken out before anything
is composed; within a .usdz package, which is one file, they are followed.
"""

from __future__ import annotations

import contextlib
import json
import posixpath
import sys
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.pop(0)  # the folder of this script, whose modules are not those that libraries mean

import numpy as np

if sys.platform != "win32":
    import resource

try:
    from pxr import Sdf, Usd, UsdGeom, UsdVol

    UsdVol.ParticleField3DGaussianSplat  # noqa: B018 - of a version that has it
except (ImportError, AttributeError):
    if __name__ == "__main__":
        sys.exit(3)
    raise

KIND = "ParticleField3DGaussianSplat"
SUFFIXES = (".usd", ".usda", ".usdc")
MOST_PARTS = 10_000
FREE_GAUSSIANS = 1 << 18  # instances may show one prim many times, see splat.formats.gltf
LEAST_BYTES = 56
LIKELY_RATIO = 100
TIME = Usd.TimeCode.EarliestTime()  # of what moves, its beginning
CLIPS = ("clips", "clipSets", "clipAssetPaths", "clipManifestAssetPath", "clipTemplateAssetPath")
# name of the array, width, attribute in float and in half
ATTRIBUTES = (
    ("means", 3, "positions"),
    ("quats", 4, "orientations"),
    ("scales", 3, "scales"),
    ("opacities", 1, "opacities"),
    ("sh", 3, "radiance:sphericalHarmonicsCoefficients"),
)


class Refused(Exception):
    """A file that is not read; the message goes behind its name."""


class Sealed:
    """A file's layers without a way out of it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.left_out: Counter[str] = Counter()
        self._members: dict[str, Sdf.Layer | None] = {}
        if path.suffix.lower() == ".usdz":
            with zipfile.ZipFile(path) as package:
                names = [name for name in package.namelist() if name.lower().endswith(SUFFIXES)]
            self._members = dict.fromkeys(names)
            if not names:
                raise Refused("is a package without a USD file in it")
            self.root = self._member(names[0])
        else:
            self.root = self._open(str(path), "")

    def _member(self, name: str) -> Sdf.Layer:
        found = self._members[name]
        return found if found is not None else self._open(f"{self.path}[{name}]", name)

    def _open(self, place: str, name: str) -> Sdf.Layer:
        layer = Sdf.Layer.OpenAsAnonymous(place)
        if layer is None:
            raise Refused("cannot be read as USD; it may be damaged")
        if name:
            self._members[name] = layer  # before it is sealed: layers may refer to each other
        self._seal(layer, name)
        return layer

    def _inside(self, asset: str, name: str) -> str | None:
        """The identifier of the sealed layer that a path in the layer `name` means; None where it leads elsewhere."""
        for tried in (posixpath.join(posixpath.dirname(name), asset), asset):
            member = posixpath.normpath(tried)
            if name and member in self._members:
                return str(self._member(member).identifier)
        return None

    def _seal(self, layer: Sdf.Layer, name: str) -> None:
        kept = []
        for asset in list(layer.subLayerPaths):
            inside = self._inside(asset, name)
            self.left_out["sublayer"] += inside is None
            kept += [] if inside is None else [inside]
        layer.subLayerPaths = kept
        places: list[Sdf.Path] = []
        layer.Traverse(Sdf.Path.absoluteRootPath, places.append)
        for place in places:
            holds = place.IsPrimPath() or place.IsPrimVariantSelectionPath()
            prim = layer.GetPrimAtPath(place) if holds else None
            if prim is None:
                continue
            self._keep(prim.referenceList, Sdf.Reference, "reference", name)
            self._keep(prim.payloadList, Sdf.Payload, "payload", name)
            for key in CLIPS:
                if prim.HasInfo(key):
                    prim.ClearInfo(key)
                    self.left_out["value clip"] += 1

    def _keep(self, arcs: Any, make: Callable[..., Any], noun: str, name: str) -> None:
        """Of a prim's references or payloads those that stay inside."""
        items = list(arcs.GetAddedOrExplicitItems())
        if not items:
            return
        kept = []
        for item in items:
            inside = self._inside(item.assetPath, name) if item.assetPath else ""
            if inside is None:
                self.left_out[noun] += 1
            else:
                kept.append(make(inside, item.primPath, item.layerOffset))
        arcs.ClearEdits()
        arcs.prependedItems = kept


def found(path: Path, key: str) -> tuple[dict[str, Any], list[np.ndarray]]:
    """What the file holds.

    Args:
        path: the file.
        key: of the notes.

    Returns:
        parts (where, matrix [16] row-major of x' = M x, degree, arrays: name and shape of each, float32), up (Y or Z),
        metres (of a unit, None where the file does not say), notes, unused, remarks; and the arrays in their order.

    Raises:
        Refused: when there are none, or the file is damaged.
    """
    sealed = Sealed(path)
    stage = Usd.Stage.Open(sealed.root)
    if stage is None:
        raise Refused("cannot be read as USD; it may be damaged")
    remarks: Counter[str] = Counter()
    others: Counter[str] = Counter()
    parts: list[dict[str, Any]] = []
    arrays: list[np.ndarray] = []
    total = 0
    cache = UsdGeom.XformCache(TIME)
    for prim in Usd.PrimRange.Stage(stage, Usd.TraverseInstanceProxies()):
        if prim.GetTypeName() != KIND:
            if prim.IsA(UsdGeom.Gprim) or prim.IsA(UsdGeom.PointInstancer):
                others[f"of type {prim.GetTypeName()}"] += 1
            continue
        if UsdGeom.Imageable(prim).ComputeVisibility(TIME) == UsdGeom.Tokens.invisible:
            others["invisible"] += 1
            continue
        columns, degree = gaussians_of(UsdVol.ParticleField3DGaussianSplat(prim), remarks)
        total += len(columns["means"])
        if total > FREE_GAUSSIANS and parts and total * LEAST_BYTES > LIKELY_RATIO * path.stat().st_size:
            raise Refused(f"announces {total:,} Gaussians and more for its size; it is damaged or made to fill memory")
        if len(parts) == MOST_PARTS:
            raise Refused(f"has its Gaussians in more than {MOST_PARTS:,} parts, which is not read")
        matrix = np.array(cache.GetLocalToWorldTransform(prim)).T  # USD multiplies rows from the left
        shapes = [[name, *column.shape] for name, column in columns.items()]
        place = {"where": str(prim.GetPath()), "matrix": matrix.ravel().tolist(), "degree": degree, "arrays": shapes}
        parts.append(place)
        arrays += columns.values()
    if not parts:
        raise Refused(without_gaussians(others, sealed.left_out))
    metres = UsdGeom.GetStageMetersPerUnit(stage) if stage.HasAuthoredMetadata("metersPerUnit") else None
    said = [text if times == 1 else f"{times} parts: {text}" for text, times in remarks.items()]
    unused = [f"{counted(times, 'prim')} {kind}" for kind, times in others.most_common(8)]
    unused += [f"{counted(times, noun)} to other files" for noun, times in sealed.left_out.items() if times]
    return {
        "parts": parts,
        "up": str(UsdGeom.GetStageUpAxis(stage)),
        "metres": metres,
        "notes": noted(stage.GetRootLayer().customLayerData.get(key)),
        "unused": unused,
        "remarks": said,
    }, arrays


def gaussians_of(splat: Any, remarks: Counter[str]) -> tuple[dict[str, np.ndarray], int]:
    """The arrays of a prim, float32, with the schema's rules for lengths that do not fit; and the SH degree."""
    degree = splat.GetRadianceSphericalHarmonicsDegreeAttr().Get(TIME)
    if not isinstance(degree, int) or not 0 <= degree <= 16:
        raise Refused(f"is damaged: {splat.GetPath()} has the SH degree {degree}")
    columns: dict[str, np.ndarray] = {}
    rows = 0
    for name, width, attribute in ATTRIBUTES:
        values, moves = values_of(splat.GetPrim(), attribute, width)
        if moves:
            remarks["it is animated; its first moment is read"] += 1
        if name == "means":
            rows = len(values)
        wanted = rows * (degree + 1) ** 2 if name == "sh" else rows
        if len(values) < wanted:
            remarks[f"{'too few' if len(values) else 'no'} {attribute}; {DEFAULTS[name]} as the schema says"] += 1
            values = np.zeros((0, width), np.float32)
        elif len(values) > wanted:
            remarks[f"more {attribute} than positions; the last are left out"] += 1
            values = values[:wanted]
        columns[name] = values
    return columns, degree


DEFAULTS = {"quats": "no rotation", "scales": "1", "opacities": "1", "sh": "grey", "means": "none"}


def values_of(prim: Any, attribute: str, width: int) -> tuple[np.ndarray, bool]:
    """[N, width] float32 of an attribute in float precision, else in half; and whether it changes with time.

    Quaternions come as xyzw.
    """
    for name in (attribute, f"{attribute}h"):
        held = prim.GetAttribute(name)
        value = held.Get(TIME)
        if value is not None and len(value):
            return np.array(value, np.float32).reshape(-1, width), held.ValueMightBeTimeVarying()
    return np.zeros((0, width), np.float32), False


def noted(notes: Any) -> dict[str, Any]:
    """What `splat.formats.usd.write` puts into customLayerData, where it is of the right kind."""
    if not isinstance(notes, dict):
        return {}
    origin, antialiased = notes.get("origin"), notes.get("antialiased")
    told = {"antialiased": antialiased} if isinstance(antialiased, bool) else {}
    try:
        x, y, z = (float(value) for value in origin or ())
    except (TypeError, ValueError):
        return told
    return {**told, "origin": [x, y, z]} if np.isfinite([x, y, z]).all() else told


def without_gaussians(others: Counter[str], left_out: Counter[str]) -> str:
    """What a file is that has none to show."""
    kinds = ", ".join(f"{times:,} {kind}" for kind, times in others.most_common(3))
    outside = "; references to other files are not followed" if +left_out else ""
    holds = f"it holds prims {kinds}" if kinds else "it holds nothing that is drawn"
    return f"is not a Gaussian scene: it has no prim {KIND} that is shown ({holds}{outside})"


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def lines(error: Exception) -> str:
    """An error of OpenUSD as a few words of one line."""
    try:
        said = str(error)
    except UnicodeDecodeError:  # it quotes the file
        return "names that are no text"
    words = "".join(letter for letter in " ".join(said.split()) if letter.isprintable())
    return words.rpartition(" : ")[2].strip("' ")[:160]


def main(path: str, key: str) -> Iterator[bytes]:
    """The line and the arrays, or the line with an error."""
    try:
        told, arrays = found(Path(path), key)
    except Refused as refused:
        yield json.dumps({"error": str(refused)}).encode("ascii") + b"\n"
        return
    except Exception as error:  # of OpenUSD's, zipfile's and what their values are made of: a damaged file brings any
        yield (
            json.dumps({"error": f"cannot be read as USD; it may be damaged ({lines(error)})"}).encode("ascii") + b"\n"
        )
        return
    yield json.dumps(told).encode("ascii") + b"\n"
    for array in arrays:
        yield np.ascontiguousarray(array, "<f4").tobytes()


def hold_memory(limit: int) -> None:
    """Let the process take no more than so many bytes, where the system can do that."""
    if sys.platform != "win32":
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


if __name__ == "__main__":
    hold_memory(int(sys.argv[2]))
    for piece in main(sys.argv[1], sys.argv[3]):
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()

"""Gaussians in glTF 2.0: the extension KHR_gaussian_splatting, release candidate of 2026.

A primitive of points has, beside POSITION, the attributes ROTATION (unit quaternion xyzw), SCALE (standard deviations),
OPACITY (0 to 1) and SH_DEGREE_l_COEF_n (red, green, blue; the order and signs of 3DGS), all under the extension's name.
glTF is y up; its scenes are turned by half a turn about x into the y-down frame of PLY and back, as SPZ's are.
Drafts before the release candidate had logarithms in SCALE, which no file says; only they can be negative.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from splat.console import count
from splat.errors import SplatError
from splat.formats import gltf_spz
from splat.formats.common import drop_unusable, logit, sigmoid, to_numpy, unusable_line
from splat.formats.gltf_file import Gltf, linear_light, read_gltf, write_glb
from splat.formats.placed import HALF_TURN, Part, assemble, to_y_up, turned_origin
from splat.formats.scene_file import NO_NOTES, NO_ORIGIN, Notes, SceneFile
from splat.gaussians import Gaussians
from splat.records import Record, is_number
from splat.sh import SH_C0

EXTENSION = "KHR_gaussian_splatting"
_PREFIX = f"{EXTENSION}:"
_POINTS = 0
_KINDS = {0: "a point cloud", 1: "lines", 2: "lines", 3: "lines"}  # by a primitive's mode; the others are triangles
_FALLBACK = "COLOR_0"  # for programs without the extension
_UNDERSTOOD = {EXTENSION, "KHR_mesh_quantization", *gltf_spz.NAMES}
_OF_SURFACES = ("KHR_materials_", "KHR_texture_", "KHR_lights_")  # extensions without a meaning for Gaussians
_STANDARD = {"kernel": "ellipse", "projection": "perspective", "sortingMethod": "cameraDistance"}
_SRGB, _LINEAR = "srgb_rec709_display", "lin_rec709_display"
_MOST_PARTS = 10_000
# Nodes may show one mesh many times: memory for more than some Gaussians is set aside where the file's size makes them
# likely.
_FREE_GAUSSIANS = 1 << 18
_LIKELY_RATIO = 100
_LEAST_BYTES = 56  # of a Gaussian in memory


@dataclass(frozen=True)
class _Stored:
    """A part with its scales as they are stored."""

    part: Part
    signed: bool  # scales are signed integers
    packed: SceneFile | None = None  # the SPZ file that held it


def read(path: Path) -> SceneFile:
    """Read all Gaussians of the scene of a `.glb` or `.gltf` file, nodes applied, in the y-down frame of PLY.

    Raises:
        SplatError: when the file is damaged, holds no Gaussians (the message says what it is), needs an extension that
            is not read, or a node is not a similarity.
    """
    gltf = read_gltf(path)
    _check_required(gltf)
    meshes = [(matrix, gltf.item("meshes", mesh)) for matrix, mesh in _placed(gltf)]
    placed = [(matrix, primitive) for matrix, mesh in meshes for primitive in _primitives(mesh)]
    ours = [(matrix, primitive) for matrix, primitive in placed if primitive.part("extensions").has(EXTENSION)]
    if not ours:
        raise _explain_other(gltf)
    if len(ours) > _MOST_PARTS:
        raise SplatError(f"{path} has its Gaussians in {len(ours):,} parts; at most {_MOST_PARTS:,} are read")
    stored = _parts(gltf, ours)
    remarks = list(_remarks([primitive for _, primitive in ours]))
    packed = [found.packed for found in stored if found.packed is not None]
    remarks += dict.fromkeys(remark for file in packed for remark in file.remarks)
    logarithms = any(found.signed or (found.part.scales < 0).any() for found in stored)
    if logarithms:
        remarks.append("its scales are logarithms, as in drafts of the extension before 2026")
    outside = sum(int(((found.part.opacities < 0) | (found.part.opacities > 1)).sum()) for found in stored)
    if outside:
        remarks.append(f"{outside:,} opacities outside of 0 to 1 are cut off there")
    whole, moved, said = assemble([_activated(found.part, logarithms) for found in stored])
    notes, wrong = _notes(gltf.root.part("asset"))
    x, y, z = (noted + more for noted, more in zip(notes.origin, moved))
    unused = [*_unused(gltf, placed), *dict.fromkeys(one for file in packed for one in file.unused)]
    looks = {file.notes.antialiased for file in packed}
    if len(looks) > 1:
        remarks.append("parts of it were trained antialiased and others not; drawn as not")
    antialiased = notes.antialiased if notes.antialiased is not None or not looks else looks == {True}
    return SceneFile(whole, Notes(antialiased, (x, y, z)), tuple(unused), (*remarks, *wrong, *said))


def _primitives(mesh: Record) -> list[Record]:
    return mesh.parts("primitives") if mesh.has("primitives") else []


def _check_required(gltf: Gltf) -> None:
    required = gltf.root.texts("extensionsRequired") if gltf.root.has("extensionsRequired") else ()
    unknown = [name for name in required if name not in _UNDERSTOOD and not name.startswith(_OF_SURFACES)]
    if unknown:
        raise SplatError(f"{gltf.path} needs {unknown[0]!a}, which is not read; export it without, or as PLY")


def _placed(gltf: Gltf) -> list[tuple[np.ndarray, int]]:
    """Every mesh of the scene with the matrix [4, 4] of its node; of several scenes the one that the file names."""
    nodes = gltf.all("nodes")
    if gltf.all("scenes"):
        scene = gltf.item("scenes", gltf.root.whole("scene") if gltf.root.has("scene") else 0)
        roots = _indices(scene, "nodes", len(nodes))
    else:
        children = {child for node in nodes for child in _indices(node, "children", len(nodes))}
        roots = [number for number in range(len(nodes)) if number not in children]
    found: list[tuple[np.ndarray, int]] = []
    waiting = [(np.eye(4), number) for number in reversed(roots)]
    seen: set[int] = set()
    while waiting:
        above, number = waiting.pop()
        if number in seen:
            raise SplatError(f"{gltf.path} is a damaged glTF file: nodes[{number}] is in two places")
        seen.add(number)
        node = nodes[number]
        matrix: np.ndarray = above @ _local(node)
        if node.has("mesh"):
            found.append((matrix, node.whole("mesh")))
        waiting += [(matrix, child) for child in reversed(_indices(node, "children", len(nodes)))]
    return found


def _indices(holder: Record, key: str, below: int) -> list[int]:
    """The numbers of a list, each at least 0 and below another."""
    values = holder.values.get(key, [])
    if not isinstance(values, list):
        raise holder.wrong(key, "a list")
    numbered = Record({str(place): value for place, value in enumerate(values)}, f"{holder.where}: {key}")
    return [numbered.whole(place, 0, below - 1) for place in numbered.values]


def _local(node: Record) -> np.ndarray:
    """[4, 4] float64: the node's own transform, from its column-major matrix or its translation, rotation and scale."""
    if node.has("matrix"):
        given: np.ndarray = np.array(node.numbers("matrix", 16)).reshape(4, 4, order="F")
        return given
    matrix: np.ndarray = np.eye(4)
    if node.has("rotation"):
        x, y, z, w = node.numbers("rotation", 4)
        if not 0 < (length := x * x + y * y + z * z + w * w) < 1e200:
            raise node.wrong("rotation", "a quaternion of length 1")
        s = 2 / length
        matrix[:3, :3] = [
            [1 - s * (y * y + z * z), s * (x * y - w * z), s * (x * z + w * y)],
            [s * (x * y + w * z), 1 - s * (x * x + z * z), s * (y * z - w * x)],
            [s * (x * z - w * y), s * (y * z + w * x), 1 - s * (x * x + y * y)],
        ]
    if node.has("scale"):
        matrix[:3, :3] *= node.numbers("scale", 3)
    if node.has("translation"):
        matrix[:3, 3] = node.numbers("translation", 3)
    return matrix


def _parts(gltf: Gltf, placed: list[tuple[np.ndarray, Record]]) -> list[_Stored]:
    """The arrays of all primitives with Gaussians.

    Raises:
        SplatError: also when the same few Gaussians are shown so often that they would fill memory.
    """
    found: list[_Stored] = []
    total = 0
    for matrix, primitive in placed:
        total += _count(gltf, primitive)
        if total > _FREE_GAUSSIANS and found and total * _LEAST_BYTES > _LIKELY_RATIO * gltf.held():
            raise SplatError(
                f"{gltf.path} announces {total:,} Gaussians and more, but has only {gltf.held() / 1e3:,.1f} kB; it is "
                "damaged or made to fill memory"
            )
        found.append(_part(gltf, matrix, primitive))
    return found


def _count(gltf: Gltf, primitive: Record) -> int:
    attributes = primitive.part("attributes")
    if not attributes.has("POSITION"):
        raise _incomplete(primitive, "POSITION")
    return gltf.item("accessors", attributes.whole("POSITION")).whole("count")


def _incomplete(primitive: Record, name: str) -> SplatError:
    draft = " (it is of an early draft of the extension)" if primitive.part("attributes").has("_SCALE") else ""
    inner = primitive.part("extensions").part(EXTENSION).part("extensions").values
    packed = f" (it is compressed: {next(iter(inner))!a})" if inner else ""
    return SplatError(f"{primitive.where} has Gaussians without {name}{draft}{packed}; export it again, or as PLY")


def _part(gltf: Gltf, matrix: np.ndarray, primitive: Record) -> _Stored:
    """One primitive, its opacities and scales as they are stored."""
    if primitive.values.get("mode") != _POINTS:
        raise primitive.wrong("mode", "0 (points) for Gaussians")
    attributes = primitive.part("attributes")
    rows = _count(gltf, primitive)
    extension = primitive.part("extensions").part(EXTENSION)
    if packed := gltf_spz.spz_name(extension):
        part, file = gltf_spz.spz_part(gltf, extension, packed, HALF_TURN @ matrix, rows)
        return _Stored(part, False, file)

    def values(name: str, width: int) -> tuple[np.ndarray, bool]:
        if not attributes.has(name):
            raise _incomplete(primitive, name)
        array, signed = gltf.array(attributes.whole(name), width)
        if len(array) != rows:
            raise SplatError(f"{primitive.where} is damaged: {len(array):,} of {name} for {rows:,} of POSITION")
        return array, signed

    scales, signed = values(f"{_PREFIX}SCALE", 3)
    rest = [values(name, 3)[0] for name in _rest_names(primitive)]
    part = Part(
        f"{primitive.where}: its node",
        HALF_TURN @ matrix,
        values("POSITION", 3)[0],
        values(f"{_PREFIX}ROTATION", 4)[0][:, [3, 0, 1, 2]],
        scales,
        values(f"{_PREFIX}OPACITY", 1)[0][:, 0],
        values(_sh_name(0, 0), 3)[0],
        np.stack(rest, axis=1) if rest else np.zeros((rows, 0, 3), np.float32),
    )
    return _Stored(part, signed)


@np.errstate(divide="ignore", invalid="ignore")  # zeros become flat Gaussians, NaN goes with the unusable rows
def _activated(part: Part, logarithms: bool) -> Part:
    """With logits and logarithms."""
    scales = part.scales if logarithms else np.log(part.scales.astype(np.float64))
    return replace(part, scales=scales, opacities=logit(part.opacities))


def _sh_name(degree: int, number: int) -> str:
    return f"{_PREFIX}SH_DEGREE_{degree}_COEF_{number}"


def _rest_names(primitive: Record) -> list[str]:
    """The attributes of degrees 1 and up, as far as there are any.

    Raises:
        SplatError: when a degree is there in part, or without those below it.
    """
    present = {name for name in primitive.part("attributes").values if name.startswith(f"{_PREFIX}SH_DEGREE_")}
    names: list[str] = []
    for degree in range(1, 4):
        if any(_sh_name(higher, number) in present for higher in range(degree, 4) for number in range(2 * higher + 1)):
            names += [_sh_name(degree, number) for number in range(2 * degree + 1)]
    if missing := [name for name in names if name not in present]:
        raise _incomplete(primitive, missing[0])
    return names


def _remarks(primitives: list[Record]) -> Iterator[str]:
    """What the extension's properties ask for that is not done."""
    said: Counter[str] = Counter()
    for primitive in primitives:
        properties = primitive.part("extensions").part(EXTENSION)
        for key, standard in _STANDARD.items():
            value = properties.values.get(key, standard)
            if value != standard:
                said[f"it asks for {key} {ascii(value)[:40]}, which is not known; drawn as '{standard}'"] += 1
        space = properties.values.get("colorSpace", _SRGB)
        if space == _LINEAR:
            said["its colours are linear light and are not converted: they will look too dark"] += 1
        elif space != _SRGB:
            said[f"its colorSpace {ascii(space)[:40]} is not known; taken as sRGB"] += 1
    for text, times in said.items():
        yield text if times == len(primitives) else f"{times} of {len(primitives)} parts: {text}"


def _notes(asset: Record) -> tuple[Notes, list[str]]:
    """What `write` puts into asset.extras."""
    extras = asset.values.get("extras")
    if not isinstance(extras, dict):
        return NO_NOTES, []
    antialiased = extras.get("antialiased")
    origin, wrong = NO_ORIGIN, []
    if "origin" in extras:
        values = extras["origin"]
        if isinstance(values, list) and len(values) == 3 and all(map(is_number, values)):
            origin = turned_origin((float(values[0]), float(values[1]), float(values[2])), HALF_TURN)
        else:
            wrong = ["its asset.extras have an origin that is not three numbers; none is used"]
    return Notes(antialiased if isinstance(antialiased, bool) else None, origin), wrong


def _unused(gltf: Gltf, placed: list[tuple[np.ndarray, Record]]) -> tuple[str, ...]:
    """What of the file is not read, with counts."""
    found = [count(len(gltf.all(f"{one}s")), one) for one in ("camera", "animation", "skin") if gltf.all(f"{one}s")]
    others = [primitive for _, primitive in placed if not primitive.part("extensions").has(EXTENSION)]
    if others:
        found.append(f"{count(len(others), 'primitive')} without Gaussians")
    if len(gltf.all("scenes")) > 1:
        found.append(count(len(gltf.all("scenes")) - 1, "other scene"))
    extra: Counter[str] = Counter()
    for _, primitive in placed:
        if primitive.part("extensions").has(EXTENSION):
            known = {"POSITION", _FALLBACK, *(f"{_PREFIX}{name}" for name in ("ROTATION", "SCALE", "OPACITY"))}
            known |= {_sh_name(degree, number) for degree in range(4) for number in range(2 * degree + 1)}
            extra.update(name for name in primitive.part("attributes").values if name not in known)
            extra.update(key for key in ("indices", "targets") if primitive.has(key))
    found += [f"{times:,} of {ascii(name)[1:-1][:60]}" for name, times in extra.most_common(8)]
    if gltf.extra:
        found.append(f"{gltf.extra:,} bytes of other chunks")
    return tuple(found)


def _explain_other(gltf: Gltf) -> SplatError:
    """The error for a file without Gaussians in its scene: says what it is instead."""
    modes: Counter[str] = Counter()
    for mesh in gltf.all("meshes"):
        for primitive in _primitives(mesh):
            if primitive.part("extensions").has(EXTENSION):
                return SplatError(f"{gltf.path} has Gaussians, but in no node of its scene; export it again")
            mode: Any = primitive.values.get("mode", 4)
            modes[_KINDS.get(mode, "a triangle mesh") if isinstance(mode, int) else "something damaged"] += 1
    kind = modes.most_common(1)[0][0] if modes else "an empty scene"
    return SplatError(
        f"{gltf.path} is {kind}, not a Gaussian scene: no primitive of this glTF file has the extension {EXTENSION}"
    )


def write(path: Path, gaussians: Gaussians, notes: Notes = NO_NOTES) -> None:
    """Write a `.glb`, y up, with float32 attributes and linear colours (COLOR_0) for programs without the extension.

    The extension has no word for antialiasing or an origin; they stand in asset.extras, in the file's axes. Gaussians
    that cannot be rendered are left out, as glTF allows no NaN.

    Raises:
        SplatError: for a scene without Gaussians, which glTF cannot hold, or of more than 4 GiB.
    """
    usable, _ = drop_unusable(gaussians.detach().to("cpu"))
    if not len(usable):
        raise SplatError(f"{path.name}: there are no Gaussians to write, and glTF has no empty arrays")
    turn = to_y_up(notes.up)
    arrays = to_numpy(usable.transformed(torch.from_numpy(turn)))
    quats = arrays["quats"].astype(np.float64)
    quats /= np.maximum(np.linalg.norm(quats, axis=1, keepdims=True), 1e-30)
    alphas = sigmoid(arrays["opacities"])
    attributes = {
        "POSITION": arrays["means"],
        f"{_PREFIX}ROTATION": quats[:, [1, 2, 3, 0]].astype(np.float32),
        f"{_PREFIX}SCALE": np.exp(arrays["scales"].astype(np.float64)).clip(max=3e38).astype(np.float32),
        f"{_PREFIX}OPACITY": alphas.astype(np.float32),
        _sh_name(0, 0): arrays["sh0"][:, 0],
    }
    names = [_sh_name(degree, number) for degree in range(1, usable.sh_degree + 1) for number in range(2 * degree + 1)]
    attributes |= {name: arrays["shN"][:, place] for place, name in enumerate(names)}
    attributes[_FALLBACK] = _fallback(arrays["sh0"][:, 0], alphas)
    extras: dict[str, Any] = {} if notes.antialiased is None else {"antialiased": notes.antialiased}
    if any(notes.origin):
        extras["origin"] = list(turned_origin(notes.origin, turn))
    properties = {"kernel": "ellipse", "colorSpace": _SRGB, "sortingMethod": "cameraDistance"}
    primitive = {"mode": _POINTS, "extensions": {EXTENSION: {**properties, "projection": "perspective"}}}
    with path.open("wb") as file:
        write_glb(file, attributes, primitive, extras, extensions=(EXTENSION,))


def _fallback(sh0: np.ndarray, alphas: np.ndarray) -> np.ndarray:
    """[N, 4] uint16: linear colour and opacity as fractions of 65535."""
    colors = linear_light(np.clip(sh0.astype(np.float64) * SH_C0 + 0.5, 0, 1))
    fractions: np.ndarray = np.rint(np.column_stack([colors, alphas]) * 65535).astype(np.uint16)
    return fractions


def lost(gaussians: Gaussians) -> list[str]:
    """Gaussians that are left out, and what programs without the extension show."""
    dropped = drop_unusable(gaussians.detach().to("cpu"))[1]
    return [
        *unusable_line(dropped),
        f"programs that do not know {EXTENSION} show it as coloured points; format=mesh writes triangles for them",
    ]

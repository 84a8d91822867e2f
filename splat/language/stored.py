"""The files of a language field, which anybody may have written: read, and each part held against the others."""

from __future__ import annotations

import dataclasses
import typing
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from splat.console import count, warn
from splat.errors import SplatError
from splat.language.compress.base import Compression
from splat.language.compress.memory import KERNELS
from splat.language.compress.registry import COMPRESSIONS, restore_compression
from splat.language.teachers.options import TeacherOptions
from splat.options import check
from splat.records import Record, json_record

FORMAT = 1
LARGEST = 2**24  # any number in a compression's settings


def read_stored(folder: Path) -> dict[str, Any]:
    """The arguments of a `LanguageField`.

    Raises:
        SplatError: when a file is missing or damaged, or they do not fit each other.
    """
    facts = json_record(folder / "field.json")
    if facts.values.get("format") != FORMAT:
        raise SplatError(f"{folder} was written by another version of splat; distill again")
    try:
        return _fitting(facts, Tensors.read(folder / "field.safetensors"))
    except SplatError as problem:
        raise SplatError(f"{problem}; distill again") from problem


def read_levels(folder: Path) -> tuple[str, ...]:
    """The levels of a field, without the rest of it.

    Raises:
        SplatError: when its record is missing or damaged.
    """
    return _levels(json_record(folder / "field.json"))


@dataclasses.dataclass(frozen=True)
class Tensors:
    """The tensors of a file; what is asked for must be there with its shape."""

    file: Path
    named: dict[str, Tensor]

    @classmethod
    def read(cls, file: Path) -> Tensors:
        """All tensors of a safetensors file.

        Raises:
            SplatError: when it cannot be read.
        """
        try:
            return cls(file, load_file(file))
        except (OSError, SafetensorError, ValueError, TypeError, RuntimeError) as error:
            raise SplatError(f"cannot read {file} ({str(error).strip().splitlines()[0]})") from error

    def get(self, name: str, shape: tuple[int | None, ...], whole: bool = False) -> Tensor:
        """A tensor of real numbers, or of whole ones; None in the shape is any size."""
        found = self.named.get(name)
        if found is None:
            raise SplatError(f"{self.file} has no {name}")
        fits = len(found.shape) == len(shape) and all(b in (None, a) for a, b in zip(found.shape, shape))
        kind = not (found.is_floating_point() or found.is_complex()) if whole else found.is_floating_point()
        if not fits or not kind:
            wanted = "x".join("n" if size is None else str(size) for size in shape) or "1"
            raise SplatError(
                f"{self.file}: {name} is {tuple(found.shape)} of {found.dtype}, not {wanted} "
                f"{'whole' if whole else 'real'} numbers"
            )
        return found


def _fitting(facts: Record, tensors: Tensors) -> dict[str, Any]:
    levels = _levels(facts)
    compression = _compression(facts.part("compression"), tensors)
    confidence = tensors.get("gaussian.confidence", (None, len(levels)), whole=True)
    if confidence.dtype != torch.uint8:
        raise SplatError(f"{tensors.file}: gaussian.confidence is of {confidence.dtype}, not torch.uint8")
    codes = _codes(compression, tensors, confidence.numel()).reshape(*confidence.shape, compression.code_dim)
    basis = negatives = None
    dim = compression.dim
    if "shared_basis" in tensors.named:
        basis = _finite("shared_basis", tensors.get("shared_basis", (compression.dim, None)), tensors)
        dim = basis.shape[1]
    if "negatives" in tensors.named:
        negatives = _finite("negatives", tensors.get("negatives", (None, dim)), tensors)
        if not len(negatives):
            raise SplatError(f"{tensors.file}: negatives is empty")
    sure = confidence.float() / 255
    broken = ~codes.isfinite().all(2)
    if broken.any():
        warn(f"{tensors.file}: {count(int(broken.any(1).sum()), 'Gaussian')} with codes that are no numbers: not known")
        codes, sure = torch.where(broken[..., None], 0.0, codes), torch.where(broken, 0.0, sure)
    return {
        "teacher": _teacher(facts.part("teacher")),
        "levels": levels,
        "compression": compression.eval().requires_grad_(False),
        "codes": codes,
        "confidence": sure,
        "basis": basis,
        "negatives": negatives,
        "facts": _facts(facts.part("facts")),
    }


def _levels(facts: Record) -> tuple[str, ...]:
    levels = facts.texts("levels")
    if not levels or len(set(levels)) < len(levels):
        raise facts.wrong("levels", "a list of different names")
    return levels


def _teacher(part: Record) -> dict[str, Any]:
    """The teacher's options; each as the command line would take it."""
    known = {item.name for item in dataclasses.fields(TeacherOptions)}
    unknown = sorted(part.values.keys() - known)
    if unknown:
        raise SplatError(f"{part.where}: there is no option {unknown[0][:60]!a}")
    for name, value in part.values.items():
        if isinstance(value, str):
            part.text(name)
    try:
        check(TeacherOptions(**part.values))
    except SplatError as problem:
        raise SplatError(f"{part.where}: {problem}") from problem
    return dict(part.values)


def _facts(part: Record) -> dict[str, Any]:
    """What is known of the field; the numbers that are computed with are numbers."""
    for key in ("noise", "bytes_per_gaussian"):
        if part.has(key):
            part.number(key)
    for key in part.part("seconds").values:
        part.part("seconds").number(key)
    if part.has("scene"):
        part.text("scene")
    return {key: value for key, value in part.values.items() if value is not None}


def _compression(part: Record, tensors: Tensors) -> Compression:
    """The compression with what all Gaussians share; nothing is made before the file is known to be as large."""
    kind = part.text("kind")
    if kind not in COMPRESSIONS:
        raise part.wrong("kind", f"one of {', '.join(COMPRESSIONS)}")
    settings = {key: value for key, value in part.values.items() if key != "kind"}
    with torch.device("meta"):
        outline = _made(kind, settings, part)
    wanted = outline.state_dict()
    state = {}
    for name, value in wanted.items():
        found = tensors.get(f"shared.{name}", tuple(value.shape), whole=not value.is_floating_point())
        state[name] = _finite(f"shared.{name}", found, tensors) if value.is_floating_point() else found
    compression = _made(kind, settings, part)
    compression.load_state_dict(state)
    return compression


def _made(kind: str, settings: dict[str, Any], part: Record) -> Compression:
    """An empty compression of these settings."""
    hints = typing.get_type_hints(type(restore_compression(kind, {"dim": 1})).__init__)
    for key in settings:
        if key not in hints:
            raise SplatError(f"{part.where}: there is no setting {key[:60]!a} of {kind}")
        if hints[key] is int:
            part.whole(key, 0 if key == "rows" else 1, LARGEST)
        elif hints[key] is float and part.number(key) <= 0:
            raise part.wrong(key, "more than 0")
        elif hints[key] is str and part.text(key) not in KERNELS:
            raise part.wrong(key, f"one of {', '.join(KERNELS)}")
    part.whole("dim", 1, LARGEST)
    return restore_compression(kind, settings)


def _codes(compression: Compression, tensors: Tensors, rows: int) -> Tensor:
    """[P, C] float32, the codes of the P = N L levels of Gaussians."""
    stored = {}
    for name, example in compression.pack(torch.zeros(1, compression.code_dim)).items():
        whole = not example.is_floating_point()
        found = stored[name] = tensors.get(f"gaussian.{name}", (rows, *example.shape[1:]), whole)
        if whole and found.numel() and not 0 <= int(found.min()) <= int(found.max()) < compression.code_dim:
            raise SplatError(f"{tensors.file}: gaussian.{name} has numbers below 0 or from {compression.code_dim} on")
    return compression.unpack(stored)


def _finite(name: str, found: Tensor, tensors: Tensors) -> Tensor:
    """A tensor in single precision, without NaN and infinities."""
    if not bool(found.isfinite().all()):
        raise SplatError(f"{tensors.file}: {name} has values that are no numbers")
    return found.float()

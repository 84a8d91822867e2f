"""Checkpoints: one safetensors file that holds everything `resume` needs. No pickle."""

from __future__ import annotations

import contextlib
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from splat.errors import SplatError
from splat.files import atomic_path

VERSION = 1
# What a damaged file may raise where its content is put to use
DAMAGE = (
    OSError, SafetensorError, ValueError, KeyError, TypeError, IndexError, AttributeError, RuntimeError, OverflowError,
    RecursionError,
)  # fmt: skip


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a nested dictionary of tensors, numbers, strings, None and lists of these, atomically.

    Tensors are stored under their path in the dictionary, everything else as JSON in the file's header, with a check
    sum of all of it.

    Raises:
        SplatError: when the disk refuses.
    """
    tensors: dict[str, Tensor] = {}
    tree = json.dumps(_split(state, (), tensors))
    metadata = {"version": str(VERSION), "tree": tree, "sum": _sum(tree, tensors)}
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata=metadata)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read what `save_checkpoint` wrote; tensors arrive on the CPU.

    Raises:
        SplatError: when the file is damaged or from a newer version.
    """
    with reading(path):
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if int(metadata.get("version", 0)) != VERSION:
                raise SplatError(f"{path} was written by another version of splat; train again without resume")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if metadata.get("sum", _sum(metadata["tree"], tensors)) != _sum(metadata["tree"], tensors):
            raise ValueError("its check sum is another")
        state = _join(json.loads(metadata["tree"]), tensors)
        if not isinstance(state, dict):
            raise TypeError("it holds no names with values")
        return state


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Make one line of whatever a damaged checkpoint leads to, where it is read or put to use.

    Raises:
        SplatError: naming the file, and what to do.
    """
    try:
        yield
    except DAMAGE as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise SplatError(
            f"cannot read the checkpoint {path}: {reason}; remove it to resume from the one before"
        ) from error


def _sum(tree: str, tensors: dict[str, Tensor]) -> str:
    """Check sum of a checkpoint's content."""
    found = zlib.crc32(tree.encode())
    for name in sorted(tensors):
        flat = tensors[name].reshape(-1)
        found = zlib.crc32(name.encode(), found)
        if flat.numel():
            found = zlib.crc32(flat.view(torch.uint8).numpy().data, found)
    return f"{found:08x}"


def latest_checkpoint(folder: Path) -> Path | None:
    """The checkpoint with the most steps, or None."""
    return max(folder.glob("step_*.safetensors"), default=None, key=lambda path: path.name)


def checkpoint_path(folder: Path, step: int) -> Path:
    """Where the checkpoint after `step` steps stands in `folder`; names sort by step."""
    return folder / f"step_{step:08d}.safetensors"


def _split(value: Any, path: tuple[str, ...], tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, Tensor):
        name = "/".join(path)
        tensors[name] = value.detach().cpu().contiguous().clone()
        return {"__tensor__": name}
    if isinstance(value, torch.Generator):
        return {"__generator__": _split(value.get_state(), path, tensors)["__tensor__"]}
    if isinstance(value, dict):
        return {str(key): _split(item, (*path, str(key)), tensors) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_split(item, (*path, str(index)), tensors) for index, item in enumerate(value)]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"a checkpoint cannot hold {type(value).__name__} at {'/'.join(path)}")


def _join(tree: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(tree, dict):
        if "__tensor__" in tree:
            return tensors[tree["__tensor__"]]
        if "__generator__" in tree:
            generator = torch.Generator()
            generator.set_state(tensors[tree["__generator__"]])
            return generator
        return {key: _join(item, tensors) for key, item in tree.items()}
    if isinstance(tree, list):
        return [_join(item, tensors) for item in tree]
    return tree

"""The compiled kernels: picks the instruction set that suits this processor.

The package holds one extension module per instruction set, all built from the same sources (`native/`). Importing this
module is cheap; the extension is loaded by the first call of `kernels()`.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import os
from types import ModuleType
from typing import Any

from splat.errors import SplatError

# Every instruction set that a build may hold, best first; each list belongs to one kind of processor.
SETS = ("avx512", "avx2", "sse2", "neon", "generic")
BASELINES = ("sse2", "neon", "generic")
MAX_THREADS = 1024
INTERFACE = 3  # as in native/bindings.cpp


@functools.cache
def kernels() -> ModuleType:
    """The extension module for the best instruction set that is built and that this processor runs.

    The environment variable SPLAT_ISA (avx512, avx2, sse2, neon) chooses another one.

    Raises:
        SplatError: no module is built, or SPLAT_ISA names one that is absent or that the processor cannot run.
    """
    wanted = os.environ.get("SPLAT_ISA", "").strip().lower()
    usable = usable_sets()
    if wanted and wanted not in usable:
        raise SplatError(f"SPLAT_ISA={wanted} is not usable here; choose one of: {', '.join(usable)}")
    return load_set(wanted or usable[0])


def load_set(isa: str) -> ModuleType:
    """The module of one instruction set.

    Raises:
        ImportError: it is not built. SplatError: this processor does not run it, or it was built from other sources
            than these.
    """
    if isa not in BASELINES and isa in built_sets() and isa not in usable_sets():  # loading it would end the process
        raise SplatError(
            f"this processor does not run the kernels for {isa}; choose one of: {', '.join(usable_sets())}"
        )
    module = importlib.import_module(f"splat._native_{isa}")
    if getattr(module, "interface", 1) != INTERFACE:
        raise SplatError("The compiled kernels are older or newer than the rest of splat; run `pip install -e .` again")
    return module


def built_sets() -> list[str]:
    """Instruction sets that this installation holds, best first."""
    return [isa for isa in SETS if importlib.util.find_spec(f"splat._native_{isa}") is not None]


@functools.cache
def usable_sets() -> list[str]:
    """Instruction sets that are built and that this processor runs, best first.

    Raises:
        SplatError: the kernels are not built.
    """
    built = built_sets()
    baseline = next((isa for isa in built if isa in BASELINES), None)
    if baseline is None:
        raise SplatError(
            "The compiled kernels are missing; install the package with `pip install -e .` (needs a C++ compiler)"
        )
    supported = load_set(baseline).supported_sets()
    return [isa for isa in supported if isa in built]


def default_threads() -> int:
    """Threads that kernels use unless told otherwise: SPLAT_NUM_THREADS, else the cores this process may use."""
    text = os.environ.get("SPLAT_NUM_THREADS", "").strip()
    if text:
        if not text.isdecimal() or not 1 <= int(text[:10]) <= MAX_THREADS:
            raise SplatError(f"SPLAT_NUM_THREADS={text} is not a whole number from 1 to {MAX_THREADS}")
        return int(text)
    return min(_cores(), MAX_THREADS)


@functools.cache
def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def info() -> dict[str, Any]:
    """What `splat doctor` shows: instruction set in use, those built and usable, vector width, threads."""
    try:
        module = kernels()
    except SplatError as error:
        return {"available": False, "problem": str(error), "built": built_sets(), "threads": default_threads()}
    return {
        "available": True,
        "isa": module.isa,
        "vector_width": module.vector_width,
        "usable": usable_sets(),
        "built": built_sets(),
        "threads": default_threads(),
    }

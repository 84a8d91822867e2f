"""Which renderer runs, and why."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import io
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from splat.console import info
from splat.errors import SplatError

if TYPE_CHECKING:
    import torch

BACKENDS = ("auto", "gsplat", "cpu")


@dataclass(frozen=True)
class Backend:
    """A renderer and the reason for choosing it."""

    name: str  # gsplat or cpu
    reason: str

    @property
    def device(self) -> torch.device:
        """Where the tensors that it renders must be."""
        import torch

        return torch.device("cuda" if self.name == "gsplat" else "cpu")


def select_backend(requested: str = "auto") -> Backend:
    """Picks the renderer: gsplat where CUDA works, else the CPU kernels.

    Args:
        requested: auto, gsplat or cpu.

    Raises:
        SplatError: an unknown name, or gsplat was asked for and cannot run here (the message says why).
    """
    if requested not in BACKENDS:
        raise SplatError(f"render backend {requested!r} is unknown; choose one of: {', '.join(BACKENDS)}")
    if requested == "cpu":
        return Backend("cpu", "chosen by the configuration")
    problem = gsplat_problem()
    if requested == "gsplat":
        if problem:
            raise SplatError(f"backend=gsplat cannot run here: {problem}; use backend=auto or backend=cpu")
        return Backend("gsplat", "chosen by the configuration")
    return Backend("cpu", problem) if problem else Backend("gsplat", "a CUDA device is available")


@functools.cache
def gsplat_problem() -> str:
    """Why gsplat cannot render on this machine, or an empty string. Loads gsplat's kernels when there is a GPU."""
    import torch

    if not torch.cuda.is_available():
        return "no CUDA device"
    if importlib.util.find_spec("gsplat") is None:
        return "gsplat is not installed"
    return _load_gsplat()


def _load_gsplat() -> str:
    """Loads (the first time: compiles) gsplat's CUDA kernels; returns what went wrong, or an empty string."""
    chatter = io.StringIO()
    if home := toolkit_beside(shutil.which("nvcc")):
        os.environ.setdefault("CUDA_HOME", home)
    if _must_compile():
        info("compiling gsplat's CUDA kernels; this takes some minutes, once")
    try:
        # gsplat writes to standard output while it looks for a compiler; what matters of it is in the reason below.
        with contextlib.redirect_stdout(chatter), contextlib.redirect_stderr(chatter):
            from gsplat.cuda._backend import _C
    except Exception as error:
        # Whatever stops a third-party build must not stop the CPU renderer; the reason is shown to the user.
        return f"gsplat does not load ({_first_line(error)})"
    return "" if _C is not None else "gsplat has no CUDA toolkit to compile its kernels with"


def toolkit_beside(nvcc: str | None, others: tuple[str, ...] = ("/usr/local/cuda",)) -> str | None:
    """The folder of the CUDA toolkit where torch would guess wrongly: where nvcc is a script or a link elsewhere.

    torch takes the folder above nvcc's. Returns None where CUDA_HOME or CUDA_PATH is set, or its guess is right.
    """
    if nvcc is None or os.environ.get("CUDA_HOME") or os.environ.get("CUDA_PATH"):
        return None
    folders = [Path(nvcc).parents[1], Path(nvcc).resolve().parents[1], *map(Path, others)]
    right = [folder for folder in folders if (folder / "include" / "cuda_runtime.h").is_file()]
    return str(right[0]) if right and right[0] != folders[0] else None


def _must_compile() -> bool:
    """Whether gsplat's kernels come neither with the package nor from an earlier compilation."""
    if importlib.util.find_spec("gsplat.csrc") is not None:
        return False
    from torch.utils.cpp_extension import _get_build_directory

    return not list(Path(_get_build_directory("gsplat_cuda", False)).glob("gsplat_cuda.*"))


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__

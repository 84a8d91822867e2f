"""Which renderer is chosen, and that gsplat stays out of the way where it cannot run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from splat.errors import SplatError
from splat.render import backends, rasterize, select_backend
from tests.reference import random_scene

no_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a CUDA device")


def test_unknown_names_are_refused() -> None:
    with pytest.raises(SplatError, match="choose one of: auto, gsplat, cpu"):
        select_backend("cuda")


def test_cpu_on_request() -> None:
    assert select_backend("cpu").name == "cpu"


@no_gpu
def test_without_a_gpu_auto_says_why() -> None:
    assert select_backend() == backends.Backend("cpu", "no CUDA device")
    with pytest.raises(SplatError, match="no CUDA device"):
        select_backend("gsplat")


def test_gsplat_needs_tensors_on_the_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "gsplat_problem", lambda: "")
    scene = random_scene()
    with pytest.raises(SplatError, match="move them there or use backend=cpu"):
        rasterize(*scene.tensors, torch.rand(250, 3), *scene.cameras, backend="gsplat")


def test_rendering_on_the_cpu_neither_imports_gsplat_nor_prints() -> None:
    program = (
        "import sys, torch\n"
        "from splat.render import rasterize, select_backend\n"
        "means, quats = torch.tensor([[0., 0, 2]]), torch.tensor([[1., 0, 0, 0]])\n"
        "K = torch.tensor([[20., 0, 8.5], [0, 20, 8.5], [0, 0, 1]])\n"
        "image, _, meta = rasterize(means, quats, torch.full((1, 3), 0.1), torch.ones(1), torch.ones(1, 3),\n"
        "    torch.eye(4)[None], K[None], 16, 16)\n"
        "assert image.max() > 0.9 and meta['backend'] == 'cpu'\n"
        "assert 'gsplat' not in sys.modules\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stderr
    assert result.stdout == "" and result.stderr == ""


def test_importing_the_options_does_not_load_torch() -> None:
    program = "import sys, splat.render.config; assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", program], timeout=600).returncode == 0


def test_the_cuda_toolkit_is_found_beside_a_script_that_stands_for_nvcc(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch takes the folder above nvcc's for the toolkit; above a script such as /usr/local/bin/nvcc is none."""
    for name in ("CUDA_HOME", "CUDA_PATH"):
        monkeypatch.delenv(name, raising=False)
    toolkit, other = tmp_path / "cuda-13", tmp_path / "usr"
    for folder in (toolkit / "bin", toolkit / "include", other / "bin"):
        folder.mkdir(parents=True)
    (toolkit / "bin" / "nvcc").touch()
    (other / "bin" / "nvcc").touch()
    (other / "bin" / "linked").symlink_to(toolkit / "bin" / "nvcc")
    find = backends.toolkit_beside
    assert find(str(other / "bin" / "nvcc"), (str(toolkit),)) is None  # no headers anywhere: torch says so itself
    (toolkit / "include" / "cuda_runtime.h").touch()
    assert find(str(other / "bin" / "nvcc"), (str(toolkit),)) == str(toolkit)
    assert find(str(other / "bin" / "linked"), ()) == str(toolkit)
    assert find(str(toolkit / "bin" / "nvcc"), ("/elsewhere",)) is None and find(None) is None
    monkeypatch.setenv("CUDA_HOME", "/chosen")
    assert find(str(other / "bin" / "nvcc"), (str(toolkit),)) is None

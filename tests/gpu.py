"""The mark of tests that need a CUDA device, and a rehearsal of them on the CPU.

With SPLAT_REHEARSE_GPU=1 the tests run where there is no device, the CPU taking its part: that finds mistakes in the
tests themselves and says nothing about CUDA.
"""

from __future__ import annotations

import os

import pytest
import torch

CUDA = torch.cuda.is_available()
REHEARSAL = not CUDA and os.environ.get("SPLAT_REHEARSE_GPU") == "1"
DEVICE = torch.device("cuda" if CUDA else "cpu")
BACKEND = "gsplat" if CUDA else "cpu"

needs_gpu = [
    pytest.mark.gpu,
    pytest.mark.skipif(not CUDA and not REHEARSAL, reason="needs a CUDA device"),
]


@pytest.fixture(scope="module", autouse=True)
def working_gsplat() -> None:
    """On a machine with a GPU, gsplat that does not load is a failure and no reason to skip."""
    if CUDA:
        from splat.render.backends import gsplat_problem

        assert gsplat_problem() == ""

"""A query on CUDA finds what it finds on the CPU."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from splat.cli import main
from tests.gpu import BACKEND, needs_gpu, working_gsplat  # noqa: F401  the fixture works by being here
from tests.language.test_distill_query import distill, write_three_balls

pytestmark = needs_gpu


@pytest.mark.parametrize("kind", ["memory", "codebook"])
def test_the_same_is_found(tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_three_balls(tmp_path)
    assert distill(run, f"compress.kind={kind}") == 0  # lifted on the device
    found = []
    for backend in ("cpu", BACKEND):
        capsys.readouterr()
        assert main(["query", str(run), "a cup", "views=2", f"backend={backend}"]) == 0
        found.append(json.loads(capsys.readouterr().out))
    ours, theirs = found
    assert ours["found"] and theirs["found"] and len(ours["objects"]) == len(theirs["objects"]) == 1
    assert np.allclose(ours["objects"][0]["centre"], theirs["objects"][0]["centre"], atol=1e-3)
    for one, other in zip(ours["views"], theirs["views"]):
        assert one["view"] == other["view"] and abs(one["pixels"] - other["pixels"]) <= 0.05 * one["pixels"] + 2
        assert abs(one["relevancy"] - other["relevancy"]) < 0.01

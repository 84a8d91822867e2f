"""Poses that are made wrong on purpose: by how much, and that nothing else changes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from splat.capture import load_capture
from splat.errors import SplatError
from splat.poses.gauge import pose_errors
from tests.conftest import REPOSITORY
from tests.train.blobs import write_blob_capture
from tools.perturb_poses import main, write_perturbed

DEMO = REPOSITORY / "data" / "demo"


@pytest.mark.parametrize("kind", ["colmap", "transforms"])
def test_poses_are_off_by_what_was_asked_for(tmp_path: Path, kind: str) -> None:
    data = DEMO
    if kind == "transforms":
        data = tmp_path / "blobs"
        write_blob_capture(data, views=60)
    write_perturbed(data, tmp_path / "wrong", degrees=0.8, share=0.03, seed=3)
    one, other = load_capture(data, points="capture"), load_capture(tmp_path / "wrong", points="capture")
    assert [frame.camera.name for frame in one.frames] == [frame.camera.name for frame in other.frames]
    assert [frame.split for frame in one.frames] == [frame.split for frame in other.frames]
    right, wrong = (torch.stack([camera.viewmat for camera in capture.cameras()]) for capture in (one, other))
    degrees, shares = (values.square().mean().sqrt() for values in pose_errors(right, wrong))
    assert float(degrees) == pytest.approx(0.8, rel=0.15)  # what all have in common is no error
    assert 0.02 < float(shares) < 0.05
    if kind == "colmap":
        assert one.points is not None and other.points is not None
        np.testing.assert_array_equal(one.points.xyz, other.points.xyz)
    np.testing.assert_array_equal(one.images.image(0), other.images.image(0))
    with pytest.raises(SplatError, match="is there already"):
        write_perturbed(data, tmp_path / "wrong", 1, 1, 0)


def test_the_command_says_what_it_cannot_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.setattr("sys.argv", ["perturb_poses", "perturb", str(tmp_path / "empty"), str(tmp_path / "out")])
    assert main() == 2 and "neither a COLMAP model nor a transforms.json" in capsys.readouterr().err
    write_blob_capture(tmp_path / "blobs")
    words = ["perturb_poses", "perturb", str(tmp_path / "blobs"), str(tmp_path / "out"), "--degrees", "1"]
    monkeypatch.setattr("sys.argv", words)
    assert main() == 0
    poses = [json.loads((tmp_path / name / "transforms.json").read_text())["frames"] for name in ("blobs", "out")]
    assert poses[0] != poses[1]

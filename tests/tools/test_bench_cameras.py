"""The benchmark of cameras: errors of poses, stages of a process, its table."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tools import bench_cameras
from tools.bench_cameras import Measured, follow, known_poses, pose_errors, rows_of, table, write_docs

RNG = np.random.default_rng(0)


def poses(count: int) -> dict[str, np.ndarray]:
    """World-to-camera matrices by name."""
    found = {}
    for index in range(count):
        found[f"{index}.jpg"] = np.eye(4)
        found[f"{index}.jpg"][:3, :3] = Rotation.random(random_state=index).as_matrix()
        found[f"{index}.jpg"][:3, 3] = RNG.normal(size=3)
    return found


def in_another_frame(known: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same cameras in a frame that is turned, 3 times as large and elsewhere."""
    turn, shift = Rotation.from_rotvec([0.3, -1.0, 2.0]).as_matrix(), np.array([5.0, -2.0, 1.0])
    moved = {}
    for name, pose in known.items():
        centre = 3.0 * turn @ (-pose[:3, :3].T @ pose[:3, 3]) + shift
        moved[name] = np.eye(4)
        moved[name][:3, :3] = pose[:3, :3] @ turn.T
        moved[name][:3, 3] = -moved[name][:3, :3] @ centre
    return moved


def test_a_similarity_is_no_error_and_a_turn_is_one() -> None:
    known = poses(12)
    found = in_another_frame(known)
    assert pose_errors(found, known) == pytest.approx((0.0, 0.0), abs=1e-4)
    tilt = Rotation.from_rotvec(np.radians([0.0, 2.0, 0.0])).as_matrix()
    for name in found:  # turned on the spot
        found[name] = np.block([[tilt @ found[name][:3, :3], (tilt @ found[name][:3, 3])[:, None]], [0, 0, 0, 1]])
    rotation, position = pose_errors(found, known)
    assert rotation == pytest.approx(2.0, abs=1e-4) and position == pytest.approx(0.0, abs=1e-4)


def test_cameras_of_a_transforms_file_look_along_minus_z(tmp_path: Path) -> None:
    matrix = np.eye(4)
    matrix[:3, 3] = 1, 2, 3
    frames = [{"file_path": "images/a.jpg", "transform_matrix": matrix.tolist()}]
    (tmp_path / "t.json").write_text(json.dumps({"frames": frames}))
    ahead = known_poses(tmp_path / "t.json")["a.jpg"] @ np.array([1.0, 3.0, -1.0, 1.0])
    np.testing.assert_allclose(ahead[:3], [0, -1, 4])  # one up is y < 0, four ahead z > 0


def test_stages_are_told_apart_and_processor_seconds_hold_ended_children(tmp_path: Path) -> None:
    script = """
import subprocess, sys, time
burn = "import time\\nwhile time.process_time() < 0.6: pass"
subprocess.run([sys.executable, "-c", burn])
print("Finding features: 5/5, 3.0 photo/s, took 1.0 s", file=sys.stderr, flush=True)
time.sleep(1.0)
print("Matching photos: 3/10 (30 %), 1 pair/s, 4.0 s elapsed, 2.0 s left", file=sys.stderr, flush=True)
print("Matching photos: 1,225/1,225, 3.0 pair/s, took 1:20", file=sys.stderr, flush=True)
print("found")
time.sleep(0.3)
"""
    row = Measured("room", "default", "", 5)
    assert follow([sys.executable, "-c", script], tmp_path, dict(os.environ), row) == "found\n"
    assert set(row.seconds) == {"features", "matching", "all"} and not row.failed
    assert row.processor["features"] >= 0.6 and row.processor["all"] >= row.processor["features"] - 0.05
    # on a loaded machine a line is read some time after it was written: 1.0 s and 1.3 s are slept
    assert row.seconds["matching"] >= 0.5 and row.seconds["all"] >= row.seconds["features"] + 0.8
    follow([sys.executable, "-c", "import sys; print('error: no', file=sys.stderr); sys.exit(2)"], tmp_path, {}, row)
    assert row.failed == "error: no"


def test_the_table_holds_what_was_measured_and_goes_between_its_marks(tmp_path: Path) -> None:
    row = Measured("fox", "default", "", 50, 49, {"all": 61.4}, {"all": 99.6, "features": 20.2}, 0.123, 1.5, 0.8)
    lines = table(
        [row, Measured("fox", "small", "", 50, 0, {"all": 1.0}, {"all": 1.0}, failed="a.b.SplatError: no; try c")]
    ).splitlines()
    assert lines[2] == "| fox | default | 49 of 50 | 61 | 100 | 20 |  |  | 0.12° | 1.50 % | 0.80 px |"
    assert "| failed: no |" in lines[3] and {line.count("|") for line in lines} == {12}
    page = tmp_path / "page.md"
    page.write_text(f"above\n{bench_cameras.BEGIN}\nold\n{bench_cameras.END}\nbelow\n")
    write_docs("new", page)
    assert page.read_text() == f"above\n{bench_cameras.BEGIN}\n\nnew\n\n{bench_cameras.END}\nbelow\n"
    assert bench_cameras.BEGIN in bench_cameras.PAGE.read_text(encoding="utf-8")
    (tmp_path / "runs.jsonl").write_text(json.dumps(row.__dict__) + "\n")
    assert rows_of(tmp_path / "runs.jsonl") == [row]

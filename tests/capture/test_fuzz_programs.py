"""Damaged files of other programs are read or refused in one line, nothing else; the damage is the same each time."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import test_bundler
import test_kapture
import test_llff
import test_metashape
import test_opensfm
import test_polycam
import test_reality
import test_record3d
from known_cameras import poses

from splat.capture import load_capture
from tests.fuzz import damaged, odd_records, survives


def written(kind: str, root: Path) -> list[Path]:
    """Write the capture of a kind; returns its files that are no photos."""
    match kind:
        case "llff":
            test_llff.write(root, test_llff.rows(poses()))
        case "record3d":
            own = [[210.0, 210.0, 171.0, 113.0]] * test_record3d.COUNT
            test_record3d.export(root, perFrameIntrinsicCoeffs=own)
        case "polycam":
            test_polycam.export(root / "keyframes", poses())
        case "metashape":
            lens = test_metashape.calibration(k1=-0.1, k4=0.001, b1=0.1, p1=0.001)
            cameras = "".join(test_metashape.camera(number, pose) for number, pose in enumerate(poses()))
            test_metashape.write(root, test_metashape.document(cameras, lens))
        case "reality":
            lines = [test_reality.row(name, pose) for name, pose in zip(test_reality.NAMES, poses())]
            test_reality.write(root, [test_reality.OLD, *lines])
        case "matrices":
            lines = [test_reality.matrix_row(name, pose) for name, pose in zip(test_reality.NAMES, poses())]
            test_reality.write(root, [test_reality.MATRIX, *lines])
        case "opensfm":
            test_opensfm.write(root, [test_opensfm.reconstruction()])
        case "bundler":
            test_bundler.write(root, test_bundler.bundle())
        case "kapture":
            test_kapture.write(root)
    return [path for path in sorted(root.rglob("*")) if path.is_file() and path.suffix not in (".jpg", ".png")]


KINDS = ("llff", "record3d", "polycam", "metashape", "reality", "matrices", "opensfm", "bundler", "kapture")
NAMES = {"reality": "realitycapture", "matrices": "realitycapture"}


def reader(kind: str, root: Path) -> Callable[[], object]:
    return lambda: load_capture(root, points="capture", format=NAMES.get(kind, kind))


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_bytes(tmp_path, kind):
    files = written(kind, tmp_path)
    load = reader(kind, tmp_path)
    assert survives(load, kind)
    found = set()
    for file in files[:4]:
        data = file.read_bytes()
        for content in damaged(data, len(data), 40 // min(len(files), 4)):
            file.write_bytes(content)
            found.add(survives(load, content))
        file.write_bytes(data)
    assert found == {True, False}


@pytest.mark.parametrize("kind", ["record3d", "polycam", "opensfm"])
def test_odd_values(tmp_path, kind):
    file = written(kind, tmp_path)[0]
    load, whole = reader(kind, tmp_path), json.loads(file.read_text())
    found = set()
    for record in odd_records(whole, 1, 80):
        file.write_text(json.dumps(record))
        found.add(survives(load, record))
    assert found == {True, False}

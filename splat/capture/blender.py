"""Blender captures (NeRF's synthetic scenes): transforms_train.json and transforms_test.json, RGBA renders."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from splat.capture.config import CaptureOptions
from splat.capture.shots import Found, Shot
from splat.capture.transforms import frame_shots, read_meta
from splat.capture.types import Split


def read_blender(root: Path, options: CaptureOptions) -> Found:
    """Read the official split: train from transforms_train.json, test from transforms_test.json (else ..._val.json).

    Raises:
        SplatError: a missing or wrong file, or no photo left.
    """
    notes: list[str] = []
    test_file = root / "transforms_test.json"
    if not test_file.is_file():
        test_file = root / "transforms_val.json"
        notes.append("no transforms_test.json: the validation views are the test views" if test_file.is_file() else "")
    shots: list[Shot] = []
    sides: tuple[tuple[Path, Split], ...] = ((root / "transforms_train.json", "train"), (test_file, "test"))
    for file, side in sides:
        if side == "test" and not file.is_file():
            notes.append("no test views: neither transforms_test.json nor transforms_val.json")
            continue
        found = frame_shots(read_meta(file), root, file, options, notes)
        shots += [dataclasses.replace(shot, split=side) for shot in found]
    return Found("blender", root, shots, None, [note for note in notes if note], [root / "masks"])

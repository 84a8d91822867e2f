"""The comparison of two states: what counts as a difference, and what may differ between two runs of one state."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
from safetensors.numpy import save_file

from tools.same_bits import compared, digests


def results(
    folder: Path, psnr: float = 20.0, value: float = 1.0, level: int = 7, seconds: float = 3.0
) -> dict[str, str]:
    folder.mkdir()
    record = {"psnr": psnr, "train_seconds": seconds, "scene": str(folder / "scene.ply"), "text": f"in {folder}"}
    (folder / "metrics.json").write_text(json.dumps(record))
    save_file({"codes": np.full(3, value, np.float32)}, folder / "field.safetensors", {"made": str(seconds)})
    cv2.imwrite(str(folder / "a.png"), np.full((4, 4, 3), level, np.uint8), [cv2.IMWRITE_PNG_COMPRESSION, int(seconds)])
    (folder / "scene.ply").write_bytes(b"ply")
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "step_1.safetensors").write_bytes(str(seconds).encode())
    return digests(folder)


def test_times_folders_and_encodings_are_no_difference(tmp_path: Path) -> None:
    before, after = results(tmp_path / "a"), results(tmp_path / "b", seconds=9.0)
    assert sorted(before) == ["a.png", "field.safetensors", "metrics.json", "scene.ply"]
    assert compared({"files": after, "failed": []}, {"files": before}) == 0


def test_numbers_pixels_and_tensors_are(tmp_path: Path) -> None:
    before = results(tmp_path / "a")
    for number, changed in enumerate(({"psnr": 20.001}, {"value": 1.0000001}, {"level": 8})):
        after = results(tmp_path / f"changed{number}", **changed)
        assert sum(before[name] != after[name] for name in before) == 1
        assert compared({"files": after, "failed": []}, {"files": before}) == 1


def test_a_file_that_is_gone_and_a_command_that_failed_are_told(tmp_path: Path) -> None:
    before = results(tmp_path / "a")
    fewer = {name: digest for name, digest in before.items() if name != "a.png"}
    assert compared({"files": fewer, "failed": []}, {"files": before}) == 1
    assert compared({"files": before, "failed": ["train"]}, {"files": before}) == 1

"""A wrong path is refused at once: before torch, which takes seconds to import, is even touched."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "cv2", "scipy", "pycolmap", "open3d")


@pytest.mark.parametrize(
    "words",
    [
        ["info", "nowhere"],
        ["evaluate", "nowhere"],
        ["render", "nowhere"],
        ["export", "nowhere"],
        ["export", "notes.txt"],
        ["export", "scene.ply", "output=scene.xyz"],
        ["compare", "nowhere", "nothing"],
        ["train", "nowhere"],
        ["train", "photos", "out=run"],
        ["train", "photos", "out=nowhere", "resume=true"],
        ["info", "empty"],
        ["info", "notes.txt"],
        ["evaluate", "empty"],
    ],
    ids=" ".join,
)
def test_refused_without_heavy_imports(words: list[str], tmp_path: Path) -> None:
    for folder in ("empty", "photos", "run"):
        (tmp_path / folder).mkdir()
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "scene.ply").write_bytes(b"ply\nformat binary_little_endian 1.0\nelement vertex 0\nend_header\n")
    (tmp_path / "run" / "config.yaml").write_text("train: {data: photos}")
    (tmp_path / "run" / "scene.ply").write_bytes(b"ply")
    code = f"""
import sys
sys.path.insert(0, {str(REPOSITORY)!r})
from splat.cli import main
code = main({words!r})
print(code, sorted(set({HEAVY!r}) & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stdout == "2 []\n", done.stderr
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1

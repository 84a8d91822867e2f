"""The tool that damages files by the hundred thousand still runs the parsers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def test_every_input_is_read_or_refused(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tools.fuzz_files", str(tmp_path), "bundler", "--inputs", "40"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    found = json.loads((tmp_path / "bundler.json").read_text())
    assert done.returncode == 0 and found["failures"] == 0, done.stdout + done.stderr
    assert found["inputs"] >= 40 and found["read"] + found["refused"] == found["inputs"]

"""The recipes in scripts/ run."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"


def table(*words: str, code: int = 0) -> str:
    command = [sys.executable, str(SCRIPTS / "metrics_table.py"), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done.stdout


def test_table_of_all_runs_below_a_folder(tmp_path: Path) -> None:
    for name, psnr in (("a", 20.125), ("b", 30.0), ("c", None)):
        (tmp_path / name).mkdir()
        metrics = {"psnr": psnr, "num_gaussians": 1234, "protocol": {"name": "gsplat"}}
        (tmp_path / name / "metrics.json").write_text(json.dumps(metrics))
    lines = table(str(tmp_path), "--sort", "psnr").splitlines()
    assert [line.split(" | ")[2] for line in lines[2:]] == ["30", "20.12", "–"] and "1,234" in lines[2]
    found = list(csv.DictReader(table(str(tmp_path), "--csv").splitlines()))
    assert [row["psnr"] for row in found] == ["20.125", "30.0", ""] and found[0]["run"] == str(tmp_path / "a")


def test_no_runs_is_a_failure(tmp_path: Path) -> None:
    assert table(str(tmp_path), code=1) == ""


def test_the_cluster_recipe_is_valid_shell() -> None:
    subprocess.run(["bash", "-n", str(SCRIPTS / "slurm_sweep.sh")], check=True)

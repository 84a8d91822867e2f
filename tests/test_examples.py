"""Every script in examples/ runs, on the demo and small."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
EXAMPLES = REPOSITORY / "examples"


def example(name: str, *words: str, cwd: Path) -> str:
    """What a script prints; it must succeed."""
    command = [sys.executable, str(EXAMPLES / f"{name}.py"), *words]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the run that examples/train.py makes."""
    folder = tmp_path_factory.mktemp("examples")
    printed = example("train", "--quick", "--out", "run", cwd=folder)
    found = re.search(r"([\d.]+) dB on held-out photos: run, run/exports/scene.splat", printed)
    assert found and float(found[1]) > 14
    return folder


def test_query(folder: Path) -> None:
    assert example("query", "run", "floor", "--quick", cwd=folder).startswith("floor: ")


def test_edit(folder: Path) -> None:
    printed = example("edit", "run", "--sphere", "0.8,0.6,0.5,0.5", cwd=folder)
    assert printed.splitlines()[1] == "after undo the scene in force is 001-recolor-sphere-0-8-0-6-0-5-0-5"


def test_camera_path(folder: Path) -> None:
    assert example("camera_path", "run", "--frames", "4", "--out", "flight", cwd=folder) == "4 pictures in flight\n"
    assert len({path.read_bytes() for path in (folder / "flight").glob("*.png")}) == 4


def test_evaluate_scene(folder: Path) -> None:
    demo = str(REPOSITORY / "data" / "demo")
    printed = example("evaluate_scene", "run/exports/scene.splat", demo, "--data-factor", "6", "--quick", cwd=folder)
    found = re.match(r"([\d.]+) dB, SSIM [\d.]+ on 9 held-out photos", printed)
    assert found and float(found[1]) > 14


def test_all_scripts_are_run_here() -> None:
    tested = {"train", "query", "edit", "camera_path", "evaluate_scene"}
    assert {path.stem for path in EXAMPLES.glob("*.py")} == tested


@pytest.mark.slow
def test_the_readmes_lines(tmp_path: Path) -> None:
    """As they stand there, with fewer steps on smaller photos."""
    block = re.search(r"## As a library\n\n```python\n(.*?)```", (REPOSITORY / "README.md").read_text(), re.DOTALL)
    assert block
    code = block[1].replace('"data/demo", max_steps=1000', f"{str(REPOSITORY / 'data' / 'demo')!r}, **small")
    code = code.replace("evaluate(run)", "evaluate(run, options={'lpips_net': 'none', 'flip': False})")
    code = f"small = {{'max_steps': 400, 'data_factor': 3}}\n{code}\nprint(edited.path.name, *image.shape)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "001-recolor-orange-cushion 1 120 160 3"
    assert (tmp_path / "green_cushion.splat").is_file()

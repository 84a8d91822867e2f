"""`splat train` from photos to a run folder, through the command line."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from PIL import Image

from splat.cli import main

SMALL = ["data_factor=4", "cap_max=2000", "initial.random_points=1000", "initial.seeds=1000"]


@pytest.fixture
def lego(shared_data: Callable[[str], Path]) -> Path:
    return shared_data("lego")


def test_trains_evaluates_and_protects_its_folder(
    lego: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["train", str(lego), "max_steps=8", "name=a=b, c", *SMALL]
    assert main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    run = Path(lines[-1])
    assert run == Path("runs/lego/a=b, c") and lines[0].split()[:2] == ["run", "PSNR"]
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["max_steps"] == 8 and len(metrics["per_view"]) == 25 and 5 < metrics["psnr"] < 40
    assert f"{metrics['psnr']:.2f}" in lines[1]
    recorded = yaml.safe_load((run / "config.yaml").read_text())["command"]
    assert shlex.split(recorded) == ["splat", *words]  # can be run again as it is
    before = (run / "scene.ply").read_bytes()
    assert main(words) == 2
    assert "finished run" in capsys.readouterr().err
    assert (run / "scene.ply").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


def test_two_values_train_two_runs(lego: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", str(lego), "max_steps=2", "seed=1,2", f"out={tmp_path}/both", *SMALL, "--multirun"]
    words.append(f"hydra.sweep.dir={tmp_path}/record")
    assert main(words) == 0
    folders = [line for line in capsys.readouterr().out.splitlines() if line.startswith(str(tmp_path))]
    assert folders == [f"{tmp_path}/both/seed=1", f"{tmp_path}/both/seed=2"]
    scenes = [(Path(folder) / "scene.ply").read_bytes() for folder in folders]
    assert scenes[0] != scenes[1]


def test_interrupting_saves_and_says_how_to_go_on(lego: Path, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "splat", "train", str(lego), f"out={tmp_path}/run", "max_steps=4000", *SMALL]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as child:
        assert child.stderr is not None
        for line in child.stderr:
            if line.startswith("training:"):
                break
        child.send_signal(signal.SIGINT)
        _, rest = child.communicate(timeout=600)
    assert child.returncode == 130, rest
    assert "Traceback" not in rest and "resume=true" in rest.strip().splitlines()[-1]
    assert list((tmp_path / "run" / "checkpoints").glob("step_*")) and not (tmp_path / "run" / "scene.ply").exists()


def test_data_must_be_given_and_exist(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train"]) == 2
    assert main(["train", str(tmp_path / "no photos, here")]) == 2
    assert main(["train", str(tmp_path)]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 3 and "which photos?" in errors[0] and "no photos, here" in errors[1]


def test_learning_the_photos_by_heart_is_said(
    lego: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Held-out photos that show nothing of the scene: whatever is learnt, they score far below the others."""
    copy = tmp_path / "lego"
    shutil.copytree(lego, copy)
    for photo in (copy / "test").glob("*.png"):
        with Image.open(photo) as opened:
            Image.new("RGBA", opened.size, (0, 0, 0, 255)).save(photo)
    monkeypatch.chdir(tmp_path)
    assert main(["train", "lego", "max_steps=60", *SMALL]) == 0
    assert re.search(r"^warning: Training views score [\d.]+ dB above held-out views", capsys.readouterr().err, re.M)

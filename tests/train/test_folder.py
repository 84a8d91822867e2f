from pathlib import Path

import pytest

from splat.errors import SplatError
from splat.train.config import TrainConfig
from splat.train.folder import prepare_folder


def test_a_training_that_never_began_can_simply_start_again(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "config.yaml").write_text("plan: {}")
    assert prepare_folder(TrainConfig(out=str(folder)), "capture") == folder


def test_an_unfinished_run_is_not_lost(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "config.yaml").write_text("plan: {}")
    (folder / "checkpoints" / "step_00000010.safetensors").write_bytes(b"")
    with pytest.raises(SplatError, match="resume=true"):
        prepare_folder(TrainConfig(out=str(folder)), "capture")


def test_a_file_is_no_run_folder(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(SplatError, match="is a file"):
        prepare_folder(TrainConfig(out=str(tmp_path / "notes.txt")), "capture")


def test_the_default_place_is_named_after_capture_and_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert prepare_folder(TrainConfig(name="try1"), "fox") == Path("runs/fox/try1")
    assert (tmp_path / "runs/fox/try1/checkpoints").is_dir()

"""A run folder that somebody takes away while it is trained."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from splat import running
from splat.evaluate.run_evaluation import evaluate_run
from splat.run import open_run
from splat.train import journal, loop
from splat.train.config import TrainConfig
from splat.train.run import TrainResult
from splat.training import train
from tests.train.blobs import write_blob_capture

TEXTS = ("cameras.json", "metrics.csv", "points.ply", "scene.ply")


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("capture") / "blobs"
    write_blob_capture(folder, views=6)
    return folder


@pytest.fixture
def trained(capture: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., TrainResult]:
    """Trains into a folder; something happens when the first of two test PSNRs has been measured."""

    def run(out: Path, happens: Callable[[], object] = lambda: None) -> TrainResult:
        measured = journal.measured_psnr
        left = [happens]

        def and_then(*arguments: object) -> float:
            found = measured(*arguments)  # type: ignore[arg-type]
            if left:
                left.pop()()
            return found

        config = TrainConfig(data=str(capture), out=str(out), max_steps=40, data_factor=1.0, cap_max=100)
        config.initial.seeds = 50
        config.schedule.eval_every = 20
        config.schedule.save_every = 30
        with monkeypatch.context() as patch:
            patch.setattr(journal, "measured_psnr", and_then)
            patch.setattr(loop.time, "perf_counter", lambda: 0.0)  # seconds are the same in every record
            return train(config)

    return run


@pytest.fixture
def another() -> Iterator[running.Holder]:
    """Another process that works."""
    import psutil

    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield running.Holder(process.pid, running.Holder.here().host, psutil.Process(process.pid).create_time())
        process.communicate(b"\n")


def test_it_is_a_whole_run_again(
    trained: Callable[..., TrainResult], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = trained(tmp_path / "whole").folder
    capsys.readouterr()
    folder = trained(tmp_path / "taken", lambda: shutil.rmtree(tmp_path / "taken")).folder
    said = capsys.readouterr().err
    assert "config.yaml, cameras.json, points.ply went away while training ran; written anew" in said
    assert [(folder / name).read_bytes() for name in TEXTS] == [(whole / name).read_bytes() for name in TEXTS]
    assert open_run(folder).config["plan"] == open_run(whole).config["plan"]
    assert evaluate_run(open_run(folder))["psnr"] == evaluate_run(open_run(whole))["psnr"]
    assert not (folder / running.NAME).exists()


def test_only_what_is_missing_is_written(trained: Callable[..., TrainResult], tmp_path: Path) -> None:
    def change() -> None:
        (tmp_path / "run" / "cameras.json").unlink()
        (tmp_path / "run" / "config.yaml").write_text("train: {}  # mine\n")

    folder = trained(tmp_path / "run", change).folder
    assert (folder / "cameras.json").is_file() and "mine" in (folder / "config.yaml").read_text()


def test_a_folder_that_another_training_has_now_is_left_to_it(
    trained: Callable[..., TrainResult], tmp_path: Path, another: running.Holder, capsys: pytest.CaptureFixture[str]
) -> None:
    sign = json.dumps(vars(another))

    def taken() -> None:
        (tmp_path / "run").rename(tmp_path / "moved")
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / running.NAME).write_text(sign)

    folder = trained(tmp_path / "run", taken).folder
    assert folder == tmp_path / "run.moved-1" and len(open_run(folder).scene()) > 0
    assert f"another training is {another}; this one goes on in {folder}" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "run").iterdir()] == [running.NAME]
    assert (tmp_path / "run" / running.NAME).read_text() == sign and not (folder / running.NAME).exists()

"""What a training says, and refuses, around its steps."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from splat import console
from splat.errors import SplatError
from splat.run_records import read_training
from splat.train.config import TrainConfig
from splat.train.strategies import STRATEGIES, NoneStrategy
from splat.training import train
from tests.train.blobs import write_blob_capture


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    write_blob_capture(tmp_path / "capture")
    return tmp_path / "capture"


def settings(capture: Path, tmp_path: Path) -> TrainConfig:
    return TrainConfig(
        data=str(capture), out=str(tmp_path / "runs" / "run"), max_steps=3, data_factor=1.0, strategy=NoneStrategy()
    )


def test_the_last_line_shows_the_last_measurement(
    capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(settings(capture, tmp_path))
    with (tmp_path / "runs" / "run" / "metrics.csv").open() as file:
        *_, last = csv.DictReader(file)
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("training: 3/3, ")]
    shown = re.search(r"test PSNR ([\d.]+)", line)
    assert shown and float(shown[1]) == pytest.approx(float(last["test_psnr"]), abs=0.01)


def test_photos_too_small_for_ssim_are_refused(capture: Path, tmp_path: Path) -> None:
    config = settings(capture, tmp_path)
    config.data_factor = 8
    with pytest.raises(SplatError, match=r"is \d+x\d+ pixels with data_factor=8; each side needs 11 at least"):
        train(config)
    assert not (tmp_path / "runs").exists()


def test_a_start_that_fails_leaves_no_folder(capture: Path, tmp_path: Path) -> None:
    config = settings(capture, tmp_path)
    config.strategy = STRATEGIES["geotex"]()
    config.strategy.depth = "/no/such/model"  # type: ignore[attr-defined]
    with pytest.raises(SplatError, match="neither a folder nor a hub name"):
        train(config)
    assert not (tmp_path / "runs").exists()


def test_a_training_says_from_where_more_photos_would_help(
    capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twelve photos in a ring at 16 degrees of height, of which the first and the ninth are held out."""
    monkeypatch.setattr(console, "_warned", set())
    train(settings(capture, tmp_path))
    said = capsys.readouterr().err
    assert "coverage: 10 training photos all around, " in said
    assert "plan: 48x36 (data_factor=1), max_steps=3 (0.3 visits of each of 10 photos), " in said
    (line,) = [line for line in said.splitlines() if "are few" in line]
    first, second = "between images/011.png and images/001.png", "between images/007.png and images/009.png"
    assert f"{first} (58° apart)" in line and f"{second} (58° apart)" in line  # 60 degrees times cos 16
    assert line.count("between") == 2 and line.endswith("from higher and lower")
    assert "3 steps come to each of the 10 training photos 0.3 times only" in said


def test_what_a_training_said_is_kept_for_its_report(capture: Path, tmp_path: Path) -> None:
    """Also by the second training of a process, which says it no more."""
    for _ in range(2):
        config = settings(capture, tmp_path)
        config.overwrite = True
        train(config)
        kept = read_training(tmp_path / "runs" / "run")
        assert [line for line in kept.warnings if "10 training photos are few" in line]
        assert kept.seconds["load"] > 0 and kept.seconds["train"] > 0 and kept.seconds["write"] > 0

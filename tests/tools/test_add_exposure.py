"""Drawn exposures: known light, the capture else unchanged; and what training makes of them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from splat.capture import load_capture
from splat.errors import SplatError
from splat.evaluate.evaluate import EvaluationResult, evaluate_views
from splat.files import read_json
from splat.presets import training_config
from splat.training import train
from tests.conftest import REPOSITORY
from tests.train.blobs import write_blob_capture
from tools.add_exposure import exposed, write_exposed


def test_a_stop_is_twice_the_light() -> None:
    grey = np.full((2, 2, 3), 0.5)  # 0.21404 of the light that white has
    assert exposed(grey, np.zeros(3)) == pytest.approx(grey)
    assert exposed(grey, np.array([1.0, 0, -1])).mean(axis=(0, 1)) == pytest.approx([0.6858, 0.5, 0.3608], abs=2e-4)
    assert exposed(grey, np.full(3, 4.0)).max() == 1


def test_the_capture_is_the_same_but_for_its_exposures(tmp_path: Path) -> None:
    write_blob_capture(tmp_path / "clean", views=9)
    write_exposed(tmp_path / "clean", tmp_path / "out", 0.5, 0.0, 1.0, seed=1)
    clean, made = load_capture(tmp_path / "clean"), load_capture(tmp_path / "out")
    assert [frame.split for frame in made.frames] == [frame.split for frame in clean.frames]
    added = read_json(tmp_path / "out" / "exposure_added.json")["stops"]
    drawn = np.array([added[name] for name in sorted(added)])
    assert np.ptp(drawn[:, 0]) > 0.4 and np.abs(drawn).max() <= 0.5 and np.ptp(drawn, axis=1).max() == 0
    for index in range(9):
        before, after = (
            clean.images.image(index) / 255,
            cv2.imread(str(tmp_path / "out" / "images" / f"{index:03d}.png")),
        )
        assert np.abs(after[..., ::-1] / 255 - exposed(before, drawn[index])).max() < 1 / 255
    with pytest.raises(SplatError, match="there already"):
        write_exposed(tmp_path / "clean", tmp_path / "out", 0.5, 0.0, 1.0)


def trained(data: Path, out: Path, appearance: str) -> EvaluationResult:
    """Scores of the test views of a short training at 160 x 120."""
    config = training_config(strategy="mcmc", appearance=appearance)
    config.data, config.out, config.max_steps, config.data_factor = str(data), str(out), 400, 1.0
    config.cap_max, config.initial.seeds, config.schedule.eval_every = 4000, 2000, 0
    result = train(config)
    capture = result.capture
    return evaluate_views(
        result.gaussians, capture, capture.indices("test"), options=result.render, lpips_net="none", with_flip=False
    )


@pytest.mark.slow
def test_drawn_exposures_cost_a_training_little(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Half a stop either way, on every photo of the demo; colours corrected, against the untouched photos."""
    for name, stops in (("clean", 0.0), ("drawn", 0.5)):
        write_exposed(REPOSITORY / "data" / "demo", tmp_path / name, stops, 0.0, 4.0)
    untouched = trained(tmp_path / "clean", tmp_path / "a", "auto")
    assert "; nothing is learned per photo" in capsys.readouterr().err
    none = trained(tmp_path / "drawn", tmp_path / "b", "none")
    auto = trained(tmp_path / "drawn", tmp_path / "c", "auto")
    assert "learned per photo (appearance=exposure)" in capsys.readouterr().err
    assert untouched.cc_psnr and none.cc_psnr and auto.cc_psnr
    assert auto.cc_psnr > untouched.cc_psnr - 0.3
    assert auto.cc_psnr > none.cc_psnr + 0.3

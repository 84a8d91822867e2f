"""In a training: planted exposures are learned, the mean look stays, a resumed training repeats itself bit for bit."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from splat.appearance.config import AppearanceOptions
from splat.appearance.hook import AppearanceHook, mean_rate, rate
from splat.appearance.learning import AppearanceLearner, Corrections, RowAdam
from splat.appearance.models import MODELS
from splat.appearance.record import read_looks
from splat.errors import SplatError
from splat.poses.config import PosesOptions
from splat.train.config import TrainConfig
from splat.train.hooks import HookContext
from splat.train.run import TrainResult, train
from splat.train.strategies import DefaultStrategy
from splat.training import HookedTrainConfig, hooks_of
from splat.weather.training.config import WeatherOptions
from tests.train.blobs import ring_camera, write_blob_capture
from tests.train.interrupting import interrupted_after

VIEWS = 9
STOPS = np.array([0.3, -0.3, 0.15, -0.15, 0.25, -0.25, 0.0, 0.2, -0.2])


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Blobs on black, dark enough that no gain clips them; every photo at an exposure of its own."""
    folder = tmp_path_factory.mktemp("capture") / "blobs"
    write_blob_capture(folder, views=VIEWS)
    for path, stops in zip(sorted((folder / "images").glob("*.png")), STOPS):
        photo = cv2.imread(str(path)).astype(np.float64)
        cv2.imwrite(str(path), (0.7 * photo * 2**stops).round().clip(0, 255).astype(np.uint8))
    return folder


def config(capture: Path, out: Path, steps: int = 240) -> TrainConfig:
    made = TrainConfig(data=str(capture), out=str(out), max_steps=steps, data_factor=1.0, cap_max=300, test_every=0)
    made.strategy = DefaultStrategy(refine_start_iter=10, refine_every=20, reset_every=1000)
    made.initial.seeds = 200
    made.schedule.eval_every = made.schedule.save_every = 0
    return made


def maker(kind: str, **options: Any) -> Any:
    return partial(AppearanceHook, options=AppearanceOptions(kind=kind, **options))


def same(one: TrainResult, other: TrainResult) -> bool:
    pairs = zip(one.gaussians.as_dict().values(), other.gaussians.as_dict().values())
    return all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("kind", MODELS)
def test_a_learner_finds_planted_exposures(kind: str) -> None:
    """Photos of a scene that is known: from no correction to the right one in 40 visits each."""
    options, visits = AppearanceOptions(kind=kind), 40
    images = 0.1 + 0.4 * torch.rand(VIEWS, 12, 16, 3, generator=torch.Generator().manual_seed(0))
    gains = torch.from_numpy(2 ** (STOPS - STOPS.mean())).float()
    learner = AppearanceLearner(Corrections(kind, [ring_camera(0.1, "a")] * VIEWS, None, torch.device("cpu")))
    for step in range(visits * VIEWS):
        position = step % VIEWS
        image = learner.corrections.corrected(position, images[position])
        (image - images[position] * gains[position]).abs().mean().backward()
        learner.step(position, 1 / visits / mean_rate(options) * rate(step / visits / VIEWS, options))
    found = [learner.corrections.corrected(position, images[position]).mean() for position in range(VIEWS)]
    ratios = torch.stack(found).detach() / images.mean(dim=(1, 2, 3))
    assert float((ratios / ratios.mean() - gains / gains.mean()).abs().max()) < 0.03


@pytest.mark.parametrize("kind", MODELS)
def test_a_training_keeps_to_the_exposures_of_its_photos(capture: Path, tmp_path: Path, kind: str) -> None:
    train(config(capture, tmp_path / "run", steps=60), [maker(kind)])
    found = json.loads((tmp_path / "run" / "appearance.json").read_text())
    assert found["kind"] == kind
    learned = np.array([found["exposure"][name] for name in sorted(found["exposure"])])
    assert np.abs(learned - learned.mean() - (STOPS - STOPS.mean())).max() < 0.2


def test_the_mean_over_photos_changes_nothing(capture: Path, tmp_path: Path) -> None:
    train(config(capture, tmp_path / "run", steps=40), [maker("affine")])
    looks = read_looks(tmp_path / "run")
    assert float(looks.photos.abs().max()) > 0.02
    assert float(looks.photos.mean(dim=0).abs().max()) < 1e-6


@pytest.mark.parametrize("kind", ["affine", "ppisp"])
def test_a_resumed_training_goes_on_bit_for_bit(capture: Path, tmp_path: Path, kind: str) -> None:
    whole = train(config(capture, tmp_path / "whole", steps=40), [maker(kind)])
    assert not same(whole, train(config(capture, tmp_path / "plain", steps=40)))
    settings = config(capture, tmp_path / "parts", steps=40)
    settings.schedule.save_every = 20
    with interrupted_after(27):
        train(settings, [maker(kind)])
    settings.resume = True
    assert same(whole, train(settings, [maker(kind)]))
    looks = [read_looks(tmp_path / name) for name in ("whole", "parts")]
    assert torch.equal(looks[0].photos, looks[1].photos) and torch.equal(looks[0].cameras, looks[1].cameras)


def test_auto_leaves_photos_of_one_exposure_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_blob_capture(tmp_path / "blobs", views=7)
    plain = train(config(tmp_path / "blobs", tmp_path / "plain", steps=10))
    auto = train(config(tmp_path / "blobs", tmp_path / "auto", steps=10), [maker("auto")])
    assert same(plain, auto) and not (tmp_path / "auto" / "appearance.json").exists()
    assert "; nothing is learned per photo" in capsys.readouterr().err


def test_nothing_is_learned_behind_transparent_photos(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Blobs that are alike in all photos before nothing: no background, of whatever colour, becomes a correction."""
    folder = tmp_path / "blobs"
    write_blob_capture(folder, views=7)
    for path in (folder / "images").glob("*.png"):
        photo = cv2.imread(str(path))
        alpha = np.where(photo.max(axis=2) > 40, 255, 0).astype(np.uint8)
        cv2.imwrite(str(path), np.dstack([photo, alpha]))
    train(config(folder, tmp_path / "run", steps=120), [maker("affine")])
    assert "exposure is not measured (transparent photos" in capsys.readouterr().err
    assert float(read_looks(tmp_path / "run").photos.abs().max()) < 0.12


def test_rows_that_are_not_visited_keep_still() -> None:
    tensors = [torch.zeros(2, requires_grad=True) for _ in range(2)]
    adam = RowAdam(tensors)
    tensors[0].grad = torch.tensor([2.0, -0.1])
    adam.step(0, 0.5)
    adam.step(1, 0.5)
    assert torch.allclose(
        tensors[0].detach(), torch.tensor([-0.5, 0.5])
    )  # Adam's first step has the length of the rate
    assert torch.equal(tensors[1].detach(), torch.zeros(2)) and adam.counts == [1, 0]


def test_photos_of_one_size_share_a_camera() -> None:
    cameras = [ring_camera(0.1, "a"), ring_camera(0.2, "b"), ring_camera(0.3, "c").resized(24, 18)]
    held = Corrections("ppisp", cameras, None, torch.device("cpu"))
    assert held.camera_of == [0, 0, 1] and [tuple(part.shape) for part in held.cameras] == [MODELS["ppisp"].camera] * 2


def test_the_rate_rises_and_falls() -> None:
    options = AppearanceOptions(warmup=0.1, final=0.01)
    assert rate(0, options) == pytest.approx(0.01) and rate(1, options) == pytest.approx(0.01)
    assert rate(0.1, options) == pytest.approx(0.01**0.1)
    assert 0.15 < mean_rate(options) < 0.25 and mean_rate(AppearanceOptions(warmup=0, final=1)) == 1


def test_a_longer_training_learns_in_smaller_steps(capture: Path, tmp_path: Path) -> None:
    made = []

    def kept(context: HookContext) -> AppearanceHook:
        made.append(AppearanceHook(context, AppearanceOptions(kind="exposure")))
        return made[0]

    train(config(capture, tmp_path / "run", steps=9), [kept])
    before = made[0].lr
    made[0].replanned(90)
    assert made[0].lr == pytest.approx(before / 10) and made[0].max_steps == 90


def test_who_gets_the_hook() -> None:
    auto = AppearanceOptions(kind="auto")
    still = PosesOptions(mode="none")
    made = hooks_of(HookedTrainConfig(appearance=auto, poses=still))
    assert [maker.func for maker in made] == [AppearanceHook]  # type: ignore[attr-defined]
    assert hooks_of(HookedTrainConfig(poses=still)) == []
    weather = WeatherOptions(lens=True)
    assert len(hooks_of(HookedTrainConfig(appearance=auto, weather=weather, poses=still))) == 1  # the weather's


def test_damaged_and_missing_looks(capture: Path, tmp_path: Path) -> None:
    with pytest.raises(SplatError, match="has learned no colours of single photos"):
        read_looks(tmp_path)
    (tmp_path / "appearance.safetensors").write_bytes(b"nothing")
    with pytest.raises(SplatError, match="it is damaged"):
        read_looks(tmp_path)

"""Training on photos that somebody walks through: what is left out, resuming, and what it costs without anybody."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from splat.errors import Interrupted
from splat.evaluate.evaluate import evaluate_views
from splat.train import loop
from splat.train.checkpoint import latest_checkpoint, load_checkpoint
from splat.train.run import TrainResult
from splat.train.strategies import DefaultStrategy, ImprovedStrategy, MCMCStrategy, NoneStrategy
from splat.training import HookedTrainConfig, hooks_of, train
from splat.transients.config import TransientsOptions
from splat.transients.consensus import disputed
from tests.train.half_planes import wall_access, wall_params
from tests.weather.training.foggy_wall import write_wall_capture
from tools.add_passersby import TRUTH, write_passersby

STEPS, VIEWS = 240, 25
WITH_SOMEBODY = [f"{index:03d}.png" for index in range(VIEWS) if index % 3 == 1 and index % 8]
DEMO = Path(__file__).resolve().parents[2] / "data" / "demo"
ROBUST = TransientsOptions(kind="robust")


def somewhere(index: int) -> tuple[slice, slice]:
    """Rows and columns that somebody covers in a photo."""
    top, left = np.random.default_rng(index).integers(0, (12, 36))
    return slice(top, top + 24), slice(left, left + 12)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wall, of which the first Gaussians make a closed surface."""
    folder = tmp_path_factory.mktemp("clean") / "wall"
    write_wall_capture(folder, VIEWS, beta=0.0)
    return folder


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Somebody stands before the wall in every third photo that is trained on, in other clothes each time."""
    folder = tmp_path_factory.mktemp("walked") / "wall"
    write_wall_capture(folder, VIEWS, beta=0.0)
    for name in WITH_SOMEBODY:
        path = folder / "images" / name
        image = cv2.imread(str(path))
        image[somewhere(int(path.stem))] = np.random.default_rng(int(path.stem)).integers(0, 256, 3)
        cv2.imwrite(str(path), image)
    return folder


def config(capture: Path, out: Path, transients: TransientsOptions) -> HookedTrainConfig:
    made = HookedTrainConfig(
        data=str(capture), out=str(out), max_steps=STEPS, data_factor=1.0, cap_max=1600, transients=transients,
        strategy=DefaultStrategy(refine_start_iter=10, refine_every=20, reset_every=0),
    )  # fmt: skip
    made.appearance.kind = "none"
    made.initial.seeds, made.initial.opacity = 0, 0.5
    made.schedule.eval_every = made.schedule.save_every = 0
    made.render.num_threads = 1
    return made


@pytest.fixture(scope="module")
def robust(walked: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    return train(config(walked, tmp_path_factory.mktemp("robust") / "run", ROBUST))


def held_out(result: TrainResult) -> float:
    views = result.capture.indices("test")
    scores = evaluate_views(result.gaussians, result.capture, views, lpips_net="none", with_flip=False)
    assert scores.psnr is not None
    return scores.psnr


def test_somebody_is_left_out_and_hardly_anything_else(robust: TrainResult) -> None:
    record = json.loads((robust.folder / "transients.json").read_text())["left_out"]
    area = 24 * 12 / (48 * 36)
    found = np.mean([share for name, share in record.items() if Path(name).name in WITH_SOMEBODY])
    others = np.mean([share for name, share in record.items() if Path(name).name not in WITH_SOMEBODY])
    assert found > 0.6 * area and others < 0.25 * area, (found, others)
    for path in (robust.folder / "transients").rglob("*.png"):
        mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) == 0
        if path.stem in WITH_SOMEBODY:
            assert mask.shape == (36, 48) and mask[somewhere(int(Path(path.stem).stem))].mean() > 0.5, path.stem


def test_held_out_views_win(robust: TrainResult, walked: Path, clean: Path, tmp_path: Path) -> None:
    """At least half of what somebody costs comes back."""
    off = TransientsOptions()
    plain, ceiling = (held_out(train(config(path, tmp_path / path.parent.name, off))) for path in (walked, clean))
    won = held_out(robust) - plain
    assert won > 0.5 * (ceiling - plain) > 0.25, (plain, held_out(robust), ceiling)


def test_resuming_changes_nothing(robust: TrainResult, walked: Path, tmp_path: Path) -> None:
    settings = config(walked, tmp_path / "run", ROBUST)
    settings.schedule.save_every = 110
    original, calls = loop.train_step, 0

    def stopping(*arguments: object) -> object:
        nonlocal calls
        calls += 1
        if calls > 115:
            raise Interrupted("enough")
        return original(*arguments)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "train_step", stopping)
        with pytest.raises(Interrupted):
            train(settings)
    path = latest_checkpoint(tmp_path / "run" / "checkpoints")
    assert path is not None and load_checkpoint(path)["state"]["hooks"]["transients"]["disputed"]
    again = train(dataclasses.replace(settings, resume=True))
    for key, value in robust.gaussians.as_dict().items():
        assert torch.equal(value, again.gaussians.as_dict()[key]), key
    records = [(run.folder / "transients.json").read_text() for run in (robust, again)]
    assert records[0] == records[1]


def test_what_others_find_wrong_too_is_the_scenes_fault() -> None:
    """One photo of a wall differs everywhere, or all do."""
    scene, params = wall_access(), wall_params()
    sizes = {position: (scene.camera(position).height, scene.camera(position).width) for position in range(len(scene))}
    one = disputed(scene, params, {position: torch.full(size, position == 1) for position, size in sizes.items()})
    every = disputed(scene, params, {position: torch.full(size, True) for position, size in sizes.items()})
    assert one[1].median() < 0.05
    assert every[1].min() > 0.95


def test_no_gaussian_is_added_before_its_time() -> None:
    assert DefaultStrategy(refine_start_iter=500).fitted(30_000, 100, start=9000).refine_start_iter == 9000
    assert MCMCStrategy().fitted(30_000, 100, start=100).refine_start_iter == 500
    assert NoneStrategy().fitted(30_000, 100, start=9000) == NoneStrategy()


def test_off_nothing_of_it_runs() -> None:
    assert len(hooks_of(HookedTrainConfig(transients=ROBUST))) == len(hooks_of(HookedTrainConfig())) + 1


def test_drawn_passers_by_are_in_training_photos_only(tmp_path: Path, clean: Path) -> None:
    write_passersby(clean, tmp_path / "out", share=0.5, factor=1.0)
    photos = sorted(path.name for path in (tmp_path / "out" / "images").iterdir())
    pairs = {
        name: [cv2.imread(str(folder / "images" / name)) for folder in (clean, tmp_path / "out")] for name in photos
    }
    changed = {name for name, (before, after) in pairs.items() if not np.array_equal(before, after)}
    truth = {path.name for path in (tmp_path / "out" / TRUTH).iterdir()}
    assert changed == truth and len(truth) == round(0.5 * 21)
    assert not changed & {f"{index:03d}.png" for index in range(0, VIEWS, 8)}
    for name in truth:
        covered = cv2.imread(str(tmp_path / "out" / TRUTH / name), cv2.IMREAD_GRAYSCALE)
        before, after = pairs[name]
        assert np.array_equal(before[covered == 0], after[covered == 0])


@pytest.mark.slow
def test_the_demo_with_passers_by(tmp_path: Path) -> None:
    """Nearly all of the figures is left out at the end, which costs nothing; neither do photos without anybody.

    What figures cost in so short a training is hardly more than differs between seeds, so nothing can be won back.
    """
    scores, folders = {}, {}
    for name, share in (("walked", 1 / 3), ("clean", 0.0)):
        write_passersby(DEMO, tmp_path / name, share, factor=2.0)
        for kind in ("none", "robust"):
            made = HookedTrainConfig(
                data=str(tmp_path / name), out=str(tmp_path / f"{name}-{kind}"), data_factor=1.0, max_steps=1500,
                cap_max=10_000, transients=TransientsOptions(kind=kind), strategy=ImprovedStrategy(),
            )  # fmt: skip
            made.appearance.kind = "none"
            made.schedule.eval_every = made.schedule.save_every = 0
            result = train(made)
            scores[name, kind], folders[name, kind] = held_out(result), result.folder
    for name in ("walked", "clean"):
        assert scores[name, "robust"] > scores[name, "none"] - 0.2, scores
    found = total = 0
    for path in (tmp_path / "walked" / TRUTH).iterdir():
        there = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) > 127
        mask = cv2.imread(str(folders["walked", "robust"] / "transients" / "images" / f"{path.name}.png"), 0)
        total += int(there.sum())
        found += int((there & (mask == 0)).sum()) if mask is not None else 0
    assert found > 0.8 * total, (found, total)

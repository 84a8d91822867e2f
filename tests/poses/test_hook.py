"""Perturbed cameras come back while a scene is trained; a run says what it did with them, and goes on after a stop."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from splat.capture import load_capture
from splat.capture.types import Capture
from splat.evaluate.config import EvaluateConfig
from splat.evaluate.run_evaluation import evaluate_run
from splat.poses import hook as poses
from splat.poses.gauge import move_cameras, pose_errors, similarity_between
from splat.run import open_run
from splat.train.run import TrainResult
from splat.train.strategies import STRATEGIES
from splat.training import HookedTrainConfig, train
from tests.conftest import REPOSITORY
from tests.train.blobs import blob_scene, write_blob_capture
from tests.train.interrupting import interrupted_after
from tools.perturb_poses import errors_of, write_perturbed

SCORES = EvaluateConfig(lpips_net="none", flip=False, save_images=False, report=False)


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """True and perturbed."""
    folder = tmp_path_factory.mktemp("captures")
    write_blob_capture(folder / "true", views=20)
    write_perturbed(folder / "true", folder / "wrong", degrees=3.0, share=0.06, seed=1)
    return folder / "true", folder / "wrong"


def config(capture: Path, out: Path, steps: int = 400, mode: str = "refine") -> HookedTrainConfig:
    made = HookedTrainConfig(data=str(capture), out=str(out), max_steps=steps, data_factor=1.0, cap_max=400)
    made.strategy = STRATEGIES["none"]()
    made.initial.seeds = 0  # the points are those of all blobs
    made.loss.background = "black"
    made.poses.mode = mode
    made.schedule.eval_every = made.schedule.save_every = 0
    return made


@pytest.fixture(scope="module")
def refined(captures: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    return train(config(captures[1], tmp_path_factory.mktemp("run") / "refined"))


def test_perturbed_cameras_return(captures: tuple[Path, Path], refined: TrainResult) -> None:
    before, after = (picture_errors(captures[0], capture) for capture in (refined.capture.as_given(), refined.capture))
    assert 1 < before < 5 and after < before / 3, (before, after)
    errors = errors_of(captures[0], refined.folder)
    assert errors["before"]["share"]["rms"] > 0.03
    assert errors["after"]["share"]["rms"] < 0.7 * errors["before"]["share"]["rms"]


@pytest.mark.slow
def test_perturbed_cameras_of_the_demo_return_to_a_third(tmp_path: Path) -> None:
    """Half a degree and one in a hundred; `auto` sees that they do not fit their points."""
    demo = REPOSITORY / "data" / "demo"
    write_perturbed(demo, tmp_path / "wrong", degrees=0.5, share=0.01, seed=0)
    settings = HookedTrainConfig(data=str(tmp_path / "wrong"), out=str(tmp_path / "run"), max_steps=1500)
    settings.data_factor, settings.cap_max, settings.schedule.eval_every = 2.0, 20_000, 0
    train(settings)
    errors = errors_of(demo, tmp_path / "run")
    for kind in ("degrees", "share"):
        assert errors["after"][kind]["rms"] < errors["before"][kind]["rms"] / 3, errors


def picture_errors(truth: Path, capture: Capture) -> float:
    """Pixels, root of the mean square, by which training cameras see the blobs beside where the true ones do."""
    right = {camera.name: camera for camera in load_capture(truth).cameras()}
    found = capture.cameras("train")
    viewmats = [
        torch.stack([camera.viewmat for camera in cameras]) for cameras in (found, [right[c.name] for c in found])
    ]
    moved = move_cameras(found, similarity_between(*viewmats))
    means = blob_scene().means.double()
    apart = [camera.project(means)[0] - right[camera.name].project(means)[0] for camera in moved]
    return float(torch.cat(apart).square().sum(1).mean().sqrt())


def test_later_commands_see_the_refined_cameras(captures: tuple[Path, Path], refined: TrainResult) -> None:
    run = open_run(refined.folder)
    capture = run.capture()
    assert capture.refined and refined.capture.refined
    by_name = {camera.name: camera.viewmat for camera in refined.capture.cameras()}
    assert all(torch.equal(camera.viewmat, by_name[camera.name]) for camera in run.cameras())
    given = {frame["name"]: frame.get("given_viewmat") for frame in run.camera_record()["frames"]}
    for frame in capture.as_given().frames:
        assert (given[frame.camera.name] is None) == (frame.split == "test")
    moved = torch.stack([frame.camera.viewmat for frame in capture.frames])
    before = torch.stack([frame.camera.viewmat for frame in capture.as_given().frames])
    assert 0.5 < float(pose_errors(before, moved)[0].max()) < 15
    assert not capture.as_given().refined


def test_held_out_cameras_are_refined_for_the_scores(refined: TrainResult) -> None:
    run = open_run(refined.folder)
    metrics = evaluate_run(run, SCORES)
    assert metrics["protocol"]["test_poses"] == "refined on their own photos"
    assert metrics["psnr"] > metrics["unrefined"]["psnr"] + 2 and metrics["ssim"] > metrics["unrefined"]["ssim"]
    assert run.metrics["unrefined"] == metrics["unrefined"]
    given = evaluate_run(run, dataclasses.replace(SCORES, test_poses="given"))
    assert given["psnr"] == metrics["unrefined"]["psnr"]
    assert "unrefined" not in given and "test_poses" not in given["protocol"]
    assert metrics["train"]["psnr"] == given["train"]["psnr"]


def test_right_cameras_hardly_move(captures: tuple[Path, Path], tmp_path: Path) -> None:
    result = train(config(captures[0], tmp_path / "run"))
    assert picture_errors(captures[0], result.capture.as_given()) < 1e-6
    assert picture_errors(captures[0], result.capture) < 0.5


def test_none_and_an_auto_that_knows_nothing_change_no_bit(captures: tuple[Path, Path], tmp_path: Path) -> None:
    results = [train(config(captures[1], tmp_path / mode, 20, mode)) for mode in ("none", "auto")]
    assert same(*results) and not any(result.capture.refined for result in results)
    record = json.loads((tmp_path / "auto" / "cameras.json").read_text())
    assert not any("given_viewmat" in frame for frame in record["frames"])


def test_a_resumed_training_refines_with_the_same_bits(captures: tuple[Path, Path], tmp_path: Path) -> None:
    whole = train(config(captures[1], tmp_path / "whole", 60))
    settings = config(captures[1], tmp_path / "parts", 60)
    settings.schedule.save_every = 30
    with interrupted_after(33):
        train(settings)
    parts = train(dataclasses.replace(settings, resume=True))
    assert same(whole, parts)
    pairs = zip(whole.capture.cameras(), parts.capture.cameras())
    assert all(torch.equal(one.viewmat, other.viewmat) for one, other in pairs)


def test_a_training_that_was_killed_as_it_finished_goes_on_from_the_given_cameras(
    captures: tuple[Path, Path], tmp_path: Path
) -> None:
    """cameras.json holds refined poses already, scene.ply is not there yet."""
    whole = train(config(captures[1], tmp_path / "run", 40))
    (tmp_path / "run" / "scene.ply").unlink()
    again = train(dataclasses.replace(config(captures[1], tmp_path / "run", 40), resume=True))
    pairs = zip(whole.capture.cameras(), again.capture.cameras())
    assert same(whole, again) and all(torch.equal(one.viewmat, other.viewmat) for one, other in pairs)


def test_early_steps_are_at_half_the_size(captures: tuple[Path, Path], tmp_path: Path, monkeypatch: Any) -> None:
    sizes = []
    original = poses.PosesHook.before_render

    def seen(self: poses.PosesHook, step: int, position: int, view: Any) -> Any:
        made = original(self, step, position, view)
        sizes.append((step, made.width, made.viewmat.requires_grad))
        return made

    monkeypatch.setattr(poses.PosesHook, "before_render", seen)
    settings = config(captures[1], tmp_path / "run", 40)
    settings.poses.coarse_until, settings.poses.start = 0.5, 0.25
    train(settings)
    assert sizes == [(step, 24 if step < 20 else 48, step >= 10) for step in range(40)]


def same(one: TrainResult, other: TrainResult) -> bool:
    pairs = zip(one.gaussians.as_dict().values(), other.gaussians.as_dict().values())
    return all(torch.equal(a, b) for a, b in pairs)

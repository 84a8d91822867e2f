"""Training end to end on a small synthetic capture: it learns, repeats and keeps what is there."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from splat.capture.config import ReadingOptions
from splat.errors import SplatError
from splat.evaluate.config import EvaluateConfig
from splat.evaluate.run_evaluation import evaluate_run, evaluate_scene
from splat.files import read_json, write_json
from splat.formats import read_scene, read_scene_file
from splat.gaussians import Gaussians
from splat.render import render_gaussians
from splat.render.config import RenderOptions
from splat.run import open_run
from splat.train.config import TrainConfig
from splat.train.history import COLUMNS
from splat.train.optimizers import FusedAdam
from splat.train.strategies import AutoStrategy, MCMCStrategy, NoneStrategy
from splat.training import train
from tests.train.blobs import write_blob_capture


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("capture") / "blobs"
    write_blob_capture(folder)
    return folder


def config(capture: Path, out: Path, **changes: object) -> TrainConfig:
    base = TrainConfig(data=str(capture), out=str(out), max_steps=60, data_factor=1.0, cap_max=400)
    base.initial.seeds = 200
    base.schedule.eval_every = 30
    base.schedule.save_every = 0
    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]


def test_it_learns_and_writes_the_run_folder(capture: Path, tmp_path: Path) -> None:
    result = train(config(capture, tmp_path / "run", max_steps=200))
    run = open_run(result.folder)
    rows = (result.folder / "metrics.csv").read_text().splitlines()
    assert rows[0].split(",") == list(COLUMNS)
    first, last = float(rows[1].split(",")[2]), float(rows[-1].split(",")[2])
    assert last < 0.6 * first
    assert len(run.scene()) == len(result.gaussians) <= 400
    assert len(run.cameras("test")) == len(result.capture.indices("test")) == 2
    assert result.steps_per_second > 0
    assert list((result.folder / "checkpoints").glob("*.safetensors"))
    assert run.capture().data_factor == 1.0


def test_the_scene_file_renders_as_the_training_left_it(capture: Path, tmp_path: Path) -> None:
    result = train(config(capture, tmp_path / "run"))
    frame = result.capture.frames[0]
    written = _picture(read_scene(result.folder / "scene.ply"), frame.camera)
    kept = _picture(result.gaussians, frame.camera)
    assert np.abs(written - kept).max() < 1e-5
    assert np.abs(kept).max() > 0.1


def test_scoring_a_run_again_gives_the_same_numbers(capture: Path, tmp_path: Path) -> None:
    settings = config(capture, tmp_path / "run", render=RenderOptions(antialiased=True, eps2d=1.0))
    result = train(settings)
    chosen = EvaluateConfig(lpips_net="none", report=False, save_images=False)
    first = evaluate_scene(result.gaussians, result.capture, result.folder, chosen, options=settings.render)
    assert evaluate_run(open_run(result.folder), chosen)["per_view"] == first["per_view"]
    assert read_scene_file(result.folder / "scene.ply").notes.antialiased is True  # other programs have to know it


@pytest.mark.parametrize("visible", [True, False])
def test_visible_adam_tells_the_optimisers_what_a_view_saw(
    capture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, visible: bool
) -> None:
    masks = []
    original = FusedAdam.step

    def recorded(self: FusedAdam, closure: object = None, visibility: torch.Tensor | None = None) -> object:
        masks.append(visibility)
        return original(self, None, visibility)

    monkeypatch.setattr(FusedAdam, "step", recorded)
    settings = config(capture, tmp_path / "run", max_steps=2, strategy=NoneStrategy())
    settings.optim.visible_adam = visible
    result = train(settings)
    assert len(masks) == 2 * 6
    for mask in masks:
        assert (mask is not None) == visible
        if mask is not None:
            assert mask.shape == (len(result.gaussians),) and mask.any()


def test_a_seed_repeats(capture: Path, tmp_path: Path) -> None:
    first = train(config(capture, tmp_path / "a"))
    second = train(config(capture, tmp_path / "b"))
    third = train(config(capture, tmp_path / "c", seed=7))
    assert torch.equal(first.gaussians.means, second.gaussians.means)
    assert first.gaussians.means.shape != third.gaussians.means.shape or not torch.equal(
        first.gaussians.means, third.gaussians.means
    )


def test_a_finished_run_is_kept(capture: Path, tmp_path: Path) -> None:
    settings = config(capture, tmp_path / "run", max_steps=3)
    train(settings)
    before = (tmp_path / "run" / "scene.ply").read_bytes()
    with pytest.raises(SplatError, match="trained but not scored; score it with: splat evaluate"):
        train(settings)
    write_json(tmp_path / "run" / "metrics.json", {})
    with pytest.raises(SplatError, match="finished run"):
        train(settings)
    train(dataclasses.replace(settings, overwrite=True))
    assert (tmp_path / "run.old-1" / "scene.ply").read_bytes() == before


def test_resuming_keeps_the_planned_resolution(capture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from splat.train import source

    settings = config(capture, tmp_path / "run", data_factor=None)
    monkeypatch.setattr(source, "plan_factor", lambda *_: 1.5)  # as if this machine were slower
    train(settings)
    (tmp_path / "run" / "scene.ply").unlink()  # stopped before the last file was written
    monkeypatch.undo()  # and now on one where the plan would be 1
    resumed = train(dataclasses.replace(settings, resume=True))
    assert resumed.capture.data_factor == 1.5
    assert open_run(tmp_path / "run").capture().data_factor == 1.5
    assert resumed.capture.frames[0].camera.width == 32


def test_any_transparent_training_photo_puts_the_scene_on_white(capture: Path, tmp_path: Path) -> None:
    shutil.copytree(capture, tmp_path / "cut out")
    path = tmp_path / "cut out" / "images" / "005.png"
    photo = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2BGRA)
    photo[:18, :, 3] = 0
    cv2.imwrite(str(path), photo)
    train(config(tmp_path / "cut out", tmp_path / "run", max_steps=2))
    train(config(capture, tmp_path / "opaque", max_steps=2))
    assert open_run(tmp_path / "run").background == (1.0, 1.0, 1.0)
    assert open_run(tmp_path / "opaque").background == (0.0, 0.0, 0.0)


def test_a_geo_referenced_capture_trains_as_well(tmp_path: Path) -> None:
    """The same photos, with cameras and points at zero and in UTM coordinates."""
    offset = np.array([500_000.0, 4_000_000.0, 300.0])
    values, runs = [], []
    for name, shift, origin in (("zero", 0 * offset, None), ("utm", offset, None), ("as it is", offset, [0.0] * 3)):
        write_blob_capture(tmp_path / name, shift=shift)
        settings = config(tmp_path / name, tmp_path / f"{name} run", max_steps=300, strategy=NoneStrategy())
        settings.capture = ReadingOptions(origin=origin)
        result = train(settings)
        chosen = EvaluateConfig(lpips_net="none", report=False, save_images=False)
        runs.append(open_run(result.folder))
        values.append(evaluate_run(runs[-1], chosen)["train"]["psnr"])
    assert abs(values[1] - values[0]) < 0.05
    assert values[2] < values[0] - 1  # what float32 would do to it
    record = read_json(runs[1].path / "cameras.json")
    assert record["origin"] == runs[1].config["capture"]["origin"] == offset.tolist()
    assert runs[1].capture().origin == tuple(offset)
    position = np.linalg.inv(np.array(record["frames"][3]["viewmat"]))[:3, 3]
    np.testing.assert_allclose(position, runs[0].cameras()[3].position.numpy(), atol=1e-6)
    assert runs[1].scene().means.abs().max() < 20  # the file: minus the origin, and it says so
    assert [read_scene_file(run.scene_path).notes.origin for run in runs[:2]] == [(0, 0, 0), tuple(offset)]


def test_resume_needs_the_same_settings(capture: Path, tmp_path: Path) -> None:
    settings = config(capture, tmp_path / "run", max_steps=3)
    train(settings)
    (tmp_path / "run" / "scene.ply").unlink()  # stopped before the last file was written
    changed = dataclasses.replace(settings, resume=True, seed=8)
    with pytest.raises(SplatError, match="seed=42, not 8"):
        train(changed)
    with pytest.raises(SplatError, match="nothing to resume"):
        train(dataclasses.replace(settings, resume=True, out=str(tmp_path / "other")))


def test_planes_that_leave_nothing_to_draw_are_refused(capture: Path, tmp_path: Path) -> None:
    settings = config(capture, tmp_path / "run")
    settings.render = RenderOptions(near_plane=2.0, far_plane=1.0)
    with pytest.raises(SplatError, match=r"near_plane=2: must be smaller than render\.far_plane=1"):
        train(settings)
    assert not (tmp_path / "run").exists()


def test_a_folder_with_other_things_is_not_touched(capture: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("keep")
    with pytest.raises(SplatError, match="not empty"):
        train(config(capture, tmp_path / "mine"))
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def _picture(scene: Gaussians, camera: object) -> np.ndarray:
    from splat.cameras import stack_cameras

    viewmats, Ks = stack_cameras([camera])  # type: ignore[list-item]
    image = render_gaussians(scene, viewmats, Ks, camera.width, camera.height)[0]  # type: ignore[attr-defined]
    return image[0].detach().numpy()


def test_the_capture_is_what_the_test_thinks(capture: Path) -> None:
    images = sorted((capture / "images").iterdir())
    assert len(images) == 12
    assert cv2.imread(str(images[0])).shape == (36, 48, 3)


@pytest.mark.parametrize(("agreement", "name"), [(0.0, "improved"), (1.0, "mcmc")])
def test_what_photos_agree_on_is_recorded_and_chooses_the_strategy(
    capture: Path, tmp_path: Path, agreement: float, name: str
) -> None:
    settings = config(capture, tmp_path / "run", max_steps=4, strategy=AutoStrategy(agreement=agreement))
    result = train(settings)
    assert result.strategy == name
    assert 0 < open_run(result.folder).config["plan"]["agreed"] < 1


def test_a_strategy_brings_the_regularisers_that_it_needs(capture: Path, tmp_path: Path) -> None:
    means = []
    for name, weight in (("its own", None), ("the same", 0.01), ("none", 0.0)):
        settings = config(capture, tmp_path / name, max_steps=4, strategy=MCMCStrategy())
        settings.loss.opacity_reg = settings.loss.scale_reg = weight
        means.append(train(settings).gaussians.opacities)
    assert torch.equal(means[0], means[1]) and not torch.equal(means[0], means[2])

"""A run is scored, resumed and distilled with the cameras, the split and the photos that it was trained with."""

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

from splat.cli import main
from splat.errors import SplatError
from splat.evaluate.config import EvaluateConfig
from splat.evaluate.run_evaluation import evaluate_run
from splat.files import read_json, write_json
from splat.run import open_run
from splat.train.config import TrainConfig
from splat.training import train
from tests.train.blobs import write_blob_capture

SCORE = EvaluateConfig(lpips_net="none", report=False, save_images=False)


def settings(data: Path, out: Path) -> TrainConfig:
    made = TrainConfig(data=str(data), out=str(out), max_steps=60, data_factor=1.0, test_every=4, seed=1)
    made.schedule.eval_every = 0
    made.initial.seeds = 50
    return made


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a capture, `blobs`, and a run of it, `run`."""
    folder = tmp_path_factory.mktemp("trained")
    write_blob_capture(folder / "blobs")
    train(settings(folder / "blobs", folder / "run"))
    return folder


@pytest.fixture
def place(trained: Path, tmp_path: Path) -> Path:
    """A copy that a test may change; its run knows the photos by the copy's own path."""
    shutil.copytree(trained, tmp_path / "place")
    config = (tmp_path / "place" / "run" / "config.yaml").read_text()
    moved = config.replace(str(trained / "blobs"), str(tmp_path / "place" / "blobs"))
    (tmp_path / "place" / "run" / "config.yaml").write_text(moved)
    return tmp_path / "place"


def other_poses(place: Path) -> None:
    """The same file with other poses, as when it was refined."""
    record = read_json(place / "blobs" / "transforms.json")
    for frame in record["frames"]:
        frame["transform_matrix"][2][3] += 0.8
    write_json(place / "blobs" / "transforms.json", record)


def photo_added(place: Path) -> None:
    """A photo before all others: every eighth is another one then."""
    record = read_json(place / "blobs" / "transforms.json")
    first = {**record["frames"][3], "file_path": "images/000a.png"}
    shutil.copy(place / "blobs" / "images" / "003.png", place / "blobs" / "images" / "000a.png")
    write_json(place / "blobs" / "transforms.json", {**record, "frames": [first, *record["frames"]]})


def file_gone(place: Path) -> None:
    (place / "blobs" / "transforms.json").unlink()


def split_of_its_own(place: Path) -> None:
    record = read_json(place / "blobs" / "transforms.json")
    names = [frame["file_path"] for frame in record["frames"]]
    write_json(
        place / "blobs" / "transforms.json", {**record, "train_filenames": names[:2], "test_filenames": names[2:]}
    )


CHANGES = [other_poses, photo_added, file_gone, split_of_its_own]


@pytest.mark.parametrize("change", CHANGES)
def test_scores_stay_when_the_capture_changes(place: Path, change: Callable[[Path], None]) -> None:
    before = evaluate_run(open_run(place / "run"), SCORE)
    change(place)
    after = evaluate_run(open_run(place / "run"), SCORE)
    assert [view["name"] for view in after["per_view"]] == [f"images/{n}.png" for n in ("000", "004", "008")]
    assert after["per_view"] == before["per_view"] and after["train"] == before["train"]


@pytest.mark.parametrize("change", CHANGES)
def test_cameras_and_split_of_every_command_stay(place: Path, change: Callable[[Path], None]) -> None:
    """What `distill`, `query`, `edit`, `weather` and `render` start from."""
    run = open_run(place / "run")
    frames = [(f.camera.name, f.split, f.camera.viewmat.tolist()) for f in run.capture().frames]
    change(place)
    assert [(f.camera.name, f.split, f.camera.viewmat.tolist()) for f in run.capture().frames] == frames
    cameras = [*run.cameras("test"), *run.cameras("train")]
    assert sorted((c.name, c.viewmat.tolist()) for c in cameras) == sorted((name, pose) for name, _, pose in frames)


@pytest.mark.parametrize("change", CHANGES)
def test_resuming_goes_on_with_what_the_run_began_with(
    place: Path, tmp_path: Path, change: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from splat.train import run
    from splat.train.loop import run_steps

    made = settings(place / "blobs", tmp_path / "whole")
    train(made)
    stopped = dataclasses.replace(made, out=str(tmp_path / "stopped"))
    stopped.schedule = dataclasses.replace(made.schedule, save_every=20)

    def cut_off(state, views, config, max_steps, on_step, hooks, **more):  # type: ignore[no-untyped-def]
        def step(report):  # type: ignore[no-untyped-def]
            on_step(report)
            if report.step == 40:
                raise KeyboardInterrupt

        return run_steps(state, views, config, max_steps, step, hooks, **more)

    monkeypatch.setattr(run, "run_steps", cut_off)
    with pytest.raises(KeyboardInterrupt):
        train(stopped)
    monkeypatch.undo()
    change(place)
    train(dataclasses.replace(stopped, resume=True))
    assert (tmp_path / "stopped" / "scene.ply").read_bytes() == (tmp_path / "whole" / "scene.ply").read_bytes()


def test_other_photos_are_refused_by_name(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo = place / "blobs" / "images" / "004.png"
    cv2.imwrite(str(photo), 255 - cv2.imread(str(photo)))
    metrics = (place / "run" / "metrics.json").exists()
    assert main(["evaluate", str(place / "run"), "lpips_net=none"]) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert "1 of the photos (or masks) that the run was trained on (images/004.png) is not the same any more" in said
    assert (place / "run" / "metrics.json").exists() == metrics
    photo.unlink()
    with pytest.raises(SplatError, match=r"images/004\.png.* is no longer below"):
        evaluate_run(open_run(place / "run"), SCORE)


def test_photos_may_move(place: Path) -> None:
    before = evaluate_run(open_run(place / "run"), SCORE)
    (place / "blobs").rename(place / "photos")
    with pytest.raises(SplatError, match=r"edit capture\.data in config\.yaml"):
        open_run(place / "run").capture()
    config = (place / "run" / "config.yaml").read_text()
    (place / "run" / "config.yaml").write_text(config.replace(str(place / "blobs"), str(place / "photos")))
    assert evaluate_run(open_run(place / "run"), SCORE)["per_view"] == before["per_view"]


def test_a_json_file_given_by_name_stays_the_one_that_counts(tmp_path: Path) -> None:
    """There is another one beside it with the usual name."""
    write_blob_capture(tmp_path / "blobs")
    (tmp_path / "blobs" / "transforms.json").rename(tmp_path / "blobs" / "refined.json")
    result = train(settings(tmp_path / "blobs" / "refined.json", tmp_path / "run"))
    run = open_run(result.folder)
    before = evaluate_run(run, SCORE)
    record = json.loads((tmp_path / "blobs" / "refined.json").read_text())
    for frame in record["frames"]:
        frame["transform_matrix"][0][3] += 1.0
    write_json(tmp_path / "blobs" / "transforms.json", record)
    assert evaluate_run(run, SCORE)["per_view"] == before["per_view"]


@pytest.mark.parametrize("own", [False, True])
def test_captures_without_test_views_train(tmp_path: Path, own: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """Asked for, or because the capture's own split has none."""
    write_blob_capture(tmp_path / "blobs")
    words = ["test_every=0"]
    if own:
        (tmp_path / "blobs" / "transforms.json").rename(tmp_path / "blobs" / "transforms_train.json")
        words = []
    out = tmp_path / "run"
    command = ["train", str(tmp_path / "blobs"), f"out={out}", "max_steps=20", "data_factor=1", "initial.seeds=50"]
    assert main([*command, *words]) == 0, capsys.readouterr().err
    metrics = read_json(out / "metrics.json")
    assert metrics["psnr"] is None and metrics["train"]["psnr"] > 10
    assert len(open_run(out).capture().indices("train")) == 12


def test_a_run_is_called_after_its_folders_from_wherever_it_is_named(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = place / "run"
    monkeypatch.chdir(run.parent)
    assert open_run(Path(run.name)).name == open_run(run).name == f"{run.parent.name}/{run.name}"

"""No held-out photo may reach training, anywhere: what is learned does not change when all about them changes.

`splat clean` has such tests of its own (tests/weather/test_clean_held_out.py), and so have the points of structure from
motion (tests/capture/test_training_points.py), whose cameras alone are fitted to all photos.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from splat.capture import load_capture
from splat.cli import main
from splat.files import write_json
from splat.run import open_run
from splat.training import train
from tests.capture.capture_scenes import room_photo, room_poses
from tests.edit.scenes import write_run
from tests.held_out import (
    EVERY,
    different,
    held_out_names,
    recoloured,
    train_config,
    trained_bytes,
    write_pair,
)
from tests.train.blobs import write_blob_capture
from tests.weather.training.foggy_wall import write_wall_capture

ROOM_K = np.array([[190.0, 0.0, 100.0], [0.0, 190.0, 75.0], [0.0, 0.0, 1.0]])

blobs = partial(write_blob_capture, views=13)
wall = partial(write_wall_capture, beta=0.0)


def spotted(folder: Path) -> None:
    """Photos with white spots, others in each: snow."""
    write_blob_capture(folder, views=13)
    rng = np.random.default_rng(0)
    for path in sorted((folder / "images").iterdir()):
        image = cv2.imread(str(path))
        for x, y in rng.integers(2, [44, 32], (12, 2)):
            image[y : y + 3, x : x + 3] = 230
        cv2.imwrite(str(path), image)


def wet(folder: Path) -> None:
    """A wall behind a lens with a drop on it."""
    wall(folder)
    for path in (folder / "images").iterdir():
        image = cv2.imread(str(path))
        image[12:23, 28:40] = (90, 110, 100)
        cv2.imwrite(str(path), image)


SOLID = ["cap_max=1600", "initial.seeds=0", "initial.opacity=0.5"]  # the wall is closed from the first step on
SOON = ["strategy.refine_start_iter=5", "strategy.refine_every=10"]  # the trainings are short
TRAININGS: dict[str, tuple[Callable[[Path], None], list[str]]] = {
    "default": (blobs, ["strategy=default", *SOON, "strategy.grow_grad2d=1e-5"]),
    "auto": (blobs, []),
    "improved": (blobs, ["strategy=improved"]),
    "mcmc": (blobs, ["strategy=mcmc", *SOON]),
    "geotex": (blobs, ["strategy=geotex", "strategy.depth=capture"]),
    "fast": (blobs, ["preset=fast"]),
    "rain": (spotted, ["weather=rain"]),
    "snow": (spotted, ["weather=snow"]),
    "by brightness": (spotted, ["weather.robust=true", "weather.robust_full=0.3", "max_steps=150"]),
    "drops": (wet, ["weather=drops", *SOLID]),
    "fog": (write_wall_capture, ["weather=fog", *SOLID]),
    "any weather": (wet, ["weather=auto", *SOLID]),
}

FOUND = {  # entries of weather.json
    "rain": "opacity", "snow": "opacity", "by brightness": "weather", "drops": "left_out", "fog": "haze",
    "any weather": "left_out",
}  # fmt: skip


@pytest.mark.parametrize("name", TRAININGS)
def test_training(tmp_path: Path, name: str) -> None:
    write, words = TRAININGS[name]
    plain, changed = write_pair(tmp_path, write)
    runs = [train(train_config(capture, words)) for capture in (plain, changed)]
    one, other = (trained_bytes(run.folder) for run in runs)
    assert different(one, other) == []
    if write is blobs:
        assert one["rows"][-1][3] != "250"  # Gaussians were added or removed
    if "weather.json" in one:
        found = json.loads(one["weather.json"])
        wanted = {"drops": "left_out", "fog": "haze", "any weather": "left_out", "by brightness": "weather"}.get(
            name, "opacity"
        )
        assert found[wanted]


def test_an_untouched_pair_would_not_be_noticed(tmp_path: Path) -> None:
    """The comparison sees what a training is made of: another training photo changes it."""
    plain, changed = write_pair(tmp_path, blobs)
    name = sorted(path.name for path in (changed / "images").iterdir())[1]
    assert name not in held_out_names(changed)
    cv2.imwrite(str(changed / "images" / name), recoloured(cv2.imread(str(changed / "images" / name))))
    one, other = (trained_bytes(train(train_config(capture, ["max_steps=5"])).folder) for capture in (plain, changed))
    assert {"scene.ply", "rows", "state params.means", "cameras"} <= set(different(one, other))


def test_triangulated_points(tmp_path: Path) -> None:
    found = []
    for change in (False, True):
        folder, flip = tmp_path / str(change), np.diag([1.0, -1.0, -1.0, 1.0])
        (folder / "images").mkdir(parents=True)
        frames = []
        for index, pose in enumerate(room_poses(6)):
            pixels = room_photo(pose, ROOM_K, 200, 150)[..., ::-1]
            if change and index % EVERY == 0:
                pixels = recoloured(pixels)
            cv2.imwrite(str(folder / "images" / f"{index}.png"), pixels)
            frames.append(
                {"file_path": f"images/{index}.png", "transform_matrix": (np.linalg.inv(pose) @ flip).tolist()}
            )
        meta = {"fl_x": 190.0, "fl_y": 190.0, "w": 200, "h": 150, "frames": frames}
        (folder / "transforms.json").write_text(json.dumps(meta))
        cache = str(tmp_path / f"cache {change}")
        found.append(load_capture(folder, test_every=EVERY, num_threads=1, cache_dir=cache).points)
    one, other = found
    assert one is not None and one.origin == "triangulated" and len(one.xyz) > 100
    assert other is not None and np.array_equal(one.xyz, other.xyz) and np.array_equal(one.rgb, other.rgb)


@pytest.mark.parametrize("teacher", ["files", "demo"])
def test_language(tmp_path: Path, teacher: str) -> None:
    """The field of a run, and what a query selects with it."""
    found = []
    for capture in write_pair(tmp_path, blobs):
        words = [f"teacher={teacher}"]
        if teacher == "files":
            words.append(f"files={write_features(capture)}")
        run = train(train_config(capture, ["max_steps=10"])).folder
        assert main(["distill", str(run), "name=field", *words]) == 0
        assert main(["query", str(run), "mug", "field=field", "views=0"]) == 0
        field = {path.name: path.read_bytes() for path in (run / "language" / "field").glob("*.safetensors")}
        facts = json.loads((run / "language" / "field" / "field.json").read_text())
        facts["facts"].pop("seconds")
        facts["teacher"].pop("files")
        answer = json.loads((run / "queries" / "mug" / "summary.json").read_text())
        selection = run / "queries" / "mug" / "selection.safetensors"
        chosen = selection.read_bytes() if selection.exists() else b""
        found.append({**field, "facts": facts, "relevancy": answer["relevancy"], "selection": chosen})
    one, other = found
    assert len(one) >= 4 and different(one, other) == []
    assert teacher == "demo" or one["selection"]


def write_features(capture: Path) -> Path:
    """Labels of what is bright in each photo, and vectors of two words."""
    files = capture.parent / "files"
    files.mkdir()
    for path in sorted((capture / "images").iterdir()):
        bright = cv2.imread(str(path)).max(axis=2) > 60
        cv2.imwrite(str(files / path.name), np.where(bright, 1, 2).astype(np.uint8))
    vectors = {"mug": [1.0, 0.0, 0.2], "wall": [0.0, 1.0, 0.2]}
    write_json(files / "objects.json", [{"id": 1, "name": "mug"}, {"id": 2, "name": "wall"}])
    write_json(files / "vectors.json", vectors)
    write_json(files / "text.json", {**vectors, "thing": [0.3, 0.3, 1.0]})
    return files


EDITS = {
    "fill": ["remove", "select.sphere=-0.6,0,0,0.5", "fill.views=3", "fill.steps=3"],
    "restyle": ["restyle", "filter=gray", "select.sphere=-0.6,0,0,0.5", "guide.views=2", "guide.steps=3"],
}


@pytest.mark.parametrize("name", EDITS)
def test_edits(tmp_path: Path, name: str) -> None:
    """They look at the scene from the training cameras: where the others stood changes nothing."""
    found = []
    for change in (False, True):
        run = write_run(tmp_path / str(change) / "run")
        if change:
            record = json.loads((run / "cameras.json").read_text())
            for frame in record["frames"]:
                if frame["split"] == "test":
                    frame["viewmat"][2][3] *= 0.6
                    frame["K"][0][0] *= 0.7
            write_json(run / "cameras.json", record)
        training = [frame["name"] for frame in open_run(run).camera_record()["frames"] if frame["split"] == "train"]
        assert [camera.name for camera in open_run(run).renderer("cpu").cameras] == training
        assert main(["edit", str(run), *EDITS[name], "backend=cpu"]) == 0
        found.append(next((run / "edits").glob("*/scene.ply")).read_bytes())
        shutil.rmtree(run)
    assert found[0] == found[1]

"""Run folders that others wrote or that are damaged: every command reads them, or says in one line what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from splat.cameras import radius
from splat.capture import load_capture
from splat.commands.compare import views_that_differ
from splat.commands.info import describe, lines
from splat.commands.resume import continued
from splat.commands.tables import metrics_table
from splat.errors import SplatError
from splat.evaluate.compare import compare_runs, rule_differences
from splat.evaluate.report import build_report
from splat.files import write_json
from splat.formats import write_scene
from splat.render.config import RenderOptions
from splat.run import how_to_finish, open_run, write_cameras
from splat.run_records import TrainingRecord, read_config, read_metrics, read_training
from splat.train.config import TrainConfig
from tests.fuzz import damaged, odd_records, survives
from tests.train.blobs import blob_scene, write_blob_capture

METRICS: dict[str, Any] = {
    "psnr": 25.0, "ssim": 0.9, "lpips": None, "flip": 0.1, "lpips_net": None, "lpips_reason": "no weights",
    "num_gaussians": 60, "max_steps": 10, "train_seconds": 1.5, "backend": "cpu",
    "protocol": {"name": "splat", "views": 1, "split": "test", "resolution": [[48, 36]]},
    "per_view": [{"name": "000.png", "psnr": 25.0, "ssim": 0.9, "image": "renders/000.png"}],
    "train": {"psnr": 26.0, "protocol": "splat", "views": 1, "per_view": [{"name": "001.png", "psnr": 26.0}]},
}  # fmt: skip
CONFIG: dict[str, Any] = {
    "train": {"data": "photos", "max_steps": 10, "render": {"antialiased": False, "near_plane": 0.01}, "name": "a"},
    "strategy": "mcmc",
    "plan": {"data_factor": 1.0, "max_steps": 10, "cap_max": 100, "seeds": 0},
    "capture": {"data": "photos", "data_factor": 1.0, "test_every": 8, "cache_gb": 1.0},
    "background": [0.0, 0.0, 0.0],
}
# Nine times nine times ... : a few hundred letters that stand for 10^11 values
LAUGHS = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 13))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of four photos."""
    photos, folder = tmp_path_factory.mktemp("photos") / "blobs", tmp_path_factory.mktemp("run")
    write_blob_capture(photos, views=4)
    write_scene(folder / "scene.ply", blob_scene())
    write_cameras(folder / "cameras.json", load_capture(photos))
    write_json(folder / "metrics.json", METRICS)
    (folder / "config.yaml").write_text(yaml.safe_dump({**CONFIG, "capture": {"data": str(photos)}}))
    return folder


def used(folder: Path) -> None:
    """What info, render, evaluate, resume and the like read of a run."""
    run = open_run(folder)
    found = describe(folder)
    found.pop("metrics")
    "\n".join(lines(found)).encode()
    metrics_table({"a": run.metrics})
    run.render_options()
    assert len(run.background) == 3 and run.cameras("test") is not None
    run.capture()


@pytest.mark.parametrize("name", ["config.yaml", "metrics.json", "cameras.json"])
def test_damaged_files_are_one_line(name: str, run: Path) -> None:
    used(run)
    good = (run / name).read_bytes()
    record = json.loads(good) if name.endswith("json") else yaml.safe_load(good)
    try:
        for data in damaged(good, seed=9, count=60):
            (run / name).write_bytes(data)
            survives(lambda: used(run), data)
        for value in odd_records(record, seed=10, count=120):
            (run / name).write_text(json.dumps(value))  # which YAML reads too
            survives(lambda: used(run), value)
    finally:
        (run / name).write_bytes(good)


def test_odd_metrics_are_one_line_in_tables_and_pages(run: Path, tmp_path: Path) -> None:
    for value in odd_records(METRICS, seed=11, count=250):
        for folder in (tmp_path / "a", tmp_path / "b"):
            folder.mkdir(exist_ok=True)
            (folder / "metrics.json").write_text(json.dumps(value))

        def compared() -> None:
            rows = compare_runs([tmp_path / "a", tmp_path / "b"])
            rule_differences(rows)
            views_that_differ(rows)
            build_report(tmp_path / "a").encode()
            metrics_table({row.name: read_metrics(row.folder) for row in rows})

        survives(compared, value)


def test_odd_settings_of_an_interrupted_run_are_one_line(tmp_path: Path) -> None:
    for value in odd_records(CONFIG, seed=12, count=250):
        (tmp_path / "config.yaml").write_text(json.dumps(value))
        survives(lambda: continued(TrainConfig(out=str(tmp_path), resume=True), tmp_path, set()), value)
        survives(lambda: how_to_finish(tmp_path), value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is damaged: it holds no names with values"),
        ("- 1\n", "is damaged: it holds no names with values"),
        ("train: 5\n", "config.yaml: train is damaged"),
        ("background: [0, 0]\n", r"background is \[0, 0\]; it must be a list of 3 finite numbers"),
        ("background: [0, 0, .nan]\n", "it must be a list of 3 finite numbers"),
        ("train: {data: 5}\n", "train: data is 5; it must be a text"),
        ("a: !!python/object/apply:os.system ['true']\n", "could not determine a constructor"),
        ("a: " + "[" * 3000, "it is nested too deeply"),
        ("a: 2024-13-45\n", "month must be in"),
        ("a: " + "9" * 5000 + "\n", "Exceeds the limit"),
        ("a: \xe4\n", "is not UTF-8 text"),
        ("a: [\n", "cannot read"),
        (LAUGHS, r"its aliases \(\*name\) stand for more than 1,000,000 values"),
        ("train: &a {b: *a}\n", "its aliases"),
    ],
)
def test_a_config_that_cannot_be_used_is_one_line(content: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_bytes(content.encode("latin-1"))
    with pytest.raises(SplatError, match=said) as caught:
        read_config(tmp_path)
    assert "\n" not in str(caught.value) and "config.yaml" in str(caught.value)


@pytest.mark.parametrize("image", ["../../secret.png", "/etc/x.png", "a\\..\\..\\x.png", "C:\\x.png", "a\0.png"])
def test_pictures_of_metrics_lead_nowhere_else(image: str, tmp_path: Path) -> None:
    views = [{"name": "a", "image": image}]
    (tmp_path / "metrics.json").write_text(json.dumps({**METRICS, "per_view": views}))
    with pytest.raises(SplatError, match=r"metrics\.json: per_view\[0\]: image is"):
        read_metrics(tmp_path)


def test_planes_are_those_that_config_yaml_names_or_older_runs_counted_in_the_frame_of_training(run: Path) -> None:
    config = yaml.safe_load((run / "config.yaml").read_text())
    span = radius(open_run(run).cameras("train"))
    config.pop("render", None)
    config["train"]["render"] = {"near_plane": 0.5, "eps2d": 0.1}
    try:
        (run / "config.yaml").write_text(yaml.safe_dump(config))
        older = open_run(run).render_options("cpu")
        assert (older.near_plane, older.eps2d, older.backend) == (pytest.approx(0.5 * span), 0.1, "cpu")
        config["render"] = {"near_plane": 0.123, "far_plane": 45.0, "antialiased": True, "eps2d": 0.2}
        (run / "config.yaml").write_text(yaml.safe_dump(config))
        assert open_run(run).render_options("cpu") == RenderOptions(
            "cpu", antialiased=True, near_plane=0.123, far_plane=45.0, eps2d=0.2
        )
    finally:
        del config["render"]
        (run / "config.yaml").write_text(yaml.safe_dump({**CONFIG, "capture": config["capture"]}))


def test_sessions_of_a_training_are_one_record(tmp_path: Path) -> None:
    assert read_training(tmp_path) == TrainingRecord()
    first = TrainingRecord(("a", "b"), ("n",), {"load": 2.0, "train": 10.0})
    first.write(tmp_path)
    assert read_training(tmp_path) == first
    second = TrainingRecord(("b", "c"), ("n",), {"load": 1.5, "train": 25.0, "write": 0.5})
    both = second.after(read_training(tmp_path))
    assert both == TrainingRecord(("a", "b", "c"), ("n",), {"load": 3.5, "train": 25.0, "write": 0.5})
    write_json(tmp_path / "training.json", {"warnings": ["a"], "notes": [], "seconds": {"load": "long"}})
    with pytest.raises(SplatError, match=r"training\.json: seconds: load is"):
        read_training(tmp_path)

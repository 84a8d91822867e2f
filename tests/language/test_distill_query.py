"""`splat distill` and `splat query` through the command line, with features from files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from splat.cameras import stack_cameras
from splat.cli import main
from splat.files import read_json, write_json
from splat.formats import write_scene
from splat.language.field import load_field
from splat.language.selection import read_selection
from splat.render import rasterize
from tests.language.scenes import balls, ring

CENTRES = [(-0.9, 0.0, 0.0), (0.9, 0.1, 0.0), (0.0, -0.7, 0.6)]
WORDS = {"red mug": [1.0, 0, 0, 0, 0.2], "blue vase": [0, 1.0, 0, 0, 0.2], "toy": [0, 0, 1.0, 0, 0.2]}
OTHERS = {"cup": [0.9, 0.1, 0, 0.3, 0.3], "dragon": [0, 0, 0, 1.0, 0.1], "the_thing": [0.3, 0.3, 0.3, 0.3, 1.0]}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of three balls, its capture with photos, and a folder with true labels and vectors."""
    scene, cameras = balls(CENTRES), ring(8)
    folder, data, files = tmp_path / "run", tmp_path / "photos", tmp_path / "files"
    (data / "images").mkdir(parents=True)
    (files / "labels").mkdir(parents=True)
    frames, shots = [], []
    one_hot = torch.zeros(len(scene), 3)
    one_hot[torch.arange(len(scene)), torch.arange(len(scene)) // 40] = 1
    for index, camera in enumerate(cameras):
        shares, _, _ = rasterize(
            scene.means, scene.quats, scene.scales.exp(), scene.opacities.sigmoid(), one_hot, *stack_cameras([camera]),
            camera.width, camera.height,
        )  # fmt: skip
        labels = np.where(shares[0].sum(2).numpy() > 0.5, shares[0].argmax(2).numpy() + 1, 0).astype(np.uint8)
        Image.fromarray(labels).save(files / f"{index:04d}.png")
        Image.fromarray(labels).save(files / "labels" / f"{index:04d}.png")
        Image.fromarray(np.stack([labels * 80] * 3, axis=2)).save(data / "images" / f"{index:04d}.png")
        opengl = camera.camtoworld.numpy() @ np.diag([1.0, -1, -1, 1])
        shots.append({"file_path": f"images/{index:04d}.png", "transform_matrix": opengl.tolist()})
        frames.append(
            {
                "name": camera.name,
                "split": "test" if index % 4 == 0 else "train",
                "width": camera.width,
                "height": camera.height,
                "K": camera.K.tolist(),
                "viewmat": camera.viewmat.tolist(),
            }
        )
    K = cameras[0].K
    intrinsics = {"fl_x": float(K[0, 0]), "fl_y": float(K[1, 1]), "cx": float(K[0, 2]), "cy": float(K[1, 2])}
    write_json(data / "transforms.json", {**intrinsics, "w": 48, "h": 36, "frames": shots})
    write_json(files / "objects.json", [{"id": i + 1, "name": word} for i, word in enumerate(WORDS)])
    write_json(files / "vectors.json", WORDS)
    write_json(files / "text.json", {**WORDS, **OTHERS})
    folder.mkdir()
    write_scene(folder / "scene.ply", scene)
    write_json(folder / "cameras.json", {"frames": frames})
    record = {"train": {}, "background": [0.0, 0.0, 0.0], "capture": {"data": str(data), "test_every": 4}}
    (folder / "config.yaml").write_text(yaml.safe_dump(record))
    return folder


def distill(run: Path, *words: str) -> int:
    # the truth is asked in the words of its table; unlabelled pixels are what the balls do not cover
    return main(["distill", str(run), "teacher=files", f"files={run.parent / 'files'}", *words])


@pytest.mark.parametrize("kind", ["memory", "codebook", "autoencoder", "none"])
def test_finds_what_is_named(run: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert distill(run, f"compress.kind={kind}", f"truth={run.parent / 'files'}") == 0
    assert capsys.readouterr().out.strip() == str(run / "language" / "files")
    language = read_json(run / "metrics.json")["language"]
    assert language["compression"] == kind and language["queries"] == 3 and language["views"] == 2
    assert language["miou"] > 0.7 and language["localisation"] == 1 and language["miou_3d"] > 0.7
    assert main(["query", str(run), "a cup", "views=2"]) == 0
    printed = capsys.readouterr()
    summary = json.loads(printed.out)
    assert summary["found"] and "relevancy" in printed.err and summary["text"] == "a cup"
    thing = summary["objects"][0]
    assert np.allclose(thing["centre"], CENTRES[0], atol=0.15) and len(summary["objects"]) == 1
    assert all(0.2 < size < 1 for size in thing["size"])
    folder = run / "queries" / "a-cup"
    assert read_json(folder / "summary.json")["objects"] == summary["objects"]
    for view in summary["views"]:
        mask = np.asarray(Image.open(folder / view["mask"]))
        labels = np.asarray(Image.open(run.parent / "files" / view["view"].split("/")[-1]))
        both = ((mask > 0) & (labels == 1)).sum()
        assert both / ((mask > 0) | (labels == 1)).sum() > 0.6
        assert Image.open(folder / view["overlay"]).size == (48, 36)
    selection = read_selection(folder / "selection.safetensors")
    chosen = selection.indices[selection.objects == 1]
    assert len(chosen) > 20 and int(chosen.max()) < 40 and selection.facts["text"] == "a cup"
    assert bool((selection.weights > 0.5).all())


def test_memory_rows_point_to_their_photos(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert distill(run) == 0
    capsys.readouterr()
    assert main(["query", str(run), "blue vase | toy", "views=0"]) == 0
    vase, toy = json.loads(capsys.readouterr().out)
    assert vase["folder"].endswith("blue-vase") and toy["folder"].endswith("toy") and vase["views"] == []
    source = vase["because"][0]["photos"][0]
    assert vase["because"][0]["cosine_to_text"] > 0.99 and source["cosine"] > 0.99
    x, y = source["pixel"]
    labels = np.asarray(Image.open(run.parent / "files" / source["photo"].split("/")[-1]))
    assert labels[y, x] == 2
    ys, xs = np.nonzero(labels == 2)
    assert source["box"] == [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]


def test_what_is_not_there_is_said(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert distill(run) == 0
    capsys.readouterr()
    assert main(["query", str(run), "dragon", "views=1"]) == 0
    printed = capsys.readouterr()
    summary = json.loads(printed.out)
    assert not summary["found"] and summary["objects"] == [] and "nothing in the scene matches" in printed.err
    assert not (run / "queries" / "dragon" / "selection.safetensors").exists()
    assert main(["query", str(run), "blue vase", "without=blue vase", "views=0"]) == 0
    assert not json.loads(capsys.readouterr().out)["found"]


def test_several_teachers_and_distillation_by_gradient(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert distill(run, "name=first") == 0
    assert distill(run, "name=second", "lift.method=gradient", "lift.steps=20", "compress.code_dim=4") == 0
    assert {path.name for path in (run / "language").iterdir()} == {"first", "second"}
    second = load_field(run, "second")
    assert second.codes.shape == (120, 1, 4) and second.facts["method"] == "gradient"
    assert second.facts["cosine_to_lifted"] > 0.9
    capsys.readouterr()
    assert main(["query", str(run), "cup", "field=first", "views=0"]) == 0
    assert json.loads(capsys.readouterr().out)["field"] == "first"


def test_mistakes_are_one_line_each(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", str(run), "cup"]) == 2
    assert distill(run) == 0 and distill(run) == 2
    assert main(["query", str(run), "cups"]) == 2
    assert main(["query", str(run)]) == 2
    assert main(["query", str(run), "cup", "level=whole"]) == 2
    assert main(["query", str(run), "cup", "field=other"]) == 2
    assert main(["distill", str(run), "teacher=files", "name=x"]) == 2
    (run / "scene.ply").write_bytes((run / "scene.ply").read_bytes()[:-4] + b"\0\0\x80?")
    assert main(["query", str(run), "cup"]) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")]
    parts = ("splat distill", "overwrite=true", "did you mean 'cup'", "what is looked for", "has object", "has files")
    assert all(part in error for part, error in zip([*parts, "files=FOLDER", "another scene"], errors))
    assert len(errors) == 8

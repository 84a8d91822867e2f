"""`splat distill` and `splat query` through the command line, with features from files."""

from __future__ import annotations

import json
import resource
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from splat import console
from splat.cameras import Camera, stack_cameras
from splat.capture import load_capture
from splat.cli import main
from splat.errors import SplatError
from splat.files import read_json, slug, write_json
from splat.formats import read_scene, write_scene
from splat.language.field import LanguageField, load_field
from splat.language.selection import read_selection
from splat.render import rasterize
from splat.render.scene import SceneRenderer
from splat.run import write_cameras
from tests.language.scenes import balls, ring

CENTRES = [(-0.9, 0.0, 0.0), (0.9, 0.1, 0.0), (0.0, -0.7, 0.6)]
WORDS = {"red mug": [1.0, 0, 0, 0, 0.2], "blue vase": [0, 1.0, 0, 0, 0.2], "toy": [0, 0, 1.0, 0, 0.2]}
OTHERS = {"cup": [0.9, 0.1, 0, 0.3, 0.3], "dragon": [0, 0, 0, 1.0, 0.1], "the_thing": [0.3, 0.3, 0.3, 0.3, 1.0]}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_three_balls(tmp_path)


def write_three_balls(tmp_path: Path) -> Path:
    """A run of three balls, its capture with photos, and a folder with true labels and vectors."""
    scene, cameras = balls(CENTRES), ring(8)
    folder, data, files = tmp_path / "run", tmp_path / "photos", tmp_path / "files"
    (data / "images").mkdir(parents=True)
    (files / "labels").mkdir(parents=True)
    shots = []
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
    K = cameras[0].K
    intrinsics = {"fl_x": float(K[0, 0]), "fl_y": float(K[1, 1]), "cx": float(K[0, 2]), "cy": float(K[1, 2])}
    write_json(data / "transforms.json", {**intrinsics, "w": 48, "h": 36, "frames": shots})
    write_json(files / "objects.json", [{"id": i + 1, "name": word} for i, word in enumerate(WORDS)])
    write_json(files / "vectors.json", WORDS)
    write_json(files / "text.json", {**WORDS, **OTHERS})
    folder.mkdir()
    write_scene(folder / "scene.ply", scene)
    write_cameras(folder / "cameras.json", load_capture(data, test_every=4, points="none"))
    record = {"train": {}, "background": [0.0, 0.0, 0.0], "capture": {"data": str(data), "test_every": 4}}
    (folder / "config.yaml").write_text(yaml.safe_dump(record))
    return folder


def distill(run: Path, *words: str) -> int:
    # the truth is asked in the words of its table; unlabelled pixels are what the balls do not cover
    return main(["distill", str(run), "teacher=files", f"files={run.parent / 'files'}", *words])


@pytest.mark.parametrize("kind", ["memory", "codebook", "none"])
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


def test_an_answer_leaves_files_of_others_alone(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert distill(run) == 0
    mine = tmp_path / "mine"
    (mine / "masks").mkdir(parents=True)
    (mine / "masks" / "0001.png").write_bytes(b"painted by hand")
    assert main(["query", str(run), "cup", f"out={mine}"]) == 2
    assert "choose another out=" in capsys.readouterr().err
    assert [path.name for path in mine.rglob("*")] == ["masks", "0001.png"]
    answer = tmp_path / "answer"
    assert main(["query", str(run), "cup", "views=3", f"out={answer}"]) == 0
    (answer / "masks" / "own.png").write_bytes(b"painted by hand")
    assert main(["query", str(run), "cup", "views=1", f"out={answer}"]) == 0
    kept = {path.name for path in (answer / "masks").iterdir()}
    assert len(kept) == 2 and "own.png" in kept and len(list((answer / "overlays").iterdir())) == 1


def test_photos_of_one_name_in_two_folders_have_pictures_of_their_own(run: Path) -> None:
    assert distill(run) == 0
    cameras = read_json(run / "cameras.json")
    for frame, folder in zip(cameras["frames"], ("links", "rechts") * 4):
        frame["name"] = f"\u5de6/{folder}-1.png"  # the slug of all of one folder is the same
    write_json(run / "cameras.json", cameras)
    assert main(["query", str(run), "cup", "views=4"]) == 0
    views = read_json(run / "queries" / "cup" / "summary.json")["views"]
    assert len({view["mask"] for view in views}) == len(views) == 4


def test_a_field_is_asked_from_any_folder(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(run.parent)
    assert main(["distill", str(run), "teacher=files", "files=files"]) == 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert main(["query", str(run), "cup", "views=0"]) == 0


@pytest.mark.parametrize("unit", [1e-3, 1e3])
def test_units_of_the_capture_do_not_matter(run: Path, unit: float, capsys: pytest.CaptureFixture[str]) -> None:
    scene = read_scene(run / "scene.ply")
    write_scene(run / "scene.ply", scene.transformed(torch.diag(torch.tensor([unit, unit, unit, 1.0]).double())))
    cameras = read_json(run / "cameras.json")
    for frame in cameras["frames"]:
        for row in frame["viewmat"][:3]:
            row[3] *= unit
    write_json(run / "cameras.json", cameras)
    assert distill(run, f"truth={run.parent / 'files'}") == 0
    language = read_json(run / "metrics.json")["language"]
    assert language["miou"] > 0.7 and language["miou_3d"] > 0.7 and language["localisation_3d"] == 1
    capsys.readouterr()
    assert main(["query", str(run), "cup", "views=1"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert np.allclose(np.array(summary["objects"][0]["centre"]) / unit, CENTRES[0], atol=0.15)
    overlay = np.asarray(Image.open(run / "queries" / "cup" / summary["views"][0]["overlay"]))
    assert overlay.max() > 200  # the balls are drawn


def test_the_message_names_the_bound_that_was_set(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert distill(run) == 0
    assert main(["query", str(run), "dragon", "views=0", "mask.found=0.45"]) == 0
    assert "more than 0.45 needed" in capsys.readouterr().err


def test_names_of_folders_tell_texts_apart() -> None:
    assert slug("Red mug!") == "red-mug" and len(slug("very " * 100)) <= 60
    texts = ["mug", "\u043a\u0440\u0430\u0441\u043d\u0430\u044f mug", "caf", "caf\u00e9", "cafe", "\u676f\u5b50"]
    assert len({slug(text) for text in texts}) == len(texts)
    assert all(slug(text).isascii() for text in texts)


def test_texts_of_one_folder_name_have_answers_of_their_own(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_json(tmp_path / "files" / "text.json", {**WORDS, **OTHERS, "red/mug": WORDS["blue vase"]})
    assert distill(run) == 0
    for out, above in (([], run / "queries"), ([f"out={tmp_path / 'found'}"], tmp_path / "found")):
        capsys.readouterr()
        assert main(["query", str(run), "red mug | red/mug | red mug", "views=0", *out]) == 0
        answers = json.loads(capsys.readouterr().out)
        assert [Path(answer["folder"]) for answer in answers] == [above / "red-mug", above / "red-mug-2"]
        for answer, centre in zip(answers, CENTRES):
            kept = read_json(Path(answer["folder"]) / "summary.json")
            assert kept["text"] == answer["text"] and np.allclose(kept["objects"][0]["centre"], centre, atol=0.2)


def bytes_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_an_answer_that_cannot_be_written_leaves_the_earlier_one_whole(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The system itself refuses files of more than 1,000 bytes, as it does when a disk is full."""
    assert distill(run) == 0
    assert main(["query", str(run), "cup", "views=2"]) == 0
    earlier = bytes_below(run / "queries" / "cup")
    assert len(earlier) == 6
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        code = main(["query", str(run), "cup", "views=1"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert code == 2 and "cannot write" in capsys.readouterr().err
    assert bytes_below(run / "queries" / "cup") == earlier


def test_an_answer_that_cannot_be_drawn_leaves_the_earlier_one_whole(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert distill(run) == 0
    assert main(["query", str(run), "cup", "views=2"]) == 0
    earlier = bytes_below(run / "queries" / "cup")

    def fail(*arguments: object) -> None:
        raise SplatError("the renderer fails")

    monkeypatch.setattr(SceneRenderer, "image", fail)
    assert main(["query", str(run), "cup", "views=1"]) == 2
    assert bytes_below(run / "queries" / "cup") == earlier
    monkeypatch.undo()
    assert main(["query", str(run), "cup", "views=1"]) == 0
    assert len(bytes_below(run / "queries" / "cup")) == 4  # the second view's pictures are gone with the answer


def test_texts_that_share_a_view_render_its_codes_once(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert distill(run) == 0
    alone = []
    for text in ("red mug", "blue vase"):
        capsys.readouterr()
        assert main(["query", str(run), text, "views=8"]) == 0
        alone.append(json.loads(capsys.readouterr().out))
    rendered: list[str] = []
    render = LanguageField.render

    def counted(self: LanguageField, renderer: SceneRenderer, camera: Camera, level: int | None = None) -> object:
        rendered.append(camera.name)
        return render(self, renderer, camera, level)

    monkeypatch.setattr(LanguageField, "render", counted)
    assert main(["query", str(run), "red mug | blue vase", "views=8"]) == 0
    together = json.loads(capsys.readouterr().out)
    assert len(rendered) == len(set(rendered)) == 8
    for one, other in zip(alone, together):
        assert one["views"] == other["views"] and one["objects"] == other["objects"]


def test_photos_in_which_little_can_be_told_are_said(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "_warned", set())  # the same words are said once in a process
    assert distill(run) == 0
    assert console.has_warned("6 of 6 photos are small (first: 48x36)")

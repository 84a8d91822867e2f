"""`splat edit … prune`, and edits of scene files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from splat.cli import main
from splat.edit.select.selection import load_selection
from splat.files import read_json
from splat.formats import Notes, read_scene, write_scene
from splat.formats.registry import read_scene_file
from splat.run import open_run
from tests.edit.scenes import join, three_balls, write_run
from tests.edit.test_prune import specks

FLOATERS = [(0.0, 0.9, -1.5), (-0.4, 0.9, 1.2), (1.4, -0.9, 0.0)]
RED = "select.sphere=-0.6,0,0,0.5"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / "runs" / "balls")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Three balls and three specks far from them, drawn antialiased, with an origin."""
    path = tmp_path / "balls.ply"
    write_scene(path, join(three_balls(), specks(FLOATERS, 0.5)), notes=Notes(True, (1000.0, 0.0, 5.0)))
    return path


def edit(capsys: pytest.CaptureFixture[str], path: Path, *words: str) -> tuple[Path, str]:
    assert main(["edit", str(path), *words, "backend=cpu"]) == 0
    captured = capsys.readouterr()
    return Path(captured.out.splitlines()[-1]), " ".join(captured.err.split())


def refused(capsys: pytest.CaptureFixture[str], path: Path, *words: str) -> str:
    assert main(["edit", str(path), *words]) == 2
    captured = capsys.readouterr()
    assert not captured.out
    return captured.err.splitlines()[-1]


def test_a_run_is_pruned_to_a_count_and_back(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trained = (run / "scene.ply").read_bytes()
    words = ("prune", "count=400", "floaters=false", "min_views=0", "refit.steps=20", "name=small")
    folder, said = edit(capsys, run, *words)
    assert len(open_run(folder).scene()) == 400 and "faint 0, over the count 500: 500 Gaussians of 900" in said
    assert "PSNR against the scene before" in said and "training views; " in said and "held-out views" in said
    record = read_json(folder / "edit.json")
    assert record["options"] == {
        "count": 400, "floaters": False, "min_views": 0, "refit.steps": 20,
    }  # fmt: skip
    assert set(record["psnr"]) == {"training", "held-out"} and record["psnr"]["training"]["after"] > 20
    back, _ = edit(capsys, run, "undo")
    assert back == run.resolve() and (run / "scene.ply").read_bytes() == trained
    again, _ = edit(capsys, run, "redo")
    assert again == folder.resolve()


def test_photos_are_what_a_score_is_against_where_they_are(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against photos of the scene without its specks, removing them raises the score."""
    from splat.edit import score
    from splat.edit.photos import photos_of
    from tests.edit.scenes import renderer_of

    clean = renderer_of()

    class Pictures:
        def image(self, index: int) -> torch.Tensor:
            return (clean.image(clean.cameras[index]).clamp(0, 1) * 255).round().to(torch.uint8).numpy()

        def alpha(self, index: int) -> None:
            return None

        mask = alpha

    class Frame:
        def __init__(self, index: int) -> None:
            self.camera, self.split = clean.cameras[index], "test" if index % 4 == 0 else "train"

    class Photos:
        frames = tuple(Frame(index) for index in range(8))
        images = Pictures()

    monkeypatch.setattr("splat.run.Run.capture", lambda self: Photos())
    made = renderer_of(join(three_balls(), specks(FLOATERS, 0.9, size=0.1)))
    opened = open_run(run)
    photos = photos_of(opened, made.background)
    training, held_out = score.score_run(opened, photos, made, clean.scene)
    assert (training.number, held_out.number) == (6, 2)
    for one in (training, held_out):
        assert one.before is not None and one.before < 30 and one.after > 50  # but for rounding
    assert "PSNR against the photos: " in capsys.readouterr().err


def test_a_preview_of_what_goes(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, _ = edit(capsys, run, "prune", "count=600", "preview=true", "views=2", "floaters=false", "min_views=0")
    assert load_selection(folder / "selection.safetensors", 900).count == 300
    assert len(list(folder.glob("*.png"))) == 2 and not (run / "edits" / "history.json").exists()


def test_filters_ask_for_force_and_a_count_does_not(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    box = "keep_box=-1.1,-1,-0.5,-0.1,1,0.5"  # the red ball
    assert "67% of the scene, 600 Gaussians; force=true" in refused(capsys, run, "prune", box, "min_views=0")
    folder, _ = edit(capsys, run, "prune", "count=100", "min_views=0", "refit.steps=0")
    assert len(open_run(folder).scene()) == 100


@pytest.mark.parametrize("suffix", [".ply", ".spz", ".splat"])
def test_a_file_is_pruned_into_another_one(
    file: Path, tmp_path: Path, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = file.read_bytes()
    out, said = edit(capsys, file, "prune", "isolated=6", f"out={tmp_path / 'clean'}{suffix}")
    assert out == tmp_path / f"clean{suffix}" and file.read_bytes() == before
    kept = read_scene(out)
    assert len(kept) == 900 and "isolated 3: 3 Gaussians of 903" in said and "orbit views" in said
    assert float(kept.means[:, 1].abs().max()) < 0.5
    if suffix == ".ply":
        assert read_scene_file(out).notes == Notes(True, (1000.0, 0.0, 5.0))
    else:
        assert "minus the origin" in said


def test_a_file_comes_down_to_a_count(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(capsys, file, "prune", "count=300", "refit.steps=20", "refit.views=4", f"out={tmp_path / 'small.ply'}")
    assert len(read_scene(tmp_path / "small.ply")) == 300


def test_other_operations_take_files_too(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "moved.ply"
    edit(capsys, file, "move", "offset=0,2,0", RED, f"out={out}")
    scene, before = read_scene(out), read_scene(file)
    assert torch.allclose(scene.means[:300], before.means[:300] + torch.tensor([0, 2.0, 0]), atol=1e-6)
    assert torch.equal(scene.means[300:], before.means[300:])
    assert "exists already" in refused(capsys, file, "move", "offset=0,2,0", RED, f"out={out}")
    edit(capsys, out, "move", "offset=0,-2,0", "select.sphere=-0.6,2,0,0.5", f"out={out}", "overwrite=true")
    assert torch.allclose(read_scene(out).means, before.means, atol=1e-6)
    folder, _ = edit(capsys, file, "select", RED, "views=1", "name=red")
    assert folder == file.with_name("balls-previews") / "red" and len(list(folder.glob("*.png"))) == 1
    edit(capsys, file, "extract", f"select.file={folder / 'selection.safetensors'}", f"out={tmp_path / 'red.ply'}")
    assert len(read_scene(tmp_path / "red.ply")) == 300


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["prune"], "where to? splat edit"),
        (["undo"], "has no history"),
        (["prune", "out=a.xyz"], "end it in"),
        (["remove", "red ball", "out=a.ply"], "words need the language field of a run"),
        (["remove", "out=a.ply"], "what is edited"),
        (["prune", "count=0", "out=a.ply"], "at least 1"),
        (["prune", "keep_box=1,2", "out=a.ply"], "must be 6 numbers"),
        (["prune", "keep_box=5,5,5,6,6,6", "force=true", "out=a.ply"], "nothing of the scene"),
        (["prune", "out=a.ply"], "finds nothing that should go (faint 0)"),
        (["prune", "isolated=1e6", "out=a.ply"], "finds nothing that should go (faint 0, isolated 0)"),
    ],
)
def test_mistakes_write_nothing(
    file: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    before = sorted(file.parent.iterdir())
    assert message in refused(capsys, file, *words)
    assert sorted(file.parent.iterdir()) == before


def test_out_is_not_for_runs(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "out= is for scene files" in refused(capsys, run, "prune", "out=a.ply")


def test_the_record_is_json_where_nothing_changes_in_the_pictures(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = join(three_balls(), specks([(0, 0, 50.0)], 0.001))
    write_scene(run / "scene.ply", scene)
    folder, said = edit(capsys, run, "prune", "min_views=0", "floaters=false")
    psnr = json.loads((folder / "edit.json").read_text())["psnr"]
    assert psnr["training"] == {"views": 6, "before": None, "after": None} and "faint 1: 1 Gaussian of 901" in said


def test_what_a_file_cannot_be_asked_is_said(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("prune", "isolated=6", "refit.steps=5", f"out={tmp_path / 'clean.ply'}")
    _, said = edit(capsys, file, *words)
    assert "a file has no photos: min_views= and floaters= are not asked" in said
    assert "refit.* is not used: only what count= leaves is fitted anew" in said

"""`splat edit`: edits as runs of their own, their history, and mistakes in one line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from splat.cli import main
from splat.edit.operations import FillOptions, RemoveOptions, operation_options
from splat.edit.select.selection import load_selection
from splat.errors import SplatError
from splat.files import read_json
from splat.formats import Notes, read_scene, write_scene
from splat.run import open_run
from tests.edit.scenes import ball, write_run

SPHERE = {"red": "select.sphere=-0.6,0,0,0.5", "green": "select.sphere=0.6,0,0,0.5"}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / "runs" / "balls")


def edit(capsys: pytest.CaptureFixture[str], run: Path, *words: str) -> Path:
    assert main(["edit", str(run), *words, "backend=cpu"]) == 0
    return Path(capsys.readouterr().out.splitlines()[-1])


def refused(capsys: pytest.CaptureFixture[str], run: Path, *words: str) -> str:
    before = sorted(run.rglob("*"))
    assert main(["edit", str(run), *words]) == 2
    captured = capsys.readouterr()
    assert not captured.out and sorted(run.rglob("*")) == before  # nothing has changed
    return captured.err.splitlines()[-1]


def test_an_edit_is_a_run_of_its_own(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trained = (run / "scene.ply").read_bytes()
    folder = edit(capsys, run, "remove", SPHERE["green"], "fill.views=0")
    assert folder.parent == run / "edits" and folder.name.startswith("001-remove-sphere")
    assert (run / "scene.ply").read_bytes() == trained
    opened = open_run(folder)
    assert len(opened.scene()) == 600 and len(opened.cameras("train")) == 6
    assert load_selection(folder / "selection.safetensors", 900).indices.tolist() == list(range(300, 600))
    record = read_json(folder / "edit.json")
    assert record["operation"] == "remove" and record["parent"] is None and record["gaussians_after"] == 600
    assert record["options"] == {"sphere": "0.6,0,0,0.5", "fill.views": 0}
    assert main(["render", str(folder), "path=test", "video=false", "backend=cpu"]) == 0
    pictures = Path(capsys.readouterr().out.splitlines()[0])
    green = np.asarray(Image.open(pictures / "photos__0.png")).astype(int)
    assert (green[..., 1] - green[..., 0]).max() < 20  # no green is left
    assert main(["export", str(folder), "format=splat"]) == 0
    assert "as it was trained" not in capsys.readouterr().err
    for command in ("export", "render"):  # of the run itself: said to be without the edit, and where that is
        assert main([command, str(run), *(["path=test", "video=false"] if command == "render" else [])]) == 0
        said = " ".join(capsys.readouterr().err.split())
        assert "the scene as it was trained" in said and "has 1 edit" in said and folder.name in said
    assert main(["info", str(run), "json=true"]) == 0  # the run's own scene stays; what was made of it is listed
    found = json.loads(capsys.readouterr().out)
    assert found["edits"] == [folder.name] and found["language"] == [] and found["scene"]["count"] == 900
    assert main(["info", str(folder)]) == 0


def test_paths_below_the_working_folder_are_printed_as_they_are_typed(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(run.parent)
    assert main(["edit", run.name, "opacity", "factor=0.5", SPHERE["red"]]) == 0
    captured = capsys.readouterr()
    folder = captured.out.strip()
    assert folder.startswith(f"{run.name}/edits/001-") and f"splat render {folder} path=test" in captured.err
    assert main(["edit", run.name, "undo"]) == 0
    assert capsys.readouterr().out.strip() == run.name


def test_edits_chain_and_can_be_undone_and_redone(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = edit(capsys, run, "remove", SPHERE["green"], "name=no green", "fill.views=0")
    second = edit(capsys, run, "move", "offset=0,-1,0", SPHERE["red"])
    assert first.name == "001-no-green" and read_json(second / "edit.json")["parent"] == first.name
    scene, before = read_scene(second / "scene.ply"), read_scene(first / "scene.ply")
    assert torch.allclose(scene.means[:300], before.means[:300] - torch.tensor([0, 1.0, 0]), atol=1e-6)
    assert edit(capsys, run, "undo") == first.resolve()
    assert edit(capsys, run, "undo") == run.resolve()
    assert "nothing to undo" in refused(capsys, run, "undo")
    assert edit(capsys, run, "redo") == first.resolve()
    third = edit(capsys, run, "opacity", "factor=0.5", SPHERE["red"])  # a new edit after an undo is a new branch
    assert read_json(third / "edit.json")["parent"] == first.name and third.name.startswith("003-")
    assert "nothing to redo" in refused(capsys, run, "redo")
    assert main(["edit", str(run), "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[0] for line in lines] == [" ", " ", "*"] and "after training, 900 -> 600" in lines[0]
    from_first = edit(capsys, first, "extract", SPHERE["red"])  # an edit's folder can be edited, as any run
    assert read_json(from_first / "edit.json")["parent"] == first.name and len(open_run(from_first).scene()) == 300


def test_a_preview_changes_nothing(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = edit(capsys, run, "remove", SPHERE["red"], "preview=true", "views=2", "name=red")
    assert folder == run.resolve() / "edits" / "previews" / "red" and len(list(folder.glob("*.png"))) == 2
    assert not list((run / "edits").glob("0*")) and not (run / "edits" / "history.json").exists()
    selected = edit(capsys, run, "select", f"select.file={folder / 'selection.safetensors'}", "select.invert=true")
    assert load_selection(selected / "selection.safetensors", 900).count == 600
    edited = edit(capsys, run, "recolor", "color=blue", f"select.file={folder / 'selection.safetensors'}")
    colors = read_scene(edited / "scene.ply").sh0[:300, 0]
    assert (colors[:, 2] > colors[:, 0] + 0.5).all()


def test_an_object_of_another_run_takes_the_place(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write_run(tmp_path / "other", ball((5, 5, 5), 1.0, (1, 1, 1), count=50))
    folder = edit(capsys, run, "replace", f"other={other}", SPHERE["green"], "up=0,-1,0")
    new = read_scene(folder / "scene.ply")[600:]
    assert len(new) == 50 and torch.allclose(new.means.mean(dim=0), torch.tensor([0.6, 0, 0]), atol=0.05)


def test_what_was_made_for_another_way_of_drawing_is_said(
    run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    said = []
    for name, antialiased in (("mip", True), ("plain", None)):
        other = tmp_path / f"{name}.ply"
        write_scene(other, ball((5, 5, 5), 1.0, (1, 1, 1), count=50), notes=Notes(antialiased))
        assert main(["edit", str(run), "replace", f"other={other}", SPHERE["green"], "up=0,-1,0", f"name={name}"]) == 0
        said.append(capfd.readouterr().err.count("was made to be drawn antialiased, and is now drawn without"))
    assert said == [1, 0]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["remov", SPHERE["red"]], "did you mean remove"),
        ([], "do what"),
        (["remove"], "what is edited"),
        (["remove", "select.sphere=0,0,0,9"], "100% of the scene, 900 Gaussians; force=true"),
        (["remove", "select.sphere=9,9,9,1"], "selects nothing"),
        (["remove", "select.bx=1"], "did you mean select.box"),
        (["recolor", SPHERE["red"]], "which colour"),
        (["recolor", SPHERE["red"], "color=reddish"], "give a name"),
        (["move", SPHERE["red"]], "where to"),
        (["move", SPHERE["red"], "offset=1,2"], "must be 3 numbers"),
        (["rotate", SPHERE["red"]], "by how much"),
        (["scale", SPHERE["red"], "factor=0"], "above 0"),
        (["opacity", SPHERE["red"], "factor=-1"], "at least 0"),
        (["replace", SPHERE["red"]], "by what"),
        (["recolor", SPHERE["red"], "color=red", "hue=30"], "exclude each other"),
        (["recolor", SPHERE["red"], "color=red", "offset=1,0,0"], "offset=1,0,0 is not for recolor, but for move"),
        (["move", SPHERE["red"], "offset=1,0,0", "degrees=40"], "degrees=40.0 is not for move, but for rotate"),
        (["move", SPHERE["red"], "offset=1,0,0", "fill.views=3"], "fill.…= is not for move, but for remove"),
        (["remove", SPHERE["red"], "guide.steps=3"], "guide.…= is not for remove, but for restyle"),
        (["remove", SPHERE["red"], "select.cluster=2"], "select.cluster=2 goes with select.file"),
        (["remove", SPHERE["red"], "select.value=2"], "select.value=2 goes with select.masks"),
        (["remove", SPHERE["red"], "select.radius=2"], "select.radius=2.0 goes with select.click"),
        (["remove", SPHERE["red"], "select.view=0001"], "select.view=0001 goes with select.polygon or select.click"),
        (["move", SPHERE["red"], "offset=1e39,0,0"], "would take 300 Gaussians beyond what 32-bit numbers hold"),
        (["duplicate", SPHERE["red"], "offset=1e39,0,0"], "300 Gaussians beyond"),
        (["replace", SPHERE["red"], "other=gone.ply"], "gone.ply"),
        (["remove", "select.file=gone.safetensors"], "no selection file"),
        (["remove", "select.masks=gone"], "no folder"),
        (["restyle", SPHERE["red"]], "toward what"),
        (["restyle", SPHERE["red"], "filter=oil", "images=."], "exclude each other"),
        (["restyle", SPHERE["red"], "filter=oyl"], "did you mean oil"),
        (["restyle", SPHERE["red"], "filter=hue"], "by how much"),
        (["restyle", SPHERE["red"], "images=gone"], "no folder with edited pictures"),
        (["restyle", SPHERE["red"], "filter=oil", "prompt=gold"], "prompt= is for model="),
        (["restyle", SPHERE["red"], "filter=oil", "guide.steps=0"], "at least 1"),
        (["restyle", SPHERE["red"], "filter=oil", "guide.step=9"], "did you mean guide.steps"),
        (["restyle", "filter=oil"], "what is edited"),
        (["restyle", "filter=oil", "select.where=all"], "100% of the scene"),
        (["restyle", "model=gone"], "what shall it become"),
        (["restyle", "gold", "model=gone"], "neither a folder nor a hub name"),
        (["restyle", "gold", "model=gone", "guide.threshold=0.2"], "must not be above guide.threshold"),
        (["restyle", "gold", "model=owner/gone", "guide.offline=true"], "owner/gone is not in"),
    ],
)
def test_mistakes_change_nothing(run: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str) -> None:
    assert message in refused(capsys, run, *words)


def test_force_and_a_scene_that_would_be_empty(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(open_run(edit(capsys, run, "scale", "factor=2", "select.where=all", "force=true")).scene()) == 900
    assert "nothing of the scene" in refused(capsys, run, "remove", "select.where=all", "force=true")


def test_a_damaged_history_is_named(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import shutil

    shutil.rmtree(edit(capsys, run, "remove", SPHERE["green"], "name=x"))
    assert "the edit 001-x is gone" in refused(capsys, run, "move", "offset=0,0,1", SPHERE["red"])
    assert "no run folder" in refused(capsys, run / "nowhere", "list")


def test_recolored_pictures_take_the_hue(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = edit(capsys, run, "recolor", "color=#8000c0", SPHERE["red"])
    assert main(["render", str(folder), "path=test", "video=false", "backend=cpu"]) == 0
    after = np.asarray(Image.open(Path(capsys.readouterr().out.splitlines()[0]) / "photos__0.png")).astype(int)
    purple = (after[..., 2] > after[..., 0]) & (after[..., 0] > after[..., 1] + 20)
    assert purple.sum() > 200 and not ((after[..., 0] > 100) & (after[..., 2] < 60)).any()


def test_help_shows_the_keys_of_one_operation(capsys: pytest.CaptureFixture[str]) -> None:
    def keys(*words: str) -> set[str]:
        assert main(["edit", *words, "--help"]) == 0
        rows = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
        return {row.partition("=")[0] for row in rows if "=" in row}

    everything, moved, removed = keys(), keys("RUN", "move"), keys("RUN", "operation=remove")
    assert everything > moved | removed
    assert moved - removed == {"offset"} and {"fill.views", "fill.steps"} < removed - moved
    assert {"color", "guide.steps", "deviations"} < everything - moved - removed


def test_options_of_operations_by_name() -> None:
    made = operation_options("remove", {"fill.views": 3})
    assert made.fill.views == 3 and made == RemoveOptions(FillOptions(views=3))
    with pytest.raises(SplatError, match="hue=3 is not for scale, but for recolor, restyle"):
        operation_options("scale", {"hue": 3})
    with pytest.raises(SplatError, match="move has no option ofset; did you mean offset"):
        operation_options("move", {"ofset": "0,0,1"})

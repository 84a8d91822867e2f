from pathlib import Path
from typing import Any

import pytest
import torch

from splat.cli import main
from splat.edit.history import load_history
from splat.edit.select.geometry import sphere
from splat.edit.select.selection import Selection, save_selection
from splat.errors import SplatError
from splat.formats import read_scene, write_scene
from splat.view.editing import Wish, as_code, decimals, free_file, in_words, unusual
from splat.view.opened import open_scene
from splat.view.serving import typed
from splat.view.trail import FileTrail
from tests.edit.scenes import three_balls, write_run


def green(path: Path) -> tuple[Selection, Path]:
    """The green ball of a run, and its file."""
    chosen = sphere(three_balls(), [0.6, 0, 0], 0.5)
    save_selection(path / "green.safetensors", chosen)
    return chosen, path / "green.safetensors"


WISHES: list[tuple[str, dict[str, Any]]] = [
    ("remove", {"fill.views": 0}),
    ("extract", {}),
    ("crop", {"deviations": 1.5}),
    ("recolor", {"color": "#2040ff"}),
    ("recolor", {"hue": 123.4567891}),
    ("opacity", {"factor": 1 / 3}),
    ("scale", {"factor": 1.7}),
    ("move", {"offset": "0.1,0,-0.2"}),
    ("rotate", {"axis": "0.6,0,0.8", "degrees": 33.3333333}),
    ("duplicate", {"offset": "0,0.5,0", "degrees": 10.0, "factor": 0.5}),
]


@pytest.mark.parametrize(("operation", "options"), WISHES)
def test_a_preview_is_what_the_command_then_makes(
    balls_run: Path, tmp_path: Path, operation: str, options: dict[str, Any]
) -> None:
    opened = open_scene(balls_run, "cpu")
    chosen, file = green(tmp_path)
    wish = Wish(operation, options)
    seen = wish.applied(opened, chosen).scene
    assert not (balls_run / "edits").exists()
    assert main(wish.words(opened, file)) == 0
    made = read_scene(load_history(balls_run).place / "scene.ply")
    assert len(made) == len(seen)
    for name, value in seen.as_dict().items():
        assert torch.equal(made.as_dict()[name], value), name


def test_the_command_is_what_somebody_would_type(balls_run: Path) -> None:
    opened = open_scene(balls_run, "cpu")
    words = Wish("opacity", {"factor": 0.1 + 0.2}, force=True).words(opened, Path("a b.safetensors"))
    assert words == ["edit", str(balls_run), "opacity", "factor=0.3", "select.file=a b.safetensors", "force=true"]
    assert as_code(["edit", "a b", "`"]) == "`splat edit 'a b' '''`"
    assert in_words([1e-9, -0.25, 3]) == "0,-0.25,3"
    assert in_words([2.5e-7, -1e-15, 4e-8]) == "2.5e-07,0,4e-08"  # of a scene that is as small
    assert in_words([0.0, 0.0]) == "0,0"
    assert [decimals(length) for length in (4.0, 0.5, 0.02, 4e6, 0.0)] == [4, 5, 6, 4, 4]


def test_more_than_half_is_asked_about(balls_run: Path) -> None:
    opened = open_scene(balls_run, "cpu")
    most = sphere(opened.renderer.scene, [0, 0, 0], 1.2)
    with pytest.raises(SplatError, match="force=true"):
        Wish("remove", {"fill.views": 0}).applied(opened, most)
    assert len(Wish("remove", {"fill.views": 0}, force=True).applied(opened, most).scene) == 900 - most.count


def test_options_as_usual_are_left_out() -> None:
    assert unusual("crop", {"deviations": 2.0}) == {}
    assert unusual("rotate", {"axis": "0,0,1", "degrees": 5.0}) == {"degrees": 5.0}


def test_a_file_is_edited_into_another_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "balls.ply"
    write_scene(path, three_balls())
    opened = open_scene(path, "cpu")
    chosen, file = green(tmp_path)
    words = Wish("extract").words(opened, file)
    assert words[-1] == f"out={tmp_path / 'balls-extract.ply'}"
    assert main(words) == 0
    assert len(read_scene(tmp_path / "balls-extract.ply")) == chosen.count == 300
    assert free_file(path, "extract") == tmp_path / "balls-extract-2.ply"
    assert free_file(tmp_path / "old.gltf", "crop").suffix in (".ply", ".gltf")


def test_files_are_gone_through_back_and_forward() -> None:
    trail = FileTrail()
    with pytest.raises(SplatError, match="nothing to undo"):
        trail.step(-1)
    a, b, c, d = map(Path, "abcd")
    trail.add(a, b)
    trail.add(b, c)
    assert trail.step(-1) == b and trail.step(-1) == a and trail.step(1) == b
    trail.add(b, d)  # c is forgotten
    assert trail.files == [a, b, d] and trail.at == 2
    with pytest.raises(SplatError, match="nothing to redo"):
        trail.step(1)


def test_a_run_whose_name_looks_like_a_key_is_edited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_run(tmp_path / "text=ball")
    write_run(tmp_path / "-x")
    monkeypatch.chdir(tmp_path)
    for name in ("text=ball", "-x"):
        opened = open_scene(typed(Path(name)), "cpu")
        _, file = green(tmp_path)
        assert main(Wish("opacity", {"factor": 0.5}).words(opened, file)) == 0
        assert load_history(tmp_path / name).current is not None
    assert typed(Path("runs/a")) == Path("runs/a")

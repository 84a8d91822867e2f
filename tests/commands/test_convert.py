"""`splat convert`: one scene into another file, several into one."""

from __future__ import annotations

import gzip
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from splat import console
from splat.cli import main
from splat.formats import Notes, read_scene, read_scene_file, write_scene
from splat.frame import SceneFrame, Similarity, write_frame
from tests.edit.scenes import write_run
from tests.render.test_around import cloud


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Two scene files."""
    paths = tmp_path / "a.ply", tmp_path / "b.ply"
    write_scene(paths[0], cloud(30))
    write_scene(paths[1], cloud(20).replace(shN=torch.ones(20, 3, 3)))
    return paths


def test_a_file_becomes_another_and_is_scored(files, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "a.splat"
    assert main(["convert", str(files[0]), str(out)]) == 0
    said = capsys.readouterr()
    assert said.out == f"{out}\n"
    assert "a.splat: drawn from 8 sides it is within" in said.err and "30 Gaussians" in said.err
    back = tmp_path / "back.ply"
    assert main(["convert", str(out), str(back)]) == 0
    assert "back.ply: read again it is the same to the last bit" in capsys.readouterr().err
    assert torch.equal(read_scene(back).means, cloud(30).means)
    assert main(["convert", str(files[0]), str(tmp_path / "quiet.splat"), "score=false"]) == 0
    assert "drawn from" not in capsys.readouterr().err


def test_a_folder_of_a_scene_is_a_scene(shared_data, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "logo"
    shutil.copytree(shared_data("splats/sog-logo"), folder)
    out = tmp_path / "logo.ply"
    assert main(["convert", str(folder), str(out)]) == 0
    assert "same to the last bit" in capsys.readouterr().err
    assert main(["render", str(folder), "frames=1", "width=32", "video=false"]) == 0
    assert list((tmp_path / "logo-orbit").glob("*.png"))


def test_a_run_is_scored_from_its_test_views(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "run")
    assert main(["convert", str(run), str(tmp_path / "x.splat")]) == 0
    assert "test views it is within" in capsys.readouterr().err
    turn = Rotation.from_euler("xyz", [10, 20, 30], degrees=True).as_matrix()
    write_frame(run, SceneFrame(Similarity(2.5, turn, np.array([1.0, 2, 3])), "points", "points"))
    assert main(["convert", str(run), str(tmp_path / "y.splat"), "frame=aligned"]) == 0
    said = capsys.readouterr().err
    assert "test views it is within" in said
    assert float(said.partition("within ")[2].split()[0]) > 25  # the frame is taken back before scoring
    there = read_scene(tmp_path / "y.splat").means.double()
    assert torch.allclose(there, 2.5 * read_scene(run / "scene.ply").means.double() @ torch.from_numpy(turn).T
                          + torch.tensor([1.0, 2, 3]).double(), atol=1e-5)  # fmt: skip


@pytest.mark.parametrize("name", ["y.spz", "y.glb"])
def test_a_scene_that_was_turned_upright_is_scored_as_it_lay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    run = write_run(tmp_path / "run")
    turn = Rotation.from_euler("xyz", [10, 20, 30], degrees=True).as_matrix()
    write_frame(run, SceneFrame(Similarity(2.5, turn, np.array([1.0, 2, 3])), "points", "points"))
    assert main(["convert", str(run), str(tmp_path / name), "frame=aligned"]) == 0
    said = capsys.readouterr().err
    assert "it looks the same" in said or float(said.partition("within ")[2].split()[0]) > 25, said


def test_the_version_of_a_format_is_chosen(files, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", str(files[0]), str(tmp_path / "a.spz"), "version=2", "score=false"]) == 0
    assert gzip.decompress((tmp_path / "a.spz").read_bytes())[4] == 2
    assert main(["convert", *map(str, files), str(tmp_path / "b.spz"), "version=3", "score=false"]) == 0
    assert gzip.decompress((tmp_path / "b.spz").read_bytes())[4] == 3
    assert main(["convert", str(files[0]), str(tmp_path / "c.spz"), "version=1"]) == 2
    assert "choose one of 2, 3, 4" in capsys.readouterr().err and not (tmp_path / "c.spz").exists()


def test_two_scenes_become_one_each_where_it_is_moved(files, tmp_path: Path) -> None:
    turn = Rotation.from_euler("z", 90, degrees=True).as_matrix()
    matrix = Similarity(2.0, turn, np.array([0.0, 0, 5])).matrix
    (tmp_path / "b.json").write_text(json.dumps({"transform": matrix.tolist()}))
    out = tmp_path / "both.ply"
    words = ["convert", *map(str, files), str(out), f"transforms=[none,{tmp_path / 'b.json'}]"]
    assert main(words) == 0
    both = read_scene(out)
    assert len(both) == 50 and both.sh_degree == 1
    assert torch.equal(both.means[:30], cloud(30).means)
    expected = cloud(20).means.double() @ torch.from_numpy(matrix[:3, :3]).T + torch.tensor([0.0, 0, 5])
    assert torch.allclose(both.means[30:].double(), expected, atol=1e-5)
    assert torch.allclose(both.scales[30:], torch.full((20, 3), -4 + float(np.log(2))), atol=1e-6)


def test_runs_that_are_merged_keep_their_axes_and_say_what_is_not_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    turn = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    runs = [write_run(tmp_path / name) for name in ("one", "two")]
    for run in runs:
        write_frame(run, SceneFrame(Similarity(2.0, turn, np.zeros(3)), "gps", "gps"))
    assert main(["edit", str(runs[0]), "remove", "select.box=-0.5,-0.5,-0.5,0.5,0.5,0.5", "force=true"]) == 0
    capsys.readouterr()
    out = tmp_path / "both.glb"
    assert main(["convert", *map(str, runs), str(out), "frame=aligned"]) == 0
    said = capsys.readouterr().err
    assert "has 1 edit" in said and "drawn from 8 sides it looks the same" in said
    upright = read_scene(out).means  # glTF's y is the aligned z, and comes back as -y
    aligned = 2 * read_scene(runs[0] / "scene.ply").means.double() @ torch.from_numpy(turn).T
    assert torch.allclose(upright[:, 1].double().sort().values, (-aligned[:, 2]).repeat(2).sort().values, atol=1e-5)
    assert main(["convert", str(runs[0]), str(tmp_path / "one.ply")]) == 0
    assert "has 1 edit" in capsys.readouterr().err


def test_origins_of_the_files_are_brought_together(files, tmp_path: Path) -> None:
    write_scene(files[0], cloud(30), notes=Notes(origin=(4000.0, 0.0, 100.0)))
    write_scene(files[1], cloud(20), notes=Notes(origin=(4100.0, 0.0, 100.0)))
    assert main(["convert", *map(str, files), str(tmp_path / "c.ply")]) == 0
    found = read_scene_file(tmp_path / "c.ply")
    assert found.notes.origin == (4000.0, 0.0, 100.0)
    assert torch.allclose(found.gaussians.means[30:], cloud(20).means + torch.tensor([100.0, 0, 0]), atol=1e-4)


def test_aligned_scenes_take_the_first_ones_origin(tmp_path: Path) -> None:
    """The same run twice, one with another origin: the second must come out where the first is."""
    runs = [write_run(tmp_path / name) for name in ("one", "two")]
    for run, origin in zip(runs, ([100.0, 0, 0], [130.0, 0, 0])):
        record = json.loads((run / "cameras.json").read_text())
        (run / "cameras.json").write_text(json.dumps({**record, "origin": origin}))
    out = tmp_path / "both.ply"
    assert main(["convert", *map(str, runs), str(out), "align=true"]) == 0
    found = read_scene_file(out)
    half = len(found.gaussians) // 2
    assert found.notes.origin == (100.0, 0.0, 0.0)
    assert torch.allclose(found.gaussians.means[half:], found.gaussians.means[:half], atol=1e-4)


def test_a_frame_as_transform_is_the_aligned_frame(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    turn = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    write_frame(run, SceneFrame(Similarity(2.0, turn, np.zeros(3)), "gps", "gps", origin=(5000.0, 0.0, 0.0)))
    for name in ("a.glb", "a.ply"):
        aligned, moved = tmp_path / name, tmp_path / f"moved-{name}"
        assert main(["convert", str(run), str(aligned), "frame=aligned"]) == 0
        assert main(["convert", str(run), str(moved), f"transforms=[{run / 'frame.json'}]"]) == 0
        assert read_scene_file(aligned).notes == read_scene_file(moved).notes
        assert torch.equal(read_scene(aligned).means, read_scene(moved).means)


def test_a_matrix_says_where_a_scene_lies_whatever_its_origin(
    files, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_scene(files[0], cloud(30), notes=Notes(origin=(4000.0, 0.0, 100.0)))
    write_scene(files[1], cloud(20), notes=Notes(origin=(9000.0, 0.0, 0.0)))
    (tmp_path / "m.json").write_text(json.dumps(np.eye(4).tolist()))
    words = ["convert", *map(str, files), str(tmp_path / "c.ply")]
    assert main([*words, f"transforms=[none,{tmp_path / 'm.json'}]"]) == 0
    assert "b.ply: its origin (9000, 0, 0) is dropped" in capsys.readouterr().err
    found = read_scene_file(tmp_path / "c.ply")
    assert found.notes.origin == (4000.0, 0.0, 100.0)
    assert torch.equal(found.gaussians.means[30:], cloud(20).means)


def test_what_32_bits_cannot_hold_is_said(files, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "far.json").write_text(json.dumps(Similarity(1.0, np.eye(3), np.array([5e6, 0, 0])).matrix.tolist()))
    assert main(["convert", str(files[0]), str(tmp_path / "c.ply"), f"transforms=[{tmp_path / 'far.json'}]"]) == 0
    assert "a.ply, moved: it lies 5e+06 from zero, where numbers of 32 bits are 0.5 apart" in capsys.readouterr().err


def test_antialiased_and_other_scenes_in_one_are_said(
    files, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_scene(files[0], cloud(30), notes=Notes(antialiased=True))
    assert main(["convert", *map(str, files), str(tmp_path / "c.ply")]) == 0
    assert "a.ply: drawn antialiased, the others not; the file says what holds for a.ply" in capsys.readouterr().err
    assert main(["convert", *map(str, reversed(files)), str(tmp_path / "d.ply")]) == 0
    assert read_scene_file(tmp_path / "d.ply").notes.antialiased is not True


def test_a_runs_own_scene_is_not_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "run")
    before = (run / "scene.ply").read_bytes()
    assert main(["convert", str(run), str(run / "scene.ply"), "overwrite=true"]) == 2
    assert "is also one of the scenes to read" in capsys.readouterr().err
    file = tmp_path / "x.compressed.ply"
    assert main(["convert", str(run), str(file)]) == 0
    written = file.read_bytes()
    assert main(["export", str(file), "format=compressed-ply", f"output={file}", "overwrite=true"]) == 2
    assert "is the file that is read" in capsys.readouterr().err
    assert (run / "scene.ply").read_bytes() == before and file.read_bytes() == written


def test_nothing_to_align_is_said(files, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_scene(files[1], cloud(20)[:0])
    assert main(["convert", *map(str, files), str(tmp_path / "c.ply"), "align=true"]) == 2
    assert "b.ply holds no Gaussians, so nothing tells where it lies" in capsys.readouterr().err


def test_runs_that_share_photos_are_placed_by_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The second run is the first, moved: all Gaussians must come out twice."""
    first = write_run(tmp_path / "first")
    second = write_run(tmp_path / "second")
    turn = Rotation.from_euler("xyz", [10, 120, 30], degrees=True).as_matrix()
    moved = Similarity(3.0, turn, np.array([1.0, 2, 3]))
    scene = read_scene(first / "scene.ply")
    write_scene(second / "scene.ply", scene.transformed(torch.from_numpy(moved.matrix)))
    record = json.loads((second / "cameras.json").read_text())
    for frame in record["frames"]:
        viewmat = np.array(frame["viewmat"])
        rotation = viewmat[:3, :3] @ turn.T
        viewmat[:3, 3] = 3 * viewmat[:3, 3] - rotation @ moved.translation
        viewmat[:3, :3] = rotation
        frame["viewmat"] = viewmat.tolist()
    (second / "cameras.json").write_text(json.dumps(record))
    out = tmp_path / "both.ply"
    assert main(["convert", str(first), str(second), str(out), "align=true"]) == 0
    assert "photos that both have" in capsys.readouterr().err
    both = read_scene(out)
    assert len(both) == 2 * len(scene)
    assert torch.allclose(both.means[len(scene) :], scene.means, atol=1e-4)
    assert torch.allclose(both.scales[len(scene) :], scene.scales, atol=1e-4)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["{a}"], "which ones\\? splat convert IN OUT"),
        (["{a}", "{b}"], "exists already; overwrite=true replaces it"),
        (["{a}", ".", "format=ply"], "is a folder; name a file"),
        (["{a}", "{a}", "overwrite=true"], "also one of the scenes to read"),
        (["gone.ply", "x.ply"], "gone.ply does not exist"),
        (["{a}", "x.txt"], "cannot tell a scene format"),
        (["{a}", "{b}", "x.ply", "transforms=[none]"], "1 entries for 2 scenes"),
        (["{a}", "{b}", "x.ply", "transforms=[none,none]", "align=true"], "leave one of them out"),
        (["{a}", "x.ply", "align=true"], "there is only one"),
        (["{a}", "x.ply", "frame=aligned"], "has no frame"),
        (["{a}", "{b}", "x.ply", "frame=aligned"], "has no frame"),
        (["{a}", "x.ply", "transforms=[{bad}]"], "no rotation with one positive scale"),
        (["{a}", "x.ply", "transforms=[{few}]"], "holds no transform"),
    ],
)
def test_mistakes_are_told_before_anything_is_written(
    files, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words, said
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.json").write_text(json.dumps(np.diag([1.0, 2.0, 1.0, 1.0]).tolist()))
    (tmp_path / "few.json").write_text("[[1, 2], [3]]")
    places = {"a": files[0], "b": files[1], "bad": tmp_path / "bad.json", "few": tmp_path / "few.json"}
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert main(["convert", *(word.format(**places) for word in words)]) == 2
    assert re.search(f"^error: .*{said}", capsys.readouterr().err, re.MULTILINE)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_scenes_put_together_as_they_lie_are_said(
    files, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "_warned", set())  # the same words are said once only
    assert main(["convert", *map(str, files), str(tmp_path / "c.ply")]) == 0
    assert "put together as they lie; align=true or transforms=" in capsys.readouterr().err

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from splat import running
from splat.commands.resume import guessed_folder
from splat.errors import SplatError
from splat.files import write_text
from splat.run import how_to_finish, open_run
from splat.temporary import place
from splat.train.config import TrainConfig
from splat.train.folder import check_folder, prepare_folder, run_folder


def test_a_training_that_never_began_can_simply_start_again(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "config.yaml").write_text("plan: {}")
    assert prepare_folder(TrainConfig(out=str(folder)), "capture") == folder


def test_an_unfinished_run_is_not_lost(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "config.yaml").write_text("plan: {}")
    (folder / "checkpoints" / "step_00000010.safetensors").write_bytes(b"")
    with pytest.raises(SplatError, match="resume=true"):
        prepare_folder(TrainConfig(out=str(folder)), "capture")


@pytest.mark.parametrize(
    "left",
    [
        ".config-abcdefgh.yaml",
        f".splat-{place()}-4194311-abc/config.yaml",
        "checkpoints/.splat-00000000-1-abc/step_00000010.safetensors",
        ".running.json",
        ".DS_Store",
    ],
)
def test_what_a_killed_training_leaves_is_no_content(left: str, tmp_path: Path) -> None:
    """One that is killed while config.yaml is first written; files that the system hides are nobody's work either."""
    folder = tmp_path / "run"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / left).parent.mkdir(parents=True, exist_ok=True)
    (folder / left).write_text("{}")
    os.utime(folder / left, (0, 0))
    with run_folder(TrainConfig(out=str(folder)), "capture"):
        write_text(folder / "config.yaml", "train: {}")
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    stays = left.startswith((".config", ".DS", "checkpoints"))  # whose process is not known to be dead
    assert found == sorted(["config.yaml", *([left] if stays else [])])


@pytest.mark.parametrize("content", ["thesis.txt", "checkpoints/notes.txt", ".git/config", "photos/a.jpg"])
def test_other_content_is_not_trained_over(content: str, tmp_path: Path) -> None:
    (tmp_path / "run" / content).parent.mkdir(parents=True)
    (tmp_path / "run" / content).write_text("mine")
    with pytest.raises(SplatError, match="is not empty and holds no run"):
        check_folder(TrainConfig(out=str(tmp_path / "run")), tmp_path / "run")


def test_a_trained_run_without_a_score_is_to_be_scored(tmp_path: Path) -> None:
    """A training that is killed in its evaluation."""
    folder = tmp_path / "my run"
    folder.mkdir()
    for name in ("config.yaml", "scene.ply"):
        (folder / name).write_text("")
    config = TrainConfig(out=str(folder))
    with pytest.raises(SplatError, match=r"trained but not scored; score it with: splat evaluate '.*my run'"):
        check_folder(config, folder)
    (folder / "metrics.json").write_text("{}")
    with pytest.raises(SplatError, match="holds a finished run; choose name="):
        check_folder(config, folder)


def test_a_file_is_no_run_folder(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(SplatError, match="is a file"):
        prepare_folder(TrainConfig(out=str(tmp_path / "notes.txt")), "capture")


def test_the_default_place_is_named_after_capture_and_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert prepare_folder(TrainConfig(name="try1"), "fox") == Path("runs/fox/try1")
    assert (tmp_path / "runs/fox/try1/checkpoints").is_dir()


def test_checking_a_folder_touches_nothing(tmp_path: Path) -> None:
    check_folder(TrainConfig(), tmp_path / "new" / "run")
    with pytest.raises(SplatError, match="nothing to resume"):
        check_folder(TrainConfig(resume=True), tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_a_failing_start_leaves_no_folder(tmp_path: Path) -> None:
    config = TrainConfig(out=str(tmp_path / "a" / "b" / "run"))
    with pytest.raises(SplatError, match="no memory"), run_folder(config, "capture") as folder:
        (folder / "config.yaml").write_text("plan: {}")
        (folder / "metrics.csv").write_text("step,seconds\n")
        raise SplatError("no memory")
    assert list(tmp_path.iterdir()) == []


def test_a_failing_start_keeps_what_was_there(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "config.yaml").write_text("old")
    (folder / "scene.ply").write_text("old scene")
    config = TrainConfig(out=str(folder), overwrite=True)
    with pytest.raises(KeyboardInterrupt), run_folder(config, "capture") as new:
        assert not (new / "scene.ply").exists() and (tmp_path / "run.old-1" / "scene.ply").exists()
        (new / "config.yaml").write_text("new")
        raise KeyboardInterrupt
    assert (folder / "scene.ply").read_text() == "old scene" and (folder / "config.yaml").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize("kept", ["checkpoints/step_00000100.safetensors", "scene.ply", "metrics.csv"])
def test_a_training_that_got_somewhere_keeps_its_folder(tmp_path: Path, kept: str) -> None:
    config = TrainConfig(out=str(tmp_path / "run"))
    with pytest.raises(SplatError), run_folder(config, "capture") as folder:
        (folder / "config.yaml").write_text("plan: {}")
        (folder / kept).write_text("step\n50\n")
        raise SplatError("disk full")
    assert (tmp_path / "run" / kept).exists() and (tmp_path / "run" / "config.yaml").exists()


def test_the_way_to_finish_is_a_command_that_can_be_typed(tmp_path: Path) -> None:
    folder = tmp_path / "my run"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "config.yaml").write_text("train: {data: my photos}")
    assert how_to_finish(folder).endswith(shlex.join(["splat", "train", "my photos", f"out={folder}"]))
    (folder / "checkpoints" / "step_00000010.safetensors").write_bytes(b"")
    command = shlex.join(["splat", "train", "my photos", f"out={folder}", "resume=true"])
    assert how_to_finish(folder).endswith(command) and "'my photos'" in command


def test_a_folder_is_held_by_one_training_only(tmp_path: Path) -> None:
    config = TrainConfig(out=str(tmp_path / "run"))
    mine = rf"running now \(process {os.getpid()}\)"
    with pytest.raises(RuntimeError, match="on purpose"), run_folder(config, "capture") as folder:
        (folder / "config.yaml").write_text("train: {data: photos}")
        for choice in ({}, {"overwrite": True}, {"resume": True}):
            with pytest.raises(SplatError, match=mine), run_folder(TrainConfig(out=str(folder), **choice), "capture"):
                pass
        with pytest.raises(SplatError, match=mine):
            open_run(folder)
        (folder / "checkpoints" / "step_00000010.safetensors").write_bytes(b"")
        raise RuntimeError("on purpose")
    assert not (folder / running.NAME).exists()
    assert "resume=true" in how_to_finish(folder)


def test_two_that_begin_at_once(tmp_path: Path) -> None:
    """Both have found the folder free; the second still does not get it, and takes nothing away."""
    with run_folder(TrainConfig(out=str(tmp_path / "run")), "capture") as folder:
        (folder / "config.yaml").write_text("train: {}")
        with pytest.raises(SplatError, match="running now"), running.held(folder):
            pass
        assert (folder / running.NAME).exists() and (folder / "config.yaml").exists()


def test_a_process_that_died_holds_nothing(tmp_path: Path) -> None:
    code = "import sys, os; from pathlib import Path; from splat.running import held\n"
    code += "with held(Path(sys.argv[1])): os._exit(9)"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False, cwd=Path(__file__).parents[2])
    record = json.loads((tmp_path / running.NAME).read_text())
    assert running.holder_of(tmp_path) is None
    check_folder(TrainConfig(out=str(tmp_path)), tmp_path)
    with running.held(tmp_path):
        assert running.holder_of(tmp_path) == running.Holder.here()
    # the number is used again by another process
    (tmp_path / running.NAME).write_text(json.dumps({**record, "pid": os.getpid()}))
    assert running.holder_of(tmp_path) is None
    # nobody can look from here
    (tmp_path / running.NAME).write_text(json.dumps({**record, "host": "elsewhere"}))
    with pytest.raises(SplatError, match=r"process \d+ on elsewhere\) \(if it is not: delete"):
        check_folder(TrainConfig(out=str(tmp_path)), tmp_path)


@pytest.mark.parametrize("name", ["../../x", "a/b", "..", "", "a\\b", "a\0b", "a\nb", "x" * 300, "ä" * 128])
def test_a_name_is_one_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(SplatError, match="a name is that of one folder"):
        prepare_folder(TrainConfig(name=name), "capture")
    with pytest.raises(SplatError, match="a name is that of one folder"):
        guessed_folder(TrainConfig(data=str(tmp_path), name=name))


def test_a_finished_run_is_not_resumed(tmp_path: Path) -> None:
    folder = tmp_path / "my run"
    (folder / "checkpoints").mkdir(parents=True)
    for name in ("config.yaml", "scene.ply", "checkpoints/step_00000010.safetensors"):
        (folder / name).write_text("")
    with pytest.raises(SplatError, match=r"already finished; score it with: splat evaluate '.*my run'"):
        check_folder(TrainConfig(out=str(folder), resume=True), folder)

"""`splat demo` copies the capture once and never overwrites."""

from __future__ import annotations

from pathlib import Path

import pytest

from splat.cli import main
from splat.commands import demo
from splat.errors import SplatError


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "repository" / "data" / "demo"
    (folder / "images").mkdir(parents=True)
    (folder / "images" / "0001.jpg").write_bytes(b"picture")
    return folder


def test_copies_and_says_what_is_next(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "demo_folder", lambda: source)
    target = tmp_path / "my demo"
    assert main(["demo", str(target)]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{target}\n" and f"next: splat train '{target}'\n" in captured.err
    assert (target / "images" / "0001.jpg").read_bytes() == b"picture"


def test_the_next_command_does_not_meet_an_earlier_run(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "demo_folder", lambda: source)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "demo" / "default").mkdir(parents=True)
    assert main(["demo"]) == 0
    assert capsys.readouterr().err.endswith("next: splat train demo name=default-2\n")


def test_never_overwrites(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "taken"
    target.mkdir()
    (target / "mine.txt").write_text("keep")
    with pytest.raises(SplatError, match="exists already"):
        demo.copy_demo(source, target)
    assert [path.name for path in target.iterdir()] == ["mine.txt"]


def test_failure_leaves_nothing_behind(source: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SplatError, match="cannot write"):
        demo.copy_demo(source, tmp_path / "file" / "demo")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "repository"]


def test_a_full_disk_is_one_line_and_leaves_nothing(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*paths: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(demo, "demo_folder", lambda: source)
    monkeypatch.setattr(demo.shutil, "copyfile", full)
    assert main(["demo", str(tmp_path / "copy")]) == 2
    assert "No space left on device; free some space" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["repository"]

"""Files are whole or not there, whatever happens while they are written; texts and JSON that cannot be read."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from splat import disk, temporary
from splat.errors import SplatError
from splat.files import LONGEST_PART, atomic_path, first_free, read_head, read_json, read_text, safe_name, write_text

REPOSITORY = Path(__file__).resolve().parent.parent
KILLED = """
import os, signal, sys
from pathlib import Path
from splat.files import atomic_path
with atomic_path(Path(sys.argv[1]) / "scene.ply") as path:
    path.write_bytes(b"half")
    (path.parent / ".tmpX3k").write_bytes(b"what a library puts beside it")
    os.kill(os.getpid(), signal.SIGKILL)
"""
LIMITED = """
import resource, sys
from pathlib import Path
import numpy as np, torch
from splat.errors import SplatError
from splat.files import atomic_path
from splat.language.cache import write_features
from splat.language.types import ViewFeatures
from splat.train.checkpoint import save_checkpoint
folder = Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 14, 1 << 14))
noise = np.random.default_rng(0).random((200, 100), np.float32)
def array():
    with atomic_path(folder / "noise.bin") as path, path.open("wb") as file:
        noise.tofile(file)
def archive():
    with atomic_path(folder / "noise.npz") as path:
        np.savez(path, noise=noise)
for write in (
    lambda: save_checkpoint(folder / "step_00000002.safetensors", {"means": torch.from_numpy(noise)}),
    lambda: write_features(folder / "photo.safetensors", ViewFeatures(np.zeros((1, 2, 2), np.int32), noise), "key"),
    array,
    archive,
):
    try:
        write()
        print("written")
    except SplatError as refused:
        print(refused)
"""


def python(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, str(folder)], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def leftovers(folder: Path) -> list[str]:
    return [name for name in names(folder) if name.startswith(".")]


def test_a_file_appears_at_the_end_under_its_own_name(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "a" / "scene.ply") as path:
        assert path.name == "scene.ply" and not path.exists()
        path.write_text("new")
        path.chmod(0o600)
    assert (tmp_path / "a" / "scene.ply").read_text() == "new"
    (tmp_path / "plain").write_text("")
    assert (tmp_path / "a" / "scene.ply").stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert leftovers(tmp_path / "a") == []


@pytest.mark.parametrize("failure", [ValueError("ours"), KeyboardInterrupt(), SplatError("theirs")])
def test_a_failure_leaves_the_old_file_and_nothing_else(failure: BaseException, tmp_path: Path) -> None:
    (tmp_path / "scene.ply").write_text("old")
    with pytest.raises(type(failure)), atomic_path(tmp_path / "scene.ply") as path:
        path.write_text("half")
        raise failure
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("scene.ply", "old")]


def test_a_writer_that_wrote_nothing_is_noticed(tmp_path: Path) -> None:
    with (
        pytest.raises(SplatError, match=r"cannot write .*scene\.ply: No such file"),
        atomic_path(tmp_path / "scene.ply"),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_too_long(tmp_path: Path) -> None:
    with pytest.raises(SplatError, match=r"cannot write .*name too long; choose a shorter name"):
        write_text(tmp_path / f"{'x' * 300}.txt", "words")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_what_a_killed_process_left_goes_with_the_next_write(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert python(KILLED, tmp_path).returncode == -9
    (left,) = leftovers(tmp_path)
    assert temporary.is_temporary(left) and names(tmp_path / left) == [".tmpX3k", "scene.ply"]
    write_text(tmp_path / "other.txt", "words")
    assert [path.name for path in tmp_path.iterdir()] == ["other.txt"]
    assert capsys.readouterr().err == f"removed 1 half-written file of killed processes from {tmp_path}\n"


@pytest.fixture
def another() -> Iterator[int]:
    """The number of another process that runs."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process.pid
        process.communicate(b"\n")


def test_what_may_still_be_written_stays(tmp_path: Path, another: int) -> None:
    place = temporary.place()
    theirs = [f".splat-{place}-{another}-abc", ".splat-00000000-4194311-abc", ".splat-notes", f".config-{place}.yaml"]
    for name in theirs:
        (tmp_path / name).mkdir()
    with atomic_path(tmp_path / "one.txt") as mine:
        write_text(tmp_path / "two.txt", "words")
        mine.write_text("words")
    assert leftovers(tmp_path) == sorted(theirs)


def test_numbers_that_are_used_again_and_machines_that_are_gone(tmp_path: Path, another: int) -> None:
    place, long_ago = temporary.place(), time.time() - 30 * 86_400
    old = [
        f".splat-{place}-{os.getpid()}-abc",  # an earlier process with the number of this one
        f".splat-{place}-{another}-abc",  # … or of one that began after it was written
        f".splat-00000000-{another}-abc",  # another machine, weeks ago
        f".splat-{place}-{10**30}-abc",  # no number of a process
    ]
    for name in old:
        (tmp_path / name).mkdir()
        (tmp_path / name / "scene.ply").write_text("half")
        for path in (tmp_path / name / "scene.ply", tmp_path / name):
            os.utime(path, (long_ago, long_ago))
    write_text(tmp_path / "one.txt", "words")
    assert leftovers(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of files")
def test_a_limit_on_the_size_of_files_is_one_line_from_every_library(tmp_path: Path) -> None:
    (tmp_path / "step_00000001.safetensors").write_text("old")
    lines = python(LIMITED, tmp_path).stdout.splitlines()
    assert len(lines) == 4
    for line, name in zip(lines, ("step_00000002.safetensors", "photo.safetensors", "noise.bin", "noise.npz")):
        assert re.match(rf"cannot write .*{re.escape(name)}: (File too large; raise the limit|\d+ requested)", line), (
            line
        )
    assert [path.name for path in tmp_path.iterdir()] == ["step_00000001.safetensors"]


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"), "No space left"),
        (RuntimeError("Error while serializing: I/O error: Der Datenträger ist voll (os error 112)"), "Der Daten"),
        (RuntimeError("[database_sqlite.cc:53] SQLite error: database or disk is full"), "database or disk is full"),
        (OSError("50000 requested and 8176 written"), "50000 requested and 8176 written"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "Disk quota exceeded"),
        (OSError(errno.EACCES, "Permission denied"), "Permission denied"),
        (ValueError("a shape"), None),
        (KeyError("x"), None),
    ],
)
def test_the_reason_of_a_disk_that_refuses(failure: Exception, reason: str | None) -> None:
    found = disk.refusal(failure)
    assert found is None if reason is None else found is not None and found.startswith(reason)


def test_only_a_refusal_counts_behind_another_failure() -> None:
    for code, counts in ((errno.ENOSPC, True), (errno.ENOENT, False)):
        try:
            try:
                raise OSError(code, os.strerror(code))
            finally:
                raise RuntimeError("closing failed too")
        except RuntimeError as failure:
            assert disk.refusal(failure) == (os.strerror(code) if counts else None)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_of_windows_programs(encoding: str, tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text('{"a": "Küche"}', encoding=encoding)
    assert read_json(file) == {"a": "Küche"}
    assert read_head(file, 8).startswith('{"') and not read_head(tmp_path / "none", 8)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b'{"a": "\xe4"}', "is not UTF-8 text"),
        (b"[" * 200_000, "is not valid JSON: it is nested too deeply"),
        (b'{"a": ' * 100_000 + b"1" + b"}" * 100_000, "is not valid JSON: it is nested too deeply"),
        (b"[" + b"9" * 5000 + b"]", "is not valid JSON"),
        (b"", "is not valid JSON"),
        (b"\xef\xbb\xbf{", "is not valid JSON"),
        (b"\xff\xfe{\0}", "is not UTF-16 text"),
    ],
)
def test_json_that_cannot_be_read_is_one_line(content: bytes, problem: str, tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(content)
    with pytest.raises(SplatError, match=problem) as caught:
        read_json(file)
    assert str(file) in str(caught.value) and "\n" not in str(caught.value)


def test_files_that_cannot_be_there() -> None:
    for name in ("a\0b", "x" * 5000, "/nowhere/at/all"):
        with pytest.raises(SplatError, match="cannot read"):
            read_text(name)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("images/0001.jpg", "images/0001.jpg"),
        ("фото 0001 100% #é.png", "фото 0001 100% #é.png"),
        ("back\\..\\..\\x.jpg", "back/x.jpg"),
        ("../../etc/passwd", "etc/passwd"),
        ("/etc/passwd", "etc/passwd"),
        ("C:\\Windows\\x.jpg", "Windows/x.jpg"),
        ("c:x.jpg", "x.jpg"),
        ("a/./b/", "a/b"),
        ("10:30?.jpg", "10_30_.jpg"),
        ("a\nb\x1b[31m.jpg", "a_b_[31m.jpg"),
        ("\ud800.jpg", "_.jpg"),
        ("con.jpg", "_con.jpg"),
        ("nul", "_nul"),
        ("dot. /x. ", "dot/x"),
        ("..", "unnamed"),
        ("", "unnamed"),
    ],
)
def test_names_stay_inside(name: str, safe: str) -> None:
    assert safe_name(name) == safe
    assert safe_name(safe) == safe


def test_long_names_are_shortened_and_stay_different() -> None:
    names = ["é" * 200 + f"{index}.jpeg" for index in range(2)]
    safe = [safe_name(name) for name in names]
    assert all(len(name.encode()) <= LONGEST_PART and name.endswith(".jpeg") for name in safe)
    assert safe[0] != safe[1]


def test_the_first_name_that_is_free_is_numbered_only_if_it_must_be() -> None:
    taken = {"a", "a-2", "b-1"}
    assert first_free("a", taken.__contains__) == "a-3"
    assert first_free("c", taken.__contains__) == "c"
    assert first_free("c", taken.__contains__, bare=False) == "c-1"
    assert first_free("b", taken.__contains__, bare=False) == "b-2"

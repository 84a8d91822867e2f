"""The table of formats holds what was written and how it looks."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from splat.formats.registry import FORMATS
from splat.run import open_run
from tests.edit.scenes import write_run
from tools.bench_formats import END, START, Row, line, main, rows_of


def test_every_scene_format_that_is_written_has_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.bench_formats.FORMATS", {name: FORMATS[name] for name in ("ply", "splat", "mesh")})
    rows = rows_of(open_run(write_run(tmp_path / "run")), None, tmp_path)
    assert [(row.format, row.program) for row in rows] == [("ply", "splat"), ("splat", "splat")]
    assert line(rows[0]).endswith("| the same |")
    assert 20 < rows[1].worst <= rows[1].psnr < 100
    assert rows[1].megabytes == pytest.approx(32e-6 * len(open_run(tmp_path / "run").scene()))


def test_the_other_programs_file_is_read_and_scored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program, here one that fails and one that writes with our own functions, is called with two files."""
    monkeypatch.setattr("tools.bench_formats.FORMATS", {"splat": FORMATS["splat"]})
    run = open_run(write_run(tmp_path / "run"))
    nothing = [sys.executable, "-c", "raise SystemExit('no')"]
    assert [row.program for row in rows_of(run, nothing, tmp_path)] == ["splat"]
    code = "import sys; from splat.formats import *; write_scene(sys.argv[-1], read_scene(sys.argv[-2]))"
    assert [row.program for row in rows_of(run, [sys.executable, "-c", code], tmp_path)] == ["splat", "splat-transform"]
    monkeypatch.setattr("tools.bench_formats.PATIENCE", 0.5)
    slow = [sys.executable, "-c", "import time; time.sleep(60)"]
    assert [row.program for row in rows_of(run, slow, tmp_path)] == ["splat"]


def test_a_line_and_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = Row("spz", "splat", 1.234, 0.5, 0.25, 45.67, 40.0)
    assert line(row) == "| `spz` | splat | 1.23 MB | 0.50 s | 0.25 s | 45.7 dB (worst 40.0) |"
    page = tmp_path / "page.md"
    page.write_text(f"before\n{START}\nold\n{END}\nafter\n")
    monkeypatch.setattr("tools.bench_formats.FORMATS", {"splat": FORMATS["splat"]})
    monkeypatch.setattr(sys, "argv", ["x", str(write_run(tmp_path / "run")), "--write", str(page)])
    main()
    text = page.read_text()
    assert text.startswith(f"before\n{START}\n") and text.endswith(f"{END}\nafter\n") and "old" not in text
    assert "| `splat` | splat |" in text

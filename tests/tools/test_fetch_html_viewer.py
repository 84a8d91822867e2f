"""What of the fetching needs no network: which packages a script holds, licences, and what is missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from splat.errors import SplatError
from tools.fetch_html_viewer import fetch, licences, parts_of


def test_packages_inside_of_a_script_are_found_by_its_map(tmp_path: Path) -> None:
    sources = ["../src/a.ts", "../node_modules/playcanvas/build/b.js", "../node_modules/x/node_modules/fflate/c.js"]
    (tmp_path / "index.js.map").write_text(json.dumps({"sources": sources}))
    assert parts_of(tmp_path / "index.js.map") == {"playcanvas", "fflate"}


def test_both_licences_are_kept_whole(tmp_path: Path) -> None:
    for name in ("viewer", "engine"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "LICENSE").write_text(f"\nof the {name}\n\n")
    text = licences(tmp_path / "viewer", tmp_path / "engine")
    assert text == "@playcanvas/supersplat-viewer\n\nof the viewer\n\nplaycanvas\n\nof the engine\n"


def test_without_npm_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SplatError, match="npm is not on the PATH"):
        fetch("1.36.2", tmp_path / "viewer")
    assert not (tmp_path / "viewer").exists()

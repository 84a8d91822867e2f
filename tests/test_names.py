"""A name stands for one thing: no two public classes of splat share one."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "splat"
KNOWN: set[str] = set()  # not yet apart; this list only shrinks


def shared_names(package: Path) -> dict[str, list[str]]:
    """The public classes of a package whose names several of its files define, with those files."""
    files: dict[str, list[str]] = defaultdict(list)
    for path in sorted(package.rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                files[node.name].append(path.relative_to(package).as_posix())
    return {name: found for name, found in files.items() if len(found) > 1}


def test_shared_names_are_found(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "a.py").write_text("class Shot: ...\nclass _Own: ...\nclass Camera: ...\n")
    (tmp_path / "inner" / "b.py").write_text("class Shot: ...\nclass _Own: ...\ndef f():\n    class Camera: ...\n")
    assert shared_names(tmp_path) == {"Shot": ["a.py", "inner/b.py"]}


def test_no_two_public_classes_share_a_name() -> None:
    found = shared_names(PACKAGE)
    assert {name: files for name, files in found.items() if name not in KNOWN} == {}
    assert sorted(KNOWN - found.keys()) == [], "apart now: take them off the list"

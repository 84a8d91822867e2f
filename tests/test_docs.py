"""What the pages say of the project's files: that they are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

PAGES = sorted(
    [*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").glob("*.md")], key=lambda path: path.relative_to(REPOSITORY)
)
TOP = ("splat", "tools", "tests", "conf", "data", "native", "examples", "scripts", "docs")
NAMED = re.compile(rf"`((?:{'|'.join(TOP)})/[\w./{{}},*-]+)`|\]\(((?:\.\./)?[\w./-]+\.(?:md|jpg|png|py|yaml))[)#]")


def named_files(page: Path) -> list[str]:
    """Files and folders of the project that a page names in code spans and links, relative to the repository."""
    found = []
    for code, link in NAMED.findall(page.read_text(encoding="utf-8")):
        if code and not re.search(r"[A-Z]{3,}", code):  # NAME stands for any
            found.append(code)
        elif code:
            continue
        else:
            found.append((page.parent / link).resolve().relative_to(REPOSITORY).as_posix())
    return found


def test_a_page_that_names_what_is_gone_is_noticed(tmp_path: Path) -> None:
    page = REPOSITORY / "docs" / "methods.md"
    assert "splat/cameras.py" in re.sub(NAMED, r"\1", "`splat/cameras.py`") and named_files(page)
    assert not exists("splat/no_such_module.py") and exists("splat/cameras.py") and exists("splat/{cameras,run}.py")


def exists(name: str) -> bool:
    """Whether a name with {alternatives} and * is that of something there."""
    alternatives = re.search(r"\{([^{}]*)\}", name)
    if alternatives:
        start, end = alternatives.span()
        return all(exists(name[:start] + choice + name[end:]) for choice in alternatives[1].split(","))
    return any(True for _ in REPOSITORY.glob(name.rstrip("/"))) if "*" in name else (REPOSITORY / name).exists()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(REPOSITORY).as_posix())
def test_pages_name_files_that_are_there(page: Path) -> None:
    if page.name == "CHANGELOG.md":
        return  # tells of what is gone, too
    assert [name for name in named_files(page) if not exists(name)] == []

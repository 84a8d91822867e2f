"""A scene as a page: what is in it, where one stands at first, and what the shipped viewer is."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from splat.errors import SplatError
from splat.files import sha256_of
from splat.formats import FORMATS, Notes, sog, write_scene
from splat.formats.html import page, read
from splat.formats.html.page import VIEWER, held_in, page_of
from splat.formats.losses import losses
from splat.formats.scene_file import FirstView, Point, Up
from splat.gaussians import Gaussians

RandomScene = Callable[..., Gaussians]
NEEDLES = [page.TITLE, page.CHARSET, page.STYLES, page.SETTINGS, page.SCRIPT, page.ANTIALIASING]


def test_the_viewer_is_the_one_that_its_record_says() -> None:
    record = json.loads((VIEWER / "viewer.json").read_text())
    assert set(record["files"]) == {"index.html", "index.css", "index.js"}
    for name, hashes in record["files"].items():
        assert sha256_of(VIEWER / name) == hashes["here"], name
        assert (hashes["here"] == hashes["in_package"]) == (name != "index.js")  # only the script is made smaller
    script, licence = (VIEWER / "index.js").read_text(encoding="utf-8"), (VIEWER / "LICENSE").read_text()
    parts = [record, *record["bundled"]]
    assert [part["package"] for part in parts] == ["@playcanvas/supersplat-viewer", "playcanvas"]
    for part in parts:
        assert f'"{part["version"]}"' in script and part["licence"] == "MIT"
        _, _, text = licence.rpartition(f"\n{part['package']}\n") if part is not record else licence.partition("\n")
        assert "Copyright (c) 2011-2026 PlayCanvas Ltd." in text and "The above copyright notice and" in text


def test_the_scene_in_it_is_the_one_that_sog_writes(tmp_path: Path, random_scene: RandomScene) -> None:
    scene, notes = random_scene(200, 2), Notes(antialiased=True, origin=(1.0, 2.0, 3.0), title="Kitchen")
    write_scene(tmp_path / "room.html", scene, notes=notes)
    write_scene(tmp_path / "room.sog", scene, notes=notes)
    text = (tmp_path / "room.html").read_text(encoding="utf-8")
    assert held_in(text)[0] == (tmp_path / "room.sog").read_bytes()
    found, same = read(tmp_path / "room.html"), sog.read(tmp_path / "room.sog")
    assert found.notes == same.notes and found.notes.origin == (1.0, 2.0, 3.0)
    assert all(torch.equal(a, b) for a, b in zip(found.gaussians.as_dict().values(), same.gaussians.as_dict().values()))
    assert "<title>Kitchen</title>" in text and (VIEWER / "LICENSE").read_text() in text
    assert {path.name for path in tmp_path.iterdir()} == {"room.html", "room.sog"}
    write_scene(tmp_path / "hall.html", scene)
    assert "<title>hall</title>" in (tmp_path / "hall.html").read_text(encoding="utf-8")


def test_nothing_in_it_names_another_place_to_load_from(tmp_path: Path, random_scene: RandomScene) -> None:
    write_scene(tmp_path / "x.html", random_scene(3, 0))
    text = (tmp_path / "x.html").read_text(encoding="utf-8")
    outside = text.replace((VIEWER / "index.js").read_text(encoding="utf-8"), "")
    assert not re.search(r"(src|href|url|import|from|fetch)\W{1,4}(https?:|\./|//)", outside)
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="(.*?)"', text)
    allowed = dict(part.split(maxsplit=1) for part in policy.split("; "))
    assert allowed["default-src"] == "'none'"
    for sources in allowed.values():
        assert set(sources.split()) <= {"'none'", "'unsafe-inline'", "data:", "blob:"}


@pytest.mark.parametrize("antialiased", [None, False, True])
def test_how_it_is_drawn(tmp_path: Path, random_scene: RandomScene, antialiased: bool | None) -> None:
    notes = Notes(antialiased=antialiased, background=(0.25, 0.5, 1.0))
    write_scene(tmp_path / "x.html", random_scene(3, 0), notes=notes)
    text = (tmp_path / "x.html").read_text(encoding="utf-8")
    settings = held_in(text)[1]
    assert settings["background"] == {"color": [0.25, 0.5, 1.0]} and settings["tonemapping"] == "none"
    assert settings["cameras"] == []  # the viewer steps back until it sees everything
    assert ('"aa": true' in text) == (antialiased is True) and "aa: bootstrap.aa ||" in text


@pytest.mark.parametrize(
    ("up", "inside", "position", "target"),
    [
        ("-y", (1.0, 2.0, 3.0), [-1.0, -2.0, 3.0], [-4.0, -5.0, 7.0]),
        ("z", (1.0, -3.0, 2.0), [-1.0, 3.0, 2.0], [-4.0, 7.0, 5.0]),
    ],
)
def test_where_one_stands_first_in_the_viewers_axes(
    tmp_path: Path, random_scene: RandomScene, up: Up, inside: Point, position: list[float], target: list[float]
) -> None:
    """The scene inside has y down; the viewer turns it by half about z, so that y is up, and means that by places."""
    scene = random_scene(1, 0).replace(means=torch.tensor([[1.0, 2.0, 3.0]]))
    view = FirstView((1.0, 2.0, 3.0), (4.0, 5.0, 7.0), 60.0)
    write_scene(tmp_path / "x.html", scene, notes=Notes(up=up, first_view=view))
    assert torch.allclose(read(tmp_path / "x.html").gaussians.means, torch.tensor([inside]), atol=1e-3)
    (camera,) = held_in((tmp_path / "x.html").read_text(encoding="utf-8"))[1]["cameras"]
    assert camera["initial"] == {"position": position, "target": target, "fov": 60.0}


def test_a_view_wider_than_the_viewer_takes_is_narrowed(tmp_path: Path, random_scene: RandomScene) -> None:
    view = FirstView((0.0, 0.0, 0.0), (0.0, 0.0, 1.0), 140.0)
    write_scene(tmp_path / "x.html", random_scene(3, 0), notes=Notes(first_view=view))
    (camera,) = held_in((tmp_path / "x.html").read_text(encoding="utf-8"))[1]["cameras"]
    assert camera["initial"]["fov"] == 120.0


def test_no_text_ends_a_part_of_the_page_early() -> None:
    bad = "</script><script>alert('&')</script><!-- \u2028 " + "".join(NEEDLES)
    plain, odd = page_of(b"", "a", {}, False), page_of(b"", bad, {"annotations": [bad]}, False)
    assert held_in(odd) == (b"", {"annotations": [bad]})
    for mark in ("<script", "</script", "<!--", "<title>"):
        assert odd.count(mark) == plain.count(mark), mark
    assert "<title>&lt;/script&gt;" in odd


@pytest.mark.parametrize("times", [0, 2])
@pytest.mark.parametrize("needle", NEEDLES)
def test_a_document_of_another_kind_is_refused(tmp_path: Path, needle: str, times: int) -> None:
    shutil.copytree(VIEWER, tmp_path / "viewer")
    document = tmp_path / "viewer" / "index.html"
    document.write_text(document.read_text(encoding="utf-8").replace(needle, needle * times), encoding="utf-8")
    with pytest.raises(SplatError, match=f"{times} times, not once"):
        page_of(b"", "x", {}, False, tmp_path / "viewer")


@pytest.mark.parametrize(
    ("name", "text"), [("index.js", "a = '</SCRIPT>'"), ("index.css", "</style>"), ("LICENSE", "a --> b")]
)
def test_parts_that_would_end_early_are_refused(tmp_path: Path, name: str, text: str) -> None:
    shutil.copytree(VIEWER, tmp_path / "viewer")
    (tmp_path / "viewer" / name).write_text(text)
    with pytest.raises(SplatError, match="would end it early"):
        page_of(b"", "x", {}, False, tmp_path / "viewer")
    (tmp_path / "viewer" / name).unlink()
    with pytest.raises(SplatError, match="install splat again"):
        page_of(b"", "x", {}, False, tmp_path / "viewer")


def test_what_is_lost_is_what_sog_loses(random_scene: RandomScene) -> None:
    scene = random_scene(400, 1)
    assert losses("html", scene, Notes(antialiased=True)) == losses("sog", scene, Notes()) != []
    assert "the scene inside names it" in losses("html", scene, Notes(origin=(1.0, 0.0, 0.0)))[0]


def test_other_pages_are_no_scenes(tmp_path: Path) -> None:
    whole = page_of(b"no zip", "x", {}, False)
    for text, said in (
        ("", "no page that"),
        (whole.replace("base64,", "base64,*"), "no page that"),
        (whole, "damaged SOG"),
    ):
        (tmp_path / "x.html").write_text(text, encoding="utf-8")
        with pytest.raises(SplatError, match=said):
            read(tmp_path / "x.html")
    assert not FORMATS["html"].readable

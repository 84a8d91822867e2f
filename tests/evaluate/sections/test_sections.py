"""Sections of the report: what a run has is in its page, as text; what it has not is not; what is damaged says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from splat.evaluate.report import build_report
from splat.evaluate.sections import queries
from splat.evaluate.sections.timings import stage_seconds
from splat.files import write_json, write_text
from splat.images import write_image
from splat.records import json_record
from splat.run_records import TrainingRecord
from tests.evaluate.test_report import Checker, check, make_run

TITLES = ("What training said", "Distillation", "Queries", "Edits", "Weather")
NASTY = "<img src=x onerror=alert(1)>"


def picture(path: Path) -> None:
    write_image(path, np.full((30, 40, 3), 90, np.uint8))


def answer(text: str, **more: Any) -> dict[str, Any]:
    view = {"view": NASTY, "overlay": "overlays/a.jpg"}
    known = {"found": True, "relevancy": 0.71, "level": "part", "field": "demo", "gaussians": 1234, "objects": [{}]}
    return {"text": text, "without": [NASTY], **known, "views": [view], "seconds": {"all": 1.25}, **more}


def edit(parent: str | None, before: int, after: int, selection: str = "text(mug)") -> dict[str, Any]:
    counts = {"gaussians_before": before, "gaussians_after": after}
    return {"parent": parent, "operation": "remove", "selection": selection, "seconds": 2.5, **counts}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run that was distilled, asked, edited and rained on."""
    folder = make_run(tmp_path / "a" / "run", {"x": 20.0})
    warnings = ("12 photos are few: <b>x</b>",)
    TrainingRecord(warnings, ("3 photos have no pose",), {"load": 4.0, "train": 91.0, "write": 0.5}).write(folder)
    facts = {"bytes_per_gaussian": 14.5, "photos": 32, "seconds": {"features": 10.0, "lift": 5.5}}
    field = {"teacher": {"teacher": "/models/<clip>"}, "levels": ["part", "whole"], "compression": {"kind": "memory"}}
    write_json(folder / "language/demo/field.json", {**field, "facts": facts})
    write_json(folder / "queries/mug/summary.json", answer(NASTY))
    picture(folder / "queries/mug/overlays/a.jpg")
    write_json(folder / "queries/none/summary.json", answer("fish", found=False, reason="nothing matches", views=[]))
    write_json(folder / "edits/001-a/edit.json", edit(None, 1000, 900))
    write_json(folder / "edits/002-b/edit.json", edit("001-a", 900, 800, NASTY))
    write_json(folder / "edits/003-c/edit.json", edit("002-b", 800, 700))
    write_json(folder / "edits/history.json", {"current": "002-b", "undone": ["003-c"], "edits": []})
    weather = {"path": "still", "effect": "rain", "rate": 25.0, "seconds": 7.0}
    write_json(folder / "weather/rain-25/weather.json", weather)
    for number in range(5):
        picture(folder / f"weather/rain-25/{number:04d}.png")
    write_json(folder / "weather.json", {"kind": "snow", "opacity": 0.1, "haze": None})
    settings = "seed: 42\nversions: {splat: 0.1.0}\ntrain: {max_seconds: 60}\nplan: {max_steps: 1234}\n"
    write_text(folder / "config.yaml", f"command: splat train '{NASTY}' max_seconds=60\n{settings}")
    return folder


def test_a_plain_run_has_none_of_them(tmp_path: Path) -> None:
    page = build_report(make_run(tmp_path, {"x": 20.0}))
    assert not [title for title in (*TITLES, "The command to repeat it") if f"<h2>{title}</h2>" in page]
    assert "<h2>Time</h2>" in page  # training's, which metrics.json has


def test_all_that_a_run_has_is_shown(run: Path) -> None:
    page = build_report(run)
    checker = check(page)
    assert [title for title in TITLES if f"<h2>{title}</h2>" not in page] == []
    assert NASTY not in page and "<b>x</b>" not in page and page.count("&lt;img src=x onerror=alert(1)&gt;") >= 5
    assert "12 photos are few: &lt;b&gt;x&lt;/b&gt;." in page and "3 photos have no pose." in page
    assert "14.5</td>" in page and "&lt;clip&gt;</td>" in page and "part, whole" in page
    assert "1,234</td>" in page and "no: nothing matches" in page
    shown = [page.index(state) for state in ("part of it", "<b>in force</b>", "undone")]
    assert shown == sorted(shown) and "1,000</td>" in page and "700</td>" in page
    assert "25 mm/h" in page and "5 pictures" in page and "max_steps=1234 in its place repeats it" in page
    missing = [link for link in links(checker) if not (run / link).exists()]
    assert missing == [] and "weather/rain-25/0002.png" in links(checker)


def links(checker: Checker) -> list[str]:
    return [address for address in checker.addresses if not address.startswith("data:")]


def test_seconds_by_stage_are_those_that_were_measured(run: Path) -> None:
    write_json(run / "metrics.json", {"train_seconds": 90.0, "seconds": {"evaluation": 3.0}})
    found = stage_seconds(run, json_record(run / "metrics.json"))
    assert found == {
        "loading photos and cameras, finding cameras where none came": 4.0,
        "training": 90.0, "writing the scene": 0.5, "evaluation": 3.0, "distillation": 15.5, "queries": 2.5,
        "edits": 7.5, "weather": 7.0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("training.json", "What training said"),
        ("language/demo/field.json", "Distillation"),
        ("queries/mug/summary.json", "Queries"),
        ("edits/history.json", "Edits"),
        ("edits/002-b/edit.json", "Edits"),
        ("weather/rain-25/weather.json", "Weather"),
        ("config.yaml", "The command to repeat it"),
    ],
)
@pytest.mark.parametrize("content", [b"", b"[1]", b"\xff\xfe\xff", b'{"views": 3, "current": "../..", "warnings": 1}'])
def test_a_damaged_record_is_a_line_in_its_section(name: str, title: str, content: bytes, run: Path) -> None:
    (run / name).write_bytes(content)
    page = build_report(run)
    check(page)
    parts = page.split(f"<h2>{title}</h2>")
    if len(parts) == 1:
        assert name == "config.yaml"  # what is no command is none
    else:
        assert "This part cannot be shown: " in parts[1].split("<h2>")[0]


def test_pictures_of_answers_lead_nowhere_else(run: Path) -> None:
    picture(run.parent / "secret.jpg")
    view = {"view": "a", "overlay": "../../../secret.jpg"}
    write_json(run / "queries/mug/summary.json", answer("mug", views=[view]))
    page = build_report(run)
    assert "overlay is" in page and "it must be a file in the folder of the answer" in page


def test_what_is_left_out_is_counted(run: Path) -> None:
    for number in range(queries.MOST):
        write_json(run / f"queries/{number:03d}/summary.json", answer(f"word {number}", views=[]))
    page = build_report(run)
    assert page.count("word ") == queries.MOST and "2 more answers, not shown here" in page


def test_edits_that_are_their_own_parents_end(run: Path) -> None:
    write_json(run / "edits/001-a/edit.json", edit("002-b", 1000, 900))
    assert "<b>in force</b>" in build_report(run)

"""The answers to queries that a run folder holds."""

from __future__ import annotations

from pathlib import Path

from splat.evaluate.page import file_link, left_out, number, picture_link, table, text
from splat.records import Record, json_record
from splat.run_records import is_inside

MOST = 24  # answers
VIEWS = 2  # overlays of each


def queries_section(folder: Path) -> list[str]:
    """A row for each answer: its words, how surely they were found, and where, in pictures.

    Raises:
        SplatError: when a summary is damaged.
    """
    files = sorted((folder / "queries").glob("*/summary.json"))
    if not files:
        return []
    rows = [_row(folder, file.parent.name, json_record(file)) for file in files[:MOST]]
    header = ["words", "found", "relevancy", "Gaussians", "objects", "field", "level", "views", *["view"] * VIEWS]
    return [table(header, rows, numeric=(2, 3, 4, 7)), *left_out(len(files) - MOST, "answers")]


def _row(folder: Path, name: str, summary: Record) -> list[str]:
    words = summary.text("text")
    if without := summary.texts("without"):
        words += f" without {', '.join(without)}"
    pictures = []
    views = summary.parts("views")
    for view in views[:VIEWS]:
        file = view.text("overlay")
        if not is_inside(file):
            raise view.wrong("overlay", "a file in the folder of the answer")
        place = f"queries/{name}/{file}"
        pictures.append(picture_link(folder / place, place, f"{words} in {view.text('view')}"))
    found = summary.values.get("found") is True
    why = "" if found or not summary.has("reason") else f": {summary.text('reason')}"
    return [
        file_link(folder, f"queries/{name}", words),
        "yes" if found else f"no{text(why)}",
        number(summary.number("relevancy"), 2),
        f"{summary.whole('gaussians'):,}",
        f"{len(summary.parts('objects')):,}",
        text(summary.text("field")),
        text(summary.text("level") if summary.has("level") else "–"),
        f"{len(views):,}",
        *(pictures + [""] * VIEWS)[:VIEWS],
    ]

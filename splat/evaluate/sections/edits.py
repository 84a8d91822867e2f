"""The edits of a run, and which of them make the scene that is in force."""

from __future__ import annotations

from pathlib import Path

from splat.evaluate.page import file_link, left_out, number, table, text
from splat.records import Record, json_record

MOST = 60  # edits, the newest
WORDS = 120  # letters of what was selected


def edits_section(folder: Path) -> list[str]:
    """A row for each edit: what was done to what, and how many Gaussians there were before and after.

    Raises:
        SplatError: when a record is damaged.
    """
    files = sorted((folder / "edits").glob("[0-9]*/edit.json"), key=lambda file: (_count(file), file))
    if not files:
        return []
    records = {file.parent.name: json_record(file) for file in files}
    history = folder / "edits" / "history.json"
    stands = json_record(history) if history.is_file() else Record({}, str(history))
    current = stands.name("current") if stands.has("current") else None
    forced, undone = _in_force(records, current), stands.names("undone")
    names = list(records)[-MOST:]
    rows = [_row(folder, name, records[name], _state(name, current, forced, undone)) for name in names]
    header = ["edit", "operation", "selection", "Gaussians before", "after", "seconds", "state"]
    body = [table(header, rows, numeric=(3, 4, 5)), *left_out(len(records) - len(names), "earlier edits")]
    if current is not None:
        words = "The scores above are those of the scene as it was trained; the scene in force is"
        body.append(f'<p class="note">{words} {file_link(folder, f"edits/{current}", current)}.</p>')
    return body


def _count(file: Path) -> int:
    digits = file.parent.name.partition("-")[0]
    return int(digits) if digits.isdecimal() and len(digits) < 10 else 0


def _in_force(records: dict[str, Record], current: str | None) -> list[str]:
    """The edits that made the scene in force."""
    names: list[str] = []
    while current is not None and current in records and current not in names:
        names.append(current)
        record = records[current]
        current = record.name("parent") if record.has("parent") else None
    return names


def _state(name: str, current: str | None, forced: list[str], undone: tuple[str, ...]) -> str:
    if name == current:
        return "in force"
    return "part of it" if name in forced else "undone" if name in undone else "left aside"


def _row(folder: Path, name: str, record: Record, state: str) -> list[str]:
    what = record.text("prompt" if record.has("prompt") else "selection") if record.has("selection") else "–"
    report = f"edits/{name}/report.html"
    place = report if (folder / report).is_file() else f"edits/{name}"
    return [
        file_link(folder, place, name),
        text(record.text("operation") if record.has("operation") else "–"),
        text(what if len(what) <= WORDS else f"{what[:WORDS]}…"),
        f"{record.whole('gaussians_before'):,}",
        f"{record.whole('gaussians_after'):,}",
        number(record.number("seconds") if record.has("seconds") else None, 1),
        f"<b>{state}</b>" if state == "in force" else state,
    ]

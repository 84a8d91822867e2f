"""The language fields of a run."""

from __future__ import annotations

from pathlib import Path

from splat.evaluate.page import left_out, number, table, text
from splat.records import Record, json_record

MOST = 12  # fields
SCORES = {"miou": "mIoU", "localisation": "localisation", "miou_3d": "mIoU in 3D", "localisation_3d": "found in 3D"}


def distillation_section(folder: Path, metrics: Record) -> list[str]:
    """A row for each field: whose words it knows, what it costs, and its scores where it was scored.

    Raises:
        SplatError: when a record is damaged.
    """
    files = sorted((folder / "language").glob("*/field.json"))
    if not files:
        return []
    scores = metrics.part("language")
    rows = [_row(json_record(file), file.parent.name, scores) for file in files[:MOST]]
    header = ["field", "teacher", "levels", "compression", "bytes a Gaussian", "photos", "seconds", *SCORES.values()]
    body = [table(header, rows, numeric=range(4, len(header))), *left_out(len(files) - MOST, "fields")]
    if scores.has("queries"):
        words = f"{scores.whole('queries'):,} words in {scores.whole('views'):,} views"
        body.append(f'<p class="note">Scores of the field {text(scores.text("field"))}: {words}.</p>')
    return body


def distill_seconds(field: Record) -> float:
    """How long a field took to make."""
    spent = field.part("facts").part("seconds")
    return sum(spent.number(stage) for stage in spent.values)


def _row(field: Record, name: str, scores: Record) -> list[str]:
    facts, teacher = field.part("facts"), field.part("teacher")
    scored = scores if scores.has("field") and scores.text("field") == name else Record({}, scores.where)
    return [
        text(name),
        text(Path(teacher.text("teacher")).name if teacher.has("teacher") else "–"),
        text(", ".join(field.texts("levels"))),
        text(field.part("compression").text("kind")),
        number(facts.number("bytes_per_gaussian") if facts.has("bytes_per_gaussian") else None, 1),
        f"{facts.whole('photos'):,}" if facts.has("photos") else "–",
        number(distill_seconds(field), 1),
        *(number(scored.number(key) if scored.has(key) else None, 3) for key in SCORES),
    ]

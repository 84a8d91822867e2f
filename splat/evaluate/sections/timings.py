"""How long the stages of a run took, as far as they were measured."""

from __future__ import annotations

from pathlib import Path

from splat.console import duration
from splat.evaluate.page import table, text
from splat.evaluate.sections.distillation import distill_seconds
from splat.records import Record, json_record
from splat.run_records import read_training


def stage_seconds(folder: Path, metrics: Record) -> dict[str, float]:
    """Seconds by stage, in the order of the work; what nobody measured is left out.

    Raises:
        SplatError: when a record is damaged.
    """
    trained, scored = read_training(folder).seconds, metrics.part("seconds")
    found = {
        "loading photos and cameras, finding cameras where none came": trained.get("load"),
        "training": metrics.number("train_seconds") if metrics.has("train_seconds") else trained.get("train"),
        "writing the scene": trained.get("write"),
        "evaluation": scored.number("evaluation") if scored.has("evaluation") else None,
        "turntable of the report": metrics.part("turntable").number("seconds") if metrics.has("turntable") else None,
        "distillation": _sum([distill_seconds(one) for one in _records(folder, "language/*/field.json")]),
        "queries": _sum([one.part("seconds").number("all") for one in _records(folder, "queries/*/summary.json")]),
        "edits": _sum([one.number("seconds") for one in _records(folder, "edits/*/edit.json") if one.has("seconds")]),
        "weather": _sum(
            [one.number("seconds") for one in _records(folder, "weather/*/weather.json") if one.has("seconds")]
        ),
    }
    return {stage: seconds for stage, seconds in found.items() if seconds is not None}


def timings_section(folder: Path, metrics: Record) -> list[str]:
    """A row for each stage.

    Raises:
        SplatError: when a record is damaged.
    """
    rows = [[text(stage), duration(seconds)] for stage, seconds in stage_seconds(folder, metrics).items()]
    return [table(["stage", "took"], rows, numeric=(1,))] if rows else []


def _records(folder: Path, pattern: str) -> list[Record]:
    return [json_record(file) for file in sorted(folder.glob(pattern))]


def _sum(seconds: list[float]) -> float | None:
    return sum(seconds) if seconds else None

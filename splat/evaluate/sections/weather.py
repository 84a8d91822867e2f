"""The weathers that were rendered of a run, and the weather that training left out of it."""

from __future__ import annotations

from pathlib import Path

from splat.evaluate.page import file_link, left_out, picture_link, table, text
from splat.images import evenly
from splat.records import Record, json_record

MOST = 12  # folders
PICTURES = 3  # of each
AMOUNTS = {"rate": "{} mm/h", "visibility": "visibility {} m", "cover": "cover {}", "wetness": "wetness {}"}


def weather_section(folder: Path) -> list[str]:
    """A row for each weather with pictures and links.

    Raises:
        SplatError: when a record is damaged.
    """
    files = sorted((folder / "weather").glob("*/weather.json"))
    body = []
    if files:
        rows = [_row(folder, file.parent.name, json_record(file)) for file in files[:MOST]]
        body.append(table(["weather", "effect", "amounts", "path", "files", *["picture"] * PICTURES], rows))
        body += left_out(len(files) - MOST, "weathers")
    trained = folder / "weather.json"
    if trained.is_file():
        found = json_record(trained)
        shown = [[text(key), text(_short(value))] for key, value in found.values.items() if value not in (None, {})]
        body += ["<p>Left out of the scene by training:</p>", table(["", "found"], shown)]
    return body


def _row(folder: Path, name: str, record: Record) -> list[str]:
    inside = folder / "weather" / name
    pictures = sorted(file.name for file in inside.glob("*.png"))
    links = [file_link(folder, f"weather/{name}/{file}", file) for file in _files(inside)]
    cells = [
        picture_link(inside / file, f"weather/{name}/{file}", f"{name}: {file}") for file in evenly(pictures, PICTURES)
    ]
    amounts = [words.format(f"{record.number(key):g}") for key, words in AMOUNTS.items() if record.has(key)]
    return [
        file_link(folder, f"weather/{name}", name),
        text(record.text("effect")),
        text(", ".join(amounts)),
        text(Path(record.text("path")).name),
        ", ".join([*links, f"{len(pictures):,} pictures"]),
        *(cells + [""] * PICTURES)[:PICTURES],
    ]


def _files(inside: Path) -> list[str]:
    return [name for name in ("weather.mp4", "scene.ply") if (inside / name).is_file()]


def _short(value: object) -> str:
    shown = str(value)
    return shown if len(shown) <= 120 else f"{shown[:120]}…"

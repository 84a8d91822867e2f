"""Table and pictures of tools/bench_weather.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from splat.files import save_image

Row = dict[str, Any]
NAMES = {"demo": "demo 1/2", "fox": "fox 1/8"}
HEAD = (
    "| photos | weather | plain | `splat clean`, plain | `weather=KIND` | ceiling | won back | its SSIM "
    "| LPIPS squeeze |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
)


def write_tables(out: Path, steps: int) -> str:
    """OUT/table.md and OUT/results.json of the trainings with that many steps; returns the table."""
    runs = [json.loads(line) for line in (out / "runs.jsonl").read_text(encoding="utf-8").splitlines() if line.strip()]
    runs = [run for run in runs if run["job"]["steps"] == steps]
    (out / "results.json").write_text(json.dumps(runs, indent=2) + "\n", encoding="utf-8")
    table = "\n\n".join([weather_table(runs), clean_table(runs)])
    (out / "table.md").write_text(table + "\n", encoding="utf-8")
    return table


def found(runs: list[Row], scene: str, kind: str, severity: int, way: str, preset: str) -> Row | None:
    """The run of one job."""
    wanted = {"scene": scene, "kind": kind, "severity": severity, "way": way, "preset": preset}
    return next((run for run in runs if all(run["job"][key] == value for key, value in wanted.items())), None)


def weather_table(runs: list[Row]) -> str:
    """PSNR of every way, a row for each scene, kind and severity."""
    lines = [HEAD]
    cases = sorted({(job["scene"], job["kind"], job["severity"]) for run in runs if (job := run["job"])["severity"]})
    for scene, kind, severity in cases:
        plain, cleaned = (found(runs, scene, kind, severity, way, "none") for way in ("plain", "cleaned"))
        full, ceiling = found(runs, scene, kind, severity, "full", kind), found(runs, scene, "none", 0, "plain", "none")
        cells = [*map(psnr, (plain, cleaned, full, ceiling)), won_back(full, plain, ceiling)]
        more = [f"{full[name]:.3f}" if full and full[name] is not None else "–" for name in ("ssim", "lpips")]
        lines.append(f"| {NAMES[scene]} | {kind} {severity} | " + " | ".join(cells + more) + " |")
    return "\n".join(lines)


def won_back(run: Row | None, plain: Row | None, ceiling: Row | None) -> str:
    """The part of what plain training loses against the ceiling that a run has more."""
    if run is None or plain is None or ceiling is None:
        return "–"
    lost = ceiling["psnr"] - plain["psnr"]
    return f"{100 * (run['psnr'] - plain['psnr']) / lost:.0f} %" if lost > 0.05 else "nothing lost"


def clean_table(runs: list[Row]) -> str:
    """What weather=KIND costs on clean photos."""
    presets = [job["preset"] for run in runs if (job := run["job"])["kind"] == "none" and job["preset"] != "none"]
    presets = list(dict.fromkeys(presets))
    lines = ["| clear photos | plain | " + " | ".join(presets) + " |", "| --- |" + " --- |" * (len(presets) + 1)]
    for scene in dict.fromkeys(run["job"]["scene"] for run in runs):
        plain = found(runs, scene, "none", 0, "plain", "none")
        cells = []
        for preset in presets:
            run = found(runs, scene, "none", 0, "full", preset) or found(runs, scene, "none", 0, "auto", preset)
            cells.append(f"{run['psnr'] - plain['psnr']:+.2f}" if run and plain else "–")
        lines.append(f"| {NAMES[scene]} | {psnr(plain)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def psnr(run: Row | None) -> str:
    """For people; a dash where it was not measured."""
    return "–" if run is None else f"{run['psnr']:.2f}"


def put_into_docs(out: Path, docs: Path, steps: int) -> None:
    """The table between the markers of docs/weather.md, and docs/images/weather_training.jpg.

    Rows that OUT has not all trainings of stay as they were, and a line under the table names them.
    """
    page = docs / "weather.md"
    text = page.read_text(encoding="utf-8")
    start, end = "<!-- weather table: written by tools/bench_weather.py -->", "<!-- end of the weather table -->"
    before, rest = text.split(start)
    old, after = rest.split(end)
    page.write_text(f"{before}{start}\n\n{merged(write_tables(out, steps), old)}\n\n{end}{after}", encoding="utf-8")
    picture = overview(out)
    if picture is not None:
        rgb = Image.fromarray(np.ascontiguousarray(picture[..., ::-1]))
        save_image(docs / "images" / "weather_training.jpg", rgb, quality=85)


OLDER = "Measured earlier than the rest, before the network was trained anew: "


def merged(new: str, old: str) -> str:
    """A page's rows with those that were measured now in the place of older ones; says which are older."""
    measured, before = _rows(new), _rows(old)
    heads = [next(line for line in table.splitlines() if line.startswith("| clear photos")) for table in (new, old)]
    if heads[0] != heads[1]:  # not all kinds: their columns are others
        measured = {key: row for key, row in measured.items() if not key.endswith("clear")}
    older = [key for key, row in before.items() if "–" in _needed(measured.get(key, "| – |"))]
    rows = {**{key: row for key, row in measured.items() if key not in before}, **before}
    rows |= {key: row for key, row in measured.items() if key not in older}
    weather = [rows[key] for key in sorted(rows) if not key.endswith("clear")]
    clear = [rows[key] for key in sorted(rows) if key.endswith("clear")]
    head = heads[1]
    parts = [HEAD, *weather, "", head, "|" + " --- |" * (head.count("|") - 1), *clear]
    names = [key.removesuffix(", clear") + " without weather" * key.endswith("clear") for key in older]
    return "\n".join([*parts, *(["", OLDER + "; ".join(names) + "."] if names else [])])


def _rows(table: str) -> dict[str, str]:
    """Rows by photos and weather; those of clear photos by "PHOTOS, clear"."""
    lines = [line for line in table.splitlines() if line.startswith("| ") and not line.startswith("| ---")]
    found, clear = {}, False
    for line in lines:
        first, second, *_ = (cell.strip() for cell in line.strip("|").split("|"))
        if first in ("photos", "clear photos"):
            clear = first == "clear photos"
        else:
            found[f"{first}, clear" if clear else f"{first} {second}"] = line
    return found


def _needed(row: str) -> str:
    """The cells without which a row says nothing: all but those of `splat clean`, which leaves fog alone."""
    cells = row.strip("|").split("|")
    return "|".join(cells[:3] + cells[4:] if "fog" in row else cells)


def overview(out: Path) -> np.ndarray | None:
    """[H, W, 3] uint8 BGR: a row for each kind: a photo in the weather; a test view of plain, full and ceiling."""
    rows = []
    for kind in ("rain", "snow", "drops", "fog"):
        views = [out / "views" / f"demo-{kind}-2-{way}.png" for way in ("plain-none", f"full-{kind}")]
        parts = [example(out, kind), *views, out / "views" / "demo-none-0-plain-none.png"]
        if all(part.exists() for part in parts):
            rows.append(np.concatenate([cv2.imread(str(part)) for part in parts], axis=1))
    return np.concatenate(rows, axis=0) if rows else None


def example(out: Path, kind: str) -> Path:
    """A training photo beside the test view that is shown."""
    return out / "captures" / f"demo-{kind}-2" / "images" / "0025.png"

"""Pictures of tools/bench_captures.py: for each capture the photo and two settings, at the worst held-out view."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from tools.captures_at_hand import CAPTURES
from tools.captures_runs import Run, job_of
from tools.captures_scores import pictures_of

HEIGHT = 480  # pixels of each picture, at most
LABEL = 26  # height of the line above each picture


def worst_view(one: Run, other: Run) -> tuple[str, str] | None:
    """The held-out view with the lowest mean PSNR of two runs, as each calls it; None where they share none.

    Versions of the program may call a photo by different folders.
    """
    others = {Path(name).name: name for name in other["views"]}
    shared = [(name, others[Path(name).name]) for name in one["views"] if Path(name).name in others]
    return min(shared, key=lambda names: one["views"][names[0]] + other["views"][names[1]], default=None)


def labelled(path: Path, text: str) -> Image.Image:
    """A picture, at most `HEIGHT` high, under a line of text."""
    with Image.open(path) as file:
        picture = file.convert("RGB")
    if picture.height > HEIGHT:
        picture = picture.resize((round(picture.width * HEIGHT / picture.height), HEIGHT), Image.Resampling.LANCZOS)
    found = Image.new("RGB", (picture.width, picture.height + LABEL), "white")
    found.paste(picture, (0, LABEL))
    ImageDraw.Draw(found).text((4, 4), text, fill="black", font=ImageFont.load_default(15))
    return found


def beside(pictures: Sequence[Image.Image], gap: int = 4) -> Image.Image:
    """Pictures in a row."""
    width = sum(picture.width for picture in pictures) + gap * (len(pictures) - 1)
    found = Image.new("RGB", (width, max(picture.height for picture in pictures)), "white")
    left = 0
    for picture in pictures:
        found.paste(picture, (left, 0))
        left += picture.width + gap
    return found


def sheet(one: Run, other: Run, out: Path) -> Image.Image | None:
    """Photo, one run and the other at the worst view; None where there is none or the pictures are gone."""
    names = worst_view(one, other)
    cells: list[Image.Image] = []
    for run, name in zip((one, other), names or ()):
        folder = out / job_of(run).folder
        try:
            metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        view = next((view for view in metrics["per_view"] if view["name"] == name), {})
        files = pictures_of(folder, view)
        if files is None:
            return None
        if not cells:
            cells.append(labelled(files[1], f"photo {name[-40:]}"))
        cells.append(labelled(files[0], f"{run['job']['setting']}: {run['views'][name]:.2f} dB"))
    return beside(cells) if cells else None


def shown_pair(runs: Sequence[Run], capture: str, settings: tuple[str, str]) -> tuple[Run, Run] | None:
    """A run of each of two settings on a capture, of the most steps and the first seed that both have."""
    found: dict[tuple[int, int], dict[str, Run]] = {}
    for run in runs:
        job = run["job"]
        if job["capture"] == capture:
            found.setdefault((-job["steps"], job["seed"]), {})[job["setting"]] = run
    pairs = [
        (mine[settings[0]], mine[settings[1]]) for _, mine in sorted(found.items()) if mine.keys() >= set(settings)
    ]
    return next(iter(pairs), None)


def write_sheets(runs: Sequence[Run], first: str, second: str, out: Path) -> dict[str, Path]:
    """Write OUT/pictures: a sheet for each capture that both settings have, and index.html; returns the sheets."""
    folder = out / "pictures"
    folder.mkdir(exist_ok=True)
    found: dict[str, Path] = {}
    lines = []
    for capture in CAPTURES:
        pair = shown_pair(runs, capture, (first, second))
        picture = None if pair is None else sheet(*pair, out)
        if pair is None or picture is None:
            continue
        found[capture] = folder / f"{capture}.png"
        picture.save(found[capture])
        job = pair[0]["job"]
        title = f"{capture}: {job['steps']:,} steps, seed {job['seed']}"
        lines.append(f'<h2>{html.escape(title)}</h2>\n<img src="{capture}.png" style="max-width: 100%">')
    text = "The held-out view that is worst on the mean of both settings."
    page = "\n".join(["<!doctype html>", '<meta charset="utf-8">', f"<title>{text}</title>", f"<p>{text}</p>", *lines])
    (folder / "index.html").write_text(page + "\n", encoding="utf-8")
    return found


def put_into_docs(sheet: Path, target: Path) -> None:
    """Write a sheet as the JPEG that a page of the docs shows. Only of captures that may be shown: the demo."""
    with Image.open(sheet) as picture:
        picture.convert("RGB").save(target, quality=85)

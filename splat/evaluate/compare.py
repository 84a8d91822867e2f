"""Runs side by side: their numbers and times, and pictures of the views they share with a slider between them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from splat.console import duration
from splat.errors import SplatError
from splat.evaluate.page import left_out, lpips_number, number, page, picture_link, table, text
from splat.evaluate.sections.guard import guarded
from splat.evaluate.sections.timings import stage_seconds
from splat.evaluate.sliders import SliderPicture, slider
from splat.files import write_text
from splat.records import record
from splat.run_records import read_metrics

# Differences that make PSNR, SSIM or LPIPS of two runs incomparable.
RULES = ("name", "split", "held_out", "resolution", "background", "lpips_net", "masked", "views", "test_poses")
USUAL = {"test_poses": "as given"}  # where a run says nothing
MAX_VIEWS = 8


@dataclass(frozen=True)
class RunRow:
    """One run in the comparison; None for what its metrics.json does not have."""

    name: str
    folder: Path
    psnr: float | None  # dB
    cc_psnr: float | None  # dB, colours brought to the photo's
    ssim: float | None
    lpips: float | None
    lpips_net: str | None
    flip: float | None
    train_psnr: float | None  # dB
    num_gaussians: int | None
    max_steps: int | None
    train_seconds: float | None
    backend: str | None
    protocol: dict[str, Any]
    views: dict[str, dict[str, Any]]  # per_view by the view's name


def _short_names(folders: list[Path]) -> list[str]:
    """Last parts of the paths, as many as it takes to tell them apart."""
    parts = [folder.resolve().parts for folder in folders]
    for depth in range(1, max(map(len, parts)) + 1):
        names = ["/".join(part[-depth:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    return [f"{'/'.join(part[-2:])} ({index + 1})" for index, part in enumerate(parts)]


def compare_runs(paths: list[str | Path]) -> list[RunRow]:
    """The runs' numbers, in the order given.

    Raises:
        SplatError: when a folder has no metrics.json.
    """
    folders = [Path(path) for path in paths]
    rows = []
    for folder, name in zip(folders, _short_names(folders) if folders else []):
        if not (folder / "metrics.json").is_file():
            raise SplatError(
                f"{folder} has no metrics.json; give a run folder, and score it with `splat evaluate` first"
            )
        metrics = read_metrics(folder)
        rows.append(
            RunRow(
                name=name,
                folder=folder,
                train_psnr=(metrics.get("train") or {}).get("psnr"),
                protocol=metrics.get("protocol") or {},
                views={view["name"]: view for view in metrics.get("per_view") or []},
                **{
                    key: metrics.get(key)
                    for key in (
                        "psnr",
                        "cc_psnr",
                        "ssim",
                        "lpips",
                        "lpips_net",
                        "flip",
                        "num_gaussians",
                        "max_steps",
                        "train_seconds",
                        "backend",
                    )
                },
            )
        )
    return rows


def rule_differences(rows: list[RunRow]) -> list[str]:
    """One sentence for every rule of scoring in which the runs differ: such numbers do not compare."""
    out = []
    for rule in RULES:
        values = [row.protocol.get(rule, USUAL.get(rule)) for row in rows]
        # a run without LPIPS has no number that could be compared; older runs do not say what was held out
        known = [value for value in values if value is not None] if rule in ("lpips_net", "held_out") else values
        if any(value != known[0] for value in known):
            shown = ", ".join(f"{row.name}: {_shown(value)}" for row, value in zip(rows, values))
            label = "protocol" if rule == "name" else rule.replace("_", " ")
            out.append(f"{label} differs ({shown})")
    names = [set(row.views) for row in rows]
    if any(name != names[0] for name in names) and all(row.protocol.get("views") == len(names[0]) for row in rows):
        out.append("the runs were scored on different views")
    return out


def _shown(value: Any) -> str:
    """A rule's value for people: sizes as 480x360."""
    if isinstance(value, (list, tuple)):
        sizes = [isinstance(item, (list, tuple)) for item in value]
        return ", ".join("x".join(map(str, item)) if size else str(item) for item, size in zip(value, sizes)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "unknown" if value is None else str(value)


def shared_views(rows: list[RunRow]) -> list[str]:
    """Views that all runs have pictures of, those first on which the runs differ most in PSNR."""
    if not rows:
        return []
    names = [name for name in rows[0].views if all(name in row.views and row.views[name].get("image") for row in rows)]

    def spread(name: str) -> float:
        scores = [row.views[name].get("psnr") or 0.0 for row in rows]
        return max(scores) - min(scores)

    return sorted(names, key=spread, reverse=True)


def _photo_of(row: RunRow, name: str) -> str:
    return row.views[name]["image"].removesuffix(".png") + "_photo.png"


def _relative(path: Path, page_folder: Path) -> str:
    return Path(os.path.relpath(path, page_folder)).as_posix()


def _number_table(rows: list[RunRow]) -> str:
    header = [
        "run",
        "PSNR",
        "PSNR cc",
        "SSIM",
        "LPIPS",
        "FLIP",
        "training PSNR",
        "Gaussians",
        "steps",
        "minutes",
        "renderer",
    ]
    cells = [
        [
            text(row.name),
            number(row.psnr, 2),
            number(row.cc_psnr, 2),
            number(row.ssim, 4),
            text(lpips_number({"lpips": row.lpips, "lpips_net": row.lpips_net})),
            number(row.flip, 4),
            number(row.train_psnr, 2),
            "–" if row.num_gaussians is None else f"{row.num_gaussians:,}",
            "–" if row.max_steps is None else f"{row.max_steps:,}",
            number(None if row.train_seconds is None else row.train_seconds / 60, 1),
            text(row.backend or "–"),
        ]
        for row in rows
    ]
    return table(header, cells, numeric=(1, 2, 3, 4, 5, 6, 7, 8, 9))


def _time_table(rows: list[RunRow]) -> list[str]:
    """How long the stages of each run took, as far as they were measured."""
    spent = [stage_seconds(row.folder, record(read_metrics(row.folder), str(row.folder))) for row in rows]
    stages = list(dict.fromkeys(stage for seconds in spent for stage in seconds))
    cells = [
        [text(stage), *(duration(seconds[stage]) if stage in seconds else "–" for seconds in spent)] for stage in stages
    ]
    names = [text(row.name) for row in rows]
    return [table(["stage", *names], cells, numeric=range(1, len(rows) + 1))] if cells else []


def _view_slider(rows: list[RunRow], name: str) -> str:
    """The photo and the renders of all runs of one view; the first two runs are beside each other at first."""
    photo = SliderPicture("photo", rows[0].folder / _photo_of(rows[0], name))
    renders = [SliderPicture(row.name, row.folder / row.views[name]["image"]) for row in rows]
    scores = ", ".join(f"{row.name}: {number(row.views[name].get('psnr'), 2)} dB" for row in rows)
    return slider(name, [photo, *renders], scores, sides=(1, 2))


def _view_row(rows: list[RunRow], name: str, page_folder: Path) -> list[str]:
    """Thumbnails of one view that lead to the files: the photo, and the render of each run."""
    photo = rows[0].folder / _photo_of(rows[0], name)
    cells = [text(name), picture_link(photo, _relative(photo, page_folder), f"photo {name}")]
    for row in rows:
        image = row.folder / row.views[name]["image"]
        link = picture_link(image, _relative(image, page_folder), f"{row.name} {name}")
        cells.append(f"{link}{number(row.views[name].get('psnr'), 2)} dB")
    return cells


def write_comparison(paths: list[str | Path], out: str | Path) -> list[RunRow]:
    """Write the comparison as a page: numbers, a warning where they do not compare, times, pictures of shared views.

    Args:
        paths: run folders.
        out: the HTML file.

    Raises:
        SplatError: when a folder has no metrics.json or the disk refuses.
    """
    rows, out = compare_runs(paths), Path(out)
    body = ["<h1>Comparison</h1>", _number_table(rows)]
    for sentence in rule_differences(rows):
        body.append(f'<p class="warn">Not comparable: {text(sentence)}</p>')
    body += guarded("Time", lambda: _time_table(rows))
    names = shared_views(rows)
    if names:
        shown = names[:MAX_VIEWS]
        figures = "".join(_view_slider(rows, name) for name in shown)
        lines = [_view_row(rows, name, out.parent) for name in shown]
        body += ["<h2>Views, largest difference first</h2>", f'<div class="slides">{figures}</div>']
        body += [table(["view", "photo", *(text(row.name) for row in rows)], lines)]
        body += left_out(len(names) - len(shown), "views that all runs have")
    write_text(out, page("Comparison of runs", body))
    return rows

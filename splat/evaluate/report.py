"""RUN/report.html: what a run reached, what it cost, which views are worst, and what was done with it since.

One file that opens anywhere.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from splat.evaluate.advice import gap_sentence
from splat.evaluate.charts import training_charts
from splat.evaluate.directions import directions_section
from splat.evaluate.outliers import outlier_sentence
from splat.evaluate.page import file_link, left_out, lpips_number, number, page, picture_link, table, text
from splat.evaluate.plots import plot_files
from splat.evaluate.sections.distillation import distillation_section
from splat.evaluate.sections.edits import edits_section
from splat.evaluate.sections.guard import guarded
from splat.evaluate.sections.queries import queries_section
from splat.evaluate.sections.repeat import repeat_section, viewer_line
from splat.evaluate.sections.said import said_section
from splat.evaluate.sections.timings import timings_section
from splat.evaluate.sections.weather import weather_section
from splat.evaluate.sliders import SliderPicture, slider
from splat.evaluate.turntable import turntable_figure
from splat.files import write_text
from splat.records import record
from splat.run_records import SCORES, read_metrics, refined_poses, train_rules

CC = "cc: after each channel of the render was stretched and shifted to fit the photo that it is compared with (gsplat)"
MAX_PICTURES = 24  # views with thumbnails, about 40 kB each, and with sliders, about 80 kB each
MAX_CONFIG = 200_000  # letters of config.yaml


def _cards(metrics: dict[str, Any]) -> str:
    seconds, rate = metrics.get("train_seconds"), metrics.get("steps_per_second")
    count, steps = metrics.get("num_gaussians"), metrics.get("max_steps")
    cards = [
        ("PSNR (dB)", number(metrics.get("psnr"), 2)),
        ("PSNR, colour-corrected (dB)", number(metrics.get("cc_psnr"), 2)),
        ("SSIM", number(metrics.get("ssim"), 4)),
        ("LPIPS", lpips_number(metrics)),
        ("FLIP", number(metrics.get("flip"), 4)),
        ("Gaussians", "–" if count is None else f"{count:,}"),
        ("steps", "–" if steps is None else f"{steps:,}"),
        ("training", "–" if seconds is None else f"{seconds / 60:.1f} min"),
        ("steps per second", number(rate, 1)),
        ("renderer", metrics.get("backend") or "–"),
    ]
    return (
        '<div class="cards">'
        + "".join(f'<div class="card">{text(k)}<b>{text(v)}</b></div>' for k, v in cards)
        + "</div>"
    )


def _scores(metrics: dict[str, Any]) -> list[str]:
    """Held-out beside training means, and what they say about overfitting."""
    rows = []
    for name, block, views in (
        ("held-out views", metrics, metrics.get("per_view") or []),
        ("training views", metrics.get("train") or {}, (metrics.get("train") or {}).get("per_view") or []),
    ):
        scores = [number(block.get("psnr"), 2), number(block.get("cc_psnr"), 2), number(block.get("ssim"), 4)]
        scores += [text(lpips_number(block))]
        rows.append([name, str(len(views)), *scores, number(block.get("flip"), 4)])
    body = [table(["", "views", "PSNR", "PSNR cc", "SSIM", "LPIPS", "FLIP"], rows, numeric=(1, 2, 3, 4, 5, 6))]
    body.append(f'<p class="note">{CC}</p>')
    for sentence in filter(None, (train_rules(metrics), outlier_sentence(metrics), gap_sentence(metrics))):
        body.append(f'<p class="warn">{text(sentence)}</p>')
    if poses := refined_poses(metrics):
        body.append(f'<p class="note">{text(poses)}</p>')
    for title, key in (("LPIPS", "lpips_reason"), ("FLIP", "flip_reason")):
        if metrics.get(key):
            body.append(f'<p class="note">{title}: {text(metrics[key])}</p>')
    return body


def picture_files(view: dict[str, Any]) -> dict[str, str]:
    """Photo, render and error picture of a view, relative to the run's folder; none where none were written."""
    image = view.get("image")
    if not isinstance(image, str) or not image.endswith(".png"):
        return {}
    stem = image[: -len(".png")]
    return {"photo": f"{stem}_photo.png", "render": image, "error": f"{stem}_error.jpg"}


def _pictures(folder: Path, view: dict[str, Any]) -> list[str]:
    """Cells with photo, render and error of a view."""
    files = picture_files(view)
    cells = [picture_link(folder / file, file, f"{kind} of {view.get('name')}") for kind, file in files.items()]
    return cells or ["", "", ""]


def worst_first(block: dict[str, Any]) -> list[dict[str, Any]]:
    """The views of a block of scores by PSNR, those without one last."""
    views: list[dict[str, Any]] = block["per_view"]
    return sorted(views, key=lambda view: view["psnr"] if view.get("psnr") is not None else float("inf"))


def view_sliders(folder: Path, block: dict[str, Any]) -> list[str]:
    """A slider between photo and render for the worst of the views that have pictures, the worst first."""
    figures: list[str] = []
    more = 0
    for view in worst_first(block):
        files = picture_files(view)
        if len(figures) == MAX_PICTURES:
            more += bool(files and (folder / files["render"]).is_file())
        elif files:
            pictures = [SliderPicture(kind, folder / files[kind]) for kind in ("photo", "render")]
            made = slider(view["name"], pictures, f"{number(view.get('psnr'), 2)} dB")
            figures += [made] if made else []
    body = [f'<div class="slides">{"".join(figures)}</div>'] if figures else []
    return body + left_out(more, "views with pictures")


def view_table(folder: Path, block: dict[str, Any], max_pictures: int = MAX_PICTURES) -> str:
    """All views of the scores `block`, worst PSNR first, the first ones with thumbnails."""
    rows = []
    for index, view in enumerate(worst_first(block)):
        cells = _pictures(folder, view) if index < max_pictures else ["", "", ""]
        scores = [number(view.get(key), 2 if key.endswith("psnr") else 4) for key in SCORES]
        rows.append([text(view.get("name", "")), *scores, *cells])
    lpips = f"LPIPS ({text(block['lpips_net'])})" if block.get("lpips_net") else "LPIPS"
    header = ["view", "PSNR", "PSNR cc", "SSIM", lpips, "FLIP", "photo", "render", "error"]
    return table(header, rows, numeric=(1, 2, 3, 4, 5))


def _protocol(metrics: dict[str, Any]) -> str:
    protocol = metrics.get("protocol") or {}
    rows = [[text(key), text(value)] for key, value in protocol.items()]
    return table(["rule", "value"], rows) if rows else '<p class="note">not recorded</p>'


def _training(folder: Path) -> list[str]:
    """Curves of the training, in the page and as files."""
    charts = training_charts(folder / "metrics.csv")
    body = [f'<div class="charts">{charts}</div>'] if charts else []
    links = [file_link(folder, name, Path(name).name) for name in plot_files(folder)]
    return [*body, f'<p class="note">As pictures, over seconds too: {", ".join(links)}</p>'] if links else body


def _configuration(folder: Path) -> list[str]:
    config = folder / "config.yaml"
    if not config.is_file():
        return []
    content = config.read_bytes().decode("utf-8", "replace")
    body = [f"<details><summary>config.yaml</summary><pre>{text(content[:MAX_CONFIG])}</pre></details>"]
    return body + left_out(len(content) - MAX_CONFIG, "letters")


def build_report(folder: Path) -> str:
    """The page for a run folder with a metrics.json; all else as far as it is there and can be read.

    Raises:
        SplatError: when metrics.json is missing or damaged.
    """
    metrics = read_metrics(folder)
    known, train = record(metrics, str(folder / "metrics.json")), metrics.get("train") or {}
    name = "/".join(folder.resolve().parts[-2:])
    body = [f"<h1>{text(name)}</h1>", viewer_line(folder) if (folder / "scene.ply").is_file() else "", _cards(metrics)]
    body += guarded("", lambda: turntable_figure(folder, known))
    body += ["<h2>Scores</h2>", *_scores(metrics)]
    body += guarded("What training said", lambda: said_section(folder))
    body += guarded("Training", lambda: _training(folder))
    if metrics.get("per_view"):
        sliders, rows = view_sliders(folder, metrics), view_table(folder, metrics)
        body += ["<h2>Held-out views, worst first</h2>", *sliders, rows]
    if train.get("per_view"):
        body += ["<h2>Training views, worst first</h2>", view_table(folder, train, max_pictures=4)]
    body += guarded("", lambda: directions_section(folder))
    body += guarded("Distillation", lambda: distillation_section(folder, known))
    body += guarded("Queries", lambda: queries_section(folder))
    body += guarded("Edits", lambda: edits_section(folder))
    body += guarded("Weather", lambda: weather_section(folder))
    body += guarded("Time", lambda: timings_section(folder, known))
    body += ["<h2>Protocol</h2>", _protocol(metrics)]
    body += guarded("The command to repeat it", lambda: repeat_section(folder))
    body += guarded("Configuration", lambda: _configuration(folder))
    return page(f"{name}: report", list(filter(None, body)))


def write_report(folder: str | Path) -> Path:
    """Write `report.html` into a run folder and return its path.

    Raises:
        SplatError: when metrics.json is missing or the disk refuses.
    """
    path = Path(folder) / "report.html"
    write_text(path, build_report(Path(folder)))
    return path

"""RUN/report.html: what a run reached, what it costs, and which views are worst. One file that opens anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from splat.evaluate.advice import gap_sentence
from splat.evaluate.charts import training_charts
from splat.evaluate.directions import directions_section
from splat.evaluate.outliers import outlier_sentence
from splat.evaluate.page import lpips_number, number, page, picture_link, table, text
from splat.files import write_text
from splat.run_records import SCORES, read_metrics, refined_poses, train_rules

CC = "cc: after each channel of the render was stretched and shifted to fit the photo that it is compared with (gsplat)"
MAX_PICTURES = 24  # views with thumbnails, about 40 kB each; all views have links


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


def _pictures(folder: Path, view: dict[str, Any]) -> list[str]:
    """Cells with photo, render and error of a view."""
    image = view.get("image")
    if not isinstance(image, str) or not image.endswith(".png"):
        return ["", "", ""]
    stem = image[: -len(".png")]
    files = ((f"{stem}_photo.png", "photo"), (image, "render"), (f"{stem}_error.jpg", "error"))
    return [picture_link(folder / file, file, f"{kind} of {view.get('name')}") for file, kind in files]


def view_table(folder: Path, block: dict[str, Any], max_pictures: int = MAX_PICTURES) -> str:
    """All views of the scores `block`, worst PSNR first, the first ones with thumbnails."""
    views = block["per_view"]
    worst_first = sorted(views, key=lambda view: view["psnr"] if view.get("psnr") is not None else float("inf"))
    rows = []
    for index, view in enumerate(worst_first):
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


def build_report(folder: Path) -> str:
    """The page for a run folder with a metrics.json; charts and configuration as far as they are there."""
    metrics = read_metrics(folder)
    name = "/".join(folder.resolve().parts[-2:])
    body = [f"<h1>{text(name)}</h1>", _cards(metrics)]
    body += ["<h2>Scores</h2>", *_scores(metrics)]
    charts = training_charts(folder / "metrics.csv")
    if charts:
        body += ["<h2>Training</h2>", f'<div class="charts">{charts}</div>']
    if metrics.get("per_view"):
        body += ["<h2>Held-out views, worst first</h2>", view_table(folder, metrics)]
    train = metrics.get("train") or {}
    if train.get("per_view"):
        body += ["<h2>Training views, worst first</h2>", view_table(folder, train, max_pictures=4)]
    body += directions_section(folder)
    body += ["<h2>Protocol</h2>", _protocol(metrics)]
    config = folder / "config.yaml"
    if config.is_file():
        content = config.read_text(encoding="utf-8", errors="replace")
        body += [
            "<h2>Configuration</h2>",
            f"<details><summary>config.yaml</summary><pre>{text(content)}</pre></details>",
        ]
    return page(f"{name}: report", body)


def write_report(folder: str | Path) -> Path:
    """Write `report.html` into a run folder and return its path.

    Raises:
        SplatError: when metrics.json is missing or the disk refuses.
    """
    path = Path(folder) / "report.html"
    write_text(path, build_report(Path(folder)))
    return path

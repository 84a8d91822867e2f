"""Tables of metrics as plain text, the same in a terminal, a log and a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from splat.evaluate.outliers import outlier_sentence
from splat.run_records import refined_poses, train_rules

COLUMNS = (
    ("PSNR", ("psnr",), ".2f"),
    ("PSNR cc", ("cc_psnr",), ".2f"),
    ("SSIM", ("ssim",), ".4f"),
    ("LPIPS", ("lpips",), ".4f"),
    ("FLIP", ("flip",), ".4f"),
    ("PSNR train", ("train", "psnr"), ".2f"),
    ("Gaussians", ("num_gaussians",), ",d"),
    ("steps", ("max_steps",), ",d"),
    ("seconds", ("train_seconds",), ".0f"),
)
CC = "PSNR cc: the colours of each render fitted to its photo first (gsplat's cc_psnr); compare it with its like only"


def metrics_table(runs: Mapping[str, Mapping[str, Any]]) -> str:
    """One line for each run, with what its metrics.json says; a dash where it says nothing."""
    rows = [["run", *(title for title, _, _ in COLUMNS)]]
    for name, metrics in runs.items():
        rows.append([name, *(_cell(metrics, path, form) for _, path, form in COLUMNS)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join([*lines, *notes(runs)])


def notes(runs: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What must be known to read the numbers: the protocol, and why a value is missing."""
    protocols = {name: _protocol(metrics) for name, metrics in runs.items()}
    if len(set(protocols.values())) == 1:
        lines = [next(iter(protocols.values()))]
    else:
        lines = [f"{name}: {protocol}" for name, protocol in protocols.items()]
    differing = {name: train_rules(metrics) for name, metrics in runs.items()}
    lines += [f"{name}: {sentence}" for name, sentence in differing.items() if sentence]
    dragged = {name: outlier_sentence(metrics) for name, metrics in runs.items()}
    lines += [f"{name}: {sentence}" for name, sentence in dragged.items() if sentence]
    if any(metrics.get("cc_psnr") is not None for metrics in runs.values()):
        lines.append(CC)
    for title, key in (("LPIPS", "lpips_reason"), ("FLIP", "flip_reason")):
        reasons = {metrics[key] for metrics in runs.values() if metrics.get(key)}
        lines += [f"{title}: {reason}" for reason in sorted(reasons)]
    return [line for line in lines if line]


def _protocol(metrics: Mapping[str, Any]) -> str:
    record = metrics.get("protocol") or {}
    if not record:
        return ""
    sizes = ", ".join(f"{width}x{height}" for width, height in record.get("resolution", [])[:3])
    views = "view" if record.get("views") == 1 else "views"
    line = f"protocol {record.get('name')}, {record.get('views')} {record.get('split')} {views} at {sizes}"
    if poses := refined_poses(metrics):
        line += f"; {poses}"
    return line


def _cell(metrics: Mapping[str, Any], path: tuple[str, ...], form: str) -> str:
    value: Any = metrics
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    if value is None:
        return "-"
    text = format(int(value) if form.endswith("d") else value, form)
    # no number of LPIPS stands without its network
    return f"{text} ({metrics['lpips_net']})" if path == ("lpips",) and metrics.get("lpips_net") else text

"""Line charts as inline SVG."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path

from splat.errors import SplatError
from splat.evaluate.page import text

_WIDTH, _HEIGHT = 340, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 10, 10, 24
_COLORS = ("#2f6fde", "#d9622b", "#3a9d5d", "#9a55c4")
_MAX_POINTS = 400

Series = list[tuple[float, float]]

# What is drawn of a training: names of files, titles, and columns of metrics.csv, older names among them.
CURVES = {
    "loss": ("loss", ("loss",)),
    "psnr": ("PSNR (dB)", ("train_psnr", "test_psnr", "psnr")),
    "gaussians": ("Gaussians", ("num_gaussians", "num_GS", "gaussians")),
}


def read_csv(path: Path) -> dict[str, Series]:
    """Columns of a metrics.csv as (step, value) pairs; cells that are empty or no finite numbers are left out.

    Raises:
        SplatError: when it is no table.
    """
    columns: dict[str, Series] = {}
    if not path.is_file():
        return columns
    try:
        with path.open(newline="", encoding="utf-8", errors="replace") as file:
            for row in csv.DictReader(line.replace("\0", "") for line in file):
                step = _finite(row.get("step"))
                for name, cell in row.items():
                    value = _finite(cell)
                    if name and name != "step" and step is not None and value is not None:
                        columns.setdefault(name, []).append((step, value))
    except (OSError, csv.Error) as error:
        raise SplatError(f"cannot read {path}: {error}") from error
    return columns


def _finite(cell: object) -> float | None:
    try:
        value = float(cell) if isinstance(cell, str) else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def ticks(low: float, high: float, count: int = 4) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten apart) inside [low, high]."""
    if not high > low:
        return [low]
    raw = (high - low) / count
    power = 10 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [index * step for index in range(first, math.floor(high / step + 1e-9) + 1)]


def _label(value: float) -> str:
    for size, suffix in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{suffix}"
    return f"{value:.4g}"


def _thin(points: Series) -> Series:
    """Means of neighbouring points where there are more than a chart can show."""
    if len(points) <= _MAX_POINTS:
        return points
    size = math.ceil(len(points) / _MAX_POINTS)
    groups = [points[i : i + size] for i in range(0, len(points), size)]
    return [(sum(x for x, _ in group) / len(group), sum(y for _, y in group) / len(group)) for group in groups]


def line_chart(title: str, series: dict[str, Series]) -> str:
    """One chart of some series over the training step, as a `<figure>`; empty where there are no points."""
    series = {name: _thin(points) for name, points in series.items() if points}
    if not series:
        return ""
    xs, ys = ([p[axis] for points in series.values() for p in points] for axis in (0, 1))
    x0, x1, y0, y1 = min(xs), max(xs), min(ys), max(ys)
    margin = 0.05 * (y1 - y0) or 0.5
    y0, y1 = y0 - margin, y1 + margin

    def at_x(x: float) -> float:
        return _LEFT + (x - x0) / ((x1 - x0) or 1) * (_WIDTH - _LEFT - _RIGHT)

    def at_y(y: float) -> float:
        return _TOP + (y1 - y) / (y1 - y0) * (_HEIGHT - _TOP - _BOTTOM)

    parts = []
    for y in ticks(y0, y1):
        parts.append(f'<path d="M{_LEFT} {at_y(y):.1f}H{_WIDTH - _RIGHT}" stroke="#8884"/>')
        parts.append(f'<text x="{_LEFT - 5}" y="{at_y(y) + 4:.1f}" text-anchor="end">{_label(y)}</text>')
    for x in ticks(x0, x1, 3):
        parts.append(f'<text x="{at_x(x):.1f}" y="{_HEIGHT - 6}" text-anchor="middle">{_label(x)}</text>')
    names = []
    for (name, points), color in zip(series.items(), _COLORS * len(series)):
        parts.append(_curve([(at_x(x), at_y(y)) for x, y in points], color))
        names.append(f'<span style="color:{color}">{text(name)}</span>')
    caption = f"{text(title)}: {', '.join(names)}" if len(names) > 1 else text(title)
    svg = f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}">{"".join(parts)}</svg>'
    return f"<figure>{svg}<figcaption>{caption}</figcaption></figure>"


def _curve(points: Sequence[tuple[float, float]], color: str) -> str:
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{color}"/>' for x, y in points[:20])
    marks = dots if len(points) <= 20 else ""
    return f'<polyline points="{line}" fill="none" stroke="{color}" stroke-width="1.6"/>{marks}'


def training_charts(path: Path) -> str:
    """Charts of loss, PSNR and number of Gaussians from a metrics.csv, as far as it has them.

    Raises:
        SplatError: when it is no table.
    """
    columns = read_csv(path)
    return "".join(
        line_chart(f"{title} over steps", {name: columns[name] for name in names if name in columns})
        for title, names in CURVES.values()
    )

"""RUN/plots: loss, PSNR and number of Gaussians over steps and over seconds, as pictures for papers and slides."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from splat.evaluate.charts import CURVES, Series, read_csv
from splat.files import atomic_path
from splat.lazy import lazy

if TYPE_CHECKING:
    from matplotlib import figure
else:
    figure = lazy("matplotlib.figure")

FOLDER = "plots"


def plot_files(folder: Path) -> list[str]:
    """The plots that a run folder has, relative to it."""
    names = (f"{FOLDER}/{name}.png" for name in CURVES)
    return [name for name in names if (folder / name).is_file()]


def write_plots(folder: Path) -> list[str]:
    """Draw what metrics.csv of a run holds; returns the files, relative to the folder.

    Raises:
        SplatError: when metrics.csv cannot be read or the disk refuses.
    """
    columns = read_csv(folder / "metrics.csv")
    clock = dict(columns.get("seconds", []))
    written = []
    for name, (title, wanted) in CURVES.items():
        series = {column: columns[column] for column in wanted if columns.get(column)}
        if series:
            path = folder / FOLDER / f"{name}.png"
            _draw(path, title, series, clock)
            written.append(f"{FOLDER}/{name}.png")
    return written


def _draw(path: Path, title: str, series: dict[str, Series], clock: dict[float, float]) -> None:
    """One curve over steps and, where the seconds of the steps are known, beside it over them."""
    timed = {name: [(clock[step], value) for step, value in points if step in clock] for name, points in series.items()}
    panels = [("step", series), *([("second", timed)] if any(timed.values()) else [])]
    drawing = figure.Figure(figsize=(4.5 * len(panels), 3.2), dpi=120, layout="constrained")
    for number, (unit, curves) in enumerate(panels, start=1):
        axes = drawing.add_subplot(1, len(panels), number, xlabel=f"{unit}s", ylabel=title)
        for name, points in curves.items():
            axes.plot(*zip(*points), label=name, linewidth=1.2)
        axes.grid(alpha=0.3)
        if len(curves) > 1:
            axes.legend(fontsize=8)
    with atomic_path(path) as temporary:
        drawing.savefig(temporary)

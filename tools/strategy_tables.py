"""Table and plots of tools/compare_strategies.py."""

from __future__ import annotations

import shutil
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Run = dict[str, Any]  # a line of runs.jsonl: job, psnr, ssim, lpips, gaussians, seconds, floating, curve

SCORES = {"psnr": 2, "ssim": 4, "lpips": 4, "gaussians": 0, "seconds": 0, "floating": 4}  # with their digits
BEGIN, END = "<!-- comparison -->", "<!-- end of comparison -->"
PLOTS = ("psnr_by_count.png", "psnr_by_time.png")


def grouped(runs: Sequence[Run], *keys: str) -> dict[tuple[Any, ...], list[Run]]:
    """Runs by entries of their jobs, in the order in which they come."""
    found: dict[tuple[Any, ...], list[Run]] = {}
    for run in runs:
        found.setdefault(tuple(run["job"][key] for key in keys), []).append(run)
    return found


def spread(values: Sequence[float | None], digits: int) -> str:
    """Mean and, of several values, standard deviation; a dash where nothing is known."""
    known = [value for value in values if value is not None]
    if not known:
        return "–"
    mean = f"{statistics.fmean(known):,.{digits}f}"
    return mean if len(known) == 1 else f"{mean} ± {statistics.stdev(known):,.{digits}f}"


def in_time(runs: Sequence[Run], scene: str, strategy: str, cap: int) -> list[Run]:
    """The trainings that were planned for the time of `default`; of `default` itself, its own."""

    def wanted(job: dict[str, Any]) -> bool:
        planned = strategy == "default" or bool(job.get("in_time_of"))
        return planned and (job["scene"], job["strategy"], job["cap_max"]) == (scene, strategy, cap)

    return [run for run in runs if wanted(run["job"])]


def asked(runs: Sequence[Run]) -> list[Run]:
    """The trainings of as many steps as were asked for."""
    return [run for run in runs if not run["job"].get("in_time_of")]


def table(runs: Sequence[Run], cap: int) -> str:
    """Markdown: one line for each scene and strategy, then the mean over the scenes that all strategies have."""
    lines = [
        "| scene | strategy | seeds | PSNR dB | SSIM | LPIPS squeeze | Gaussians | seconds | floating "
        "| in the time of default: steps | seconds | PSNR dB |",
        "|" + " --- |" * 12,
    ]
    at_cap = [run for run in asked(runs) if run["job"]["cap_max"] == cap]
    for (scene, strategy), members in grouped(at_cap, "scene", "strategy").items():
        cells = {name: spread([run[name] for run in members], digits) for name, digits in SCORES.items()}
        planned = in_time(runs, scene, strategy, cap)
        steps = spread([run["job"]["steps"] for run in planned[:1]], 0)
        last = [steps, *(spread([run[name] for run in planned], SCORES[name]) for name in ("seconds", "psnr"))]
        lines.append(f"| {scene} | {strategy} | {len(members)} | " + " | ".join([*cells.values(), *last]) + " |")
    planned = [run for run in runs if run["job"].get("in_time_of") and run["job"]["cap_max"] == cap]
    own = [run for run in at_cap if run["job"]["strategy"] == "default"]
    gains = [*over_scenes(at_cap, "PSNR over default, dB"), "", *over_scenes([*own, *planned], "the same, in its time")]
    return "\n".join([*lines, "", *gains]) + "\n"


def over_scenes(runs: Sequence[Run], title: str) -> list[str]:
    """Markdown lines: PSNR over that of `default` at the same scene and seed, mean over seeds, then over scenes."""
    reference = {
        (run["job"]["scene"], run["job"]["seed"]): run["psnr"] for run in runs if run["job"]["strategy"] == "default"
    }
    scenes = list(dict.fromkeys(run["job"]["scene"] for run in runs))
    lines = [f"| {title} | " + " | ".join(scenes) + " | mean |", "|" + " --- |" * (len(scenes) + 2)]
    for (strategy,), members in grouped(runs, "strategy").items():
        gains: dict[str, list[float]] = {scene: [] for scene in scenes}
        for run in members:
            key = (run["job"]["scene"], run["job"]["seed"])
            if key in reference:
                gains[key[0]].append(run["psnr"] - reference[key])
        means = [statistics.fmean(values) if values else None for values in gains.values()]
        known = [mean for mean in means if mean is not None]
        cells = ["–" if mean is None else f"{mean:+.2f}" for mean in means]
        total = f"{statistics.fmean(known):+.2f}" if len(known) == len(scenes) else "–"
        lines.append(f"| {strategy} | " + " | ".join(cells) + f" | {total} |")
    return lines


def plot(runs: Sequence[Run], by_time: bool, path: Path) -> None:
    """Test PSNR against seconds (along the first seed's training) or against the number of Gaussians, by scene."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    runs = asked(runs)
    scenes = list(dict.fromkeys(run["job"]["scene"] for run in runs))
    strategies = list(dict.fromkeys(run["job"]["strategy"] for run in runs))
    columns = min(3, len(scenes))
    rows = -(-len(scenes) // columns)
    figure, axes = pyplot.subplots(rows, columns, figsize=(4 * columns, 3.2 * rows + 0.5), squeeze=False)
    for axis, scene in zip(axes.flat, scenes):
        for number, strategy in enumerate(strategies):
            mine = [run for run in runs if (run["job"]["scene"], run["job"]["strategy"]) == (scene, strategy)]
            points = _along_time(mine) if by_time else _by_count(mine)
            axis.plot(*zip(*points), marker="o", ms=3.5, lw=1.2, color=f"C{number}", label=strategy) if points else None
        axis.set(title=scene, xlabel="seconds of training" if by_time else "Gaussians", ylabel="test PSNR (dB)")
        axis.locator_params(axis="x", nbins=6)  # long numbers must not run into each other
        axis.grid(alpha=0.3)
        if by_time and (values := [y for line in axis.lines for y in line.get_ydata()]):
            axis.set_ylim(bottom=max(min(values), max(values) - 8))  # the first readings would flatten the rest
    for axis in axes.flat[len(scenes) :]:
        axis.set_visible(False)
    handles = {text: handle for axis in axes.flat for handle, text in zip(*axis.get_legend_handles_labels())}
    figure.legend(handles.values(), handles.keys(), loc="lower center", ncol=len(handles), frameon=False, fontsize=8)
    figure.tight_layout(rect=(0, 0.5 / (3.2 * rows + 0.5), 1, 1))
    figure.savefig(path, dpi=100)
    pyplot.close(figure)


def _along_time(runs: Sequence[Run]) -> list[tuple[float, float]]:
    """Seconds and test PSNR of the first seed's training at the largest cap."""
    if not runs:
        return []
    cap = max(run["job"]["cap_max"] for run in runs)
    first = next(run for run in runs if run["job"]["cap_max"] == cap)
    return [(row[1], row[2]) for row in first["curve"]]


def _by_count(runs: Sequence[Run]) -> list[tuple[float, float]]:
    """Mean number of Gaussians and mean PSNR of each cap, the smallest first."""
    caps = grouped(runs, "cap_max")
    return [
        (statistics.fmean(run["gaussians"] for run in caps[cap]), statistics.fmean(run["psnr"] for run in caps[cap]))
        for cap in sorted(caps)
    ]


def write_tables(runs: Sequence[Run], cap: int, folder: Path) -> str:
    """Write table.md and the two plots into `folder`; returns the table."""
    text = table(runs, cap)
    (folder / "table.md").write_text(text, encoding="utf-8")
    for name in PLOTS:
        plot(runs, "time" in name, folder / name)
    return text


def put_into_docs(folder: Path, docs: Path, command: str) -> None:
    """Put table and plots of `folder` between the marks in docs/densification.md, with the command that made them."""
    page = docs / "densification.md"
    text = page.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    for name in PLOTS:
        shutil.copyfile(folder / name, docs / "images" / f"strategies_{name}")
    pictures = "\n".join(
        f"![{text}](images/strategies_{name})"
        for name, text in zip(PLOTS, ("PSNR against the number of Gaussians", "PSNR against seconds of training"))
    )
    body = (folder / "table.md").read_text(encoding="utf-8")
    page.write_text(f"{before}{BEGIN}\n\n`{command.strip()}`\n\n{body}\n{pictures}\n\n{END}{after}", encoding="utf-8")

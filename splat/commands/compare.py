"""`splat compare`: two or more runs side by side."""

from __future__ import annotations

import json
import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from splat import console
from splat.commands import SUMMARIES
from splat.commands.app import Command, user_path
from splat.commands.tables import metrics_table
from splat.errors import SplatError
from splat.options import option
from splat.run import how_to_finish
from splat.run_records import read_metrics

if TYPE_CHECKING:
    from splat.evaluate.compare import RunRow


@dataclass
class CompareConfig:
    """`splat compare`."""

    runs: list[str] = option([], "the run folders, [RUN,RUN,...]")
    out: str | None = option(
        None, "page with the pictures side by side (null: compare-NAME-NAME.html in the folder that all runs share)"
    )
    json: bool = option(False, "print JSON instead of a table, and write no page")


def run(config: CompareConfig) -> None:
    """Print one line for each run and the views that differ most; the last line is the page with the pictures."""
    if len(config.runs) < 2:
        raise SplatError("which ones? splat compare RUN RUN ...")
    folders = scored_runs([user_path(text) for text in config.runs])
    from splat.evaluate.compare import compare_runs, rule_differences, write_comparison

    rows = compare_runs([str(folder) for folder in folders])
    metrics = {row.name: read_metrics(row.folder) for row in rows}
    if config.json:
        print(json.dumps(metrics, indent=2))
        return
    print(metrics_table(metrics))
    for difference in rule_differences(rows):
        console.warn(f"the numbers do not compare: {difference}")
    views = views_that_differ(rows)
    if views:
        print("\n" + views)
    page = user_path(config.out) if config.out is not None else default_page(rows)
    write_comparison([str(folder) for folder in folders], page)
    print(page)


def scored_runs(paths: list[Path]) -> list[Path]:
    """The runs with scores among the paths; a pattern such as runs/demo/* also names pages and other things.

    Raises:
        SplatError: a path does not exist, or fewer than two runs are left.
    """
    runs, left_out = [], []
    for path in paths:
        if not path.exists():
            raise SplatError(f"no run folder at {path}")
        if (path / "metrics.json").is_file():
            runs.append(path)
        else:
            left_out.append(f"{path} ({why_no_scores(path)})")
    if len(runs) < 2:
        raise SplatError(f"comparing takes two runs with scores; left out: {'; '.join(left_out)}")
    if left_out:
        console.info(f"left out: {'; '.join(left_out)}")
    return runs


def why_no_scores(path: Path) -> str:
    """Why something is not a run that can be compared, and what to do about it."""
    if not (path / "config.yaml").is_file():
        return "no run folder"
    if not (path / "scene.ply").is_file():
        return f"no scene yet; {how_to_finish(path)}"
    return f"no metrics.json; score it with: {shlex.join(['splat', 'evaluate', str(path)])}"


def default_page(rows: list[RunRow]) -> Path:
    """A name that says which runs are compared, in the folder that they share."""
    names = "-".join(row.name.replace("/", "_") for row in rows)
    common = os.path.commonpath([row.folder.resolve().parent for row in rows])
    return Path(os.path.relpath(common)) / f"compare-{names[:100]}.html"


def views_that_differ(rows: list[RunRow], count: int = 5) -> str:
    """PSNR of the views that all runs have and differ in most; empty where there is no such view."""
    scores = [{name: view["psnr"] for name, view in row.views.items() if view["psnr"] is not None} for row in rows]
    shared = set(scores[0]).intersection(*scores)
    spread = {view: max(s[view] for s in scores) - min(s[view] for s in scores) for view in shared}
    chosen = sorted(shared, key=lambda view: (-spread[view], view))[:count]
    if not chosen:
        return ""
    width = max(len(view) for view in chosen)
    lines = [
        f"PSNR of the views that differ most ({len(chosen)} of {len(shared)}): {', '.join(row.name for row in rows)}"
    ]
    lines += [f"  {view:<{width}}  " + "  ".join(f"{s[view]:6.2f}" for s in scores) for view in chosen]
    return "\n".join(lines)


COMMAND = Command(
    name="compare",
    summary=SUMMARIES["compare"],
    config=CompareConfig,
    run=run,
    words=("runs*",),
    examples=("splat compare runs/demo/default runs/demo/mcmc", "splat compare runs/demo/* json=true"),
)

"""`splat compare`: two or more runs side by side."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from splat import console
from splat.commands import SUMMARIES
from splat.commands.app import Command, user_path
from splat.errors import SplatError
from splat.options import option


@dataclass
class CompareConfig:
    """`splat compare`."""

    runs: list[str] = option([], "the run folders, [RUN,RUN,...]")
    json: bool = option(False, "print JSON instead of a table")


def run(config: CompareConfig) -> None:
    """Print one line of metrics for each run, and in which views they differ most."""
    from splat.commands.tables import metrics_table
    from splat.run import open_run

    if len(config.runs) < 2:
        raise SplatError("which ones? splat compare RUN RUN ...")
    names = short_names([user_path(text) for text in config.runs])
    runs = {name: open_run(path).metrics for name, path in names.items()}
    for name, metrics in runs.items():
        if not metrics:
            console.warn(f"{name} has no metrics.json; make it with: splat evaluate {names[name]}")
    if config.json:
        print(json.dumps(runs, indent=2))
        return
    print(metrics_table(runs))
    views = common_views(runs)
    if views:
        print("\n" + views)


def short_names(paths: list[Path]) -> dict[str, Path]:
    """Names for the table: the folders without the part that all share."""
    full = [path.resolve() for path in paths]
    if len(set(full)) < len(full):
        raise SplatError("one run is given twice")
    for length in range(1, max(len(path.parts) for path in full) + 1):
        names = ["/".join(path.parts[-length:]) for path in full]
        if len(set(names)) == len(names):
            break
    return dict(zip(names, paths))


def common_views(runs: Mapping[str, Mapping[str, Any]], count: int = 5) -> str:
    """PSNR of the views that all runs have and differ in most; empty where there is no such view."""
    scores = {
        name: {view["name"]: view["psnr"] for view in metrics.get("per_view", []) if view["psnr"] is not None}
        for name, metrics in runs.items()
    }
    shared = set.intersection(*(set(views) for views in scores.values()))
    spread = {view: max(s[view] for s in scores.values()) - min(s[view] for s in scores.values()) for view in shared}
    chosen = sorted(shared, key=lambda view: (-spread[view], view))[:count]
    if not chosen:
        return ""
    width = max(len(view) for view in chosen)
    lines = [f"PSNR by view, the {len(chosen)} of {len(shared)} that differ most: " + ", ".join(scores)]
    lines += [f"  {view:<{width}}  " + "  ".join(f"{s[view]:6.2f}" for s in scores.values()) for view in chosen]
    return "\n".join(lines)


COMMAND = Command(
    name="compare",
    summary=SUMMARIES["compare"],
    config=CompareConfig,
    run=run,
    words=("runs*",),
    examples=("splat compare runs/demo/default runs/demo/mcmc", "splat compare runs/demo/* json=true"),
)

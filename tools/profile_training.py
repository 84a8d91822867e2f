#!/usr/bin/env python3
"""Where the time of a training goes on the CPU: our native operations, torch's own, densification and Python.

    python tools/profile_training.py path/to/capture data_factor=8 max_steps=600

Keys are those of `splat train`. One row per operation, by its own time; torch's operations that take over 1 % of the
time are named, the rest is one row. The profiler slows small operations down, so that their share is an upper bound.
"""

from __future__ import annotations

import functools
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

OURS = {
    "Project": "projection, activations and SH, forward (native)",
    "ProjectBackward": "projection, activations and SH, backward (native)",
    "Composite": "tile lists and compositing, forward (native)",
    "CompositeBackward": "compositing, backward (native)",
    "_KernelLoss": "L1 + SSIM with its gradient (native)",
    "_KernelLossBackward": "L1 + SSIM: the gradient handed on",
    "Adam": "Adam of all parameters (native)",
    "densification": "densification and its bookkeeping, with its own operations",
}
NAMED = 0.01  # torch's operations with a smaller share of the time are one row


def recorded(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """The function, whose calls the profiler sees under a name."""
    from torch.profiler import record_function

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        with record_function(name):
            return function(*args, **kwargs)

    return call


def configuration(keys: list[str]) -> Any:
    """What `splat train` makes of these keys."""
    from hydra import compose, initialize_config_dir

    from splat.commands.app import load, register, to_config
    from splat.commands.conf import conf_folder

    command = load("train")
    register(command)
    with initialize_config_dir(str(conf_folder()), version_base=None):
        return to_config(compose("train", keys), command.config)


def profiled(data: str, keys: list[str]) -> tuple[list[tuple[str, float, float]], float]:
    """Rows of (operation, ms a step, share), largest first, and the seconds of the training's steps."""
    from torch.profiler import ProfilerActivity, profile

    from splat.train import loop
    from splat.train.optimizers import FusedAdam
    from splat.training import train

    with tempfile.TemporaryDirectory() as folder:
        config = configuration([f"data={data}", f"out={folder}/run", "schedule.eval_every=0", *keys])
        for owner, method, name in (
            (loop, "train_step", "step"),
            (FusedAdam, "step", "Adam"),
            (type(config.strategy), "step_pre_backward", "densification"),
            (type(config.strategy), "step_post_backward", "densification"),
        ):
            setattr(owner, method, recorded(getattr(owner, method), name))
        with profile(activities=[ProfilerActivity.CPU]) as trace:
            result = train(config)
    seconds = by_row(trace.events())
    wall = result.train_seconds
    ordered = sorted(seconds.items(), key=lambda row: -row[1])
    return [(name, 1e3 * value / result.max_steps, value / wall) for name, value in ordered], wall


def by_row(events: Any) -> dict[str, float]:
    """Seconds of each row, from the profiler's events within training steps."""
    seconds: dict[str, float] = defaultdict(float)
    for event in events:
        above = ancestors(event)
        if event.name == "densification":
            seconds[OURS[event.name]] += event.cpu_time_total / 1e6
        elif "step" in above and "densification" not in above:
            seconds[OURS.get(event.name, f"torch: {event.name}")] += event.self_cpu_time_total / 1e6
        elif event.name == "step":
            seconds["Python, and what the profiler costs"] += event.self_cpu_time_total / 1e6
    limit = NAMED * sum(seconds.values())
    small = [name for name, value in seconds.items() if name.startswith("torch: ") and value < limit]
    seconds[f"torch: {len(small)} operations under {100 * NAMED:g} % each"] = sum(seconds.pop(name) for name in small)
    return dict(seconds)


def ancestors(event: Any) -> set[str]:
    """Names of the events around this one."""
    names = set()
    while event.cpu_parent is not None:
        event = event.cpu_parent
        names.add(event.name)
    return names


def main() -> None:
    from rich.console import Console
    from rich.table import Table

    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        print(__doc__)
        return
    rows, wall = profiled(sys.argv[1], sys.argv[2:])
    table = Table(title=f"{wall:.1f} s of training")
    table.add_column("operation")
    table.add_column("ms a step", justify="right")
    table.add_column("share", justify="right")
    for name, seconds, share in rows:
        table.add_row(name, f"{seconds:.3f}", f"{100 * share:.1f} %")
    Console().print(table)


if __name__ == "__main__":
    main()

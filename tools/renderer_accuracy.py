#!/usr/bin/env python3
"""How far the CPU renderer is from a dense float64 one: the worst of many random scenes of each kind.

    python tools/renderer_accuracy.py                             24 seeds, every instruction set that runs here
    python tools/renderer_accuracy.py --seeds 6 --kinds needles   kinds whose name holds the word

Kinds, bounds and what the columns mean: tests/accuracy.py. The exit code is 1 where a bound is exceeded.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from splat import native
from tests.accuracy import KINDS, Errors, instruction_set, measure, plain


def measurements(name: str, seeds: int, sets: list[str]) -> dict[str, list[Errors]]:
    """Of each set, those of all seeds."""
    found: dict[str, list[Errors]] = {isa: [] for isa in sets}
    for seed in range(seeds):
        for isa in sets:
            with instruction_set(isa):
                found[isa].append(measure(name, seed))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=24)
    parser.add_argument("--kinds", default="", help="only kinds whose name holds this")
    parser.add_argument("--sets", nargs="+", default=native.usable_sets(), help="instruction sets")
    arguments = parser.parse_args()
    kinds = {name: kind for name, kind in KINDS.items() if arguments.kinds in name}
    table = Table(title=f"worst of {arguments.seeds} seeds; bounds in brackets")
    table.add_column("scenes")
    for isa in arguments.sets:
        table.add_column(f"{isa}\nimage, gradient")
    for column in ("image", "gradient", "of", "anywhere", "sure", "seen"):
        table.add_column(column, justify="right")
    beyond = 0
    for name in track(kinds, console=Console(stderr=True)):
        found = measurements(name, arguments.seeds, arguments.sets)
        everything = [errors for each in found.values() for errors in each]
        image, gradient = max(e.image for e in everything), max(everything, key=lambda e: e.gradient)
        bounds = kinds[name].bounds
        beyond += image > bounds.image or gradient.gradient > bounds.gradient
        table.add_row(
            name,
            *(f"{max(e.image for e in each):.1e} {max(e.gradient for e in each):.1e}" for each in found.values()),
            f"{image:.1e} ({plain(bounds.image)})",
            f"{gradient.gradient:.1e} ({plain(bounds.gradient)})",
            max(gradient.gradients, key=lambda key: gradient.gradients[key]),
            f"{max(e.anywhere for e in everything):.1e}",
            f"{min(e.sure for e in everything):.2f}",
            f"{min(e.seen for e in everything):.2f}",
        )
    Console(width=200).print(table)
    return 1 if beyond else 0


if __name__ == "__main__":
    sys.exit(main())

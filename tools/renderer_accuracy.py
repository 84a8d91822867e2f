#!/usr/bin/env python3
"""How far the CPU renderer is from a dense float64 one: the worst of many random scenes of each kind.

    python tools/renderer_accuracy.py                             24 seeds, every instruction set that runs here
    python tools/renderer_accuracy.py --seeds 6 --kinds needles   kinds whose name holds the word

Kinds and bounds are those of tests/accuracy.py. Below the table stand the worst cases, one a line. The exit code is 1
where a bound is exceeded.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from splat import native
from tests.accuracy import KINDS, Errors, instruction_set, measure


def worst(name: str, seeds: int, sets: list[str]) -> tuple[Errors, Errors, dict[str, tuple[float, float]]]:
    """The measurements with the worst image and the worst gradient, and the worst of both for each set."""
    found: dict[str, list[Errors]] = {isa: [] for isa in sets}
    for seed in range(seeds):
        for isa in sets:
            with instruction_set(isa):
                found[isa].append(measure(name, seed))
    everything = [errors for each in found.values() for errors in each]
    of_sets = {isa: (max(e.image for e in each), max(e.gradient for e in each)) for isa, each in found.items()}
    return max(everything, key=lambda e: e.image), max(everything, key=lambda e: e.gradient), of_sets


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=24)
    parser.add_argument("--kinds", default="", help="only kinds whose name holds this")
    parser.add_argument("--sets", nargs="+", default=native.usable_sets(), help="instruction sets")
    arguments = parser.parse_args()
    table = Table(title=f"worst of {arguments.seeds} seeds; bounds in brackets")
    table.add_column("scenes")
    for isa in arguments.sets:
        table.add_column(f"{isa}\nimage, gradient")
    for column in ("image", "gradient", "of", "anywhere", "sure", "seen"):
        table.add_column(column, justify="right")
    beyond = 0
    for name, kind in KINDS.items():
        if arguments.kinds not in name:
            continue
        image, gradient, of_sets = worst(name, arguments.seeds, arguments.sets)
        worst_name = max(gradient.gradients, key=lambda key: gradient.gradients[key])
        beyond += image.image > kind.image or gradient.gradient > kind.gradient
        table.add_row(
            name, *(f"{a:.1e} {b:.1e}" for a, b in of_sets.values()), f"{image.image:.1e} ({kind.image:.0e})",
            f"{gradient.gradient:.1e} ({kind.gradient:.0e})", worst_name, f"{image.anywhere:.1e}", f"{image.sure:.2f}",
            f"{image.seen:.2f}",
        )  # fmt: skip
        print(name, *of_sets.values(), f"{image.image:.2e} {gradient.gradient:.2e} {worst_name}", f"sure {image.sure:.3f} seen {image.seen:.3f} anywhere {image.anywhere:.2e}", flush=True)
    Console(width=180).print(table)
    return 1 if beyond else 0


if __name__ == "__main__":
    sys.exit(main())

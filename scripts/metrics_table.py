"""One table of all runs below some folders, as Markdown or CSV: for a paper, an issue or a spreadsheet.

python scripts/metrics_table.py runs/ [--csv] [--sort psnr]
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

COLUMNS = ("psnr", "ssim", "lpips", "lpips_net", "flip", "num_gaussians", "max_steps", "train_seconds", "backend")


def rows(folders: list[Path]) -> Iterator[dict[str, Any]]:
    """The numbers of every metrics.json below the folders."""
    for folder in folders:
        for file in sorted(folder.rglob("metrics.json")):
            metrics = json.loads(file.read_text(encoding="utf-8"))
            protocol = (metrics.get("protocol") or {}).get("name")
            yield {"run": str(file.parent), "protocol": protocol, **{key: metrics.get(key) for key in COLUMNS}}


def shown(value: Any) -> str:
    """A cell of the Markdown table."""
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def main() -> int:
    """Print the table; the exit code is 1 when there are no runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--csv", action="store_true", help="CSV with all digits instead of Markdown")
    parser.add_argument("--sort", choices=COLUMNS, help="sort by this column, largest first")
    options = parser.parse_args()
    table = list(rows(options.folders))
    if not table:
        print("no metrics.json below", *options.folders, file=sys.stderr)
        return 1
    if options.sort:
        table.sort(key=lambda row: (row[options.sort] is not None, row[options.sort]), reverse=True)
    if options.csv:
        writer = csv.DictWriter(sys.stdout, table[0].keys())
        writer.writeheader()
        writer.writerows(table)
    else:
        print("| " + " | ".join(table[0]) + " |\n|" + " --- |" * len(table[0]))
        for row in table:
            print("| " + " | ".join(shown(value) for value in row.values()) + " |")
    return 0


if __name__ == "__main__":
    sys.exit(main())

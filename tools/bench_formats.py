#!/usr/bin/env python3
"""What every format makes of a scene: size, seconds, and how near its pictures come to the scene's.

    python tools/bench_formats.py RUN [RUN ...]
    python tools/bench_formats.py RUN --splat-transform node_modules/.bin/splat-transform     beside what it writes
    python tools/bench_formats.py RUN --write docs/formats.md            the table, into a page that has its marks

PSNR is that of `splat export`: the file is read again and drawn from up to eight of the run's test views, beside the
scene as it was trained. splat-transform (npm: @playcanvas/splat-transform) is given the run's scene.ply; its seconds
include its start. Its SPZ and GLB files stand otherwise than their readers here expect (docs/formats.md) and are turned
before they are compared. Formats that need a part that is not installed are said and left out.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from splat.errors import SplatError  # noqa: E402
from splat.evaluate.metrics import MAX_PSNR  # noqa: E402
from splat.exporting import kept  # noqa: E402
from splat.formats.registry import FORMATS, Format, read_scene, write_scene  # noqa: E402
from splat.run import Run, open_run  # noqa: E402
from tools.marked import write_between  # noqa: E402

START = "<!-- formats table: written by tools/bench_formats.py --write -->"
END = "<!-- end of the formats table -->"
PATIENCE = 120.0  # seconds for one file of the other program
TURNED = {  # what takes the other program's files to where ours stand
    "spz": torch.diag(torch.tensor([1.0, -1, -1, 1], dtype=torch.float64)),
    "glb": torch.diag(torch.tensor([-1.0, 1, -1, 1], dtype=torch.float64)),
}
OTHERS = {"compressed-ply": ".compressed.ply", "splat": ".splat", "spz": ".spz", "sog": ".sog", "glb": ".glb"}


@dataclass(frozen=True)
class Row:
    """One file."""

    format: str
    program: str
    megabytes: float
    write_seconds: float
    read_seconds: float
    psnr: float  # dB, mean over the views
    worst: float  # dB


def measured(
    run: Run, name: str, program: str, file: Path, write_seconds: float, turn: torch.Tensor | None = None
) -> Row:
    """Read a file, move it by `turn` [4, 4], and compare it with the run's scene."""
    started = time.perf_counter()
    read = read_scene(file)
    seconds = time.perf_counter() - started
    if turn is not None:
        read = read.transformed(turn)
    found = kept(read, run.scene(), run, None, run.notes)
    return Row(name, program, file.stat().st_size / 1e6, write_seconds, seconds, found.psnr, found.worst)


def rows_of(run: Run, command: list[str] | None, folder: Path) -> list[Row]:
    """Every format that is written, and what the other program writes of it."""
    rows = []
    for entry in FORMATS.values():
        if entry.writable and entry.readable and entry.content == "scene":
            found = ours(run, entry, folder) + (theirs(run, entry, command, folder) if command else [])
            print(*(line(row) for row in found), sep="\n", flush=True)
            rows += found
    return rows


def ours(run: Run, entry: Format, folder: Path) -> list[Row]:
    """The row of a format as it is written here; none where a part is missing."""
    file, scene = folder / f"ours{entry.suffixes[0]}", run.scene()
    started = time.perf_counter()
    try:
        write_scene(file, scene, entry.name, run.notes)
    except SplatError as problem:
        print(f"{entry.name} is left out: {problem}", flush=True)
        return []
    return [measured(run, entry.name, "splat", file, time.perf_counter() - started)]


def theirs(run: Run, entry: Format, command: list[str], folder: Path) -> list[Row]:
    """The row of a format as splat-transform writes it; none where it does not."""
    if entry.name not in OTHERS:
        return []
    file = folder / f"theirs{OTHERS[entry.name]}"
    started = time.perf_counter()
    words = [*command, "--overwrite", "-g", "cpu", str(run.scene_path), str(file)]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        print(f"splat-transform was stopped after {PATIENCE:g} s with {entry.name}", flush=True)
        return []
    seconds = time.perf_counter() - started
    if done.returncode or not file.is_file():
        said = (done.stderr or done.stdout).strip().splitlines()
        print(f"splat-transform wrote no {entry.name}: {said[-1] if said else done.returncode}", flush=True)
        return []
    return [measured(run, entry.name, "splat-transform", file, seconds, TURNED.get(entry.name))]


def line(row: Row) -> str:
    """One line of the table."""
    same = row.worst >= MAX_PSNR
    psnr = "the same" if same else f"{row.psnr:.1f} dB (worst {row.worst:.1f})"
    times = f"{row.write_seconds:.2f} s | {row.read_seconds:.2f} s"
    return f"| `{row.format}` | {row.program} | {row.megabytes:.2f} MB | {times} | {psnr} |"


def table(run: Run, rows: list[Row]) -> str:
    """The rows of one run."""
    head = "| format | written by | size | writing | reading | pictures, beside the scene's |"
    scene = run.scene()
    title = f"{run.name}: {len(scene):,} Gaussians, SH degree {scene.sh_degree}:"
    return "\n".join([title, "", head, "| --- | --- | --- | --- | --- | --- |", *map(line, rows)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--splat-transform", metavar="COMMAND", help="the command, where it is installed")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="page to put the tables into")
    given = parser.parse_args()
    command = shlex.split(given.splat_transform) if given.splat_transform else None
    tables = []
    for path in given.runs:
        run = open_run(path)
        with tempfile.TemporaryDirectory() as folder:
            tables.append(table(run, rows_of(run, command, Path(folder))))
    print("\n\n".join(tables))
    if given.write:
        write_between(given.write, START, END, "\n" + "\n\n".join(tables) + "\n")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""How long cameras of photos take to find, how many are found, and how well they fit those that are known.

    python tools/bench_cameras.py                                       fox and lund_street with every setting
    python tools/bench_cameras.py --captures fox mouse --settings default global
    python tools/bench_cameras.py --setting small "sfm_image_size=1000 sfm_features=2048" --settings default small
    python tools/bench_cameras.py --checkout before=../older --settings before:default default
    python tools/bench_cameras.py … --docs                              also into docs/benchmarks.md

NAME:SETTING is measured by the program in the checkout of that NAME, whose kernel must be built. Each measurement is a
process of its own, one at a time, that reads a folder with nothing but the photos (of a video its frames). Processor
seconds are of that process and of those that it starts, so that other work on the machine counts little. Errors are to
the known poses of fox after the similarity that fits best: the median turn, and the median distance as a share of the
mean distance of the cameras from their middle. The reprojection error is the model's own.

What was measured is one line of OUT/runs.jsonl (OUT: runs/bench_cameras), so that the same call goes on where it was
interrupted; runs are told apart by the program's files, too. Photos are looked for in $SPLAT_TEST_DATA, else in
../shared/data.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tools.bench_captures import Checkout  # noqa: E402
from tools.captures_at_hand import data_folder, put_photos  # noqa: E402

PHOTOS = {
    "fox": "fox/images",
    "desk": "desk/images",
    "lund_street": "captures/lund_street/images",
    "mouse": "captures/mouse/images",
    "fruit_ngp": "captures/fruit_ngp",
    "box_llff": "captures/box_llff/images",
    "record3d_door": "captures/record3d_door/rgb",
    "sacre_coeur_wild": "captures/sacre_coeur_wild",
    "video_phone": "captures/video_phone/batmobile.mp4",
    "kumamon": "captures/kumamon_two_models/images",
}
KNOWN = {"fox": "fox/transforms.json"}
SETTINGS = {
    "default": "",
    "all pairs": "matcher=exhaustive",
    "incremental": "mapper=incremental",
    "global": "mapper=global",
    "small": "sfm_image_size=1000 sfm_features=2048",
}
STAGES = {"Finding features": "features", "Matching photos": "matching", "Placing cameras": "mapping"}
PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- cameras table: written by tools/bench_cameras.py -->", "<!-- end of the cameras table -->"


@dataclass
class Measured:
    """One row."""

    capture: str
    setting: str
    program: str  # digest of the program's files
    photos: int
    posed: int = 0
    seconds: dict[str, float] = field(default_factory=dict)  # by stage, and all
    processor: dict[str, float] = field(default_factory=dict)
    rotation: float | None = None  # degrees, median
    position: float | None = None  # percent of the cameras' spread, median
    reprojection: float | None = None  # pixels, mean
    failed: str = ""  # what the program said


def processor_seconds(process: psutil.Process) -> float:
    """Of a process, its children that run and those that have ended; 0 when it is gone."""
    try:
        times = process.cpu_times()
        total = times.user + times.system + times.children_user + times.children_system
        return float(total + sum(processor_seconds(child) for child in process.children()))
    except psutil.NoSuchProcess:
        return 0.0


def follow(command: Sequence[str], folder: Path, environment: dict[str, str], row: Measured) -> str:
    """Run a command and put its stages' times into the row; returns its output."""
    started = time.monotonic()
    child = subprocess.Popen(
        list(command), cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stderr is not None and child.stdout is not None
    process = psutil.Process(child.pid)
    before, spent, last = started, 0.0, ""
    for line in child.stderr:
        last = line.strip() or last
        ended = re.match(r"(.+): [\d,/]+, .*took ", line)
        if ended:
            now, used = time.monotonic(), processor_seconds(process)
            stage = STAGES.get(ended[1], "other")
            row.seconds[stage] = row.seconds.get(stage, 0.0) + now - before
            row.processor[stage] = row.processor.get(stage, 0.0) + used - spent
            before, spent = now, used
    output = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    row.seconds["all"] = time.monotonic() - started
    row.processor["all"] = usage.ru_utime + usage.ru_stime
    row.failed = last if status else ""
    return output


def measure(capture: str, setting: str, words: str, checkout: Checkout, out: Path, threads: int) -> Measured:
    """Find the cameras of a capture's photos anew."""
    photos, cache = out / "photos" / capture, out / "cache"
    if not photos.is_dir():
        part = photos.with_name(f"{capture}.part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        put_photos(data_folder() / PHOTOS[capture], part)
        part.rename(photos)
    shutil.rmtree(cache, ignore_errors=True)
    row = Measured(capture, setting, checkout.program, sum(1 for _ in photos.iterdir()))
    job = [str(ROOT / "tools" / "cameras_job.py"), str(photos.resolve()), str(cache.resolve())]
    environment = {**os.environ, "PYTHONPATH": str(checkout.folder)}
    command = [sys.executable, *job, f"num_threads={threads}", *words.split()]
    output = follow(command, checkout.folder, environment, row)
    if not row.failed:
        found = json.loads(output.splitlines()[-1])
        row.posed, row.reprojection = len(found["poses"]), found["reprojection"]
        if capture in KNOWN:
            row.rotation, row.position = pose_errors(found["poses"], known_poses(data_folder() / KNOWN[capture]))
    shutil.rmtree(cache, ignore_errors=True)
    return row


def known_poses(file: Path) -> dict[str, np.ndarray]:
    """World-to-camera [4, 4], OpenCV's axes, by the photo's bare name, of a transforms.json."""
    frames = json.loads(file.read_text(encoding="utf-8"))["frames"]
    flip = np.diag([1.0, -1.0, -1.0, 1.0])
    return {
        Path(frame["file_path"]).name: np.linalg.inv(np.array(frame["transform_matrix"]) @ flip) for frame in frames
    }


def pose_errors(found: dict[str, Any], known: dict[str, np.ndarray]) -> tuple[float, float]:
    """Median turn in degrees and median distance in percent of the spread, after the similarity that fits best.

    Args:
        found: world-to-camera [4, 4] by name, in any frame and scale.
        known: world-to-camera [4, 4] by name; those of `found` must be among them.
    """
    from splat.alignment.similarity import umeyama

    ours = np.array([found[name] for name in sorted(found)])
    theirs = np.array([known[name] for name in sorted(found)])
    places, truth = (-np.einsum("cji,cj->ci", poses[:, :3, :3], poses[:, :3, 3]) for poses in (ours, theirs))
    fit = umeyama(places, truth)
    distances = np.linalg.norm(fit.apply(places) - truth, axis=1)
    spread = np.linalg.norm(truth - truth.mean(axis=0), axis=1).mean()
    turned = np.einsum("cij,kj,clk->cil", ours[:, :3, :3], fit.rotation, theirs[:, :3, :3])
    cosines = np.clip((np.trace(turned, axis1=1, axis2=2) - 1.0) / 2.0, -1.0, 1.0)
    return float(np.degrees(np.median(np.arccos(cosines)))), float(100.0 * np.median(distances) / spread)


def said(failure: str) -> str:
    """What failed, without the kind of error and the advice behind a semicolon."""
    return failure.partition(";")[0].rpartition("Error: ")[2]


def table(rows: Sequence[Measured]) -> str:
    """Markdown: a line for each measurement."""
    heads = ("capture", "setting", "placed", "s", "processor s", *STAGES.values(), "turn", "distance", "reprojection")
    lines = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    for row in rows:
        stages = [f"{row.processor[name]:.0f}" if name in row.processor else "" for name in STAGES.values()]
        errors = [
            "" if row.rotation is None else f"{row.rotation:.2f}°",
            "" if row.position is None else f"{row.position:.2f} %",
            "" if row.reprojection is None else f"{row.reprojection:.2f} px",
        ]
        placed = f"{row.posed} of {row.photos}" if not row.failed else f"failed: {said(row.failed)}"
        whole = [f"{row.seconds['all']:.0f}", f"{row.processor['all']:.0f}"]
        lines.append(f"| {' | '.join([row.capture, row.setting, placed, *whole, *stages, *errors])} |")
    return "\n".join(lines)


def write_docs(text: str, page: Path = PAGE) -> None:
    """Put the table between its markers."""
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


def rows_of(file: Path) -> list[Measured]:
    """What was measured before."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    return [Measured(**json.loads(line)) for line in lines]


def run(given: argparse.Namespace) -> None:
    """Measure what is missing, and write the table."""
    checkouts = {"": Checkout(ROOT), **{name: Checkout(Path(path)) for name, path in map(named, given.checkout)}}
    settings = {**SETTINGS, **dict(given.setting)}
    file = given.out / "runs.jsonl"
    given.out.mkdir(parents=True, exist_ok=True)
    for capture in given.captures:
        for setting in given.settings:
            version, _, name = setting.rpartition(":")
            checkout = checkouts[version]
            wanted = (capture, setting, checkout.program)
            known = [row for row in rows_of(file) if not row.failed]  # what failed is tried again
            if all((row.capture, row.setting, row.program) != wanted for row in known):
                row = measure(capture, setting, settings[name], checkout, given.out, given.threads)
                with file.open("a", encoding="utf-8") as lines:
                    lines.write(json.dumps(asdict(row)) + "\n")
                print(table([row]).splitlines()[-1], flush=True)
    programs = {checkout.program for checkout in checkouts.values()}
    newest = {(row.capture, row.setting, row.program): row for row in rows_of(file)}
    shown = [row for row in newest.values() if row.program in programs and row.capture in given.captures]
    text = table(sorted(shown, key=lambda row: list(PHOTOS).index(row.capture)))
    (given.out / "table.md").write_text(text + "\n", encoding="utf-8")
    print(text)
    if given.docs:
        write_docs(text)


def named(text: str) -> tuple[str, str]:
    """NAME=PATH."""
    name, _, path = text.partition("=")
    return name, path


def main() -> None:
    from tools.command import exit_code

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captures", nargs="+", choices=list(PHOTOS), default=["fox", "lund_street"])
    parser.add_argument("--settings", nargs="+", default=list(SETTINGS))
    parser.add_argument("--setting", nargs=2, action="append", default=[], metavar=("NAME", "WORDS"))
    parser.add_argument("--checkout", action="append", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "bench_cameras")
    parser.add_argument("--docs", action="store_true")
    given = parser.parse_args()
    raise SystemExit(exit_code(lambda: run(given)))


if __name__ == "__main__":
    main()

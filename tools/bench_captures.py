#!/usr/bin/env python3
"""Settings compared on all captures at hand, so that a default is chosen on more than the captures it was made on.

    python tools/bench_captures.py                                    default, mcmc, none; 1,000 steps, one seed
    python tools/bench_captures.py --list                             captures and settings
    python tools/bench_captures.py --captures mouse desk --settings improved mcmc --steps 1000 3000
    python tools/bench_captures.py --setting soft "strategy=mcmc loss.opacity_reg=0.003" --settings default soft
    python tools/bench_captures.py --checkout before=../older --settings before:default default
    python tools/bench_captures.py --seeds 0 1 2 --finalists default soft     others are trained with seed 0 only
    python tools/bench_captures.py … --tables                         train nothing, only tables and pictures
    python tools/bench_captures.py … --docs                           also into docs/captures-measured.md

The first of the settings is the one that others are compared with. NAME:SETTING is trained by the program in the
checkout of that NAME, whose kernel must be built; preparing captures and scoring colours is always done by this one.

One training at a time, `splat train` in a process of its own with two threads, the longest side of the photos about 480
pixels, the first and every 8th photo held out (a capture's own split wins: lego), the number of Gaussians as the preset
plans it unless a setting says cap_max. What a training found is one line of OUT/runs.jsonl, so that the same call goes
on where it was interrupted; a training that failed is said and tried again next time. Runs are told apart by the files
of the program that made them too: train from a worktree that nobody changes. `--any-version` also counts what other
versions of the program found. OUT/CAPTURE/SETTING-STEPS-SEED is the run folder, without checkpoints and pictures of
training views.

Cameras that a capture lacks are found once, into OUT/captures (tools/captures_at_hand.py). PSNR, SSIM, LPIPS and FLIP
are those of metrics.json over all held-out views; training PSNR is over up to 12 training views. Colour-corrected PSNR
(gsplat's affine form: each channel's gain and offset fitted to the very test photo, an upper bound) is computed here
from the 8-bit pictures, in the same way for all versions. Seconds are of training; processor seconds are of the whole
command with all its threads, so that other work on the machine counts little.

OUT (runs/bench_captures) then holds table.md and pictures/: a sheet for each capture (photo, first setting, last
setting or those of --pictures) of the test view that is worst on the mean of both, and index.html. Photos are looked
for in $SPLAT_TEST_DATA, else in ../shared/data, weights for LPIPS in $TORCH_HOME, else in their `weights` folder.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import resource
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tools.captures_at_hand import CAPTURES, TEST_EVERY, THREADS, CaptureAtHand, data_folder, source_of  # noqa: E402
from tools.captures_runs import Job, Run, finished  # noqa: E402

SETTINGS: dict[str, tuple[str, ...]] = {
    "default": (),
    **{name: (f"strategy={name}",) for name in ("improved", "mcmc", "none", "absgrad", "geotex", "fast")},
    "3dgs": ("strategy=default",),
}
PICTURE = "images/captures_demo.jpg"  # below docs
USUAL = ("default", "mcmc", "none")
PROGRAM = ("splat", "conf", "native")  # folders whose files decide what a training does
SOURCES = frozenset({".py", ".yaml", ".cpp", ".h", ".hpp"})


@dataclass(frozen=True)
class Checkout:
    """A folder with a version of the program."""

    folder: Path

    @property
    def program(self) -> str:
        """Digest of the files that decide what a training does, as they are now."""
        digest = hashlib.sha256()
        for path in sorted(path for name in PROGRAM for path in (self.folder / name).rglob("*")):
            if path.suffix in SOURCES and path.is_file():
                digest.update(path.relative_to(self.folder).as_posix().encode() + b"\0" + path.read_bytes())
        return digest.hexdigest()[:12]

    @cached_property
    def commit(self) -> str:
        """The short name of the commit, and whether something is changed since; empty where git does not know."""
        command = ["git", "-C", str(self.folder), "describe", "--always", "--dirty"]
        return subprocess.run(command, capture_output=True, text=True).stdout.strip()

    @cached_property
    def keys(self) -> frozenset[str]:
        """What `splat train` of this version can be told, as its help lists it.

        Raises:
            SystemExit: when it does not run.
        """
        done = self.splat("train", "--help")
        if done.returncode:
            raise SystemExit(f"error: splat does not run in {self.folder}: {last_line(done)}")
        return frozenset(re.findall(r"^ +([\w.]+)=", done.stdout, re.MULTILINE))

    def splat(self, *words: str) -> subprocess.CompletedProcess[str]:
        """The command of this version."""
        environment = {**os.environ, "PYTHONPATH": str(self.folder), "OMP_NUM_THREADS": str(THREADS)}
        environment["HF_HUB_OFFLINE"] = "1"  # weights of LPIPS: those that are there
        weights = data_folder() / "weights"
        if weights.is_dir():
            environment.setdefault("TORCH_HOME", str(weights.resolve()))
        command = [sys.executable, "-m", "splat", *words]
        return subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True)


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    """What a process said last."""
    lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return lines[-1] if lines else f"exit code {done.returncode}"


@dataclass(frozen=True)
class Plan:
    """What is trained: the options of a call, understood."""

    captures: list[str]
    settings: dict[str, tuple[str, ...]]  # by their full names, in order
    checkouts: dict[str, Checkout]  # "": this one
    seeds: list[int]
    steps: list[int]
    finalists: list[str]  # settings that all seeds are trained of

    def checkout(self, setting: str) -> Checkout:
        return self.checkouts[setting.rpartition(":")[0]]

    def jobs(self) -> list[Job]:
        """All trainings: first all captures and settings with the first seed, then the other seeds of the finalists."""
        return list(self._jobs())

    def _jobs(self) -> Iterator[Job]:
        programs = {name: checkout.program for name, checkout in self.checkouts.items()}
        for number, seed in enumerate(self.seeds):
            for steps in self.steps:
                for capture in self.captures:
                    for setting, words in self.settings.items():
                        if number == 0 or setting in self.finalists:
                            program = programs[setting.rpartition(":")[0]]
                            yield Job(capture, setting, words, seed, steps, program)


def plan_of(given: argparse.Namespace) -> Plan:
    """The plan that a call asks for.

    Raises:
        SystemExit: a name that nothing has.
    """
    known = {**SETTINGS, **{name: tuple(shlex.split(words)) for name, words in given.setting}}
    checkouts = {"": Checkout(ROOT)}
    for text in given.checkout:
        name, _, folder = text.partition("=")
        if not name or not (Path(folder) / "splat" / "cli.py").is_file():
            raise SystemExit(f"error: --checkout {text}: NAME=FOLDER of a checkout of the program")
        checkouts[name] = Checkout(Path(folder).resolve())
    names = given.settings or [*USUAL, *(name for name, _ in given.setting if name not in USUAL)]
    for name in [*names, *(given.finalists or [])]:
        place, _, setting = name.rpartition(":")
        if setting not in known or place not in checkouts:
            raise SystemExit(f"error: no setting {name}; there are {', '.join(known)}, and --setting NAME WORDS")
    settings = {name: known[name.rpartition(":")[2]] for name in names}
    return Plan(given.captures, settings, checkouts, given.seeds, given.steps, given.finalists or names)


def words_of(job: Job, capture: CaptureAtHand, data: Path, folder: Path, keys: frozenset[str]) -> list[str]:
    """What `splat train` is told; what the setting says comes last and wins."""
    own = {word.partition("=")[0] for word in job.words}
    shared = {
        "out": str(folder),
        "seed": str(job.seed),
        "max_steps": str(job.steps),
        "data_factor": f"{capture.data_factor:g}",
        "test_every": str(TEST_EVERY),
        "schedule.eval_every": "0",
        "schedule.save_every": "0",
        "render.num_threads": str(THREADS),
        **({"split": "3dgs"} if "split" in keys else {}),  # versions that know others
    }
    return [str(data), *(f"{key}={value}" for key, value in shared.items() if key not in own), *job.words]


def prepared(capture: CaptureAtHand, out: Path) -> Path:
    """The folder to train on, made on first use.

    Raises:
        RuntimeError: why there is none.
    """
    if capture.cameras == "own":
        source = source_of(capture, data_folder())
        if not source.exists():
            raise RuntimeError(f"there is no {source}")
        return source
    folder = out.resolve() / "captures" / capture.name
    if not folder.is_dir():
        print(f"{capture.name}: finding cameras", flush=True)
        command = [sys.executable, "-m", "tools.captures_at_hand", capture.name, str(folder)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(last_line(done))
        print(done.stdout.strip(), flush=True)
    return folder


def places(jobs: Sequence[Job], out: Path) -> dict[str, Path]:
    """Where to train the captures of some jobs; those that cannot be are said."""
    found = {}
    for name in dict.fromkeys(job.capture for job in jobs):
        try:
            found[name] = prepared(CAPTURES[name], out)
        except RuntimeError as problem:
            count = sum(job.capture == name for job in jobs)
            print(f"{name} is left out ({count} trainings): {problem}", flush=True)
    return found


def trained(job: Job, checkout: Checkout, data: Path, folder: Path) -> Run:
    """Train one job into a run folder and read its scores; {"error": why} where it failed."""
    from tools.captures_scores import scores_of

    shutil.rmtree(folder, ignore_errors=True)
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = checkout.splat("train", *words_of(job, CAPTURES[job.capture], data, folder, checkout.keys))
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        return {"error": last_line(done)}
    (folder / "said.txt").write_text(done.stderr + done.stdout, encoding="utf-8")
    for name in ("checkpoints", "renders/train", "report.html"):  # the report shows these renders
        path = folder / name
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    times = {"command_seconds": round(seconds, 1), "processor_seconds": round(processor, 1)}
    return {"commit": checkout.commit, **scores_of(folder), **times}


def run_all(plan: Plan, out: Path, any_version: bool = False) -> dict[Job, Run]:
    """Train what is missing; returns what is done then.

    Raises:
        SystemExit: the program changed, and trainings of several versions must not be mixed.
    """
    path, jobs = out / "runs.jsonl", plan.jobs()
    done = finished(jobs, path, any_version)
    missing = [job for job in jobs if job not in done]
    print(f"{len(jobs)} trainings, {len(done)} of them done before", flush=True)
    data = places(missing, out)
    missing = [job for job in missing if job.capture in data]
    for number, job in enumerate(missing, 1):
        checkout = plan.checkout(job.setting)
        program = checkout.program
        if program != job.program and not any_version:
            raise SystemExit(f"error: {checkout.folder} changed meanwhile; start again from one that nobody changes")
        found = trained(job, checkout, data[job.capture], out.resolve() / job.folder)
        label = f"[{number}/{len(missing)}] {job.capture} {job.setting} {job.steps:,} steps seed {job.seed}"
        if "error" in found:
            print(f"{label}: failed: {found['error']}", flush=True)
            continue
        line = json.dumps({"job": {**asdict(job), "program": program}, **found})
        with path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        done[job] = json.loads(line)
        print(f"{label}: {summary(found)}", flush=True)
    return {job: done[job] for job in jobs if job in done}


def summary(run: Run) -> str:
    """A training's figures in a few words."""
    training = "–" if run["train_psnr"] is None else f"{run['train_psnr']:.2f}"
    figures = f"{run['psnr']:.2f} dB (training {training}), {run['gaussians']:,} Gaussians"
    return f"{figures}, {run['train_seconds']:.0f} s, {run['processor_seconds']:.0f} s of processors"


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("--captures", nargs="+", default=list(CAPTURES), choices=list(CAPTURES), metavar="NAME")
    found.add_argument("--settings", nargs="+", metavar="[CHECKOUT:]NAME", help=f"{' '.join(USUAL)} and each --setting")
    found.add_argument("--setting", nargs=2, action="append", default=[], metavar=("NAME", "WORDS"))
    found.add_argument("--checkout", action="append", default=[], metavar="NAME=FOLDER")
    found.add_argument("--steps", nargs="+", type=int, default=[1000])
    found.add_argument("--seeds", nargs="+", type=int, default=[0])
    found.add_argument("--finalists", nargs="+", metavar="NAME", help="settings that all seeds are trained of (all)")
    found.add_argument("--pictures", nargs=2, metavar="SETTING", help="settings shown (the first and the last)")
    found.add_argument("--any-version", action="store_true", help="trainings of other versions of the program count")
    found.add_argument("--tables", action="store_true", help="train nothing")
    found.add_argument("--docs", action="store_true", help="also write docs/captures-measured.md")
    found.add_argument("--list", action="store_true", help="captures and settings")
    found.add_argument("--out", type=Path, default=ROOT / "runs" / "bench_captures")
    return found


def show_list() -> None:
    for capture in CAPTURES.values():
        print(
            f"{capture.half}  {capture.name:18} {capture.place}, data_factor={capture.data_factor:g}, {capture.cameras}"
        )
    for name, words in SETTINGS.items():
        print(f"   {name:18} {' '.join(words) or '(what the program does by itself)'}")


def main() -> None:
    given = parser().parse_args()
    if given.list:
        show_list()
        return
    plan = plan_of(given)
    shown = given.pictures or [next(iter(plan.settings)), list(plan.settings)[-1]]
    given.out.mkdir(parents=True, exist_ok=True)
    if given.tables:
        done = finished(plan.jobs(), given.out / "runs.jsonl", given.any_version)
    else:
        done = run_all(plan, given.out, given.any_version)
    if not done:
        return
    from tools import captures_pictures, captures_tables

    runs = list(done.values())
    print(captures_tables.write_tables(runs, given.out))
    sheets = captures_pictures.write_sheets(runs, shown[0], shown[1], given.out)
    if given.docs:
        put_into_docs(runs, sheets.get("demo"))


def put_into_docs(runs: list[Run], sheet: Path | None) -> None:
    """The tables and the demo's sheet into the docs: photos of other captures are not the project's to show."""
    from tools import captures_pictures, captures_tables

    if sheet is not None:
        captures_pictures.put_into_docs(sheet, ROOT / "docs" / PICTURE)
    command = "python tools/bench_captures.py " + shlex.join(sys.argv[1:])
    picture = PICTURE if (ROOT / "docs" / PICTURE).is_file() else ""
    captures_tables.put_into_docs(runs, command, ROOT / "docs" / "captures-measured.md", picture)


if __name__ == "__main__":
    main()

"""The trainings of tools/bench_captures.py and the file that remembers them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

Run = dict[str, Any]  # a line of runs.jsonl: job, commit, and what tools/captures_scores.py reads


@dataclass(frozen=True)
class Job:
    """One training."""

    capture: str
    setting: str  # perhaps with the name of a checkout and a colon before it
    words: tuple[str, ...]  # what `splat train` is told beside what all are told
    seed: int
    steps: int
    program: str  # digest of the files that train

    @property
    def key(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @property
    def loose_key(self) -> str:
        """The key without the version of the program."""
        return json.dumps({**asdict(self), "program": ""}, sort_keys=True)

    @property
    def folder(self) -> Path:
        """The run folder, below OUT."""
        return Path(self.capture) / f"{self.setting.replace(':', '.')}-{self.steps}-{self.seed}"


def job_of(run: Run) -> Job:
    """The job of a line of runs.jsonl."""
    return Job(**{**run["job"], "words": tuple(run["job"]["words"])})


def read_runs(path: Path) -> list[Run]:
    """Finished trainings, the oldest first; a line that was cut off by an interruption is left out."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return found


def finished(jobs: Sequence[Job], path: Path, any_version: bool = False) -> dict[Job, Run]:
    """The jobs that are done, with their runs; the last of several rules."""
    runs = read_runs(path)
    exact = {job_of(run).key: run for run in runs}
    loose = {job_of(run).loose_key: run for run in runs} if any_version else {}
    found = {job: exact.get(job.key) or loose.get(job.loose_key) for job in jobs}
    done = {job: run for job, run in found.items() if run is not None}
    others = sum(run["job"]["program"] != job.program for job, run in done.items())
    if others:
        print(f"{others} of {len(done)} finished trainings are of other versions of the program", flush=True)
    return done

"""Millions of damaged files for the readers of captures and of scene files: each must be read, or refused in one line.

    python -m tools.fuzz_files OUT [PARSER ...] [--inputs 100000] [--seconds 20] [--seed 1]

Inputs follow the parsers' branches where atheris is installed (`pip install atheris`), else they are blind mutations.
Each parser runs in a process of its own. What raises anything but one line of SplatError, takes longer than
`--seconds`, more than the memory allowed or leaves a file behind is kept in OUT; OUT/report.json has counts and times.
The same seed makes the same inputs again: what is to be added to an earlier run takes another one.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib
import importlib.util
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.parser import Parser

MEMORY = 4096  # megabytes that one process may take
MOST_FOUND = 50  # different failures that are kept of a parser


class Trial:
    """Runs one parser on inputs and counts what becomes of them."""

    def __init__(self, name: str, out: Path, inputs: int) -> None:
        from tests.parser import prepared
        from tests.parsers import PARSERS

        self.parser, self.out, self.inputs = PARSERS[name], out, inputs
        self.folder = Path(tempfile.mkdtemp(prefix=f"fuzz-{name}-"))
        self.file = prepared(self.parser, self.folder)
        self.there = sorted(self.folder.rglob("*"))
        self.begin = time.monotonic()
        self.counts = {"inputs": 0, "read": 0, "refused": 0, "failures": 0}
        self.slowest = 0.0
        self.kinds: set[str] = set()

    def __call__(self, content: bytes) -> None:
        """Try one input."""
        from splat import console
        from splat.errors import SplatError

        console._warned.clear()
        self.file.write_bytes(content)
        start = time.monotonic()
        try:
            self.parser.read(self.folder, self.file)
            self.counts["read"] += 1
        except SplatError as refused:
            self.counts["refused"] += 1
            if "\n" in str(refused) or not str(refused).strip():
                self._keep(content, "message", str(refused))
        except Exception as failure:
            where = traceback.extract_tb(failure.__traceback__)[-1]
            self._keep(content, f"{type(failure).__name__} at {where.filename}:{where.lineno}", traceback.format_exc())
        self.slowest = max(self.slowest, time.monotonic() - start)
        self.counts["inputs"] += 1
        if self.counts["inputs"] % 5000 == 0 or self.counts["inputs"] >= self.inputs:
            if sorted(self.folder.rglob("*")) != self.there:
                self._keep(content, "files", "something was written")
            self.report()

    def _keep(self, content: bytes, kind: str, text: str) -> None:
        """Keep the input of a failure of a kind that is new."""
        self.counts["failures"] += 1
        if kind in self.kinds or len(self.kinds) >= MOST_FOUND:
            return
        self.kinds.add(kind)
        path = self.out / f"{self.parser.name}-{hashlib.sha256(content).hexdigest()[:12]}"
        path.write_bytes(content)
        path.with_suffix(".txt").write_text(f"{kind}\n{text}\n")

    def report(self) -> None:
        """Write what has been counted so far."""
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        seconds = round(time.monotonic() - self.begin, 1)
        found: dict[str, Any] = {**self.counts, "kinds": sorted(self.kinds), "seconds": seconds}
        found |= {"slowest_seconds": round(self.slowest, 3), "peak_megabytes": memory}
        (self.out / f"{self.parser.name}.json").write_text(json.dumps(found))


def mutator(parser: Parser) -> Callable[[bytes, int, int], bytes]:
    """What makes an input of another: libFuzzer's own changes, odd values in JSON, and damage to a whole file.

    Changed bytes alone are seldom JSON, or a file whose header fits what follows.
    """
    import atheris

    from tests.fuzz import damaged, odd_records

    def mutated(data: bytes, most: int, seed: int) -> bytes:
        changed = b""
        if parser.file.endswith((".json", ".gltf")) and seed % 5:
            with contextlib.suppress(ValueError, RecursionError, StopIteration):
                changed = json.dumps(next(odd_records(json.loads(data), seed, 1))).encode()
        elif seed % 3 == 0:
            changed = next(damaged(parser.seeds[seed // 3 % len(parser.seeds)], seed, 1))
        return changed if 0 < len(changed) <= most else bytes(atheris.Mutate(data, most))

    return mutated


def run_guided(name: str, out: Path, inputs: int, seconds: int, start: int) -> None:
    """Inputs that follow the parser's branches; does not return."""
    import atheris

    with atheris.instrument_imports(include=["splat.capture", "splat.formats", "plyfile"]):
        importlib.import_module("splat.capture.readers.registry")
        importlib.import_module("tests.parsers")
    trial = Trial(name, out, inputs)
    corpus, words = trial.folder.with_name(trial.folder.name + "-corpus"), out / f"{name}.words"
    corpus.mkdir()
    for number, seed in enumerate(trial.parser.seeds):
        (corpus / str(number)).write_bytes(seed)
    lines = ['"' + "".join(f"\\x{byte:02x}" for byte in word) + '"' for word in trial.parser.words]
    words.write_text("\n".join(lines))
    options = [f"-runs={inputs}", f"-seed={start}", f"-timeout={seconds}", f"-rss_limit_mb={MEMORY}"]
    options += [
        f"-dict={words}",
        f"-artifact_prefix={out}/{name}-killed-",
        f"-max_len={max(4096, 2 * max(map(len, trial.parser.seeds)))}",
        "-mutate_depth=1",
        str(corpus),
    ]
    atheris.Setup([sys.argv[0], *options], trial, custom_mutator=mutator(trial.parser))
    atheris.Fuzz()


def run_blind(name: str, out: Path, inputs: int, seconds: int, start: int) -> None:
    """Blind mutations of the whole inputs."""
    import signal

    from tests.fuzz import damaged

    trial = Trial(name, out, inputs)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY << 20, MEMORY << 20))

    def late(*_: object) -> None:
        raise TimeoutError(f"more than {seconds} s")

    signal.signal(signal.SIGALRM, late)
    share = -(-inputs // len(trial.parser.seeds))
    for number, seed in enumerate(trial.parser.seeds):
        for content in damaged(seed, 1000 * start + number, share):
            signal.alarm(seconds)
            trial(content)
    signal.alarm(0)


def main() -> int:
    """Run the parsers one after another and print what came of it."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("out", type=Path)
    ask.add_argument("parsers", nargs="*", metavar="PARSER", help="all of tests/parsers.py where none is given")
    ask.add_argument("--inputs", type=int, default=100_000)
    ask.add_argument("--seconds", type=int, default=20)
    ask.add_argument("--seed", type=int, default=1)
    ask.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = ask.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    guided = importlib.util.find_spec("atheris") is not None
    if given.child:  # which must not import what is to be followed before it is prepared for that
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115, PTH123 (warnings about the damage)
        (run_guided if guided else run_blind)(given.parsers[0], given.out, given.inputs, given.seconds, given.seed)
        return 0
    from tests.parsers import PARSERS

    if unknown := set(given.parsers) - set(PARSERS):
        ask.error(f"no such parser: {', '.join(sorted(unknown))}")
    results = {}
    for name in given.parsers or PARSERS:
        command = [sys.executable, "-W", "ignore", "-m", "tools.fuzz_files", str(given.out), name, "--child"]
        command += [f"--inputs={given.inputs}", f"--seconds={given.seconds}", f"--seed={given.seed}"]
        rc = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
        file = given.out / f"{name}.json"
        results[name] = {**(json.loads(file.read_text()) if file.is_file() else {"inputs": 0}), "exit": rc}
        print(name, json.dumps(results[name]), flush=True)
    (given.out / "report.json").write_text(json.dumps({"guided": guided, "parsers": results}, indent=2) + "\n")
    short = [name for name, found in results.items() if found["inputs"] < given.inputs or found["failures"]]
    print(f"failures or cut short: {', '.join(short)}" if short else "all inputs were read or refused in one line")
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Uses the viewer for a long time and watches its memory: questions, edits, undos and two tabs that come and go.

    splat train data/demo preset=fast name=soak && splat distill runs/demo/soak
    python tools/soak_view.py runs/demo/soak --minutes 60

Works on a copy of the run. One line a round: minutes, resident memory of the viewer in MB, rounds and edits so far, and
requests that failed. At the end: memory after the first fifth and at the end, which must not differ by more than a
tenth. The viewer is a process of its own, driven through the page of two tabs in headless Chromium.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tools.viewer_page import Tab, browser  # noqa: E402

if TYPE_CHECKING:
    from playwright.sync_api import Browser

WARM = 0.2  # share of the time in which caches fill
GROWTH = 1.1  # of memory from then on


@dataclass
class Soak:
    """What has been seen so far."""

    process: psutil.Process
    memory: list[tuple[float, float]] = field(default_factory=list)  # (minutes, MB)
    rounds: int = 0
    edits: int = 0
    failures: list[str] = field(default_factory=list)

    def look(self, minutes: float) -> None:
        """Note and print the memory now, without that of commands that the viewer has started."""
        self.memory.append((minutes, self.process.memory_info().rss / 1e6))
        print(
            f"{minutes:6.1f} min  {self.memory[-1][1]:7.0f} MB  {self.rounds:4d} rounds  {self.edits:4d} edits"
            f"  {len(self.failures)} failures",
            flush=True,
        )


def main() -> int:
    """Run it; 1 where memory grew or something failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="a finished run with a language field")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--words", nargs="+", default=["red mug", "clock", "patterned rug"])
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, browser() as chromium:
        copy = Path(scratch) / "run"
        shutil.copytree(chosen.run, copy, ignore=shutil.ignore_patterns("edits", "checkpoints"))
        viewer = subprocess.Popen(
            [sys.executable, "-m", "splat", "view", str(copy), "port=0"], stdout=subprocess.PIPE, text=True
        )
        assert viewer.stdout is not None
        address = viewer.stdout.readline().strip()
        soak = Soak(psutil.Process(viewer.pid))
        try:
            use(chromium, address, soak, chosen.minutes, chosen.words)
        finally:
            viewer.send_signal(2)
            code = viewer.wait(60)
    return verdict(soak, chosen.minutes, code)


def use(chromium: Browser, address: str, soak: Soak, minutes: float, words: list[str]) -> None:
    """Rounds in one tab that stays and one that is opened anew each time."""
    began = time.monotonic()
    stays = Tab(chromium, address)
    soak.look(0.0)
    while (passed := (time.monotonic() - began) / 60) < minutes:
        comes = Tab(chromium, address)
        a_round(soak, stays, comes, words[soak.rounds % len(words)])
        comes.close()
        soak.rounds += 1
        soak.look(passed)


def a_round(soak: Soak, stays: Tab, comes: Tab, word: str) -> None:
    """A question in both tabs, an edit and its undo in one, a turn in the other."""
    for what, action in (
        ("ask, new tab", lambda: comes.ask(word)),
        ("ask", lambda: stays.ask(word)),
        ("edit", stays.fade),
        ("walk", comes.walk),
        ("undo", stays.undo),
    ):
        try:
            action()
            soak.edits += what == "edit"
        except Exception as problem:  # goes on: one failure is no reason to stop after half an hour
            soak.failures.append(f"{what}: {str(problem).splitlines()[0]}")


def verdict(soak: Soak, minutes: float, code: int) -> int:
    """Print how it went; 0 for well."""
    warm = [memory for when, memory in soak.memory if when >= WARM * minutes] or [soak.memory[-1][1]]
    early, late = sorted(warm[: max(1, len(warm) // 4)]), sorted(warm[-max(1, len(warm) // 4) :])
    first, last = early[len(early) // 2], late[len(late) // 2]
    print(f"memory {first:.0f} MB after {WARM:.0%} of the time, {last:.0f} MB at its end: {last / first - 1:+.1%}")
    for failure in soak.failures[:10]:
        print(re.sub(r"\s+", " ", failure))
    print(f"the viewer ended with code {code}")
    return int(last > GROWTH * first or bool(soak.failures) or code not in (0, 130))


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Makes the viewer's pictures of the docs, from a finished run of the demo with a language field.

    splat train data/demo name=docs && splat distill runs/demo/docs
    python -m tools.docs_viewer runs/demo/docs [--only look depth ask …] [--out docs/images]

The run stays as it is: everything happens to a copy. Needs Chromium and playwright.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tools.viewer_page import Tab, browser

ROOT = Path(__file__).resolve().parents[1]


def look(tab: Tab) -> None:
    """The scene as it opens."""


def photos(tab: Tab) -> None:
    """A held-out photo beside its render."""
    tab.open("Look", "Photos")
    tab.choose("Photo", "0008.jpg")
    tab.press("Stand there and compare")
    tab.page.get_by_text("PSNR").wait_for()


def depth(tab: Tab) -> None:
    """Depth."""
    tab.choose("Shows", "depth")


def ask(tab: Tab) -> None:
    """A question."""
    tab.ask("orange cushion", select=False)


def edit(tab: Tab) -> None:
    """A selection in another colour, not yet applied."""
    tab.ask("orange cushion")
    tab.open("Look")
    tab.choose("Shows", "colours")
    tab.open("Edit")
    tab.choose("Do", "recolor")
    tab.press("Preview")
    tab.page.get_by_text("nothing is written").wait_for()


def clean(tab: Tab) -> None:
    """What a clean-up would take."""
    tab.open("Edit", "Clean up")
    tab.fill("Large: times usual", "6")
    tab.page.get_by_text("Gaussians would go").wait_for()


def weather(tab: Tab) -> None:
    """Snow."""
    tab.open("Make", "Weather")
    tab.choose("Effect", "snow")
    time.sleep(30.0)  # the first preparation looks at the scene from above


def path(tab: Tab) -> None:
    """Keyframes of a camera path."""
    tab.open("Make", "Camera path")
    for _ in range(3):
        tab.press("Add keyframe here")
        tab.walk()


PICTURES: dict[str, Callable[[Tab], None]] = {
    function.__name__: function for function in (look, photos, depth, ask, edit, clean, weather, path)
}


def main() -> int:
    """Make them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--only", nargs="+", choices=PICTURES, default=list(PICTURES))
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, browser() as chromium:
        copy = Path(scratch) / chosen.run.name
        shutil.copytree(chosen.run, copy, ignore=shutil.ignore_patterns("edits", "checkpoints"))
        command = [sys.executable, "-m", "splat", "view", str(copy), "port=0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as viewer:
            assert viewer.stdout is not None
            address = viewer.stdout.readline().strip()
            try:
                for name in chosen.only:
                    tab = Tab(chromium, address)
                    PICTURES[name](tab)
                    tab.picture(chosen.out / f"viewer_{name}.jpg")
                    tab.close()
                    print(chosen.out / f"viewer_{name}.jpg", flush=True)
            finally:
                viewer.send_signal(2)
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""How the viewer feels: seconds to the first picture, frames a second while walking, seconds of an exact picture.

    python -m tools.bench_walking runs/demo/default [scene.ply …]

Headless Chromium draws WebGL by software here, on the same cores as everything else: with a GPU, walking is faster.
Frames are counted by the page itself over five seconds of dragging. The exact picture is that of a whole tab of
1280x800, its time that of our renderer, the encoding and the sending together, the median of five.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

from splat.view.app import ViewOptions
from splat.view.serving import open_app
from tools.viewer_page import Tab, browser

SECONDS = 5.0
COUNTER = """() => {
    window.frames_drawn = 0;
    const count = () => { window.frames_drawn++; requestAnimationFrame(count) };
    requestAnimationFrame(count)
}"""


def main() -> int:
    """Print one line for each scene."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenes", nargs="+", type=Path)
    parser.add_argument("--splats", type=int, default=ViewOptions.splats, help="that the browser draws at most")
    chosen = parser.parse_args()
    with browser() as chromium:
        for scene in chosen.scenes:
            app = open_app([scene], ViewOptions(port=0, splats=chosen.splats))
            began = time.monotonic()
            tab = Tab(chromium, f"http://127.0.0.1:{app.server.get_port()}", patient=False)
            while not app.pages or next(iter(app.pages.values())).last_seconds == 0:
                time.sleep(0.01)
            first, page = time.monotonic() - began, next(iter(app.pages.values()))
            rate = frames_a_second(tab)
            exact = []
            for _ in range(5):
                page.last_seconds = 0.0
                page.redraw()
                while page.last_seconds == 0:
                    time.sleep(0.01)
                exact.append(page.last_seconds)
            count = len(app.scene.renderer.scene)
            print(
                f"{scene}: {count:,} Gaussians, {len(app.walking.centers):,} while walking: first picture"
                f" {first:.1f} s, {rate:.1f} frames a second, exact picture {statistics.median(exact):.2f} s",
                flush=True,
            )
            tab.close()
            app.stop()
    return 0


def frames_a_second(tab: Tab) -> float:
    """Frames that the browser draws while the camera is dragged about."""
    mouse = tab.page.mouse
    mouse.move(300, 500)
    mouse.down()
    tab.page.evaluate(COUNTER)
    began = time.monotonic()
    step = 0
    while time.monotonic() - began < SECONDS:
        step += 1
        mouse.move(300 + 40 * (step % 5), 500 - 10 * (step % 3))
    drawn, seconds = tab.page.evaluate("() => window.frames_drawn"), time.monotonic() - began
    mouse.up()
    return float(drawn) / seconds


if __name__ == "__main__":
    sys.exit(main())

"""`python -m tools.demo_world`: make data/demo, or a variant of it."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

from splat.console import info, warn
from splat.errors import SplatError
from tools.demo_world.dataset import Options, generate, quick


def parse(arguments: list[str] | None = None) -> Options:
    """Options from the command line."""
    default = Options(out=Path("data/demo"))
    parser = argparse.ArgumentParser(prog="python -m tools.demo_world", description=__doc__)
    parser.add_argument("--out", type=Path, default=default.out, help="folder of the capture (%(default)s)")
    parser.add_argument("--size", type=int, default=default.width, help="image width in pixels, 4:3 (%(default)s)")
    parser.add_argument("--views", type=int, default=default.views, help="number of views (%(default)s)")
    parser.add_argument("--samples", type=int, default=default.samples, help="N x N rays for each pixel (%(default)s)")
    parser.add_argument("--seed", type=int, default=default.seed, help="of path, light and sparse points (%(default)s)")
    parser.add_argument("--without", default=default.twin, help="object that the twin lacks, or 'none' (%(default)s)")
    parser.add_argument(
        "--twin-every", type=int, default=default.twin_every, help="training views of the twin (%(default)s)"
    )
    parser.add_argument(
        "--threads", type=int, default=default.threads, help="threads for ray casting, 0 for all (%(default)s)"
    )
    parser.add_argument("--quick", action="store_true", help="small images and few rays, to look at a change")
    given = parser.parse_args(arguments)
    options = replace(
        default,
        out=given.out,
        width=given.size,
        views=given.views,
        samples=given.samples,
        seed=given.seed,
        twin=None if given.without == "none" else given.without,
        twin_every=given.twin_every,
        threads=given.threads,
    )
    return quick(options) if given.quick else options


def main(arguments: list[str] | None = None) -> int:
    """Run the generator; returns the exit code."""
    start = time.monotonic()
    try:
        generate(parse(arguments))
    except SplatError as error:
        warn(str(error))
        return 2
    except ImportError as error:
        warn(f"{error}; on Debian: apt-get install libusb-1.0-0 libgl1 libgomp1 libx11-6 (for open3d)")
        return 2
    info(f"took {time.monotonic() - start:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())

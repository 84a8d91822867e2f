"""`splat align`: scale, up and origin of a run, into RUN/frame.json."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from splat.alignment.config import AlignOptions
from splat.commands import SUMMARIES
from splat.commands.app import Command, shown, user_path
from splat.errors import SplatError
from splat.options import option
from splat.run import open_run


@dataclass
class AlignWords:
    """The key of `splat align` that is not about how."""

    run: str = option("", "the run folder; its scene and cameras stay as they are, only frame.json is written")


@dataclass
class AlignConfig(AlignOptions, AlignWords):
    """`splat align`."""


def run(config: AlignConfig) -> None:
    """Find the frame; prints the name of its file."""
    if not config.run:
        raise SplatError("which one? splat align RUN")
    opened = open_run(user_path(config.run))  # before torch is imported, which takes seconds
    from splat.alignment.align import align_run
    from splat.frame import frame_file

    names = [item.name for item in dataclasses.fields(AlignOptions)]
    align_run(opened, AlignOptions(**{name: getattr(config, name) for name in names}))
    print(shown(frame_file(opened.path)))


COMMAND = Command(
    name="align",
    summary=SUMMARIES["align"],
    config=AlignConfig,
    run=run,
    words=("run",),
    examples=(
        "splat align RUN                          GPS in the photos",
        "splat align RUN gps=places.csv accuracy=0.05",
        "splat align RUN points=surveyed.csv",
        'splat align RUN distance=0.85 between="0001:240,180 0001:410,176"',
        'splat align RUN markers=0.16 ground="0001:60,400 0001:500,410 0007:320,300"',
        "splat align RUN to=runs/garden/in-may",
        "splat export RUN frame=aligned           then: metres, z up",
    ),
)

"""`splat clean`: weather out of the photos, into a new capture folder."""

from __future__ import annotations

import shlex

from splat import console
from splat.commands import SUMMARIES
from splat.commands.app import Command, user_path
from splat.errors import SplatError
from splat.weather.clean.config import RESTORERS, CleanConfig


def run(config: CleanConfig) -> None:
    """Clean; prints the new folder."""
    if not config.data:
        raise SplatError("which photos? splat clean DATA")
    config.data = str(user_path(config.data))
    config.out = None if config.out is None else str(user_path(config.out))
    from splat.weather.clean.clean import clean

    folder = clean(config)
    following = shlex.join(["splat", "train", str(folder)])
    console.info(f"before, after and masks: {folder / 'clean.png'}; next: {following}")
    print(folder)


COMMAND = Command(
    name="clean",
    summary=SUMMARIES["clean"],
    config=CleanConfig,
    run=run,
    words=("data",),
    schemas={"restorer": RESTORERS},
    sweeps=False,
    examples=(
        "splat clean photos/",
        "splat clean rainy_walk.mp4 weather=rain restorer=classical",
        "splat clean DATA weather=drops out=DATA-masked",
        "splat clean DATA restorer=learned restorer.model=derain.pt",
    ),
)

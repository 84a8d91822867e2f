"""The training photos on disk: rendered once, by several processes, resumed after an interruption."""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from splat.console import progress
from splat.files import atomic_path
from tools.demo_teacher.things import Thing
from tools.demo_teacher.worlds import Shot, shots


def make_photos(folder: Path, rooms: list[int], views: int, processes: int) -> list[Path]:
    """Photos of rooms of the registry, `views` each; those that exist stay. Returns their files in a fixed order."""
    wanted = {room: [folder / f"{room:04d}-{view:02d}.npz" for view in range(views)] for room in rooms}
    missing = [room for room, paths in wanted.items() if not all(path.is_file() for path in paths)]
    if missing:
        done = len(rooms) - len(missing)
        fresh = get_context("spawn")  # the ray caster's threads do not survive a fork
        with (
            progress("Rendering rooms", len(rooms), "room", completed=done) as bar,
            ProcessPoolExecutor(processes, mp_context=fresh) as pool,
        ):
            for finished in as_completed([pool.submit(_room, wanted[room], room) for room in missing]):
                finished.result()
                bar.advance()
    return [path for paths in wanted.values() for path in paths]


def room_of(path: Path) -> int:
    """The room of a photo's file."""
    return int(path.stem.split("-")[0])


def _room(paths: list[Path], room: int) -> None:
    for path, shot in zip(paths, shots(room, len(paths))):
        write_shot(path, shot)


def write_shot(path: Path, shot: Shot) -> None:
    """A photo, its labels and its things in one compressed file."""
    things = json.dumps([[thing.kind, *thing.colors] for thing in shot.things])
    with atomic_path(path) as temporary:
        np.savez_compressed(temporary, image=shot.image, labels=shot.labels, things=np.array(things))


def read_shot(path: Path) -> Shot:
    """What `write_shot` wrote."""
    with np.load(path, allow_pickle=False) as file:
        things = [Thing(kind, tuple(colors)) for kind, *colors in json.loads(str(file["things"]))]
        return Shot(file["image"], file["labels"], things)

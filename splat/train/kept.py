"""What makes a folder a run, kept in memory while it is trained, should somebody take the folder away."""

from __future__ import annotations

from pathlib import Path

from splat import running
from splat.console import warn
from splat.files import atomic_path
from splat.run import POINTS
from splat.running import Holder, holder_of

NAMES = ("config.yaml", "cameras.json", POINTS)


class RunFiles:
    """The folder that a training writes to, with the files that it wrote at its beginning."""

    def __init__(self, folder: Path) -> None:
        self.path = folder
        self._contents = {name: (folder / name).read_bytes() for name in NAMES if (folder / name).is_file()}
        sign = folder / running.NAME
        self._holder = Holder.read(sign)
        if self._holder is not None:
            self._contents[running.NAME] = sign.read_bytes()

    def restore(self) -> bool:
        """Write anew what was removed, or moved elsewhere, and say so; returns whether anything was.

        Where another training has begun in the folder meanwhile, this one goes on in a folder beside it.

        Raises:
            SplatError: when the disk refuses.
        """
        other = holder_of(self.path)
        if other is not None and self._holder is not None and other != self._holder:
            taken, number = self.path, 1
            while self.path.exists():
                self.path, number = taken.with_name(f"{taken.name}.moved-{number}"), number + 1
            self._contents.pop(running.NAME, None)
            warn(f"{taken}: another training is {other}; this one goes on in {self.path}")
        missing = [name for name in self._contents if not (self.path / name).exists()]
        for name in missing:
            with atomic_path(self.path / name) as temporary:
                temporary.write_bytes(self._contents[name])
        if missing:
            gone = ", ".join(name for name in missing if name != running.NAME)
            warn(f"{self.path}: {gone or running.NAME} went away while training ran; written anew")
        return bool(missing)

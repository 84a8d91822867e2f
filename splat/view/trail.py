"""Where a viewer of scene files stands among those that its edits have written."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from splat.errors import SplatError


@dataclass
class FileTrail:
    """The scene files that a viewer went through: a file has no history of its own."""

    files: list[Path] = field(default_factory=list)
    at: int = -1  # which one is shown

    def add(self, before: Path, after: Path) -> None:
        """An edit made one file of another; what was undone before is forgotten, and stays on the disk."""
        kept = self.files[: self.at + 1] or [before]
        self.files, self.at = [*kept, after], len(kept)

    def step(self, by: int) -> Path:
        """Go back or forward.

        Raises:
            SplatError: there is none.
        """
        if not 0 <= self.at + by < len(self.files):
            raise SplatError(f"there is nothing to {'undo' if by < 0 else 'redo'}")
        self.at += by
        return self.files[self.at]

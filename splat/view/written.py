"""Files that a tab writes: under names that are free, and handed to the browser where they are not too large."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from splat.errors import SplatError
from splat.files import first_free, slug
from splat.view.jobs import Ended

if TYPE_CHECKING:
    from splat.view.page import Page

LARGEST = 500_000_000  # bytes; the whole file passes through memory


def free_file(folder: Path, name: str, suffix: str) -> Path:
    """A file that does not exist, in a folder that may not either: FOLDER/NAME.suffix, or with a number."""
    stem = slug(name, "untitled")
    return folder / f"{first_free(stem, lambda taken: (folder / f'{taken}{suffix}').exists())}{suffix}"


def files_in(folder: Path, suffix: str) -> list[Path]:
    """Files of that kind, the newest first."""
    found = [path for path in folder.glob(f"*{suffix}") if path.is_file()]
    return sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)


def file_written(ended: Ended, suffixes: Iterable[str]) -> Path | None:
    """The last line of a command's output that names a file with one of these suffixes."""
    paths = [Path(line) for line in ended.output if line.lower().endswith(tuple(suffixes))]
    return next((path for path in reversed(paths) if path.is_file()), None)


def size_in_words(size: int) -> str:
    """Bytes for people."""
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.1f} kB"


class Download:
    """A button that hands the file that was written last to the browser; unseen until there is one."""

    def __init__(self, page: Page, label: str) -> None:
        self.page = page
        self.path: Path | None = None
        self._button = page.gui.add_button(label, visible=False)
        self._button.on_click(page.answering(lambda event: self.send()))

    def offer(self, path: Path) -> None:
        """Have this file handed over when somebody asks."""
        self.path = path
        self._button.visible = path.stat().st_size <= LARGEST

    def send(self) -> None:
        """Hand it over.

        Raises:
            SplatError: it is gone, or too large.
        """
        if self.path is None or not self.path.is_file():
            raise SplatError("the file is not there any more; write it again")
        if self.path.stat().st_size > LARGEST:
            raise SplatError(f"{self.path} is too large to pass through a browser; copy it from there")
        self.page.client.send_file_download(self.path.name, self.path.read_bytes(), save_immediately=True)

"""Masks and depth maps that the frames of a transforms.json name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from splat import console
from splat.capture.beside import DEPTH_FOLDERS, DEPTH_SUFFIXES, MASK_FOLDERS, SideFolder, side_folders
from splat.capture.config import CaptureOptions
from splat.capture.names import find_file, located, printable
from splat.errors import SplatError

READ = ("file_path", "mask_path", "depth_file_path", "depth_path")  # what frames name and is read


class NamedFiles:
    """Masks and depth maps that frames name."""

    def __init__(self, root: Path, file: Path, options: CaptureOptions) -> None:
        self.root, self.file, self.masks = root, file, options.masks != "none"
        self._folders = [SideFolder(folder) for folder in side_folders([root], MASK_FOLDERS)] if self.masks else []
        self._moved: list[str] = []
        self._depth_folders = [SideFolder(at, DEPTH_SUFFIXES) for at in side_folders([root], DEPTH_FOLDERS)]
        self._moved_depth: list[str] = []
        self._gone: list[str] = []
        self._depth: list[tuple[str, bool]] = []
        self._unread: Counter[str] = Counter()

    def mask(self, entry: Mapping[str, Any], name: str) -> Path | None:
        """The mask of a frame: where it says, else in the folders of masks."""
        self._unread.update(key for key in entry if key.endswith("_path") and key not in READ)
        text = self._text(entry, "mask_path")
        if text is None or not self.masks:
            return None
        _, path = located(self.root, text)
        if path is None:
            path = next((found for folder in self._folders if (found := folder.find(name))), None)
            (self._gone if path is None else self._moved).append(text)
        return path

    def depth_map(self, entry: Mapping[str, Any], name: str) -> Path | None:
        """The depth map of a frame: where it says, else in the folders of depth maps; else where it says, not there."""
        text = self._text(entry, "depth_file_path") or self._text(entry, "depth_path")
        if text is None:
            return None
        written, path = located(self.root, text, find_file)
        if path is None and (path := next((at for each in self._depth_folders if (at := each.find(name))), None)):
            self._moved_depth.append(text)
        self._depth.append((text, path is not None))
        return path or self.root / written

    def notes(self) -> list[str]:
        """What is to be said of them.

        Raises:
            SplatError: masks that are named but not there: what they hide would get into the scene.
        """
        if self._gone:
            raise SplatError(
                f"{console.count(len(self._gone), 'mask')} that {self.file} names cannot be found"
                f" (first: {printable(self._gone[0])}); put them there, or go on without any mask: capture.masks=none"
            )
        notes = [
            f"{printable(key)} of {console.count(number, 'frame')} of {self.file} is not read"
            for key, number in sorted(self._unread.items())
        ]
        if self._moved:
            notes.append(
                f"{console.count(len(self._moved), 'mask')} are not where {self.file} says"
                f" (first: {printable(self._moved[0])}); those in the folder of masks are used"
            )
            console.warn(notes[-1])
        if self._moved_depth:
            notes.append(
                f"{console.count(len(self._moved_depth), 'depth map')} are not where {self.file} says"
                f" (first: {printable(self._moved_depth[0])}); those in the folder of depth maps are used"
            )
            console.warn(notes[-1])
        missing = [text for text, there in self._depth if not there]
        if missing:
            notes.append(
                f"{len(missing)} of {len(self._depth)} depth maps that {self.file} names are missing"
                f" (first: {printable(missing[0])})"
            )
            console.warn(notes[-1])
        return notes

    def _text(self, entry: Mapping[str, Any], key: str) -> str | None:
        text = entry.get(key) or None
        if text is not None and not isinstance(text, str):
            raise SplatError(f"{key} in {self.file} is no file name; fix the file")
        return text

"""Masks: finding a photo's mask file, and what a mask or an alpha channel means for training."""

from __future__ import annotations

from pathlib import Path

from splat.capture.photo import PHOTO_SUFFIXES

Meaning = str  # ignore, transparent or none


def alpha_meaning(masks: str) -> Meaning:
    """What an alpha channel means under the option `masks`: transparency unless asked otherwise."""
    return "transparent" if masks == "auto" else masks


def file_meaning(masks: str) -> Meaning:
    """What a mask file means under the option `masks`: pixels that do not count unless asked otherwise."""
    return "ignore" if masks == "auto" else masks


class MaskFolder:
    """A `masks` folder beside the photos: NAME.png or NAME.jpg.png for NAME.jpg, in the same sub-folders."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files: dict[str, Path] = {}
        if folder.is_dir():
            for path in sorted(folder.rglob("*")):
                if path.suffix.lower() in PHOTO_SUFFIXES:
                    self._files[path.relative_to(folder).as_posix()] = path

    def __len__(self) -> int:
        return len(self._files)

    def find(self, name: str) -> Path | None:
        """The mask of the photo `name` (relative to the photos' folder), or None."""
        stem = name.rpartition(".")[0] or name
        for candidate in (f"{name}.png", f"{stem}.png", f"{name}.jpg", f"{stem}.jpg", name):
            if candidate in self._files:
                return self._files[candidate]
        return None

"""What a scene looks like elsewhere than it was made, for the one who writes it into a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from splat.formats.registry import FORMATS
from splat.formats.scene_file import Notes

if TYPE_CHECKING:
    from splat.gaussians import Gaussians


def losses(format: str, gaussians: Gaussians, notes: Notes) -> list[str]:
    """Lines for people about what a file of this format (a name in `FORMATS`) cannot say, or other programs not read.

    Empty for a scene that every viewer draws and places as it was made.
    """
    found = []
    entry = FORMATS[format]
    if notes.antialiased and not entry.shows:
        said = entry.says_antialiased or f"a {entry.suffixes[0]} file cannot say so"
        found.append(f"the scene is drawn antialiased; {said}; other viewers draw its small Gaussians too thick")
    if any(notes.origin):
        listed = ", ".join(f"{value:.12g}" for value in notes.origin)
        said = entry.names_origin or f"a {entry.suffixes[0]} file cannot name it: keep it"
        found.append(f"everything is written minus the origin ({listed}); {said}")
    return found + entry.lost(gaussians)

"""What a scene looks like elsewhere than it was made, for the one who writes it into a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from splat.formats.scene_file import Notes
from splat.sh import sh0_to_rgb

if TYPE_CHECKING:
    from splat.gaussians import Gaussians

_HALF_A_BYTE = 0.5 / 255


def losses(format: str, gaussians: Gaussians, notes: Notes) -> list[str]:
    """Lines for people about what a file of this format (a name in `FORMATS`) cannot say, or other programs not read.

    Empty for a scene that every viewer draws and places as it was made.
    """
    found = []
    header = format == "ply"  # the only written format with one
    if notes.antialiased:
        said = "the header says so (SplatRenderMode: mip)" if header else f"a .{format} file cannot say so"
        found.append(f"the scene is drawn antialiased; {said}; other viewers draw its small Gaussians too thick")
    if any(notes.origin):
        listed = ", ".join(f"{value:.12g}" for value in notes.origin)
        said = "the header names it" if header else f"a .{format} file cannot name it: keep it"
        found.append(f"everything is written minus the origin ({listed}); {said}")
    if format == "splat":
        if gaussians.sh_degree:
            found.append(
                f"directional colour is lost: a .splat file has none (the scene has SH degree {gaussians.sh_degree})"
            )
        colours = sh0_to_rgb(gaussians.sh0)
        clipped = int(((colours < -_HALF_A_BYTE) | (colours > 1 + _HALF_A_BYTE)).any(dim=-1).sum())
        if clipped:
            found.append(f"{clipped:,} of {len(gaussians):,} Gaussians have colours beyond 0 to 255, which are cut off")
    return found

"""Comments of a PLY header that say how the scene is to be drawn and where its zero lies.

`SplatRenderMode: default|mip|2dgs` is what Brush and splat-transform write, `antialiased 0|1` what Postshot writes;
`origin: X Y Z` is ours, since no other program notes one.
"""

from __future__ import annotations

import math

from splat.formats.scene_file import NO_ORIGIN, Notes, Origin

_MODES = {"default": False, "mip": True}


def parse(comments: tuple[str, ...]) -> tuple[Notes, list[str]]:
    """The notes, and remarks about comments that mean something which is not followed."""
    antialiased: bool | None = None
    origin, remarks = NO_ORIGIN, []
    for comment in comments:
        name, _, value = comment.replace(":", " ").strip().partition(" ")
        name, value = name.lower(), value.strip()
        if name == "splatrendermode":
            antialiased = _MODES.get(value.lower(), antialiased)
            if value.lower() == "2dgs":
                remarks.append("its header calls it 2DGS (flat); its Gaussians are drawn as 3D ones")
            elif value.lower() not in _MODES:
                remarks.append(f"its header asks for the unknown SplatRenderMode {value}; drawn as default")
        elif name == "antialiased" and value in ("0", "1"):
            antialiased = value == "1"
        elif name == "origin":
            found = _origin(value)
            if found is None:
                remarks.append(f"its header has an origin that is not three numbers ({value}); none is used")
            origin = found or origin
    return Notes(antialiased, origin), remarks


def lines(notes: Notes) -> list[str]:
    """The header lines for these notes; none for a scene that every viewer draws and places as it was made."""
    found = ["comment SplatRenderMode: mip"] if notes.antialiased else []
    if any(notes.origin):
        found.append("comment origin: " + " ".join(map(repr, notes.origin)))
    return found


def _origin(text: str) -> Origin | None:
    try:
        x, y, z = (float(word) for word in text.replace(",", " ").split())
    except ValueError:
        return None
    return (x, y, z) if all(map(math.isfinite, (x, y, z))) else None

"""Names and sizes that reader and writer of compressed PLY share."""

from __future__ import annotations

CHUNK = 256  # Gaussians
# Position, log scale, colour: 11, 10 and 11 bits for x, y and z, 8 for a colour.
_BOUNDED = (("x", "y", "z"), ("scale_x", "scale_y", "scale_z"), ("r", "g", "b"))


def chunk_properties() -> list[str]:
    """Of the element chunk, float32, in file order: six of positions, six of log scales, six of colours in [0, 1]."""
    return [f"{end}_{name}" for names in _BOUNDED for end in ("min", "max") for name in names]


def vertex_properties() -> list[str]:
    """Of the element vertex, 32-bit words, in file order."""
    return [f"packed_{name}" for name in ("position", "rotation", "scale", "color")]

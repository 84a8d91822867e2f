"""SOG (Spatially Ordered Gaussians), PlayCanvas's scenes as pictures.

A `meta.json` and lossless WebP pictures with one pixel a Gaussian, in a folder or a ZIP file (`.sog`). Version 2 is
described at developer.playcanvas.com, "The SOG format"; version 1 has bounds where version 2 has codebooks, and no
`version` in its `meta.json`; it is read as splat-transform reads it. Axes are those of PLY.
"""

from splat.formats.sog.reading import read
from splat.formats.sog.writing import lost, write

__all__ = ["lost", "read", "write"]

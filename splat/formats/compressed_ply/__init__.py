"""The compressed PLY of PlayCanvas and SuperSplat.

Gaussians come in chunks of 256; a chunk stores the bounds of positions, log scales and (newer files) colours, a vertex
four 32-bit words of fractions between them. Layout: developer.playcanvas.com, "Compressed PLY"; checked against files
of SuperSplat 2.7.
"""

from splat.formats.compressed_ply.reading import read
from splat.formats.compressed_ply.writing import lost, write

__all__ = ["lost", "read", "write"]

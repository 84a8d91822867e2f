"""SPZ, the compressed scenes of Niantic's Scaniverse (described and implemented at github.com/nianticlabs/spz).

Attribute after attribute: positions (24-bit fixed point; half floats in version 1), opacities, colours, log scales
(bytes), rotations, directional colour (bytes). Versions 1 to 3 are one gzip stream and differ in positions and
rotations; version 4 has one zstd stream an attribute.
SPZ axes are right, up, back; the PLY of the same scene has right, down, front: a half turn about x.
"""

from splat.formats.spz.reading import read, read_bytes
from splat.formats.spz.writing import lost, write

__all__ = ["lost", "read", "read_bytes", "write"]

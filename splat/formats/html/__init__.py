"""A scene as one page that opens from disk, without a server and without the network.

It holds the scene as a SOG bundle and a viewer (`page.py`). Written, and read only to see how much is left.
"""

from splat.formats.html.scene import lost, read, write

__all__ = ["lost", "read", "write"]

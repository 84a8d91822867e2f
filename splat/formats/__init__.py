"""Scene files in and out: one module a format, one registry; modules load when a file is touched."""

from splat.formats.info import scene_info
from splat.formats.registry import FORMATS, Format, detect_format, read_scene, write_scene

__all__ = ["FORMATS", "Format", "detect_format", "read_scene", "scene_info", "write_scene"]

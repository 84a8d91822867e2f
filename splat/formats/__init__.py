"""Scene files in and out: one module a format, one registry; modules load when a file is touched."""

from splat.formats.registry import FORMATS, Format, detect_format, read_scene, read_scene_file, write_scene
from splat.formats.scene_file import Notes, SceneFile

__all__ = [
    "FORMATS",
    "Format",
    "Notes",
    "SceneFile",
    "detect_format",
    "read_scene",
    "read_scene_file",
    "write_scene",
]

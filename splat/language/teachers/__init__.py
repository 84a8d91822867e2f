"""Teachers by name: models that turn photos, and words if they know any, into vectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from splat.errors import SplatError
from splat.language.teachers.options import TeacherOptions

if TYPE_CHECKING:  # options are read without numpy
    from splat.language.types import Teacher

__all__ = ["KINDS", "TeacherOptions", "load_teacher", "word_teacher"]

KINDS: dict[str, str] = {  # name in `teacher=`: the function that loads it
    "demo": "splat.language.teachers.demo:load",
    "files": "splat.language.teachers.files:load",
}
OTHER = "splat.language.teachers.pretrained:load"  # every other name: a hub name or a folder


def load_teacher(options: TeacherOptions) -> Teacher:
    """The teacher that the options ask for. Weights are read at their first use, the text side apart from the rest.

    Raises:
        SplatError: when there is no such teacher, or its files cannot be had; says what works without it.
    """
    name = options.teacher.strip()
    if not name:
        raise SplatError(f"teacher= is empty; choose {', '.join(KINDS)}, or a hub name or folder of a model")
    module, function = KINDS.get(name, OTHER).split(":")
    load: Callable[[TeacherOptions], Teacher] = getattr(import_module(module), function)
    return load(options)


def word_teacher(options: Mapping[str, Any]) -> Teacher:
    """The teacher of a field for its words alone: what looked at the photos then need not be here now.

    Args:
        options: those the field was distilled with. A field that was made with SAM's masks on a GPU is asked without
            either.

    Raises:
        SplatError: as `load_teacher`.
    """
    kept = {**options, "device": "auto"}
    if kept.get("masks") == "sam":
        kept["masks"] = "auto"
    return load_teacher(TeacherOptions(**kept))

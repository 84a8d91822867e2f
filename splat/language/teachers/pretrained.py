"""Teachers that are models of the transformers library: a folder's or a hub name's model type says which kind."""

from __future__ import annotations

from splat import hub
from splat.errors import SplatError
from splat.language.teachers.options import TeacherOptions
from splat.language.teachers.patches import PatchTeacher
from splat.language.teachers.text_image import TextImageTeacher
from splat.language.types import Teacher

TEXT_IMAGE = ("clip", "siglip", "siglip2")
PATCHES = ("dinov2", "dinov2_with_registers", "dinov3_vit")
WITHOUT = "teacher=demo works without any download (small vocabulary), teacher=files takes features that you bring"


def load(options: TeacherOptions) -> Teacher:
    """The teacher in a folder or under a hub name, by the model type in its config.json.

    Raises:
        SplatError: when it is not there, or is of a type that cannot teach.
    """
    folder = hub.find_model(options.teacher, "teacher", options.offline, WITHOUT, ("demo", "files"))
    kind = hub.model_type(folder)
    if kind in TEXT_IMAGE:
        return TextImageTeacher(folder, options)
    if kind in PATCHES:
        return PatchTeacher(folder, options)
    raise SplatError(
        f"teacher={options.teacher} is a model of type {kind!r}, which cannot teach here; "
        f"use one of the types {', '.join(TEXT_IMAGE)} (words) or {', '.join(PATCHES)} (similarity only)"
    )

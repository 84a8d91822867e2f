"""Language fields travel with their Gaussians, so that an edited scene can be asked and edited in words."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from torch import Tensor

from splat.language.field import LanguageField, field_folders, scene_digest


def carry_fields(base: Path, folder: Path, origin: Tensor) -> None:
    """Write the fields of the scene in `base` for the scene in `folder`.

    Args:
        base: a run.
        folder: a run whose scene.ply is written already.
        origin: [M] int64, which Gaussian of the base each comes from; negative for new ones, of which nothing is known.
    """
    origin = origin.cpu()
    known = origin >= 0
    for source in reversed(field_folders(base)):  # the newest last, to stay the newest
        field = LanguageField.load(source)
        if len(field.codes) <= int(origin.max()):
            continue  # made for another scene
        picked = origin.clamp(min=0)
        codes = torch.where(known[:, None, None], field.codes[picked], 0.0)
        confidence = torch.where(known[:, None], field.confidence[picked], 0.0)
        facts = {**field.facts, "scene": scene_digest(folder / "scene.ply")}
        target = folder / "language" / source.name
        LanguageField(
            field.teacher, field.levels, field.compression, codes, confidence, field.basis, field.negatives, facts
        ).save(target)
        if (source / "provenance.json").is_file():
            shutil.copyfile(source / "provenance.json", target / "provenance.json")

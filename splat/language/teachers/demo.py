"""Our own small CLIP-style model, trained on the demo generator's pictures; it lies in splat/weights/teacher."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from splat.errors import SplatError
from splat.files import read_json
from splat.language.regions.painting import numbered
from splat.language.teachers.nested import merged_levels
from splat.language.teachers.options import TeacherOptions
from splat.language.teachers.text_image import TextImageTeacher
from splat.language.types import LEVELS, ViewFeatures
from splat.shipped import weights_folder

UNKNOWN = "[UNK]"


def load(options: TeacherOptions) -> DemoTeacher:
    """The teacher that comes with splat.

    Raises:
        SplatError: its weights are missing.
    """
    folder = weights_folder("teacher")
    if not (folder / "model.safetensors").is_file():
        raise SplatError(
            f"the demo teacher's weights are missing in {folder}; install splat again "
            "(in its repository `python -m tools.demo_teacher` trains them anew)"
        )
    return DemoTeacher(folder, options)


class DemoTeacher(TextImageTeacher):
    """Knows the words of its vocabulary only, and refuses others."""

    def __init__(self, folder: Path, options: TeacherOptions) -> None:
        super().__init__(folder, replace(options, teacher="demo"))
        self.nested = self.options.masks in ("auto", "segments")  # SAM's masks are not always one inside another
        if self.nested:
            self.levels = LEVELS[:1]
            self.signature += " nested"

    def features(self, image: np.ndarray, name: str) -> ViewFeatures:
        """One level of regions, the parts, each judged together with the object around it.

        Chosen with an earlier teacher, which called more pixels rightly so than by parts alone, by objects alone, or by
        all three levels weighted by how sure it was of each.
        """
        if not self.nested or self._masker is None:
            return super().features(image, name)
        labels = numbered(self._masker(image)[:2])
        return merged_levels(labels, self.encode_regions(image, labels))

    def names(self) -> list[str]:
        """The kinds of things that it was taught: what else something may be, when one of them is looked for."""
        return [str(name) for name in read_json(self.folder / "names.json")]

    def words(self) -> list[str]:
        """Its vocabulary."""
        vocabulary = read_json(self.folder / "tokenizer.json")["model"]["vocab"]
        return sorted(word for word in vocabulary if not word.startswith(("[", "<")))

    def reads(self, text: str) -> bool:
        """True: a word outside the vocabulary is refused with the nearest one inside, by `encode_text`."""
        return True

    def encode_text(self, texts: Sequence[str]) -> np.ndarray:
        """[T, D] float32, unit length.

        Raises:
            SplatError: when a text has a word that it does not know; names the nearest that it does.
        """
        known = set(self.words())
        missing = [word for text in texts for word in re.findall(r"\w+", text.lower()) if word not in known]
        if missing:
            raise SplatError(
                f"the demo teacher does not know {_listed(missing, known)}; it knows {len(known)} words about the "
                "demo's room only: for others use teacher= with the name or folder of a CLIP or SigLIP model"
            )
        return super().encode_text([text.lower() for text in texts])


def _listed(missing: Sequence[str], known: set[str]) -> str:
    found = []
    for word in dict.fromkeys(missing):
        near = difflib.get_close_matches(word, known, n=1, cutoff=0.72)
        found.append(f"{word!r}" + (f" (did you mean {near[0]!r}?)" if near else ""))
    return ", ".join(found)

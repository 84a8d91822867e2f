"""A question to a field of a run, for all who ask: read and checked before anything is rendered, then answered."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from splat.errors import SplatError
from splat.language.ask import Answer3D, Asker
from splat.language.config import MaskOptions
from splat.language.field import LanguageField, open_field
from splat.language.question import Question, read_question
from splat.language.teachers import word_teacher
from splat.language.types import Teacher
from splat.render.scene import SceneRenderer
from splat.run import Run


@dataclass(frozen=True)
class Inquiry:
    """What is asked, and of which field."""

    folder: Path  # of the field
    field: LanguageField
    teacher: Teacher  # for its words
    level: int | None  # None: where the best answer is
    question: Question
    mask: MaskOptions

    def answers(self, renderer: SceneRenderer, asker: Asker | None = None) -> tuple[Asker, list[Answer3D]]:
        """What is ready for more questions, and the answer to each text that says something, in order.

        Args:
            renderer: of the run's scene.
            asker: from an earlier question to the same field.
        """
        asker = asker or Asker(renderer, self.field)
        scores = asker.gaussians(self.question.vectors, self.question.negatives, self.mask)
        return asker, [asker.answer(row, self.level, self.mask) for row in scores]


def read_inquiry(
    run: Run,
    text: str,
    without: str = "",
    field: str | None = None,
    level: str | None = None,
    mask: MaskOptions | None = None,
) -> Inquiry:
    """A question to a run.

    Args:
        run: whose newest field is asked, if `field` names none.
        text: what is looked for; several with " | " between them.
        without: what it is not, in the same form.
        field: name of the field.
        level: name of one of the field's levels; None for where the best answer is.
        mask: from relevancy to what is selected.

    Raises:
        SplatError: no field, a level or field that is not there, or words that the teacher does not know.
    """
    return inquire(*open_field(run.path, field), text, without, level, mask)


def inquire(
    folder: Path,
    field: LanguageField,
    text: str,
    without: str = "",
    level: str | None = None,
    mask: MaskOptions | None = None,
) -> Inquiry:
    """A question to a field that is open already; see `read_inquiry`."""
    number = level_index(field.levels, level)
    teacher = word_teacher(field.teacher)
    return Inquiry(folder, field, teacher, number, read_question(text, without, teacher), mask or MaskOptions())


def level_index(levels: tuple[str, ...], name: str | None) -> int | None:
    """The number of a level by its name.

    Raises:
        SplatError: when the field has no such level.
    """
    if name is None:
        return None
    if name not in levels:
        raise SplatError(f"level={name}: this field has {', '.join(levels)}")
    return levels.index(name)

"""What a user asks, read: texts that say something and their vectors, and texts that say nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from splat.console import info
from splat.errors import SplatError
from splat.language.meaning import why_nothing
from splat.language.types import Teacher


@dataclass
class Question:
    """Texts and their vectors."""

    texts: list[str]  # all, in order
    nothing: dict[str, str]  # those that say nothing, and why
    asked: list[str]  # the others
    without: list[str]
    vectors: Tensor  # [T, D] of `asked`
    negatives: Tensor  # [W, D] of `without`


def read_question(text: str, without: str, teacher: Teacher) -> Question:
    """The texts, split at bars, and what the teacher makes of them.

    Raises:
        SplatError: no text at all, or words that the teacher does not know.
    """
    if not text:
        raise SplatError('what is looked for? splat query RUN "red mug"')
    texts = _parts(text) or [text.strip()]
    nothing = {part: why for part in texts if (why := why_nothing(part, teacher)) is not None}
    asked = [part for part in texts if part not in nothing]
    excluded = []
    for part in _parts(without):
        why = why_nothing(part, teacher)
        if why is None:
            excluded.append(part)
        else:
            info(f"without={part!r} is left out: {why}")
    vectors = torch.zeros(0, teacher.dim)
    if asked:
        vectors = torch.from_numpy(np.ascontiguousarray(teacher.encode_text(asked + excluded), np.float32))
    return Question(texts, nothing, asked, excluded, vectors[: len(asked)], vectors[len(asked) :])


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split("|") if part.strip()]

"""Nested regions judged together."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from splat.language.teachers.nested import merged_levels
from splat.language.teachers.options import TeacherOptions
from splat.language.teachers.text_image import look_of

NAMES = np.eye(4, dtype=np.float32)


def test_a_part_is_judged_together_with_what_is_around_it() -> None:
    # two parts inside one object; a part that is an object of its own; nothing
    labels = np.array([[[0, 1, 2, -1]], [[3, 3, 2, -1]]], np.int32)
    vectors = np.stack([NAMES[0], NAMES[1], NAMES[2], NAMES[3]])
    found = merged_levels(labels, vectors)
    assert found.labels.tolist() == [[[0, 1, 2, -1]]]
    half = np.sqrt(0.5)
    expected = [[half, 0, 0, half], [0, half, 0, half], [0, 0, 1, 0]]
    np.testing.assert_allclose(found.vectors, expected, atol=1e-6)


def test_parts_are_numbered_anew_when_some_are_missing() -> None:
    labels = np.array([[[4, 4, 1]], [[3, 3, -1]]], np.int32)
    vectors = np.eye(5, dtype=np.float32)
    found = merged_levels(labels, vectors)
    assert found.labels.tolist() == [[[1, 1, 0]]]
    np.testing.assert_allclose(found.vectors[0], vectors[1])  # the object is not known: the part alone


def test_the_look_is_the_models_unless_asked_otherwise(tmp_path: Path) -> None:
    assert look_of(tmp_path, TeacherOptions()).context == 0
    assert look_of(tmp_path, TeacherOptions(context=0.5)).surround > 0
    (tmp_path / "regions.json").write_text('{"context": 0.3, "surround": 0.2}')
    taught = look_of(tmp_path, TeacherOptions())
    assert (taught.context, taught.surround) == (0.3, 0.2)
    assert look_of(tmp_path, TeacherOptions(context=0.0)).context == 0
    assert look_of(tmp_path, TeacherOptions(surround=0.0)).surround == 0

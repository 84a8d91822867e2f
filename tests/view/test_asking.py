"""Questions to a scene's fields: three balls, two of them known by name."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from splat.errors import SplatError
from splat.files import read_json
from splat.view import asking
from splat.view.asking import Fields, answer_in_words, object_in_words
from splat.view.opened import open_scene
from tests.language.test_distill_query import CENTRES, distill, write_three_balls


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_three_balls(tmp_path_factory.mktemp("asked"))
    assert distill(folder) == 0
    return folder


def fields_of(run: Path) -> Fields:
    found = open_scene(run, "cpu").fields
    assert found is not None
    return found


def test_a_word_finds_its_ball(run: Path) -> None:
    replies = fields_of(run).ask("red mug | toy")
    assert [reply.text for reply in replies.replies] == ["red mug", "toy"] and not replies.nothing
    mug, toy = replies.replies
    assert mug.found and mug.level == read_json(run / "language" / "files" / "field.json")["levels"][0]
    chosen = mug.above(None).indices
    assert len(chosen) > 20 and int(chosen.max()) < 40
    assert int(toy.above(None).indices.min()) >= 80
    assert mug.objects[0].centre == pytest.approx(CENTRES[0], abs=0.15)
    assert set(mug.one(1).indices.tolist()) <= set(range(40)) and mug.one(1).source == "text(red mug)#1"
    assert "'red mug': relevancy 0.9" in answer_in_words(mug) and answer_in_words(mug).endswith("1 object")
    assert object_in_words(1, mug.objects[0]).startswith(f"1: {len(mug.objects[0].indices)} Gaussians, size 0.")


def test_the_threshold_selects_less_and_less(run: Path) -> None:
    mug = fields_of(run).ask("red mug").replies[0]
    known = int((mug.answer.relevancy > 0).sum())
    counts = [mug.above(value).count for value in (0.0, 0.2, 0.5, 0.8, 1.0)]
    assert counts == sorted(counts, reverse=True) and counts[0] == known and counts[-1] == 0
    assert torch.equal(mug.above(mug.threshold).mask, mug.answer.selected)


def test_what_is_not_there_selects_nothing(run: Path) -> None:
    fields = fields_of(run)
    dragon = fields.ask("dragon").replies[0]
    assert not dragon.found and not dragon.objects and dragon.above(None).count == 0
    assert answer_in_words(dragon).startswith("nothing in the scene matches 'dragon' (relevancy 0.")
    assert not fields.ask("blue vase", "blue vase").replies[0].found
    with pytest.raises(SplatError, match="type a word"):
        fields.ask("  ")
    with pytest.raises(SplatError, match="no field 'other'"):
        fields.ask("toy", name="other")


def test_a_field_is_read_once(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = []
    read = asking.open_field
    monkeypatch.setattr(asking, "open_field", lambda *given: reads.append(given) or read(*given))
    fields = fields_of(run)
    first, second = fields.ask("toy"), fields.ask("red mug")
    assert len(reads) == 1 and first.field == second.field == "files"
    assert fields.names() == ["files"] and len(fields.levels()) == 1
    record = run / "language" / "files" / "field.json"
    record.write_text(record.read_text())  # distilled again
    fields.ask("toy")
    assert len(reads) == 2


def test_a_run_that_knows_no_words(run: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(run, bare, ignore=shutil.ignore_patterns("language"))
    fields = fields_of(bare)
    assert fields.names() == []
    with pytest.raises(SplatError, match="no language field yet"):
        fields.ask("toy")

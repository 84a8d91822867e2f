"""Texts that say nothing find nothing, whoever taught the field; names find their things."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from splat.cli import main
from splat.files import read_json
from splat.language.meaning import why_nothing, words_of
from splat.language.teachers import TeacherOptions, load_teacher
from splat.language.types import Teacher
from tests.language import test_distill_query, tiny_models

run = test_distill_query.run


class Anyone(Teacher):
    """Was given no names, and reads every word."""


ANYONE = Anyone()

WORDLESS = [
    *("...", "!", "—", "🍎", "👩\u200d🍳", "🇫🇷", "🅰", "™", "½", "№ 5", "42", "3.14", "1,000", "", " ", "\t\n"),
    *("\u200b", "\u0301", "x", "Q", "a b c", "ⓐ", "_", "'", "¿?", "#1", "🈁", "ー"),
]
SMALL = [
    *("the", "THE", "a of the", "ｔｈｅ", "the.", "the 🍎", "and", "it's", "on the", "what is this?", "another one"),
    *("something", "a thing", "Objects", "no. 3 of the", "der", "это", "的", "nothing", "is", "two", "this-or-that"),
]
NAMES = [
    *("red mug", "mug", "a mug!", "the 🍎 mug", "MUG", "mug 2", "book_shelf", "the mug's handle", "杯", "чашка"),
    *("café", "コーヒー", "can", "3d printer", "R2D2", "ox", "кот", "tea-pot", "not a mug", "mu\u00adg"),
]


@pytest.mark.parametrize("text", WORDLESS)
def test_no_word_is_nothing_to_look_for(text: str) -> None:
    assert "no word, so" in (why_nothing(text, ANYONE) or "")


@pytest.mark.parametrize("text", SMALL)
def test_small_words_name_nothing(text: str) -> None:
    assert "no word of it names anything" in (why_nothing(text, ANYONE) or "")


@pytest.mark.parametrize("text", NAMES)
def test_names_say_something(text: str) -> None:
    assert why_nothing(text, ANYONE) is None and words_of(text)


def test_every_word_for_the_demos_things_says_something() -> None:
    teacher = load_teacher(TeacherOptions(device="cpu"))
    assert [name for name in teacher.names() if why_nothing(name, teacher)] == []


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """CLIP (whose text side is ours) and SigLIP (the library's), tiny."""
    folders = {name: tmp_path_factory.mktemp(name) for name in ("clip", "siglip")}
    tiny_models.save_clip(folders["clip"])
    tiny_models.save_siglip(folders["siglip"])
    return folders


@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_a_text_that_the_vocabulary_lacks_says_nothing(models: dict[str, Path], kind: str) -> None:
    teacher = load_teacher(TeacherOptions(teacher=str(models[kind]), device="cpu", offline=True))
    assert "vocabulary has no part of it" in (why_nothing("zebra crossing", teacher) or "")
    assert why_nothing("zebra mug", teacher) is None


@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_a_text_that_is_cut_is_said(models: dict[str, Path], kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    teacher = load_teacher(TeacherOptions(teacher=str(models[kind]), device="cpu", offline=True))
    teacher.encode_text(["a red mug"])
    assert "tokens" not in capsys.readouterr().err
    teacher.encode_text([f"a {kind} red mug " * 5])
    assert "the teacher reads the first 12 tokens of it only" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["demo", "clip", "siglip", "files"])
def test_asking_for_nothing_finds_nothing(
    run: Path, models: dict[str, Path], kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    teacher = str(models.get(kind, kind))
    more = [f"files={run.parent / 'files'}"] if kind == "files" else ["device=cpu", "offline=true", "max_size=48"]
    assert main(["distill", str(run), f"teacher={teacher}", *more, "name=field"]) == 0
    capsys.readouterr()
    texts = ["the", "...", "🍎", "a of the", " ", "42"]
    for text in texts:
        assert main(["query", str(run), text, "mask.found=0"]) == 0  # even where every relevancy would do
        printed = capsys.readouterr()
        summary = json.loads(printed.out)
        assert not summary["found"] and summary["objects"] == [] and summary["views"] == [] and not summary["gaussians"]
        assert summary["relevancy"] == 0 and summary["reason"].endswith("nothing to look for")
        assert printed.err.strip() == f"{text.strip()!r}: {summary['reason']}"
        folder = Path(summary["folder"])
        assert [path.name for path in folder.iterdir()] == ["summary.json"] and read_json(folder / "summary.json")
    assert main(["query", str(run), " | ".join(["red mug", "the", "blue vase"]), "views=0", "mask.found=0"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["text"] for one in found] == ["red mug", "the", "blue vase"]
    assert [one["found"] for one in found] == [True, False, True]


def test_what_says_nothing_takes_the_place_of_an_earlier_answer(run: Path, tmp_path: Path) -> None:
    assert test_distill_query.distill(run) == 0
    out = tmp_path / "answer"
    assert main(["query", str(run), "red mug", f"out={out}", "views=2"]) == 0
    assert (out / "selection.safetensors").exists() and list((out / "masks").iterdir())
    assert main(["query", str(run), "the", f"out={out}"]) == 0
    assert [path.name for path in out.rglob("*") if path.is_file()] == ["summary.json"]


def test_excluding_nothing_is_said_and_changes_nothing(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert test_distill_query.distill(run) == 0
    capsys.readouterr()
    assert main(["query", str(run), "cup", "views=0"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert main(["query", str(run), "cup", "views=0", "without=the | 🍎"]) == 0
    printed = capsys.readouterr()
    excluded = json.loads(printed.out)
    assert "without='the' is left out" in printed.err and "without='🍎' is left out" in printed.err
    assert excluded["relevancy"] == plain["relevancy"] and excluded["without"] == []


def test_a_word_of_the_users_own_table_is_a_name_whatever_it_is(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert test_distill_query.distill(run) == 0
    capsys.readouterr()
    assert main(["query", str(run), "the thing", "views=0"]) == 0  # the table has the_thing
    assert json.loads(capsys.readouterr().out)["relevancy"] > 0  # it was looked for

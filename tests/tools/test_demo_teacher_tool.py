"""The demo teacher's training: captions, targets and loss on known cases, and a short training run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from splat.errors import SplatError
from splat.files import read_json
from tools.command import command_of
from tools.demo_teacher import captions as texts
from tools.demo_teacher import model
from tools.demo_teacher.crops import SIDE, Pictures, found_regions, kind_shares, true_masks
from tools.demo_teacher.photos import read_shot, write_shot
from tools.demo_teacher.things import GENERIC, KINDS, MIXED, NAMES, Thing, paint
from tools.demo_teacher.training import Batches, TrainingOptions, contrastive, naming, train
from tools.demo_teacher.worlds import Shot

REPOSITORY = Path(__file__).resolve().parents[2]
KNOWN = texts.all_captions()


def fitting(thing: Thing) -> set[str]:
    row = KNOWN.fits(np.arange(len(KNOWN.texts)), texts.table([thing]))[0]
    return {text for text, fits in zip(KNOWN.texts, row) if fits}


def test_captions_fit_what_they_say() -> None:
    mug = fitting(Thing("mug", ("red",)))
    assert {"mug", "cup", "a red mug", "a glossy red ceramic mug", "something red", "ceramic thing"} <= mug
    assert not {"a blue mug", "vase", "a red vase", "something blue", "wooden thing"} & mug
    ball = fitting(Thing("ball", ("purple", "white")))
    assert {"a purple and white checkered ball", "a white ball", "ball"} <= ball
    assert not {"a purple and red ball", "a red ball"} & ball
    assert "books" in fitting(Thing("book row", ())) & fitting(Thing("book stack", ()))
    assert not fitting(Thing(MIXED, ()))


def test_the_vocabulary_has_every_word_of_the_demo() -> None:
    words = set(texts.vocabulary(KNOWN))
    for row in read_json(REPOSITORY / "data" / "demo" / "truth" / "objects.json"):
        for text in (row["name"], *row["captions"]):
            assert set(text.split()) <= words
    assert set(GENERIC) <= words


def test_paints_are_what_their_names_say() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        shade = paint("blue", rng)
        red, green, blue = (int(shade[k : k + 2], 16) for k in (1, 3, 5))
        assert blue > green >= red
        assert int(paint("white", rng)[1:3], 16) > 200 > 60 > int(paint("black", rng)[1:3], 16)


def pictures(count: int = 60) -> Pictures:
    """Plain squares: each kind in its own grey level with its colour on top."""
    rng = np.random.default_rng(0)
    things = [Thing(str(rng.choice(list(KINDS))), (str(rng.choice(NAMES[:6])),)) for _ in range(count - 4)]
    things += [Thing(MIXED, ())] * 4
    pixels = np.zeros((count, SIDE, SIDE, 3), np.uint8)
    for square, thing in zip(pixels, things):
        square[10:50] = 10 * texts.KIND_LIST.index(thing.kind)
        square[20:40, 20:40, 0] = 0 if not thing.colors else 40 * NAMES.index(thing.colors[0])
    kinds = texts.table(things).kind
    shares = np.eye(len(KINDS) + 1, dtype=np.float32)[kinds][:, :-1]
    shares[kinds == len(KINDS)] = 1 / len(KINDS)
    return Pictures(pixels, texts.table(things), shares)


def test_targets_share_out_what_fits() -> None:
    some = pictures()
    batches = Batches(some, KNOWN, TrainingOptions(batch=40, generic=0.2))
    batch = batches.draw(0)
    there, back = batch.there, batch.back
    assert batch.pixels.shape == (40, 3, SIDE, SIDE) and batch.pixels.min() >= -1 and batch.pixels.max() <= 1
    assert batch.texts[-4:] == list(GENERIC)
    assert [batch.texts[k] for k in batch.names] == [kind.nouns[0] for kind in KINDS.values()]
    np.testing.assert_allclose(there.sum(1), 1, atol=1e-6)
    generic = there[:, -4:].sum(1)
    is_mixed = torch.isclose(generic, torch.ones(()))
    assert torch.allclose(generic[~is_mixed], torch.full((), 0.2))
    assert not back[-4:].any()
    shown = back[:-4].any(1)
    np.testing.assert_allclose(back[:-4][shown].sum(1), 1, atol=1e-6)
    assert ((there[:, :-4] > 0) == (back[:-4].T > 0)).all()
    assert batch.shares.shape == (40, len(KINDS))
    np.testing.assert_allclose(batch.shares.sum(1), 1, atol=1e-5)
    for text, row in zip(batch.texts, batch.kinds):
        if text in ("mug", "a red mug"):
            assert row[list(KINDS).index("mug")] == 1
    assert torch.allclose(batch.kinds.sum(1), torch.ones(len(batch.texts) - 4))
    again = batches.draw(0)
    assert again.texts == batch.texts and torch.equal(again.pixels, batch.pixels)


def test_loss_is_cross_entropy_both_ways() -> None:
    generator = torch.Generator().manual_seed(0)
    images, words = torch.randn(3, 5, generator=generator), torch.randn(4, 5, generator=generator)
    there = torch.tensor([[1.0, 0, 0, 0], [0, 0.5, 0.5, 0], [0, 0, 0, 1]])
    back = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 0]])  # the last caption fits no picture
    logits = 2 * images @ words.T
    expected = torch.nn.functional.cross_entropy(logits, there)
    expected_back = torch.nn.functional.cross_entropy(logits.T[:3], back[:3])
    found = contrastive(images, words, torch.tensor(2.0).log(), there, back)
    assert torch.allclose(found, (expected + expected_back) / 2)


def test_naming_is_cross_entropy_over_the_names() -> None:
    generator = torch.Generator().manual_seed(1)
    images, names = torch.randn(3, 5, generator=generator), torch.randn(4, 5, generator=generator)
    shares = torch.tensor([[1.0, 0, 0, 0], [0.25, 0.75, 0, 0], [0.25, 0.25, 0.25, 0.25]])
    expected = torch.nn.functional.cross_entropy(3 * images @ names.T, shares)
    assert torch.allclose(naming(images, names, torch.tensor(3.0).log(), shares), expected)


def test_training_learns_resumes_and_saves(tmp_path: Path) -> None:
    some = pictures()
    tokenizer = model.make_tokenizer(texts.vocabulary(KNOWN))
    options = TrainingOptions(steps=16, cycles=2, batch=32, warmup=4)
    torch.manual_seed(0)
    teacher = model.make_model(len(tokenizer))
    batches = Batches(some, KNOWN, options)

    def loss() -> float:
        from tools.demo_teacher.training import _embed

        batch = batches.draw(99)
        with torch.no_grad():
            vectors = _embed(teacher, tokenizer, batch.pixels, batch.texts)
            return float(contrastive(*vectors, torch.tensor(2.66), batch.there, batch.back))

    before = loss()
    train(teacher, tokenizer, some, KNOWN, options, tmp_path / "checkpoint.pt")
    after = loss()
    assert after < before - 0.1
    torch.manual_seed(5)
    other = model.make_model(len(tokenizer))
    spent = train(other, tokenizer, some, KNOWN, options, tmp_path / "checkpoint.pt")  # nothing is left to do
    assert spent > 0
    assert all(torch.equal(a, b) for a, b in zip(other.parameters(), teacher.parameters()))
    with pytest.raises(SplatError, match="other settings or pictures"):
        train(other, tokenizer, some, KNOWN, replace(options, seed=1), tmp_path / "checkpoint.pt")
    model.save(teacher, tokenizer, tmp_path / "teacher")
    assert json.loads((tmp_path / "teacher" / "config.json").read_text())["model_type"] == "clip"
    assert (tmp_path / "teacher" / "model.safetensors").stat().st_size < 8e6


def test_photos_are_kept_and_cut(tmp_path: Path) -> None:
    image = np.full((90, 120, 3), 90, np.uint8)
    labels = np.ones((90, 120), np.uint8)
    labels[20:70, 30:90], image[20:70, 30:90] = 2, (200, 20, 20)
    labels[0, 0] = 3  # too small to teach
    shot = Shot(image, labels, [Thing("wall", ("grey",)), Thing("mug", ("red",)), Thing("ball", ())])
    write_shot(tmp_path / "0001-00.npz", shot)
    again = read_shot(tmp_path / "0001-00.npz")
    assert np.array_equal(again.image, image) and again.things == shot.things
    plane, things = true_masks(again)
    assert [thing.kind for thing in things] == ["wall", "mug"]
    assert (plane[0, 20:70, 30:90] == 1).all() and plane[0, 0, 0] == -1
    half = np.where(np.arange(120) < 60, 0, 1)[None, None].repeat(90, 1).astype(np.int32)
    shares = kind_shares(again, half, 2)
    kinds = list(KINDS)
    np.testing.assert_allclose(shares[0, kinds.index("mug")], 1500 / 5400, atol=1e-6)
    np.testing.assert_allclose(shares[:, [kinds.index("mug"), kinds.index("wall")]].sum(1), [5399 / 5400, 1], atol=1e-6)

    from splat.language.regions.segments import SegmentOptions, Segments

    regions, found = found_regions(again, Segments(640, SegmentOptions(counts=(4, 3, 2))))
    red = regions[2, 45, 60]
    assert found[red] == Thing("mug", ("red",))


def test_a_command_names_what_differs_from_its_defaults() -> None:
    from tools.demo_teacher.__main__ import ASIDE, MODULE, make_parser

    parser = make_parser()
    given = parser.parse_args(["--steps", "9", "--bfloat16", "--out", "/elsewhere", "--threads", "3"])
    assert command_of(MODULE, parser, given, ASIDE) == "python -m tools.demo_teacher --steps 9 --bfloat16"

"""Fields that others wrote, or that are damaged: read whole, or refused in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.functional import normalize

from splat.errors import SplatError
from splat.language.compress.config import KINDS, CompressOptions
from splat.language.compress.registry import make_compression
from splat.language.field import LanguageField
from splat.language.provenance import read_places
from splat.language.teachers import TeacherOptions
from tests.fuzz import damaged, odd_records, survives

N, L, R, D = 12, 2, 6, 9


def written(folder: Path, kind: str = "memory", **options: Any) -> LanguageField:
    """A field of random features, on disk."""
    g = torch.Generator().manual_seed(1)
    vectors = normalize(torch.randn(N * L, R, generator=g), dim=1)
    compression = make_compression(CompressOptions(kind=kind, code_dim=4, codes=8, keep=3, steps=2, **options), R)
    codes = compression.fit(vectors, torch.ones(N * L), vectors, 0).reshape(N, L, -1)
    field = LanguageField(
        teacher=vars(TeacherOptions()),
        levels=("part", "whole"),
        compression=compression,
        codes=codes,
        confidence=torch.rand(N, L, generator=g),
        basis=torch.linalg.qr(torch.randn(D, R, generator=g)).Q.T,
        negatives=normalize(torch.randn(3, D, generator=g), dim=1),
        facts={"noise": 0.05, "scene": "0123", "rivals": False, "seconds": {"lift": 1.0}, "gaussians": N},
    )
    field.save(folder)
    return field


def used(folder: Path) -> LanguageField:
    """Read, and put to use as a query does."""
    field = LanguageField.load(folder)
    features = field.features(torch.arange(len(field.codes)), len(field.levels) - 1)
    known = field.confidence > 0
    field.compression.scores(field.codes[known])
    assert features.shape == (len(field.codes), field.dim)
    assert field.negatives is None or field.inside(field.negatives).shape[1] == field.compression.dim
    float(field.facts.get("noise", 0.05))
    TeacherOptions(**field.teacher)
    return field


@pytest.mark.parametrize("kind", KINDS)
def test_a_field_comes_back(kind: str, tmp_path: Path) -> None:
    field = written(tmp_path, kind)
    again = used(tmp_path)
    index = torch.arange(N)
    assert (field.features(index, 1) * again.features(index, 1)).sum(1).min() > 0.99
    assert again.levels == field.levels and again.facts == field.facts and again.teacher == field.teacher
    assert torch.allclose(again.confidence, field.confidence, atol=1 / 255)


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_tensors_are_one_line(kind: str, tmp_path: Path) -> None:
    written(tmp_path, kind)
    file = tmp_path / "field.safetensors"
    good, tensors = file.read_bytes(), load_file(file)
    for data in damaged(good, seed=6, count=40):
        file.write_bytes(data)
        survives(lambda: used(tmp_path), data)
    shown = [name for name in tensors if not name.startswith(("shared.encoder.1", "shared.decoder"))]  # enough of them
    for name, tensor in ((name, tensors[name]) for name in shown):
        for other in others(tensor):
            save_file({**tensors, name: other}, file)
            survives(lambda: used(tmp_path), (name, other.shape, other.dtype))
        save_file({key: value for key, value in tensors.items() if key != name}, file)
        survives(lambda: used(tmp_path), name)


def others(tensor: Tensor) -> list[Tensor]:
    """What may stand in a file in the place of a tensor."""
    nothing = torch.full_like(tensor, 200) if not tensor.is_floating_point() else torch.full_like(tensor, torch.nan)
    shapes = [tensor.flatten()[:1], tensor[None], tensor[..., None], tensor[:0] if tensor.ndim else tensor[None]]
    return [each.clone() for each in (*shapes, nothing, tensor.double(), tensor.to(torch.int32), tensor.bool())]


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_record_is_one_line(kind: str, tmp_path: Path) -> None:
    written(tmp_path, kind)
    file = tmp_path / "field.json"
    good = file.read_bytes()
    for data in damaged(good, seed=7, count=40):
        file.write_bytes(data)
        survives(lambda: used(tmp_path), data)
    for value in odd_records(json.loads(good), seed=8, count=80):
        file.write_text(json.dumps(value))
        survives(lambda: used(tmp_path), value)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("dim", 2**23, "shared.projection is"),
        ("rows", 2**23, "shared.log_width is"),
        ("rows", -1, "rows is -1; it must be a whole number from 0"),
        ("code_dim", 10**30, "code_dim is 1000"),
        ("kernel", "softmix", "it must be one of softmax, gaussian, learned"),
        ("temperature", 0, "temperature is 0; it must be more than 0"),
        ("temperature", "hot", "temperature is 'hot'; it must be a finite number"),
        ("colour", 1, "there is no setting 'colour' of memory"),
        ("kind", "autoencoder", "kind is 'autoencoder'; it must be one of memory, codebook, none"),  # of older versions
        ("kind", "a\0b", r"kind is 'a\\+x00b'; it must be a text"),
    ],
)
def test_settings_that_fit_nothing_are_named(key: str, value: object, said: str, tmp_path: Path) -> None:
    """Among them sizes that would take all memory: nothing is made before the tensors are known to have them."""
    written(tmp_path)
    file = tmp_path / "field.json"
    record = json.loads(file.read_text())
    record["compression"][key] = value
    file.write_text(json.dumps(record))
    with pytest.raises(SplatError, match=rf"{said}.*; distill again"):
        LanguageField.load(tmp_path)


def test_codes_that_are_no_numbers_are_not_known(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(tmp_path)
    file = tmp_path / "field.safetensors"
    tensors = load_file(file)
    tensors["gaussian.codes"][3] = torch.inf  # the second level of the second Gaussian
    save_file(tensors, file)
    field = used(tmp_path)
    assert float(field.confidence[1, 1]) == 0 and float(field.codes[1, 1].abs().max()) == 0
    assert int((field.confidence == 0).sum()) == 1
    assert "1 Gaussian with codes that are no numbers: not known" in capsys.readouterr().err


def test_places_of_another_memory_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "provenance.json"
    for text, said in (("[[], []]", "whose memory has 3 rows"), ("{}", "3 rows"), ("[[NaN], [], []]", "is damaged")):
        file.write_text(text)
        with pytest.raises(SplatError, match=said):
            read_places(file, 3)
    file.write_text("[[], [], []]")
    assert read_places(file, 3) == [[], [], []]

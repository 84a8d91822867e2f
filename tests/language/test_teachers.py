"""Teachers through the public path, on tiny real models."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from splat.errors import SplatError
from splat.language.teachers import TeacherOptions, load_teacher, word_teacher
from splat.language.types import LEVELS
from tests.language import tiny_models

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    """[48, 64, 3]: a red square and a blue disc on grey, with some grain."""
    image = np.full((48, 64, 3), 128, np.uint8)
    image[8:28, 6:26] = (200, 30, 30)
    y, x = np.mgrid[:48, :64]
    image[(y - 28) ** 2 + (x - 45) ** 2 < 12**2] = (30, 40, 190)
    return np.clip(image + RNG.normal(0, 3, image.shape), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clip")
    tiny_models.save_clip(folder)
    return folder


def options(folder: Path, **more: object) -> TeacherOptions:
    return TeacherOptions(teacher=str(folder), device="cpu", offline=True, **more)  # type: ignore[arg-type]


def test_clip_regions_are_the_librarys_vectors_of_the_crops(clip_folder: Path, photo: np.ndarray) -> None:
    import torch
    from transformers import CLIPImageProcessor, CLIPModel

    from splat.language.regions.crops import crops

    teacher = load_teacher(options(clip_folder))
    found = teacher.features(photo, "photo.jpg")
    assert teacher.levels == LEVELS and not teacher.dense
    assert found.labels.shape == (3, 48, 64) and found.labels.dtype == np.int32
    assert found.vectors.shape == (found.labels.max() + 1, 24)
    pictures = list(crops(photo, found.labels, len(found.vectors), 32))
    inputs = CLIPImageProcessor.from_pretrained(clip_folder)(images=pictures, return_tensors="pt")
    with torch.no_grad():
        expected = CLIPModel.from_pretrained(clip_folder).get_image_features(**inputs)
    expected = getattr(expected, "pooler_output", expected)
    expected = torch.nn.functional.normalize(expected, dim=1).numpy()
    np.testing.assert_allclose(found.vectors, expected, atol=2e-5)


@pytest.mark.parametrize("eos", [2, 3, 15])
def test_our_clip_text_side_equals_the_librarys(tmp_path: Path, eos: int) -> None:
    import torch
    from transformers import AutoTokenizer, CLIPModel

    tiny_models.save_clip(tmp_path, eos)
    texts = ["a red mug", "the blue vase on the table", "mug"]
    found = load_teacher(options(tmp_path)).encode_text(texts)
    inputs = AutoTokenizer.from_pretrained(tmp_path)(texts, padding=True, return_tensors="pt")
    inputs.pop("token_type_ids", None)
    with torch.no_grad():
        expected = CLIPModel.from_pretrained(tmp_path).get_text_features(**inputs)
    expected = getattr(expected, "pooler_output", expected)
    np.testing.assert_allclose(found, torch.nn.functional.normalize(expected, dim=1).numpy(), atol=2e-5)


def test_words_need_neither_the_masks_nor_the_device_of_the_photos(clip_folder: Path) -> None:
    made = options(clip_folder, masks="sam", sam="nobody/has-this")
    with pytest.raises(SplatError, match="nobody/has-this"):
        load_teacher(made)
    asked = word_teacher({**dataclasses.asdict(made), "device": "cuda"}).encode_text(["a red mug"])
    np.testing.assert_array_equal(asked, load_teacher(options(clip_folder)).encode_text(["a red mug"]))


def test_clip_patches_are_projected_tokens(clip_folder: Path, photo: np.ndarray) -> None:
    teacher = load_teacher(options(clip_folder, masks="none", patch_size=32))
    found = teacher.features(photo, "photo.jpg")
    assert teacher.dense and teacher.levels == ("whole",)
    assert found.labels.shape == (1, 4, 5) and found.vectors.shape == (20, 24)  # 48 x 64 at 32 x 43, patches of 8
    assert np.array_equal(np.sort(found.labels.reshape(-1)), np.arange(20))
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=1e-5)


def test_siglip_regions_patches_and_words(tmp_path: Path, photo: np.ndarray) -> None:
    import torch
    from transformers import AutoTokenizer, SiglipModel

    tiny_models.save_siglip(tmp_path)
    regions = load_teacher(options(tmp_path)).features(photo, "photo.jpg")
    assert regions.vectors.shape == (regions.labels.max() + 1, 32)
    dense = load_teacher(options(tmp_path, masks="none", patch_size=48))
    patches = dense.features(photo, "photo.jpg")
    assert patches.labels.shape == (1, 6, 8)
    # the words: padded to the full length, without an attention mask, as the model was trained
    inputs = AutoTokenizer.from_pretrained(tmp_path)(
        ["a red mug"], padding="max_length", max_length=12, return_tensors="pt"
    )
    with torch.no_grad():
        expected = SiglipModel.from_pretrained(tmp_path).get_text_features(input_ids=inputs["input_ids"])
    expected = getattr(expected, "pooler_output", expected)
    expected = torch.nn.functional.normalize(expected, dim=1).numpy()
    np.testing.assert_allclose(dense.encode_text(["a red mug"]), expected, atol=2e-5)


def test_dino_has_patches_and_no_words(tmp_path: Path, photo: np.ndarray) -> None:
    tiny_models.save_dino(tmp_path)
    teacher = load_teacher(options(tmp_path, patch_size=56))
    found = teacher.features(photo, "photo.jpg")
    assert teacher.dense and found.labels.shape == (1, 4, 5) and found.vectors.shape == (20, 32)
    with pytest.raises(SplatError, match="knows no words"):
        teacher.encode_text(["mug"])
    pooled = load_teacher(options(tmp_path, patch_size=56, masks="segments")).features(photo, "photo.jpg")
    assert pooled.labels.shape == (3, 48, 64)
    # a region's vector is the mean over its pixels of the patch under each
    region = pooled.labels[0] == pooled.labels[0, 15, 15]
    grid = found.vectors.reshape(4, 5, 32)
    y, x = np.nonzero(region)
    mean = grid[((y + 0.5) * 4 / 48).astype(int), ((x + 0.5) * 5 / 64).astype(int)].mean(0)
    np.testing.assert_allclose(pooled.vectors[pooled.labels[0, 15, 15]], mean / np.linalg.norm(mean), atol=1e-5)


@pytest.mark.parametrize("save", [tiny_models.save_sam, tiny_models.save_sam2])
def test_sam_gives_three_levels_by_size(tmp_path: Path, photo: np.ndarray, save: object) -> None:
    from splat.language.regions.sam import SamMasks

    save(tmp_path)  # type: ignore[operator]
    masker = SamMasks(TeacherOptions(sam=str(tmp_path), device="cpu", batch=8), points=4, iou=-99.0, stability=-1.0)
    masks, scores = masker._candidates(photo)
    assert all(found.shape[1:] == (48, 64) and len(found) == len(score) for found, score in zip(masks, scores))
    sizes = [found.reshape(len(found), -1).sum(1) for found in masks]
    if len(sizes[0]) == len(sizes[1]) == len(sizes[2]):  # no mask was empty: they come in the points' order
        assert (sizes[0] <= sizes[1]).all() and (sizes[1] <= sizes[2]).all()
    labels = masker(photo)
    assert labels.shape == (3, 48, 64) and labels.max() >= 0
    assert np.array_equal(np.unique(labels[labels >= 0]), np.arange(labels.max() + 1))


def test_a_model_that_is_not_here_says_what_works_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(SplatError) as caught:
        load_teacher(TeacherOptions(teacher="someone/no-such-model", offline=True))
    message = str(caught.value)
    assert "\n" not in message
    assert all(part in message for part in ("someone/no-such-model", str(tmp_path), "teacher=demo", "offline=true"))
    with pytest.raises(SplatError, match="did you mean demo"):
        load_teacher(TeacherOptions(teacher="dmeo"))


def test_pickled_weights_are_refused(clip_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text((clip_folder / "config.json").read_text())
    (tmp_path / "pytorch_model.bin").write_bytes(b"anything")
    with pytest.raises(SplatError, match="safetensors"):
        load_teacher(options(tmp_path))


def test_a_model_that_cannot_teach_is_named(tmp_path: Path) -> None:
    tiny_models.save_sam(tmp_path)
    with pytest.raises(SplatError, match="'sam', which cannot teach"):
        load_teacher(options(tmp_path))

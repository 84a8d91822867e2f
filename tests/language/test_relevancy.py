"""Relevancy, masks and selections against their formulas."""

from __future__ import annotations

import math

import numpy as np
import torch
from skimage.filters import threshold_otsu

from splat.language.ask import apply_rule, noise_of, otsu
from splat.language.config import MaskOptions
from splat.language.lifting import Lifted
from splat.language.relevancy import against_rivals, normalised, relevancy, smoothed
from splat.language.smoothing import smooth_features


def test_relevancy_equals_langsplats_formula() -> None:
    """The least, over the negatives, of exp(10 f·q) / (exp(10 f·q) + exp(10 f·c))."""
    cosines, negatives = torch.rand(50, 3) * 2 - 1, torch.rand(50, 4) * 2 - 1
    found = relevancy(cosines, negatives)
    for p in range(50):
        for t in range(3):
            q = math.exp(10 * float(cosines[p, t]))
            expected = min(q / (q + math.exp(10 * float(c))) for c in negatives[p])
            assert abs(float(found[p, t]) - expected) < 1e-5


def test_contrast_equals_langsplats_and_passes_unknown_over() -> None:
    values = torch.tensor([0.2, 0.4, 0.6, 0.9, 5.0])
    known = torch.tensor([True, True, True, True, False])
    expected = [max(2 * (v - 0.2) / 0.7 - 1, 0) for v in (0.2, 0.4, 0.6, 0.9)]
    assert torch.allclose(normalised(values, known)[:4], torch.tensor(expected), atol=1e-6)
    assert apply_rule(values, known, 0.9, MaskOptions(rule="langsplat"), 0).tolist() == [False] * 3 + [True, False]


def test_smoothing_is_half_the_map_and_half_its_mean() -> None:
    maps = torch.zeros(1, 9, 9)
    maps[0, 4, 4] = 1
    maps[0, 0, 0] = 1
    known = torch.ones(1, 9, 9, dtype=torch.bool)
    known[0, 8] = False
    maps[0, 7] = 1
    blend, filtered = smoothed(maps, 1 / 3, known)  # 3 pixels of 9
    assert torch.isclose(filtered[0, 7, 1], torch.tensor(0.5)) and not filtered[0, 8].any()  # as if row 8 were outside
    assert torch.allclose(filtered[0, 3:6, 3:6], torch.full((3, 3), 1 / 9))
    assert torch.isclose(filtered[0, 0, 0], torch.tensor(1 / 4))  # what lies beyond the border does not count
    assert torch.isclose(blend[0, 4, 4], torch.tensor(0.5 + 0.5 / 9))


def test_the_window_of_smoothing_is_a_share_of_the_width() -> None:
    maps = torch.zeros(1, 30, 10)
    maps[0, 15, 5] = 1
    filtered = smoothed(maps, 0.3, torch.ones(1, 30, 10, dtype=torch.bool))[1]  # 3 of 10 pixels, not 9 of 30
    assert torch.equal(filtered[0].nonzero().amin(0), torch.tensor([14, 4])) and int((filtered > 0).sum()) == 9


def test_rule_noise_takes_what_is_as_near_as_the_features_scatter() -> None:
    difference = torch.tensor([0.30, 0.27, 0.24, 0.0])  # f·q - f·c
    values = torch.sigmoid(10 * difference)
    known = torch.ones(4, dtype=torch.bool)
    found = apply_rule(values, known, float(values[0]), MaskOptions(deviations=1.0), 0.05)
    assert found.tolist() == [True, True, False, False]


def test_noise_is_the_scatter_that_was_put_in() -> None:
    g = torch.Generator().manual_seed(0)
    dim, sigma = 24, 0.05
    centres = torch.nn.functional.normalize(torch.randn(300, dim, generator=g), dim=1)
    photos = torch.nn.functional.normalize(centres[:, None] + sigma * torch.randn(300, 60, dim, generator=g), dim=2)
    agreement = photos.mean(1).norm(dim=1)
    noise = noise_of(agreement, torch.ones(300), photos.reshape(-1, dim))
    assert abs(noise - sigma) < 0.1 * sigma


def test_otsu_agrees_with_scikit_image() -> None:
    g = torch.Generator().manual_seed(0)
    values = torch.cat([torch.randn(500, generator=g), torch.randn(200, generator=g) + 6])
    expected = float(threshold_otsu(values.numpy()))
    split = (values > otsu(values)).numpy(), (values.numpy() > expected)
    assert np.mean(split[0] != split[1]) < 0.005


def test_other_words_for_a_thing_are_no_rivals_of_it() -> None:
    table = torch.tensor([[1.0, 0.1, 0], [1, -0.1, 0], [0, 0, 1]])  # mug, cup, rug
    names = torch.nn.functional.normalize(table, dim=1)
    text = torch.tensor([[0.8, 0.6, 0]])
    features = torch.tensor([[1.0, 0, 0], [0, 0, 1.0]])
    found = against_rivals(features @ text.T, features @ names.T, text @ names.T)
    assert torch.allclose(found[:, 0], torch.sigmoid(10 * (torch.tensor([0.8, 0.0]) - torch.tensor([0.0, 1.0]))))
    excluded = against_rivals(features @ text.T, features @ names.T, text @ names.T, features @ names[:1].T)
    assert torch.isclose(excluded[0, 0], torch.sigmoid(10 * (0.8 - features[0] @ names[0])))


def test_smoothing_outvotes_one_and_keeps_a_border() -> None:
    means = torch.stack([torch.arange(40).float(), torch.zeros(40), torch.zeros(40)], dim=1)
    features = torch.zeros(40, 1, 3)
    features[:20, 0, 0] = 1
    features[20:, 0, 1] = 1
    features[7, 0] = torch.tensor([0.8, 0.0, 0.6])
    lifted = Lifted(features.clone(), torch.ones(40, 1), torch.ones(40, 1), torch.ones(40, 1))
    found = smooth_features(means, lifted, rounds=2)
    assert float(found[7, 0, 0]) > 0.97 and torch.equal(lifted.features, features)
    assert float(found[19, 0, 0]) > 0.999 and float(found[20, 0, 1]) > 0.999
    assert torch.allclose(found.norm(dim=2), torch.ones(40, 1))

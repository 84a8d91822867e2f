"""Regions: selection among masks, label maps, crops, segmentation."""

from __future__ import annotations

import numpy as np
import pytest

from splat.language.regions.crops import Look, boxes, crops, pool
from splat.language.regions.painting import mask_nms, numbered, paint
from splat.language.regions.segments import SegmentOptions, Segments, cut


def slow_nms(masks: np.ndarray, scores: np.ndarray, iou: float, score: float, inner: float) -> list[int]:
    """LangSplat's rule pair by pair, as its description reads."""
    order = sorted(range(len(masks)), key=lambda k: -scores[k])
    dropped = {k for k in order if scores[k] <= score}
    for place, better in enumerate(order):
        for worse in order[place + 1 :]:
            common = (masks[better] & masks[worse]).sum()
            union = (masks[better] | masks[worse]).sum()
            of_better, of_worse = common / masks[better].sum(), common / masks[worse].sum()
            if common / union > iou:
                dropped.add(worse)
            odd = 1 - of_better * of_worse > 1 - inner
            if of_better < 0.5 and of_worse >= 0.85 and odd:
                dropped.add(worse)
            if of_better >= 0.85 and of_worse < 0.5 and odd:
                dropped.add(better)
    kept = [k for k in order if k not in dropped]
    return kept or order[:3]


def test_nms_equals_the_rule_pair_by_pair() -> None:
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:40, :50]
    removed = 0
    for _ in range(30):
        masks = []
        for _ in range(12):
            top, left = rng.uniform(0, 25, 2)
            tall, wide = rng.uniform(4, 30, 2)
            masks.append((y >= top) & (y < top + tall) & (x >= left) & (x < left + wide))
            if rng.random() < 0.4:  # a near copy, so that the IoU rule has work
                masks.append(masks[-1] & (x > left + 1))
        stacked, scores = np.stack(masks), rng.uniform(0.6, 1.0, len(masks))
        found = mask_nms(stacked, scores)
        assert found.tolist() == slow_nms(stacked, scores, 0.8, 0.7, 0.5)
        removed += len(masks) - len(found)
    assert removed > 60
    nothing_good = mask_nms(stacked, np.linspace(0.1, 0.5, len(stacked)))
    assert nothing_good.tolist() == [len(stacked) - 1, len(stacked) - 2, len(stacked) - 3]
    assert len(mask_nms(np.zeros((0, 4, 4), bool), np.zeros(0))) == 0


def test_small_masks_are_painted_over_large_ones_and_levels_are_numbered_through() -> None:
    large, small = np.zeros((6, 6), bool), np.zeros((6, 6), bool)
    large[:4], small[1:3, 1:3] = True, True
    labels = paint([np.stack([small, large]), np.stack([large])], (6, 6))
    assert labels[0, 1, 1] == 0 and labels[0, 0, 0] == 1 and labels[0, 5, 5] == -1
    assert labels[1, 1, 1] == labels[1, 0, 0] == 2
    gaps = np.array([[-1, 7], [9, 7]])
    assert numbered(gaps).tolist() == [[-1, 0], [1, 0]]


def test_crops_hold_the_region_alone_in_a_square() -> None:
    image = np.full((40, 60, 3), 50, np.uint8)
    image[10:30, 20:30] = (255, 0, 0)
    labels = np.full((2, 20, 30), -1, np.int32)  # half the photo's size
    labels[0, 5:15, 10:15] = 0
    labels[1, 0:2, :] = 1
    assert boxes(labels[0], 1).tolist() == [[5, 10, 15, 15]]
    red, strip = crops(image, labels, 2, 32)
    assert (red[:, 8:24] == (255, 0, 0)).all()  # twice as tall as wide: half the square is padding
    assert not red[:, :8].any() and not red[:, 24:].any()
    lit = strip.any((1, 2))
    assert lit.sum() == 2 and (strip[lit] == 50).all()  # 4 of 60 pixels tall


def test_crops_with_surroundings_show_them_darker() -> None:
    image = np.full((100, 200, 3), 200, np.uint8)
    labels = np.zeros((1, 100, 200), np.int32)
    labels[0, 40:60, 90:110] = 1
    labels[0, 0:20, 0:20] = 2
    look = Look(context=0.5, surround=0.5)  # margins of 0.5 (20 + 20) on each side: squares of 60 pixels
    _, middle, corner = crops(image, labels, 3, 60, look)
    assert (middle[20:40, 20:40] == 200).all()  # the region fills the middle third
    outside = np.ones((60, 60), bool)
    outside[20:40, 20:40] = False
    assert (middle[outside] == 100).all()
    assert not corner[:20].any() and not corner[:, :20].any()  # beyond the photo
    assert (corner[20:40, 20:40] == 200).all() and (corner[40:, 20:] == 100).all()


def test_pooling_is_the_mean_over_pixels_of_the_patch_under_each() -> None:
    rng = np.random.default_rng(1)
    patches = rng.normal(size=(3, 4, 5))
    labels = rng.integers(-1, 3, (2, 9, 8)).astype(np.int32)
    labels[1][labels[1] >= 0] += 3
    found = pool(labels, patches, 6)
    for region in range(6):
        level = region // 3
        y, x = np.nonzero(labels[level] == region)
        np.testing.assert_allclose(found[region], patches[y // 3, x // 2].mean(0))


def test_cutting_the_tree() -> None:
    parents = np.array([4, 4, 5, 5, 6, 6, -1])  # leaves 0..3; 4 = (0, 1), 5 = (2, 3), 6 = all
    assert cut(parents, 4).tolist() == [0, 1, 2, 3]
    assert cut(parents, 3).tolist() == [4, 4, 2, 3]
    assert cut(parents, 2).tolist() == [4, 4, 5, 5]
    assert cut(parents, 1).tolist() == [6, 6, 6, 6]


def test_segments_find_plain_and_patterned_things() -> None:
    rng = np.random.default_rng(0)
    truth = np.zeros((120, 160), int)
    truth[20:60, 20:60], truth[70:110, 90:140] = 1, 2
    image = np.full((120, 160, 3), (200, 200, 190), float)
    image[truth == 1] = (180, 30, 30)
    y, x = np.mgrid[:120, :160]
    dark = (x // 8 + y // 8) % 2 == 0
    image[(truth == 2) & dark] = (40, 30, 120)
    image[(truth == 2) & ~dark] = (230, 220, 60)
    image = np.clip(image + rng.normal(0, 4, image.shape), 0, 255).astype(np.uint8)
    labels = Segments(640, SegmentOptions(counts=(12, 6, 3)))(image)
    assert labels.shape == (3, 120, 160) and labels.min() == 0
    for thing in (1, 2):
        ious = []
        for number in np.unique(labels):
            for plane in labels:
                region = plane == number
                ious.append((region & (truth == thing)).sum() / (region | (truth == thing)).sum())
        assert max(ious) > 0.9
    # the levels nest: a region of parts lies in one region of wholes
    for number in np.unique(labels[0]):
        assert len(np.unique(labels[2][labels[0] == number])) == 1


@pytest.mark.parametrize("color", [0, 128])
def test_segments_of_a_photo_of_one_color(color: int) -> None:
    labels = Segments()(np.full((50, 70, 3), color, np.uint8))
    assert labels.shape == (3, 50, 70) and (labels >= 0).all()

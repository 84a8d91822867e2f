"""Similarities are found where they are known, and refused where nothing tells them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from splat.alignment.similarity import is_line, level, robust_similarity, turn_to_z, umeyama
from splat.errors import SplatError
from splat.frame import Similarity


def known(seed: int = 0, scale: float = 7.3) -> Similarity:
    rotation = Rotation.random(random_state=seed).as_matrix()
    return Similarity(scale, rotation, np.array([120.0, -40.0, 15.0]))


def walk(count: int = 40, seed: int = 1) -> np.ndarray:
    """[count, 3] positions of a loose loop, 3 units wide."""
    random = np.random.default_rng(seed)
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    loop = np.stack([1.5 * np.cos(angles), np.sin(angles), 0.4 * np.sin(3 * angles)], axis=1)
    return loop + 0.05 * random.standard_normal((count, 3))


def error(found: Similarity, truth: Similarity) -> tuple[float, float]:
    """Relative error of the scale, and degrees of the turn."""
    turn = Rotation.from_matrix(found.rotation @ truth.rotation.T).magnitude()
    return abs(found.scale / truth.scale - 1), float(np.degrees(turn))


def test_closed_forms_give_the_known_similarity() -> None:
    truth, source = known(), walk()
    found = umeyama(source, truth.apply(source))
    assert np.allclose(found.matrix, truth.matrix, atol=1e-9)
    assert np.allclose(umeyama(source[:3], truth.apply(source[:3])).matrix, truth.matrix, atol=1e-9)
    up = truth.rotation[2]
    assert np.allclose(level(source, truth.apply(source), up).matrix, truth.matrix, atol=1e-9)
    assert np.allclose(level(source[:2], truth.apply(source[:2]), up).matrix, truth.matrix, atol=1e-9)


def test_a_mirrored_cloud_gets_a_rotation() -> None:
    source = walk()
    found = umeyama(source, source * [1, 1, -1])
    assert np.isclose(np.linalg.det(found.rotation), 1)


@pytest.mark.parametrize("up", [(0, 0, 1), (0, 0, -1), (0, -1, 0), (3, -2, 0.5), (1e-14, 0, -1)])
def test_turning_to_z(up: tuple[float, float, float]) -> None:
    rotation = turn_to_z(np.array(up, float))
    assert np.allclose(rotation @ up, [0, 0, np.linalg.norm(up)]) and np.isclose(np.linalg.det(rotation), 1)


@pytest.mark.parametrize("seed", range(5))
def test_noise_and_a_third_of_gross_errors_do_not_move_it(seed: int) -> None:
    random, truth, source = np.random.default_rng(seed), known(seed), walk(seed=seed)
    target = truth.apply(source) + 0.05 * random.standard_normal((40, 3)) * [1, 1, 2]
    wrong = random.choice(40, 12, replace=False)
    target[wrong] += random.uniform(-1, 1, (12, 3)) * 200
    fit = robust_similarity(source, target, accuracy=0.05)
    assert fit.vertical == "found" and not fit.agrees[wrong].any() and fit.agrees.sum() >= 25
    scale, turn = error(fit.similarity, truth)
    assert scale < 0.01 and turn < 0.5
    assert np.linalg.norm(fit.similarity.apply(source) - truth.apply(source), axis=1).max() < 0.1
    plain = umeyama(source, target)
    assert error(plain, truth)[0] > 10 * scale  # least squares alone is led astray


def test_one_seed_gives_one_answer() -> None:
    truth, source = known(), walk()
    target = truth.apply(source) + np.random.default_rng(3).standard_normal((40, 3)) * 0.1
    first, second = (robust_similarity(source, target, 0.1) for _ in range(2))
    assert np.array_equal(first.similarity.matrix, second.similarity.matrix)


def test_a_line_is_refused_unless_up_is_known() -> None:
    truth = known()
    source = np.outer(np.linspace(0, 10, 20), [1, 0.2, 0.1])
    assert is_line(source) and not is_line(walk())
    with pytest.raises(SplatError, match=r"stand on a line, so the turn about it is free; give up=cameras"):
        robust_similarity(source, truth.apply(source), 1.0)
    fit = robust_similarity(source, truth.apply(source), 1.0, up=truth.rotation[2])
    assert fit.vertical == "helped" and np.allclose(fit.similarity.matrix, truth.matrix, atol=1e-6)


def test_a_strip_is_a_line_up_to_a_twentieth_of_its_length() -> None:
    along = np.linspace(-1, 1, 40)
    for width, line in ((0.04, True), (0.06, False)):
        across = np.where(np.arange(40) % 2 == 0, 1, -1) * width * along.std()
        assert is_line(np.stack([along, across, 0 * along], axis=1) @ known().rotation.T) == line


def test_heights_that_scatter_do_not_tilt_the_scene() -> None:
    random, truth, source = np.random.default_rng(0), known(), walk()
    target = truth.apply(source) + random.standard_normal((40, 3)) * [0.5, 0.5, 20.0]
    with pytest.raises(SplatError, match="say too little of the vertical"):
        robust_similarity(source, target, 1.0)
    fit = robust_similarity(source, target, 1.0, up=truth.rotation[2])
    assert fit.vertical == "helped" and fit.similarity.rotation[2] @ truth.rotation[2] > np.cos(np.radians(1.5))
    assert error(fit.similarity, truth)[0] < 0.05
    fit = robust_similarity(source, target, 1.0, up=truth.rotation[2], leveled=True)
    assert fit.vertical == "given" and np.allclose(fit.similarity.rotation[2], truth.rotation[2], atol=1e-9)


def test_two_degrees_of_doubt_about_the_vertical_are_borne() -> None:
    """Heights that scatter like so much of a tilt, which all 40 photos together have."""
    truth, source = known(), walk()
    wave = np.where(np.arange(40) % 2 == 0, 1.0, -1.0)[:, None] * [0, 0, 1]
    width = float(np.linalg.svd(truth.apply(source)[:, :2] - truth.apply(source)[:, :2].mean(0), compute_uv=False)[1])
    less, more = (truth.apply(source) + width * np.tan(np.radians(degrees)) * wave for degrees in (1.5, 2.5))
    assert robust_similarity(source, less, 1.0).vertical == "found"
    with pytest.raises(SplatError, match="say too little of the vertical"):
        robust_similarity(source, more, 1.0)


@pytest.mark.parametrize(
    ("off", "agrees"),
    [((0.9, 0, 0), True), ((1.15, 0, 0), False), ((0, 0, 1.8), True), ((0, 0, 2.3), False)],  # heights are half as good
)
def test_who_is_off_by_more_than_the_accuracy_does_not_agree(off: tuple[float, float, float], agrees: bool) -> None:
    truth, source = known(), walk()
    target = truth.apply(source)
    target[7] += off
    fit = robust_similarity(source, target, 1.0)
    assert fit.agrees[7] == agrees and np.delete(fit.agrees, 7).all()
    assert fit.distances[7] == pytest.approx(np.linalg.norm(off), rel=0.15)


def test_a_line_tells_its_own_slope_where_cameras_lean() -> None:
    random, truth = np.random.default_rng(0), known()
    source = np.outer(np.linspace(0, 20, 40), truth.rotation[0])  # level in the world
    target = truth.apply(source) + random.standard_normal((40, 3)) * [0.5, 0.5, 1.0]
    leaning = Rotation.from_rotvec(np.radians(10) * truth.rotation[1]).apply(truth.rotation[2])
    fit = robust_similarity(source, target, 1.0, up=leaning)
    slope = np.degrees(np.arcsin((fit.similarity.rotation @ truth.rotation[0])[2]))
    assert fit.vertical == "helped" and abs(slope) < 1.5


def test_without_heights_the_rest_is_found() -> None:
    truth, source = known(), walk()
    target = truth.apply(source) * [1, 1, 0]
    with pytest.raises(SplatError, match="without altitudes the vertical must be known"):
        robust_similarity(source, target, 1.0, heights=False)
    fit = robust_similarity(source, target, 1.0, up=truth.rotation[2], heights=False)
    moved = fit.similarity.apply(source)
    assert np.allclose(moved[:, :2], target[:, :2], atol=1e-6) and abs(moved[:, 2].mean()) < 1e-6
    assert error(fit.similarity, truth) == pytest.approx((0, 0), abs=1e-5)


def test_what_says_nothing_is_refused() -> None:
    random, source = np.random.default_rng(0), walk()
    with pytest.raises(SplatError, match="4 positions are too few"):
        robust_similarity(source[:4], known().apply(source[:4]), 1.0)
    with pytest.raises(SplatError, match=r"lie within .* m of each other, too near for an accuracy of 5 m"):
        robust_similarity(source, known(scale=3).apply(source), 5.0)
    with pytest.raises(SplatError, match="too near for an accuracy of 5 m"):  # noise alone
        robust_similarity(source, 5 * random.standard_normal((40, 3)), 5.0)
    with pytest.raises(SplatError, match="positions agree with each other, 5 are needed"):
        robust_similarity(source[:6], 1000 * random.standard_normal((6, 3)), 1.0)

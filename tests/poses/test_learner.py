"""Steps of poses: how long they are, what holds them back, what is kept."""

from __future__ import annotations

import pytest
import torch

from splat.poses.config import PosesOptions
from splat.poses.hook import rate_at
from splat.poses.learner import PoseLearner
from tests.train.blobs import WIDTH, blob_scene, ring_camera

CAMERAS = [ring_camera(angle, str(angle)) for angle in (0.0, 1.0)]
POINTS = blob_scene(count=300).means


def pull(seed: int = 0) -> torch.Tensor:
    return torch.randn(4, 4, generator=torch.Generator().manual_seed(seed))


def test_a_step_moves_the_picture_of_one_camera_by_the_rate() -> None:
    learner = PoseLearner(CAMERAS, POINTS)
    learner.step(1, pull(), 1e-3)
    assert torch.equal(learner.viewmats[0], learner.given[0]) and learner.visits == [0, 1]
    assert float(learner.moved()[1]) == pytest.approx(1e-3 * 6**0.5, rel=0.02)  # Adam's first step: one in each of six
    turn = learner.viewmats[1, :3, :3]
    torch.testing.assert_close(turn @ turn.T, torch.eye(3).double())


def test_a_first_pose_holds_until_visits_outweigh_it() -> None:
    free, held = PoseLearner(CAMERAS, POINTS), PoseLearner(CAMERAS, POINTS, hold=5.0)
    for learner in (free, held):
        for _ in range(5):
            learner.step(0, pull(), 1e-3)
    assert 0.5 * float(free.moved()[0]) < float(held.moved()[0]) < 0.95 * float(free.moved()[0])
    before = float(held.moved()[0])
    for seed in range(200):  # nothing agrees: no evidence
        held.step(0, pull(seed), 1e-9)
    assert before * 0.3 < float(held.moved()[0]) < before


def test_what_is_no_number_moves_nothing() -> None:
    learner = PoseLearner(CAMERAS, POINTS)
    learner.step(0, torch.full((4, 4), torch.nan), 1e-3)
    assert torch.equal(learner.viewmats, learner.given) and learner.visits == [0, 0]


def test_a_restored_learner_goes_on_with_the_same_bits() -> None:
    one, other = PoseLearner(CAMERAS, POINTS, 1.0), PoseLearner(CAMERAS, POINTS, 1.0)
    one.step(0, pull(1), 1e-3)
    other.restore({name: value.clone() if torch.is_tensor(value) else value for name, value in one.state().items()})
    for learner in (one, other):
        learner.step(0, pull(2), 1e-3)
    assert torch.equal(one.viewmats, other.viewmats)
    with pytest.raises(ValueError, match="of other cameras"):
        PoseLearner(CAMERAS[:1], POINTS).restore(one.state())


@pytest.mark.parametrize(("steps", "photos"), [(300, 20), (3000, 60), (2000, 5)])
def test_rates_add_up_to_the_reach(steps: int, photos: int) -> None:
    options = PosesOptions(reach=0.05)
    begin = round(options.start * steps)
    rates = [rate_at(step, steps, photos, options) for step in range(begin, steps)]
    assert sum(rates) / photos == pytest.approx(0.05, rel=0.2)
    assert rates[-1] < 0.05 * max(rates) and rates[0] < 0.5 * max(rates)
    assert WIDTH * max(rates) < 5  # pixels

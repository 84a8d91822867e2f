"""Where an object ends that a field only points at: on balls whose Gaussians are known."""

from __future__ import annotations

import numpy as np
import torch

from splat.edit.select.graph import joined_to, neighbour_graph, pieces, smoothed
from splat.edit.select.refine import Evidence, confirm_in_views, refine, refine_inputs, steepest_border
from splat.edit.select.text import meant
from splat.gaussians import Gaussians
from splat.language.clusters import Cluster
from tests.edit.scenes import ball, join, renderer_of, three_balls

RED, GREEN, BLUE = (np.arange(900) // 300 == number for number in range(3))


def evidence(logits: np.ndarray, known: np.ndarray | None = None) -> Evidence:
    """Best 2, the query's threshold 1, noise 1 logit: thresholds from 1 down to -1."""
    return Evidence(logits, np.ones(900, bool) if known is None else known, 2.0, 1.0, 1.0)


def scattered(share: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(900) < share


def touching() -> Gaussians:
    """The second ball touches the first from below; the third stands apart."""
    red, blue = (0.8, 0.1, 0.1), (0.1, 0.2, 0.8)
    return join(ball((0, 0, 0), 0.4, red), ball((0, 0.79, 0), 0.4, blue), ball((3, 0, 0), 0.4, blue))


def test_smoothing_solves_its_equations() -> None:
    points = np.random.default_rng(0).normal(size=(40, 3))
    graph = neighbour_graph(points, 4)
    values, likeness = np.sign(points[:, 0]), np.random.default_rng(1).random(len(graph.first))
    links = np.zeros((40, 40))
    np.add.at(links, (graph.first, graph.second), likeness)
    links = 0.7 * (links + links.T) / 2
    exact = np.linalg.solve(np.eye(40) + np.diag(links.sum(1)) - links, values)
    assert np.abs(smoothed(graph, likeness, values, 0.7) - exact).max() < 5e-3


def test_pieces_hang_together_by_their_reach() -> None:
    points = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [10, 0, 0], [11, 0, 0], [12, 0, 0]])
    graph, everything = neighbour_graph(points, 2), np.ones(6, bool)
    assert len(set(pieces(graph, everything, 1.5).tolist())) == 2
    without = everything.copy()
    without[1] = False
    assert len(set(pieces(graph, without, 1.5)[[0, 2, 3]].tolist())) == 3 and pieces(graph, without, 1.5)[1] == -1
    assert joined_to(graph, everything, points[:, 0] < 1, 1.5).tolist() == [True] * 3 + [False] * 3
    assert not joined_to(graph, ~everything, everything, 1.5).any()
    assert neighbour_graph(points[:1]).usual(np.ones(1, bool)) == 0


def test_the_threshold_falls_to_where_the_answer_breaks_off() -> None:
    scene = touching()
    top = RED & (scene.means[:, 1].numpy() < 0.05)  # y points down, to the next ball
    logits = np.where(top, 1.5, np.where(RED, -0.5, -4.0))
    inputs = refine_inputs(scene)
    region, threshold = steepest_border(inputs, evidence(logits), top, 0.2)
    assert (region == RED).all() and threshold <= -0.5
    surer = np.where(top, 1.5, np.where(RED, -3.8, -4.0))  # the other half is another thing's
    assert (steepest_border(inputs, evidence(surer), top, 0.2)[0] == top).all()


def test_a_region_does_not_swallow_what_is_larger_than_itself() -> None:
    small = RED & (three_balls().means[:, 1].numpy() < -0.3)
    logits = np.where(small, 1.5, np.where(RED, 0.0, -4.0))  # steeper around the whole ball
    region, threshold = steepest_border(refine_inputs(three_balls()), evidence(logits), small, 0.2)
    assert (region == small).all() and threshold == 1.0


def test_the_unknown_and_the_misjudged_follow_their_neighbours() -> None:
    known = ~(RED & scattered(0.2, 1))
    logits = np.where(RED, 1.5, -4.0)
    logits[RED & known & scattered(0.1, 2)] = -4.0
    logits[~known] = -9.0
    seeds = RED & known & (logits > 1)
    found = refine(refine_inputs(three_balls()), evidence(logits, known), seeds)
    assert found[RED].mean() > 0.9 > 0.75 > seeds[RED].mean() and not found[~RED].any()


def test_colors_tell_where_an_answer_that_bleeds_ends() -> None:
    scene = touching()
    means = scene.means.numpy()
    bleeds = GREEN & (means[:, 1] < 0.47)  # the part of the lower ball that touches the upper one
    logits = np.where(RED, 1.5, np.where(bleeds, 1.1, -4.0))
    seeds = RED.copy()
    without = (logits > 1) & ~RED
    found = refine(refine_inputs(scene), evidence(logits), seeds)
    assert found[RED].all() and found[without].sum() < 0.5 * without.sum()


def test_views_confirm_what_they_show() -> None:
    made = renderer_of()
    rough = RED & ~scattered(0.15, 3)
    stray = np.zeros(900, bool)
    stray[[310, 400, 500, 700, 850]] = True
    after = confirm_in_views(made, rough | stray)
    assert after[RED].mean() > 0.97 > 0.9 > rough[RED].mean()
    assert not after[~RED].any()
    assert (confirm_in_views(made, np.zeros(900, bool)) == np.zeros(900, bool)).all()


def test_what_no_view_sees_stays_as_it_is() -> None:
    scene = join(three_balls(), ball((0, 80, 0), 0.4, (1, 0, 0), count=30))
    picked = np.zeros(930, bool)
    picked[:300] = picked[900:915] = True
    after = confirm_in_views(renderer_of(scene), picked)
    assert after[900:915].all() and not after[915:].any()


def test_a_larger_thing_that_answers_less_surely_is_not_meant() -> None:
    def piece(mass: float, score: float) -> Cluster:
        return Cluster(np.arange(5), score, mass, [0.0] * 3, [0.0] * 3, [0.0] * 3)

    right, larger, twin, crumb, dust = (
        piece(1, 0.8),
        piece(3, 0.6),
        piece(0.5, 0.78),
        piece(0.05, 0.99),
        piece(0.07, 0.8),
    )
    assert meant([larger, right, twin, crumb, dust], 1.0) == [right, twin]
    assert meant([larger, right], 10.0) == [larger, right]
    assert meant([piece(2, 0.9)], 0.0) != []


def test_seeds_are_left_where_nothing_is_known() -> None:
    seeds = torch.arange(900).numpy() < 20
    found = refine(refine_inputs(three_balls()), evidence(np.full(900, -4.0)), seeds)
    assert (found == seeds).all()

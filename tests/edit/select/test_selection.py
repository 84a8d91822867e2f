"""Fuzzy sets of Gaussians: algebra, regions, neighbours and files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from splat.edit.select import geometry
from splat.edit.select.geometry import connected, grow, pieces, shrink
from splat.edit.select.selection import Selection, load_selection, save_selection
from splat.errors import SplatError
from splat.language.selection import read_selection
from tests.edit.scenes import ball, join, three_balls
from tests.fuzz import damaged, survives


def test_algebra_of_weights() -> None:
    a, b = Selection(torch.tensor([0.0, 0.2, 0.7, 1.0])), Selection(torch.tensor([1.0, 0.6, 0.5, 1.0]))
    assert (a & b).weights.tolist() == pytest.approx([0, 0.2, 0.5, 1])
    assert (a | b).weights.tolist() == pytest.approx([1, 0.6, 0.7, 1])
    assert (a - b).weights.tolist() == pytest.approx([0, 0.2, 0.5, 0])
    assert (~a).weights.tolist() == pytest.approx([1, 0.8, 0.3, 0])
    assert a.indices.tolist() == [2, 3] and a.share == 0.5 and a.hard(0.1).weights.tolist() == [0, 1, 1, 1]
    torch.testing.assert_close((~(a & b)).weights, (~a | ~b).weights)  # de Morgan
    with pytest.raises(SplatError, match="does not fit"):
        a & Selection(torch.zeros(3))


def test_regions_hold_what_lies_in_them() -> None:
    scene = three_balls()
    assert geometry.box(scene, [-1.1, -0.5, -0.5], [-0.1, 0.5, 0.5]).indices.tolist() == list(range(300))
    assert geometry.sphere(scene, [0.6, 0, 0], 0.41).indices.tolist() == list(range(300, 600))
    scene.opacities[7], scene.scales[8] = -3.0, torch.tensor([-9.0, 0.0, -9.0])
    assert geometry.opacity(scene, high=0.1).indices.tolist() == [7]
    assert geometry.size(scene, low=0.5).indices.tolist() == [8]
    assert geometry.everything(scene).share == 1
    low, high = geometry.bounds(scene, geometry.sphere(scene, [0.6, 0, 0], 0.41), share=0)
    assert torch.allclose(low, torch.tensor([0.2, -0.4, -0.4]).double(), atol=0.02)
    assert torch.allclose(high, torch.tensor([1.0, 0.4, 0.4]).double(), atol=0.02)
    for wrong in ([1.0, 0, 0], [0.0, 0, 0]), ([0.0], [1.0]):
        with pytest.raises(SplatError, match="a box is"):
            geometry.box(scene, *wrong)


def test_growing_and_shrinking_by_a_distance() -> None:
    scene = three_balls()
    half = geometry.box(scene, [-1.1, -0.5, -0.5], [-0.6, 0.5, 0.5])
    larger = grow(scene, half, 0.1)
    distance = torch.cdist(scene.means, scene.means[half.mask]).amin(dim=1)
    assert torch.equal(larger.mask, distance <= 0.1)
    smaller = shrink(scene, half, 0.1)
    outside = torch.cdist(scene.means, scene.means[~half.mask]).amin(dim=1)
    assert torch.equal(smaller.mask, half.mask & (outside > 0.1))
    assert half.count < grow(scene, half).count < 300  # the distance of its own choice stays on the ball
    soft = Selection(0.6 * half.weights)
    assert grow(scene, soft, 0.1).weights.unique().tolist() == pytest.approx([0.0, 0.6])
    with pytest.raises(SplatError, match="0 or more"):
        grow(scene, half, -1.0)


def test_pieces_of_a_selection() -> None:
    small = ball((0, 2, 0), 0.2, (1, 1, 1), count=100)
    scene = join(three_balls(), small)
    chosen = geometry.everything(scene) - geometry.sphere(scene, [-0.8, 0, 1.4], 0.5)
    numbers = pieces(scene, chosen)
    assert (numbers[600:900] == -1).all() and (numbers[900:] == 2).all()
    assert {numbers[0], numbers[300]} == {0, 1} and len(set(numbers[:300])) == len(set(numbers[300:600])) == 1
    assert connected(scene, chosen, keep=2).indices.tolist() == list(range(600))
    scene.opacities[5] = -5.0  # too faint to link, but it belongs to the ball around it
    again = pieces(scene, chosen)
    assert again[5] == again[6] >= 0


def test_a_file_keeps_the_weights(tmp_path: Path) -> None:
    selection = Selection(torch.tensor([0.0, 0.25, 0.5, 1.0]), "box(1)")
    save_selection(tmp_path / "a.safetensors", selection, scene="abc")
    back = load_selection(tmp_path / "a.safetensors", 4, scene="abc")
    assert torch.equal(back.weights, selection.weights)
    for count, scene in ((5, "abc"), (4, "other")):
        with pytest.raises(SplatError, match="another scene"):
            load_selection(tmp_path / "a.safetensors", count, scene=scene)
    with pytest.raises(SplatError, match="no selection file"):
        load_selection(tmp_path / "b.safetensors", 4)
    (tmp_path / "c.safetensors").write_bytes(b"nonsense")
    with pytest.raises(SplatError, match="not a selection file"):
        load_selection(tmp_path / "c.safetensors", 4)


def test_the_file_of_a_query_and_its_objects(tmp_path: Path) -> None:
    tensors = {
        "indices": torch.tensor([1, 3, 5]),
        "weights": torch.tensor([0.4, 0.9, 0.8]).half(),
        "objects": torch.tensor([2, 1, 1], dtype=torch.int16),
    }
    save_file(tensors, str(tmp_path / "q.safetensors"), {"facts": json.dumps({"text": "red mug", "scene": "abc"})})
    assert load_selection(tmp_path / "q.safetensors", 6).indices.tolist() == [1, 3, 5]
    assert load_selection(tmp_path / "q.safetensors", 6, cluster=2).indices.tolist() == [1]
    with pytest.raises(SplatError, match="has no object 3; it has 1, 2"):
        load_selection(tmp_path / "q.safetensors", 6, cluster=3)


def query_file(path: Path, facts: str = '{"text": "red mug", "scene": "abc"}', **tensors: torch.Tensor) -> Path:
    whole = {
        "indices": torch.tensor([1, 3, 5]),
        "weights": torch.tensor([0.4, 0.9, 0.8]),
        "objects": torch.tensor([2, 1, 1], dtype=torch.int16),
    }
    save_file({**whole, **tensors}, str(path), {"facts": facts})
    return path


@pytest.mark.parametrize("facts", ["1e5", "[]", "null", '"text"', "{", "[" * 100_000, '{"scene": ' * 5000])
def test_facts_that_are_none(tmp_path: Path, facts: str) -> None:
    with pytest.raises(SplatError, match="not a selection file"):
        load_selection(query_file(tmp_path / "q.safetensors", facts), 6)


def test_facts_of_any_kind_are_compared(tmp_path: Path) -> None:
    for facts in ('{"count": [6]}', '{"count": "6"}', '{"scene": []}', '{"count": {"a": 1}}'):
        with pytest.raises(SplatError, match="another scene"):
            load_selection(query_file(tmp_path / "q.safetensors", facts), 6, scene="abc")


@pytest.mark.parametrize(
    "odd",
    [
        {"indices": torch.tensor([[1], [3], [5]])},
        {"indices": torch.tensor([1.0, 3.0, 5.0])},
        {"indices": torch.tensor(1)},
        {"weights": torch.tensor([0.4, 0.9])},
        {"weights": torch.tensor([0.4, 0.9, float("nan")])},
        {"weights": torch.tensor([0.4, 0.9, 1.5])},
        {"weights": torch.tensor([0.4, 0.9, 0.1 + 0.2j])},
        {"objects": torch.tensor([1, 2])},
        {"objects": torch.zeros(3, 3, dtype=torch.int16)},
    ],
)
def test_tensors_that_do_not_fit_each_other(tmp_path: Path, odd: dict[str, torch.Tensor]) -> None:
    for read in (lambda path: load_selection(path, 6), lambda path: load_selection(path, 6, cluster=1), read_selection):
        with pytest.raises(SplatError, match="is damaged"):
            read(query_file(tmp_path / "q.safetensors", **odd))


def test_damaged_selections_are_selections_or_one_line(tmp_path: Path) -> None:
    path, outcomes = query_file(tmp_path / "q.safetensors"), set()
    for piece in damaged(path.read_bytes(), seed=4, count=250):
        path.write_bytes(piece)
        for cluster in (None, 1):
            outcomes.add(survives(lambda cluster=cluster: check_weights(load_selection(path, 6, cluster)), piece))
        survives(lambda: read_selection(path), piece)
    assert outcomes == {True, False}


def check_weights(selection: Selection) -> None:
    assert len(selection) == 6 and bool(((selection.weights >= 0) & (selection.weights <= 1)).all())

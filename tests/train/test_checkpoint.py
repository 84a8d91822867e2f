from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from splat.errors import SplatError
from splat.train.checkpoint import checkpoint_path, latest_checkpoint, load_checkpoint, reading, save_checkpoint
from splat.train.config import TrainConfig
from splat.train.plan import recorded_plan
from splat.train.state import new_state, restored_state, state_record
from splat.train.strategies import MCMCStrategy
from tests.fuzz import damaged, odd_records, survives
from tests.train.blobs import blob_scene

CONFIG = TrainConfig(strategy=MCMCStrategy())
VIEWS = 4


def test_everything_comes_back(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(7)
    torch.rand(5, generator=generator)
    state = {
        "params": {"means": torch.randn(4, 3), "empty": torch.zeros(0, 3)},
        "step": 12,
        "lr": 1e-5,
        "name": "ä/b",
        "queue": [3, 1, 2],
        "nothing": None,
        "generator": generator,
        "flag": True,
        "indices": torch.tensor([1, 2]),
    }
    path = checkpoint_path(tmp_path, 12)
    save_checkpoint(path, state)
    loaded = load_checkpoint(path)
    assert torch.equal(loaded["params"]["means"], state["params"]["means"])
    assert loaded["params"]["empty"].shape == (0, 3)
    assert loaded["indices"].dtype == torch.int64
    assert torch.equal(torch.rand(3, generator=loaded["generator"]), torch.rand(3, generator=generator))
    for key in ("step", "lr", "name", "queue", "nothing", "flag"):
        assert loaded[key] == state[key]


def test_the_latest_counts_steps_not_letters(tmp_path: Path) -> None:
    assert latest_checkpoint(tmp_path) is None
    for step in (90, 1000, 200):
        save_checkpoint(checkpoint_path(tmp_path, step), {"step": step})
    assert latest_checkpoint(tmp_path) == checkpoint_path(tmp_path, 1000)


def test_a_damaged_file_is_one_clear_line(tmp_path: Path) -> None:
    path = checkpoint_path(tmp_path, 1)
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(SplatError, match="cannot read the checkpoint"):
        load_checkpoint(path)


def test_what_it_cannot_hold_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="a/b"):
        save_checkpoint(tmp_path / "x.safetensors", {"a": {"b": object()}})
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def content() -> dict[str, Any]:
    """What a checkpoint of a training holds after its first update."""
    state = new_state(blob_scene(6), CONFIG, CONFIG.strategy, 1.0, torch.device("cpu"))
    for name, value in state.params.items():
        value.grad = torch.ones_like(value)
        state.optimizers[name].step()
    state.step, state.queue, state.measured = 1, [3, 0, 2], {"loss": 0.5}
    plan = {"data_factor": 1.0, "max_steps": 100, "cap_max": 50, "seeds": 6}
    return {"config": {"seed": 1}, "plan": plan, "state": state_record(state)}


def resume(path: Path) -> None:
    record = load_checkpoint(path)
    with reading(path):
        recorded_plan(record["plan"], str(path))
        restored_state(record["state"], CONFIG, CONFIG.strategy, 1.0, torch.device("cpu"), VIEWS)


def test_a_state_comes_back(content: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, content)
    state = restored_state(load_checkpoint(path)["state"], CONFIG, CONFIG.strategy, 1.0, torch.device("cpu"), VIEWS)
    again = tmp_path / "b.safetensors"
    save_checkpoint(again, {**content, "state": state_record(state)})
    # The header's entries may stand in any order; the check sum among them covers all tensors.
    with safe_open(path, framework="pt") as one, safe_open(again, framework="pt") as other:
        assert one.metadata() == other.metadata() and "sum" in one.metadata()


def test_damaged_checkpoints_are_one_line(content: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "step_00000001.safetensors"
    save_checkpoint(path, content)
    good = path.read_bytes()
    for data in damaged(good, seed=4, count=200):
        path.write_bytes(data)
        survives(lambda: resume(path), data)


def test_a_changed_number_is_noticed(content: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "step_00000001.safetensors"
    save_checkpoint(path, content)
    data = bytearray(path.read_bytes())
    for place in (len(data) - 1, len(data) - 500):
        data[place] ^= 1
        path.write_bytes(data)
        with pytest.raises(SplatError, match="its check sum is another; remove it to resume from the one before"):
            load_checkpoint(path)
        data[place] ^= 1


def test_checkpoints_of_another_make_are_one_line(content: dict[str, Any], tmp_path: Path) -> None:
    """Whole files without a check sum, as older ones are, whose content fits nothing."""
    path = tmp_path / "step_00000001.safetensors"
    save_checkpoint(path, content)
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    del metadata["sum"]
    accepted = 0
    for tree in odd_records(json.loads(metadata["tree"]), seed=5, count=120):
        save_file(tensors, path, metadata={**metadata, "tree": json.dumps(tree)})
        accepted += survives(lambda: resume(path), tree)
    assert accepted > 0
    for name in tensors:
        for other in (tensors[name].flatten()[:1], tensors[name].double(), tensors[name][None]):
            save_file({**tensors, name: other.clone()}, path, metadata=metadata)
            survives(lambda: resume(path), (name, other))


def test_a_generator_that_is_none_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    tree = json.dumps({"generator": {"__generator__": "generator"}})
    save_file({"generator": torch.zeros(5)}, path, metadata={"version": "1", "tree": tree})
    with pytest.raises(SplatError, match="RNG state must be"):
        load_checkpoint(path)

from pathlib import Path

import pytest
import torch

from splat.errors import SplatError
from splat.train.checkpoint import checkpoint_path, latest_checkpoint, load_checkpoint, save_checkpoint


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

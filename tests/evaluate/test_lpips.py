"""LPIPS: documented values where the weights are, and a reason, never a number, where they are not."""

import socket
import sys
from pathlib import Path

import pytest
import torch

from splat.evaluate import lpips_metric
from splat.evaluate.lpips_metric import BACKBONES, choose_net, lpips
from splat.evaluate.protocols import PROTOCOLS


@pytest.fixture
def squeeze_weights(shared_data, monkeypatch: pytest.MonkeyPatch) -> None:
    """torch.hub's folder is the one of the test data, which has SqueezeNet and nothing else."""
    monkeypatch.setenv("TORCH_HOME", str(shared_data("weights")))
    assert lpips_metric.checkpoint_path("squeeze").exists()


@pytest.fixture
def no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    return tmp_path / "hub" / "checkpoints"


def test_values_documented_by_torchmetrics(squeeze_weights: None) -> None:
    """Doc example of torchmetrics.image.lpip (reduction none): Generator().manual_seed(42), two pairs, squeeze."""
    generator = torch.Generator().manual_seed(42)
    first = torch.rand(2, 3, 100, 100, generator=generator).permute(0, 2, 3, 1)
    second = torch.rand(2, 3, 100, 100, generator=generator).permute(0, 2, 3, 1)
    assert choose_net("squeeze", PROTOCOLS["gsplat"]).net == "squeeze"
    values = [lpips(first[i], second[i], "squeeze") for i in range(2)]
    assert values == pytest.approx([0.1024, 0.0938], abs=5e-5)


def test_batch_value_documented_by_torchmetrics(squeeze_weights: None) -> None:
    """Doc example of the functional form: manual_seed(123), ten pairs, squeeze: 0.1008."""
    generator = torch.Generator().manual_seed(123)
    first = torch.rand(10, 3, 100, 100, generator=generator).permute(0, 2, 3, 1)
    second = torch.rand(10, 3, 100, 100, generator=generator).permute(0, 2, 3, 1)
    assert lpips(first, second, "squeeze") == pytest.approx(0.1008, abs=5e-5)


def test_identical_images_and_the_scaling_of_the_input(squeeze_weights: None) -> None:
    generator = torch.Generator().manual_seed(1)
    image, other = torch.rand(64, 80, 3, generator=generator), torch.rand(64, 80, 3, generator=generator)
    assert lpips(image, image, "squeeze") == 0.0
    scaled = lpips(image, other, "squeeze", normalize=True)
    plain = lpips(image, other, "squeeze", normalize=False)
    assert scaled != pytest.approx(plain, rel=1e-3)
    assert lpips(image * 2 - 1, other * 2 - 1, "squeeze", normalize=False) == pytest.approx(scaled, abs=1e-7)


def test_auto_falls_back_to_squeeze_and_says_so(squeeze_weights: None) -> None:
    choice = choose_net("auto", PROTOCOLS["gsplat"])
    assert choice.net == "squeeze"
    assert choice.reason is not None
    assert "alex weights are not on this machine" in choice.reason
    assert "comparable only with other squeeze values" in choice.reason


def test_missing_weights_give_a_reason_at_once(no_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(*_: object, **__: object) -> None:
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket, "socket", no_network)
    for requested in ("auto", "vgg", "squeeze"):
        choice = choose_net(requested, PROTOCOLS["gsplat"])
        assert choice.net is None
        assert "lpips_download=true" in (choice.reason or "")
    assert not no_weights.exists() or not list(no_weights.iterdir())


def test_damaged_weights_give_a_reason(no_weights: Path) -> None:
    no_weights.mkdir(parents=True)
    (no_weights / BACKBONES["alex"].file).write_bytes(b"<html>not found</html>")
    choice = choose_net("alex", PROTOCOLS["gsplat"])
    assert choice.net is None
    assert "are damaged (their SHA-256 does not begin with 7be5be79)" in (choice.reason or "")


def test_none_is_none() -> None:
    assert choose_net("none", PROTOCOLS["3dgs"]).net is None


def test_tiny_images_have_no_value(squeeze_weights: None) -> None:
    assert lpips(torch.zeros(32, 100, 3), torch.zeros(32, 100, 3), "squeeze") is None


def test_torchvision_that_does_not_import_gives_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)  # what Python does for a module that cannot be imported
    choice = choose_net("auto", PROTOCOLS["gsplat"])
    assert choice.net is None
    assert "torchvision" in (choice.reason or "")

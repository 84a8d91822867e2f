"""A small capture that lives in memory, for scoring without files, and weights for LPIPS that nobody has to fetch."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from splat.cameras import Camera
from splat.capture.types import Capture, Frame


class ArrayImages:
    """Photos held as arrays."""

    plans = ()

    def __init__(self, images: list[np.ndarray], alphas: list | None = None, masks: list | None = None) -> None:
        self.images, self.alphas, self.masks = images, alphas, masks

    def image(self, index: int) -> np.ndarray:
        return self.images[index]

    def alpha(self, index: int) -> np.ndarray | None:
        return self.alphas[index] if self.alphas else None

    def mask(self, index: int) -> np.ndarray | None:
        return self.masks[index] if self.masks else None


def make_capture(
    images: list[np.ndarray],
    names: list[str] | None = None,
    test_every: int = 2,
    alphas: list | None = None,
    masks: list | None = None,
) -> Capture:
    frames = []
    for index, image in enumerate(images):
        name = names[index] if names else f"{index:04d}.png"
        K = torch.tensor([[60.0, 0, image.shape[1] / 2], [0, 60.0, image.shape[0] / 2], [0, 0, 1]]).double()
        viewmat = torch.eye(4).double()
        viewmat[0, 3] = 0.1 * index
        camera = Camera(viewmat, K, image.shape[1], image.shape[0], name)
        split = "test" if test_every and index % test_every == 0 else "train"
        frames.append(Frame(camera, split, Path(name)))  # type: ignore[arg-type]
    return Capture("memory", Path(), "transforms", frames, ArrayImages(images, alphas, masks))


@pytest.fixture
def memory_capture() -> Callable[..., Capture]:
    """`memory_capture(images, names=, test_every=, alphas=, masks=)`: every `test_every`-th frame is a test frame."""
    return make_capture


def alexnet(seed: int) -> bytes:
    """A file of AlexNet's form: its five convolutions, random, in half precision."""
    generator = torch.Generator().manual_seed(seed)
    shapes = {0: (64, 3, 11, 11), 3: (192, 64, 5, 5), 6: (384, 192, 3, 3), 8: (256, 384, 3, 3), 10: (256, 256, 3, 3)}
    tensors = {}
    for layer, shape in shapes.items():
        scale = 1 / (shape[1] * shape[2] * shape[3]) ** 0.5
        tensors[f"features.{layer}.weight"] = (torch.randn(shape, generator=generator) * scale).half()
        tensors[f"features.{layer}.bias"] = torch.zeros(shape[0]).half()
    file = io.BytesIO()
    torch.save(tensors, file)
    return file.getvalue()


@pytest.fixture(scope="session")
def own_weights() -> bytes:
    """`alexnet` with one seed."""
    return alexnet(seed=0)

"""Our own small network that takes rain and snow out of a photo; its weights lie in splat/weights/restorer."""

from __future__ import annotations

import itertools
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from splat.errors import SplatError
from splat.files import read_json
from splat.shipped import weights_folder

FOLDER = weights_folder("restorer")


class Block(nn.Module):
    """Two convolutions beside a short cut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """[B, width, h, w] to the same."""
        return x + self.second(torch.relu(self.first(x)))


class WeatherNet(nn.Module):
    """A photo made dry by what is added to it: a U-Net (Ronneberger et al. 2015) on blocks of 2 x 2 pixels.

    All of the finest pixels are channels of a picture of half the size (Shi et al. 2016), which costs a quarter of the
    time and loses nothing. The last convolution begins at zero: an untrained network changes nothing.
    """

    def __init__(self, widths: tuple[int, ...] = (32, 64, 96), blocks: int = 2) -> None:
        super().__init__()
        pairs = list(itertools.pairwise(widths))
        self.first = nn.Conv2d(12, widths[0], 3, padding=1)
        self.down = nn.ModuleList([nn.Conv2d(fine, coarse, 2, stride=2) for fine, coarse in pairs])
        self.up = nn.ModuleList([nn.Conv2d(coarse, fine * 4, 1) for fine, coarse in pairs])
        self.enter = nn.ModuleList([nn.Sequential(*(Block(width) for _ in range(blocks))) for width in widths])
        self.leave = nn.ModuleList([nn.Sequential(*(Block(width) for _ in range(blocks))) for width in widths[:-1]])
        self.last = nn.Conv2d(widths[0], 12, 3, padding=1)
        for parameter in self.last.parameters():
            nn.init.zeros_(parameter)

    @property
    def multiple(self) -> int:
        """Height and width must be multiples of this."""
        return 2 ** (1 + len(self.down))

    def forward(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] 0..1 (sRGB) without weather, not clipped."""
        x = self.first(2 * pixel_unshuffle(images - 0.5, 2))
        kept = []
        for stage, down in zip(self.enter, self.down):
            x = stage(x)
            kept.append(x)
            x = down(x)
        x = self.enter[-1](x)
        for stage, up, fine in reversed(list(zip(self.leave, self.up, kept))):
            x = stage(fine + pixel_shuffle(up(x), 2))
        return images + pixel_shuffle(self.last(x), 2)

    def both_ways(self, images: Tensor) -> Tensor:
        """As `forward`, the mean over images and mirror images: a third of a dB nearer to the truth."""
        return (self(images) + self(images.flip(3)).flip(3)) / 2


def load_own(folder: Path = FOLDER) -> tuple[WeatherNet, int]:
    """The network, and the longer side in pixels of the photos that it was trained on.

    Raises:
        SplatError: the weights are not there, or damaged.
    """
    file = folder / "model.safetensors"
    if not file.is_file():
        raise SplatError(
            f"the weights of splat's own network are missing ({file}); install splat again "
            "(in its repository `python -m tools.restorer` trains them anew)"
        )
    settings = read_json(folder / "config.json")
    network = WeatherNet(tuple(settings["widths"]), settings["blocks"])
    try:
        network.load_state_dict({name: tensor.float() for name, tensor in load_file(str(file)).items()})
    except (OSError, SafetensorError, RuntimeError) as error:
        raise SplatError(f"cannot read {file}: {str(error).splitlines()[0]}") from error
    return network.eval().requires_grad_(False), int(settings["size"])

"""`python -m tools.restorer`: draw weather over photos, train the network for rain and snow, write data/restorer.

Rooms are those of the demo teacher's tool (half an hour to render, --rooms 0 goes without), none of them the
demo's own; photographs come with scikit-image, scikit-learn and matplotlib. Ten steps a second on two cores with
AVX-512 BF16; data/restorer/README.md has how the weights there came about.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from splat.console import info
from splat.files import atomic_path, write_json
from tools.command import exit_code

REPOSITORY = Path(__file__).resolve().parents[2]
SIZE = 480  # longer side of the largest photos that are trained on


def main(arguments: list[str] | None = None) -> int:
    """Make the network; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.restorer", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=REPOSITORY / "data" / "restorer", help="folder of the network")
    parser.add_argument("--work", type=Path, default=REPOSITORY / "outputs" / "demo_teacher", help="rendered rooms")
    parser.add_argument("--rooms", type=int, default=14, help="rooms to render")
    parser.add_argument("--views", type=int, default=12, help="photos of each room")
    parser.add_argument("--covers", type=int, default=500, help="pictures of weather to draw")
    parser.add_argument("--steps", type=int, default=9000)
    parser.add_argument("--lr", type=float, default=1e-3, help="of the first steps")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=Path, help="folder of an earlier network that training goes on from")
    options = parser.parse_args(arguments)
    return exit_code(lambda: make(options))


def make(options: argparse.Namespace) -> None:
    """Pictures, training, files."""
    from splat.weathernet import WeatherNet, load_own
    from tools.demo_teacher.photos import make_photos
    from tools.restorer import pictures
    from tools.restorer.training import TrainingOptions, train

    rooms = make_photos(
        options.work / "photos", list(range(1, options.rooms + 1)), options.views, max(1, options.threads)
    )
    images, chances = pictures.clean_images(rooms, np.random.default_rng([options.seed, 2]))
    covers = pictures.covers(options.covers, np.random.default_rng([options.seed, 1]))
    info(f"{len(images)} pictures, {len(covers)} of weather")
    network = WeatherNet() if options.start is None else load_own(options.start)[0].requires_grad_(True)
    settings = TrainingOptions(steps=options.steps, lr=options.lr, threads=options.threads, seed=options.seed)
    reached = train(network, pictures.Pictures(images, chances, covers), settings)
    info(f"{reached:.2f} dB on the last pieces")
    write(network, options.out)
    print(options.out)


def write(network: object, folder: Path) -> None:
    """The weights in half precision, and what is needed to load them."""
    import torch
    from safetensors.torch import save_file

    from splat.weathernet import WeatherNet

    assert isinstance(network, WeatherNet)
    widths = [network.first.out_channels, *(down.out_channels for down in network.down)]  # type: ignore[misc]
    tensors = {name: tensor.to(torch.float16).contiguous() for name, tensor in network.state_dict().items()}
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_path(folder / "model.safetensors") as temporary:
        save_file(tensors, str(temporary))
    write_json(folder / "config.json", {"widths": widths, "blocks": len(network.enter[0]), "size": SIZE})


if __name__ == "__main__":
    sys.exit(main())

"""`python -m tools.restorer`: draw weather over photos, train the network for rain and snow, write its weights.

Its defaults are what made splat/weights/restorer, from nothing. Rooms are those of the demo teacher's tool that the
registry of the demo generator has to train in; it judges by others, and by the demo. Photographs come with
scikit-image, scikit-learn and matplotlib.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from splat.console import info
from splat.files import atomic_path, write_json
from splat.shipped import weights_folder
from tools.command import command_of, exit_code, fingerprint
from tools.demo_world import registry
from tools.restorer.training import TrainingOptions, train

REPOSITORY = Path(__file__).resolve().parents[2]
MODULE = "tools.restorer"
ASIDE = ("out", "work", "threads")  # these change nothing of what is made
SIZE = 480  # longer side of the largest photos that are trained on


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    defaults = TrainingOptions()
    parser = argparse.ArgumentParser(
        prog=f"python -m {MODULE}", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=weights_folder("restorer"), help="folder of the network")
    parser.add_argument("--work", type=Path, default=REPOSITORY / "outputs" / "demo_teacher", help="rooms, checkpoint")
    parser.add_argument("--rooms", type=int, default=12, help="rooms to train in, the first ones")
    parser.add_argument("--views", type=int, default=6, help="photos of each room")
    parser.add_argument("--covers", type=int, default=300, help="pictures of weather to draw")
    parser.add_argument("--steps", type=int, default=defaults.steps, help="steps of a cycle")
    parser.add_argument("--cycles", type=int, default=defaults.cycles, help="cycles of the learning rate")
    parser.add_argument("--batch", type=int, default=defaults.batch, help="pieces in a step")
    parser.add_argument("--side", type=int, default=defaults.side, help="pixels of a piece")
    parser.add_argument("--lr", type=float, default=defaults.lr, help="of the first steps")
    parser.add_argument(
        "--bfloat16", action=argparse.BooleanOptionalAction, default=defaults.bfloat16,
        help="three times as slow but on a processor with AVX-512 BF16 or AMX, and faster there",
    )  # fmt: skip
    parser.add_argument("--threads", type=int, default=defaults.threads)
    parser.add_argument("--seed", type=int, default=defaults.seed)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Make the network; returns the exit code."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    return exit_code(lambda: make(options, command_of(MODULE, parser, options, ASIDE)))


def make(options: argparse.Namespace, command: str) -> None:
    """Pictures, training, files, measurement; a training that was interrupted goes on where it stopped."""
    import torch

    from splat.weather.network import WeatherNet, load_own
    from tools.demo_teacher.photos import make_photos
    from tools.restorer import pictures, report

    folder = options.work / "photos"
    numbers = list(registry.TRAINING)[: options.rooms]
    rooms = make_photos(folder, numbers, options.views, max(1, options.threads))
    images, chances = pictures.clean_images(rooms, np.random.default_rng([options.seed, 2]))
    covers = pictures.covers(options.covers, np.random.default_rng([options.seed, 1]))
    info(f"{len(images)} pictures, {len(covers)} of weather")
    torch.manual_seed(options.seed)
    network = WeatherNet()
    settings = TrainingOptions(
        options.steps, options.cycles, options.batch, options.side, options.lr,
        threads=options.threads, seed=options.seed, bfloat16=options.bfloat16,
    )  # fmt: skip
    some = pictures.Pictures(images, chances, covers)
    reached, spent = train(network, some, settings, options.work / "restorer.pt")
    info(f"{reached:.2f} dB on the last pieces")
    write(network, options.out)
    others = {
        purpose: make_photos(folder, list(registry.ROOMS[purpose]), options.views, max(1, options.threads))
        for purpose in ("choosing", "judging")
    }
    metrics = report.measure(load_own(options.out)[0], others, REPOSITORY / "data" / "demo", SIZE)
    metrics["training"] = {
        "command": command,
        "rooms": len(numbers),
        "photos_of_rooms": len(rooms),
        "photographs": pictures.count_photographs(),
        "heaps_of_shapes": pictures.LEAVES,
        "pictures_of_weather": len(covers),
        "steps": settings.steps * settings.cycles,
        "batch": settings.batch,
        "side": settings.side,
        "seed": settings.seed,
        "precision": "bfloat16" if settings.bfloat16 else "float32",
        "processor_minutes": round(spent / 60, 1),
        "weights_sha256": fingerprint(options.out / "model.safetensors"),
    }
    write_json(options.out / "metrics.json", metrics)
    report.write_card(options.out, metrics)
    print(options.out)


def write(network: object, folder: Path) -> None:
    """The weights in half precision, and what is needed to load them."""
    import torch
    from safetensors.torch import save_file

    from splat.weather.network import WeatherNet

    assert isinstance(network, WeatherNet)
    widths = [network.first.out_channels, *(down.out_channels for down in network.down)]  # type: ignore[misc]
    tensors = {name: tensor.to(torch.float16).contiguous() for name, tensor in network.state_dict().items()}
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_path(folder / "model.safetensors") as temporary:
        save_file(tensors, str(temporary))
    write_json(folder / "config.json", {"widths": widths, "blocks": len(network.enter[0]), "size": SIZE})


if __name__ == "__main__":
    sys.exit(main())

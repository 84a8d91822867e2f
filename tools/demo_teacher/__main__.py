"""`python -m tools.demo_teacher`: render rooms, train the demo teacher, measure it, write splat/weights/teacher.

Its defaults are what made splat/weights/teacher, from nothing. Rooms are those that the registry of the demo generator
has for each purpose (tools/demo_world/registry.py): some to train in, some to choose by, some to judge by, as the
demo does.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from splat.console import duration, info
from splat.files import write_json
from splat.shipped import weights_folder
from tools.command import command_of, exit_code, fingerprint
from tools.demo_teacher import captions as texts
from tools.demo_teacher import crops, model, photos, report
from tools.demo_teacher.card import write_card
from tools.demo_teacher.things import KINDS
from tools.demo_teacher.training import TrainingOptions, train
from tools.demo_world import registry

REPOSITORY = Path(__file__).resolve().parents[2]
MODULE = "tools.demo_teacher"
ASIDE = ("out", "work", "threads")  # these change nothing of what is made


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog=f"python -m {MODULE}", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    defaults = TrainingOptions()
    parser.add_argument("--out", type=Path, default=weights_folder("teacher"), help="folder of the model")
    parser.add_argument("--work", type=Path, default=REPOSITORY / "outputs" / "demo_teacher", help="photos, checkpoint")
    parser.add_argument("--rooms", type=int, default=len(registry.TRAINING), help="rooms to train in, the first ones")
    parser.add_argument("--views", type=int, default=6, help="photos of each room")
    parser.add_argument("--steps", type=int, default=defaults.steps, help="steps of a cycle")
    parser.add_argument("--cycles", type=int, default=defaults.cycles, help="cycles of the learning rate")
    parser.add_argument("--batch", type=int, default=defaults.batch, help="pictures in a step")
    parser.add_argument("--seed", type=int, default=defaults.seed, help="of the weights and the batches")
    parser.add_argument(
        "--bfloat16", action=argparse.BooleanOptionalAction, default=defaults.bfloat16,
        help="three times as slow but on a processor with AVX-512 BF16 or AMX, and faster there",
    )  # fmt: skip
    parser.add_argument("--threads", type=int, default=1, help="processor cores to use")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Make the teacher; returns the exit code."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    return exit_code(lambda: make(options, command_of(MODULE, parser, options, ASIDE)))


def make(options: argparse.Namespace, command: str) -> None:
    """Photos, pictures, training, measurement; what was done before an interruption is taken up."""
    import torch

    start = time.monotonic()
    torch.set_num_threads(options.threads)
    folder = options.work / "photos"
    rooms = list(registry.TRAINING)[: options.rooms]
    training = photos.make_photos(folder, rooms, options.views, options.threads)
    pictures = crops.cached(options.work / "pictures.npz", training, options.seed, options.threads)
    known = texts.all_captions()
    words = texts.vocabulary(known)
    info(f"{len(pictures)} pictures {crops.counts(pictures)}, {len(known.texts)} captions, {len(words)} words")
    tokenizer = model.make_tokenizer(words)
    torch.manual_seed(options.seed)
    teacher = model.make_model(len(tokenizer))
    settings = TrainingOptions(
        options.steps, options.cycles, options.batch, bfloat16=options.bfloat16, seed=options.seed
    )
    spent = train(teacher, tokenizer, pictures, known, settings, options.work / "checkpoint.pt")
    model.save(teacher, tokenizer, options.out)
    others = {
        purpose: photos.make_photos(folder, list(registry.ROOMS[purpose]), options.views, options.threads)
        for purpose in ("choosing", "judging")
    }
    metrics = measure(options.out, others)
    metrics["training"] = {
        "command": command,
        "rooms": len(rooms),
        "photos": len(training),
        "pictures": len(pictures),
        "captions": len(known.texts),
        "words": len(words),
        "steps": settings.steps * settings.cycles,
        "batch": settings.batch,
        "seed": settings.seed,
        "precision": "bfloat16" if settings.bfloat16 else "float32",
        "processor_minutes": round(spent / 60, 1),
        "weights_sha256": fingerprint(options.out / "model.safetensors"),
    }
    write_json(options.out / "metrics.json", metrics)
    write_json(options.out / "names.json", [kind.nouns[0] for kind in KINDS.values()])
    write_card(options.out, metrics, words)
    info(f"{options.out}: {metrics}; took {duration(time.monotonic() - start)}")


def measure(folder: Path, rooms: dict[str, list[Path]]) -> dict[str, dict[str, Any]]:
    """Retrieval in rooms that were not trained in, by their purpose, and on the demo capture."""
    from splat.language.teachers.demo import DemoTeacher
    from splat.language.teachers.options import TeacherOptions

    teacher = DemoTeacher(folder, TeacherOptions(device="cpu"))
    found: dict[str, dict[str, Any]] = {
        purpose: {**report.retrieval(teacher, paths), **report.named_pixels(teacher, paths), **report.counted(paths)}
        for purpose, paths in rooms.items()
    }
    return {**found, "demo": report.on_demo(teacher, REPOSITORY / "data" / "demo")}


if __name__ == "__main__":
    sys.exit(main())

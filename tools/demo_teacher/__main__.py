"""`python -m tools.demo_teacher`: render rooms, train the demo teacher, measure it, write data/teacher."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from splat.console import duration, info
from splat.files import write_json, write_text
from tools.command import exit_code
from tools.demo_teacher import captions as texts
from tools.demo_teacher import crops, model, photos, report
from tools.demo_teacher.things import KINDS
from tools.demo_teacher.training import TrainingOptions, train

REPOSITORY = Path(__file__).resolve().parents[2]
HELD_OUT = (900,)  # rooms whose photos are never trained on


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.demo_teacher", description=__doc__)
    defaults = TrainingOptions()
    parser.add_argument("--out", type=Path, default=REPOSITORY / "data" / "teacher", help="folder of the model")
    parser.add_argument("--work", type=Path, default=REPOSITORY / "outputs" / "demo_teacher", help="photos, checkpoint")
    parser.add_argument("--start", type=Path, help="folder of an earlier teacher whose weights are gone on from")
    parser.add_argument("--rooms", type=int, default=16, help="rooms to render for training")
    parser.add_argument("--views", type=int, default=12, help="photos of each room")
    parser.add_argument("--steps", type=int, default=defaults.steps, help="steps of a cycle")
    parser.add_argument("--cycles", type=int, default=defaults.cycles, help="cycles of the learning rate")
    parser.add_argument("--batch", type=int, default=defaults.batch, help="pictures in a step")
    parser.add_argument("--seed", type=int, default=0, help="of the weights and the batches")
    parser.add_argument(
        "--bfloat16", action=argparse.BooleanOptionalAction, default=True, help="fast on AVX-512 BF16 or AMX"
    )
    parser.add_argument("--threads", type=int, default=1, help="processor cores to use")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Make the teacher; returns the exit code."""
    options = parse(arguments)
    return exit_code(lambda: make(options))


def make(options: argparse.Namespace) -> None:
    """Photos, pictures, training, measurement; what was done before an interruption is taken up."""
    import torch

    start = time.monotonic()
    torch.set_num_threads(options.threads)
    rooms = list(range(1, options.rooms + 1))
    folder = options.work / "photos"
    training = photos.make_photos(folder, rooms, options.views, options.threads)
    unseen = photos.make_photos(folder, list(HELD_OUT), options.views, options.threads)
    pictures = crops.cached(options.work / "pictures.npz", training, options.seed, options.threads)
    known = texts.all_captions()
    words = texts.vocabulary(known)
    info(f"{len(pictures)} pictures {crops.counts(pictures)}, {len(known.texts)} captions, {len(words)} words")
    tokenizer = model.make_tokenizer(words)
    torch.manual_seed(options.seed)
    teacher = model.make_model(len(tokenizer))
    if options.start is not None:
        model.begin_with(teacher, options.start)
    settings = TrainingOptions(
        options.steps, options.cycles, options.batch, bfloat16=options.bfloat16, seed=options.seed
    )
    train(teacher, tokenizer, pictures, known, settings, options.work / "checkpoint.pt")
    model.save(teacher, tokenizer, options.out)
    metrics = measure(options.out, unseen)
    metrics["training"] = {
        "rooms": len(rooms),
        "photos": len(training),
        "pictures": len(pictures),
        "captions": len(known.texts),
        "words": len(words),
        "steps": settings.steps * settings.cycles,
        "batch": settings.batch,
    }
    write_json(options.out / "metrics.json", metrics)
    write_json(options.out / "names.json", [kind.nouns[0] for kind in KINDS.values()])
    card = (Path(__file__).parent / "model_card.md").read_text(encoding="utf-8")
    write_text(options.out / "README.md", card.replace("{words}", ", ".join(words)))
    info(f"{options.out}: {metrics}; took {duration(time.monotonic() - start)}")


def measure(folder: Path, unseen: list[Path]) -> dict[str, dict[str, float]]:
    """Retrieval on rooms that were not trained on, and on the demo capture."""
    from splat.language.teachers.demo import DemoTeacher
    from splat.language.teachers.options import TeacherOptions

    teacher = DemoTeacher(folder, TeacherOptions(device="cpu"))
    return {
        "held_out": {**report.held_out(teacher, unseen), **report.named_pixels(teacher, unseen)},
        "demo": report.on_demo(teacher, REPOSITORY / "data" / "demo"),
    }


if __name__ == "__main__":
    sys.exit(main())

"""`splat distill`: what a teacher says about the photos, onto the Gaussians of a run."""

from __future__ import annotations

from splat import console
from splat.commands import SUMMARIES
from splat.commands.app import Command, user_path
from splat.errors import SplatError
from splat.language.config import DistillConfig
from splat.run import open_run


def run(config: DistillConfig) -> None:
    """Distill; prints the folder of the field."""
    if not config.run:
        raise SplatError("which one? splat distill RUN")
    opened = open_run(user_path(config.run))  # before torch is imported, which takes seconds
    from splat.language.distill import distill_run

    field, folder = distill_run(opened, config)
    facts, kind = field.facts, field.compression.kind
    seconds = console.duration(sum(facts["seconds"].values()))
    console.info(
        f"{kind}: {facts['bytes_per_gaussian']:.0f} bytes a Gaussian at {console.count(len(field.levels), 'level')}, "
        f"cosine {facts['cosine_to_lifted']:.3f} to what was lifted, "
        f"{100 * facts['known_share']:.0f} % of the Gaussians known, {seconds}"
    )
    if config.truth is not None:
        from splat.language.evaluate import evaluate_field

        found = evaluate_field(opened, folder.name, user_path(config.truth), config.truth_views)
        console.info(
            f"{found['queries']} queries on {config.truth_views} views: mIoU {found['miou']:.3f}, localisation "
            f"{found['localisation']:.3f}; in 3D {found['miou_3d']:.3f}, {found['localisation_3d']:.3f}"
        )
    if field.negatives is None:
        console.info("this teacher knows no words, so there is nothing to ask in words")
    else:
        console.info(f'ask: splat query {config.run} "TEXT"')
    print(folder)


COMMAND = Command(
    name="distill",
    summary=SUMMARIES["distill"],
    config=DistillConfig,
    run=run,
    words=("run",),
    examples=(
        "splat distill runs/demo/default",
        "splat distill runs/demo/default truth=data/demo/truth",
        "splat distill RUN teacher=openai/clip-vit-base-patch16 masks=sam",
        "splat distill RUN teacher=files files=my_features compress.kind=codebook",
    ),
)

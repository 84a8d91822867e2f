"""`splat train`: photos in, a scene and its metrics out."""

from __future__ import annotations

from splat import console
from splat.commands import SUMMARIES
from splat.commands.app import Command, user_path
from splat.errors import SplatError
from splat.train.config import TrainConfig
from splat.train.strategies import STRATEGIES


def run(config: TrainConfig) -> None:
    """Train and evaluate; prints the metrics and, as the last line, the run folder."""
    if not config.data:
        raise SplatError("which photos? splat train DATA (splat demo copies a capture to try)")
    config.data = str(user_path(config.data))
    if config.out is not None:
        config.out = str(user_path(config.out))
    from splat.commands.tables import metrics_table
    from splat.evaluate.run_evaluation import evaluate_scene
    from splat.train.session import train

    result = train(config)
    facts = {
        "max_steps": result.max_steps,
        "train_seconds": round(result.train_seconds, 2),
        "steps_per_second": round(result.steps_per_second, 2),
        "backend": result.backend,
    }
    metrics = evaluate_scene(result.gaussians, result.capture, result.folder, options=config.render, facts=facts)
    console.info(
        f"pictures and curves: {result.folder / 'report.html'}; a video: splat render {result.folder} path=orbit"
    )
    print(metrics_table({result.folder.name: metrics}))
    print(result.folder)


COMMAND = Command(
    name="train",
    summary=SUMMARIES["train"],
    config=TrainConfig,
    run=run,
    words=("data",),
    schemas={"strategy": STRATEGIES},
    added_groups=("experiment",),
    folder_per_job=True,
    examples=(
        "splat train photos/",
        "splat train data/demo max_steps=3000 name=quick",
        "splat train video.mp4 preset=fast strategy=mcmc",
        "splat train data/demo seed=1,2,3 --multirun",
    ),
)

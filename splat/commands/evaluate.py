"""`splat evaluate`: PSNR, SSIM, LPIPS and FLIP of a run under a named protocol."""

from __future__ import annotations

from splat.commands import SUMMARIES
from splat.commands.app import Command, user_path
from splat.commands.tables import metrics_table
from splat.errors import SplatError
from splat.evaluate.config import EvaluateConfig
from splat.run import open_run


def run(config: EvaluateConfig) -> None:
    """Evaluate; prints the metrics and, as the last line, the run folder."""
    if not config.run:
        raise SplatError("which one? splat evaluate RUN")
    opened = open_run(user_path(config.run))  # before torch is imported, which takes seconds
    from splat.evaluate.run_evaluation import evaluate_run

    print(metrics_table({opened.path.name: evaluate_run(opened, config)}))
    print(opened.path)


COMMAND = Command(
    name="evaluate",
    summary=SUMMARIES["evaluate"],
    config=EvaluateConfig,
    run=run,
    words=("run",),
    examples=("splat evaluate runs/demo/default", "splat evaluate runs/demo/default protocol=3dgs"),
)

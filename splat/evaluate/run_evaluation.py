"""Evaluating a scene against its capture and writing what a run folder holds about it."""

from __future__ import annotations

import dataclasses
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from splat.capture.types import Capture
from splat.console import warn
from splat.errors import SplatError
from splat.evaluate.config import EvaluateConfig
from splat.evaluate.evaluate import Color, EvaluationResult, background_color, evaluate_views, usual_options
from splat.evaluate.held_out_poses import REFINED, unrefined_block, wants_refining, with_refined
from splat.evaluate.plots import write_plots
from splat.evaluate.report import write_report
from splat.evaluate.results import metrics_dict
from splat.evaluate.turntable import write_turntable
from splat.files import write_json
from splat.gaussians import Gaussians
from splat.options import check
from splat.render.config import RenderOptions
from splat.render.scene import SceneRenderer
from splat.run_records import read_metrics

if TYPE_CHECKING:
    from splat.run import Run


def spread(indices: list[int], count: int) -> list[int]:
    """At most `count` of the indices, evenly spread, in order."""
    if count >= len(indices):
        return indices
    return [indices[(2 * i + 1) * len(indices) // (2 * count)] for i in range(count)]


def evaluate_scene(
    gaussians: Gaussians,
    capture: Capture,
    folder: Path,
    config: EvaluateConfig | None = None,
    *,
    options: RenderOptions | None = None,
    background: Color | None = None,
    facts: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Score the held-out views and some training views; write metrics.json, renders/, plots/ and report.html.

    Args:
        gaussians: the scene in the capture's frame.
        capture: its photos.
        folder: the run folder; an earlier metrics.json in it is updated.
        config: the options; the defaults where None.
        options: how to render, as trained, planes in the capture's units; None for the defaults of training.
        background: colour behind the scene where the options say auto; None lets the photos decide.
        facts: what training knows, see `metrics_dict`.

    Returns:
        The content of metrics.json.

    Raises:
        SplatError: no views to score, unknown protocol, or the disk refuses.
    """
    started = time.perf_counter()
    config = config or EvaluateConfig()
    check(config)
    render = dataclasses.replace(options or usual_options(capture))
    if config.backend != "auto":
        render.backend = config.backend
    results: dict[str, EvaluationResult | None] = {}
    unrefined: EvaluationResult | None = None
    color = background if background and config.background == "auto" else config.background
    score = partial(evaluate_views, gaussians, protocol=config.protocol, background=color, options=render)
    for split, indices in chosen_views(capture, config).items():
        results[split] = None
        if not indices:
            continue
        scored, facts_of_views = capture, {}
        if split == "test" and wants_refining(capture, config.test_poses):
            unrefined = score(capture, indices, lpips_net="none", with_flip=False)
            renderer = SceneRenderer(gaussians.detach(), render, torch.tensor(background_color(capture, color)))
            scored, facts_of_views = with_refined(capture, indices, renderer), {"test_poses": REFINED}
        results[split] = score(
            scored, indices, split=split, lpips_net=config.lpips_net, lpips_download=config.lpips_download,
            with_flip=config.flip, run_folder=folder if config.save_images else None, facts=facts_of_views,
        )  # fmt: skip
    path = folder / "metrics.json"
    before = read_metrics(folder) if path.exists() else {}
    known = {"num_gaussians": len(gaussians), "train_photos": len(capture.indices("train")), **(facts or {})}
    if before.get("backend") is None:
        first = results["test"] or results["train"]
        known.setdefault("backend", first.protocol["renderer"] if first else None)
    content = metrics_dict(results["test"], results["train"], facts=known, before=before)
    if results["test"] is not None:
        content.pop("unrefined", None)  # an earlier one
    if unrefined is not None:
        content["unrefined"] = unrefined_block(unrefined)
    content["seconds"] = {"evaluation": round(time.perf_counter() - started, 2)}
    if config.report and config.save_images:
        content["turntable"] = None
        if config.turntable:
            renderer = SceneRenderer(gaussians.detach(), render, torch.tensor(background_color(capture, color)))
            cameras = capture.cameras("train") or capture.cameras()
            content["turntable"] = write_turntable(folder, renderer, cameras, config.turntable)
    write_json(path, content)
    if config.report:
        write_plots(folder)
        write_report(folder)
    return content


def chosen_views(capture: Capture, config: EvaluateConfig) -> dict[str, list[int]]:
    """The frames to score, by their side of the split: test, train.

    Raises:
        SplatError: there are none.
    """
    test, train = capture.indices("test"), capture.indices("train")
    if config.split == "train":
        test = []
        if config.train_views != EvaluateConfig.train_views:
            warn(f"train_views={config.train_views} is not used: split=train scores all training photos")
    else:
        train = spread(train, config.train_views)
    if not test and not train:
        raise SplatError("there are no views to score; use test_every=8 while training, or split=train here")
    return {"test": test, "train": train}


def evaluate_run(run: Run, config: EvaluateConfig | None = None) -> dict[str, Any]:
    """Score a finished run again, perhaps under another protocol; rendered as it was trained.

    Returns:
        The content of RUN/metrics.json.

    Raises:
        SplatError: as `evaluate_scene`, or when scene or capture are gone.
    """
    options = run.render_options()
    background = run.background if "background" in run.config else None
    return evaluate_scene(run.scene(), run.capture(), run.path, config, options=options, background=background)

"""Scores where training has refined its cameras: the held-out ones are refined too, and that is said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from splat.capture.over import photo_over
from splat.capture.types import Capture
from splat.console import progress
from splat.evaluate.evaluate import EvaluationResult
from splat.evaluate.results import means_dict
from splat.poses.held_out import refined_camera
from splat.render.scene import SceneRenderer

REFINED = "refined on their own photos"


def wants_refining(capture: Capture, asked: str) -> bool:
    """Whether held-out cameras are refined before they are scored; `asked` is given, refined or auto."""
    return asked == "refined" or (asked == "auto" and capture.refined)


def with_refined(capture: Capture, indices: list[int], renderer: SceneRenderer) -> Capture:
    """The capture with some of its cameras where the scene looks most like their photos."""
    frames = list(capture.frames)
    with progress("refining test poses", len(indices), unit="view") as bar:
        for index in indices:
            with torch.no_grad():
                target, mask = photo_over(capture, index, renderer.background)
            camera = refined_camera(renderer, frames[index].camera, target, mask)
            frames[index] = replace(frames[index], camera=camera)
            bar.advance()
    return replace(capture, frames=frames)


def unrefined_block(result: EvaluationResult) -> dict[str, Any]:
    """What metrics.json keeps of the scores with held-out cameras as they are."""
    means = means_dict(result)
    return {name: means[name] for name in ("psnr", "ssim")}

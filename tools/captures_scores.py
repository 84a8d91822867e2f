"""What a finished run scored, for tools/bench_captures.py."""

from __future__ import annotations

import json
import math
import statistics
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import torch
from torch import Tensor

from splat.evaluate.colors import corrected_affine


def psnr(image: Tensor, photo: Tensor) -> float:
    """dB of two pictures with values in [0, 1]; equal ones have 100."""
    return -10 * math.log10(max(float((image - photo).square().mean()), 1e-10))


def picture(path: Path) -> Tensor:
    """[H, W, 3] float64 in [0, 1] of an 8-bit picture."""
    return torch.from_numpy(iio.imread(path)[..., :3]).double() / 255


def pictures_of(folder: Path, view: dict[str, Any]) -> tuple[Path, Path] | None:
    """The files of a view's render and photo, from an entry of per_view; None where they are not kept."""
    if view.get("image") is None:
        return None
    image = folder / view["image"]
    photo = image.with_name(f"{image.stem}_photo.png")
    return (image, photo) if image.is_file() and photo.is_file() else None


def corrected_psnr(folder: Path, view: dict[str, Any]) -> float | None:
    """Colour-corrected PSNR of a view; None without its pictures, or where masks leave pixels out."""
    files = pictures_of(folder, view)
    if files is None or view.get("counted", 1.0) < 1:
        return None
    image, photo = (picture(path) for path in files)
    return psnr(corrected_affine(image, photo), photo)


def scores_of(folder: Path) -> dict[str, Any]:
    """What is kept of a run folder in a line of runs.jsonl."""
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    views = [view for view in metrics["per_view"] if view["psnr"] is not None]
    corrected = [corrected_psnr(folder, view) for view in views]
    known = [value for value in corrected if value is not None]
    worst = min(views, key=lambda view: view["psnr"])
    training = (metrics.get("train") or {}).get("psnr")
    return {
        "psnr": metrics["psnr"],
        "train_psnr": training,
        "gap": None if training is None else round(training - metrics["psnr"], 4),
        "cc_psnr": round(statistics.fmean(known), 4) if known else None,
        "ssim": metrics["ssim"],
        "lpips": metrics["lpips"],
        "lpips_net": metrics["lpips_net"],
        "flip": metrics.get("flip"),
        "worst": worst["psnr"],
        "worst_view": worst["name"],
        "views": {view["name"]: view["psnr"] for view in views},
        "cc_views": {view["name"]: value and round(value, 4) for view, value in zip(views, corrected)},
        "gaussians": metrics["num_gaussians"],
        "train_seconds": metrics["train_seconds"],
    }

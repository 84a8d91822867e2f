"""The layout of metrics.json."""

from __future__ import annotations

from typing import Any

from splat.evaluate.evaluate import EvaluationResult, ViewScore
from splat.evaluate.outliers import outliers_dict

# What training knows and evaluation keeps.
FACTS = ("num_gaussians", "max_steps", "train_seconds", "steps_per_second", "backend")


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def view_dict(view: ViewScore) -> dict[str, Any]:
    """One entry of per_view."""
    entry: dict[str, Any] = {
        "name": view.name,
        "psnr": _rounded(view.psnr, 4),
        "cc_psnr": _rounded(view.cc_psnr, 4),
        "ssim": _rounded(view.ssim, 5),
        "lpips": _rounded(view.lpips, 5),
        "flip": _rounded(view.flip, 5),
    }
    if view.counted < 1:
        entry["counted"] = round(view.counted, 4)
    if view.image is not None:
        entry["image"] = view.image
    return entry


def means_dict(result: EvaluationResult | None) -> dict[str, Any]:
    """psnr, cc_psnr, ssim, lpips and flip of a result; all None where nothing was scored."""
    return {
        "psnr": _rounded(result.psnr, 4) if result else None,
        "cc_psnr": _rounded(result.cc_psnr, 4) if result else None,
        "ssim": _rounded(result.ssim, 5) if result else None,
        "lpips": _rounded(result.lpips, 5) if result else None,
        "flip": _rounded(result.flip, 5) if result else None,
    }


def _terms(result: EvaluationResult) -> dict[str, Any]:
    """What must be known to read the scores."""
    return {
        "lpips_net": result.lpips_net,
        "lpips_reason": result.lpips_reason,
        "flip_reason": result.flip_reason,
        "protocol": result.protocol,
    }


def train_dict(result: EvaluationResult) -> dict[str, Any]:
    """The block of the training views, to be read beside the held-out ones."""
    return {
        **means_dict(result),
        **_terms(result),
        "protocol": result.protocol["name"],
        "background": result.protocol["background"],
        "views": len(result.views),
        "per_view": [view_dict(view) for view in result.views],
    }


def metrics_dict(
    test: EvaluationResult | None,
    train: EvaluationResult | None = None,
    *,
    facts: dict[str, Any] | None = None,
    before: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The content of metrics.json.

    Args:
        test: the held-out views; None where they were not scored (then `before` keeps its own) or there are none.
        train: training views.
        facts: values for num_gaussians, max_steps, train_seconds, steps_per_second, backend and anything else.
        before: an earlier metrics.json; what is not newly known is kept, other blocks (language, ...) too.

    Returns:
        psnr, cc_psnr, ssim, lpips and flip (or None and lpips_reason, flip_reason), lpips_net, the facts, protocol,
        per_view, outliers (views far below the others, or None), and the block train.
    """
    out: dict[str, Any] = {**means_dict(None), "lpips_net": None, "lpips_reason": None, "flip_reason": None}
    out.update(dict.fromkeys(FACTS))
    out.update({"protocol": {}, "per_view": [], "outliers": None, "train": None})
    out.update(before or {})
    out.update({key: value for key, value in (facts or {}).items() if value is not None})
    if test is not None:
        out.update(means_dict(test))
        out.update(_terms(test))
        out["per_view"] = [view_dict(view) for view in test.views]
        out["outliers"] = outliers_dict(out["per_view"])
    if train is not None:
        out["train"] = train_dict(train)
        if not out["per_view"]:  # no held-out views, also none of an earlier time: all there is are these
            out.update(_terms(train))
    return out

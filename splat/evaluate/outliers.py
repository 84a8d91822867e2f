"""Test views that score far below the others: a mean that one of them drags down says little of the scene.

The median and the median absolute deviation are not moved by a few such views, as mean and standard deviation are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

SPREADS = 3.0  # robust standard deviations below the median
SIGMA = 1.4826  # standard deviation over median absolute deviation, of a normal distribution
LEAST = 3.0  # dB below the median at least: small captures score within fractions of a dB of each other
FEWEST = 4  # views, of which a median and a spread can be spoken of


def outliers(views: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The views that score far below the others, the worst first; none of fewer than `FEWEST`.

    Args:
        views: entries of per_view, with name and psnr in dB (or None).
    """
    known = [view for view in views if view.get("psnr") is not None and math.isfinite(view["psnr"])]
    if len(known) < FEWEST:
        return []
    middle = median(view["psnr"] for view in known)
    spread = SIGMA * median(abs(view["psnr"] - middle) for view in known)
    lowest = middle - max(LEAST, SPREADS * spread)
    return sorted((view for view in known if view["psnr"] < lowest), key=lambda view: view["psnr"])


def outliers_dict(views: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """What metrics.json says of them: their names, the median and the mean of the others in dB; None without any."""
    found = outliers(views)
    if not found:
        return None
    names = [str(view["name"]) for view in found]
    others = [view["psnr"] for view in views if view.get("psnr") is not None and view["name"] not in names]
    every = [view["psnr"] for view in views if view.get("psnr") is not None]
    return {
        "views": names,
        "median": round(median(every), 4),
        "psnr_without": round(math.fsum(others) / len(others), 4),
    }


def outlier_sentence(metrics: Mapping[str, Any]) -> str | None:
    """A line that names the views which drag the mean of held-out views, with the mean without; None without any."""
    found = outliers_dict(metrics.get("per_view") or [])
    if found is None or metrics.get("psnr") is None:
        return None
    names = found["views"]
    worst = next(view for view in metrics["per_view"] if view["name"] == names[0])
    below = f"{worst['psnr']:.1f} dB, {found['median'] - worst['psnr']:.1f} dB below the median"
    mean = f"is {found['psnr_without']:.2f} dB instead of {metrics['psnr']:.2f}"
    if len(names) == 1:
        return f"test view {names[0]} scores {below}; the mean without it {mean}{_hint(metrics, worst)}"
    shown = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    mean += _hint(metrics, worst)
    return f"{len(names)} test views ({shown}) score down to {below}; the mean without them {mean}"


def _hint(metrics: Mapping[str, Any], worst: Mapping[str, Any]) -> str:
    """Why it may be, where that shows."""
    rule = str((metrics.get("protocol") or {}).get("held_out") or "")
    if rule.startswith("3dgs") and worst["name"] == metrics["per_view"][0]["name"]:
        return "; it is the first photo of the path, which split=inside would train on"
    return ""

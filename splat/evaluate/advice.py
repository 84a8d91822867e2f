"""What helps most where training views score far above held-out ones, as far as the measurements at hand tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from splat.capture.coverage import FEW_PHOTOS
from splat.evaluate.outliers import outliers_dict
from splat.run_records import train_rules

GAP = 3.0  # dB between training and held-out views from which overfitting is spoken of
MANY_VISITS = 150  # steps for each training photo, from which on shorter trainings are worth a try


def gap_sentence(metrics: Mapping[str, Any]) -> str | None:
    """What the difference between training and held-out PSNR means and what helps; None where it is small or unknown.

    Args:
        metrics: the content of metrics.json.
    """
    test, train = metrics.get("psnr"), (metrics.get("train") or {}).get("psnr")
    if test is None or train is None or train - test <= GAP or train_rules(metrics):
        return None
    return f"Training views score {train - test:.1f} dB above held-out views: {_reason(metrics, train - test)}"


def _reason(metrics: Mapping[str, Any], gap: float) -> str:
    """The first of the reasons that explains the gap, and its remedy."""
    train = metrics["train"]
    apart = outliers_dict(metrics.get("per_view") or [])
    if apart is not None and train["psnr"] - apart["psnr_without"] <= GAP:
        views = "one view" if len(apart["views"]) == 1 else f"{len(apart['views'])} views"
        return (
            f"that is {views} alone ({', '.join(apart['views'][:3])}), without which it is"
            f" {train['psnr'] - apart['psnr_without']:.1f} dB. Photos from there, or from nearer to there, help most."
        )
    corrected = _corrected_gap(metrics)
    if corrected is not None and corrected < gap / 2:
        return (
            f"with colours fitted to each photo it is {corrected:.1f} dB, so exposure or white balance differ between"
            " photos. Learning them for each photo helps most (appearance=auto, or appearance=affine); go by the"
            " colour-corrected score (PSNR cc)."
        )
    learnt = "the scene has learnt its photos rather than the place."
    photos, fewer = metrics.get("train_photos"), _fewer(metrics)
    if photos is not None and photos < FEW_PHOTOS:
        return f"{learnt} {photos} training photos are few: more of them from new directions help most; else {fewer}."
    return f"{learnt} What helps most is {fewer}; else more photos from new directions."


def _corrected_gap(metrics: Mapping[str, Any]) -> float | None:
    """The gap in dB once the colours of each render are fitted to its photo; None where that is not known."""
    test, train = metrics.get("cc_psnr"), metrics["train"].get("cc_psnr")
    return None if test is None or train is None else train - test


def _fewer(metrics: Mapping[str, Any]) -> str:
    """How to leave the training less room to learn its photos."""
    photos, steps, count = (metrics.get(key) for key in ("train_photos", "max_steps", "num_gaussians"))
    ways = [] if metrics.get("strategy") == "mcmc" else ["strategy=mcmc, which keeps Gaussians small and few"]
    if photos and steps and steps / photos > MANY_VISITS:
        ways.append(f"fewer steps than {steps / photos:.0f} for each photo (max_steps={_round(steps / 2)})")
    elif not ways:
        ways.append("fewer Gaussians" + (f" (cap_max={_round(count / 2)})" if count else " (cap_max)"))
    return " and ".join(ways)


def _round(number: float) -> int:
    """A number of two digits and zeros, easy to type."""
    digits = max(0, len(str(int(number))) - 2)
    unit: int = 10**digits
    return max(1, round(number / unit)) * unit

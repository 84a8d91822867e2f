"""A test view far below the others is named with the mean without it, and a gap is given the remedy that fits."""

from __future__ import annotations

from typing import Any

import pytest

from splat.commands.tables import metrics_table
from splat.evaluate.advice import gap_sentence
from splat.evaluate.outliers import outlier_sentence, outliers_dict


def views(*scores: float | None) -> list[dict[str, Any]]:
    return [{"name": f"{index}.png", "psnr": score} for index, score in enumerate(scores)]


def metrics(*scores: float, **more: Any) -> dict[str, Any]:
    return {"psnr": sum(scores) / len(scores), "per_view": views(*scores), **more}


@pytest.mark.parametrize(
    ("scores", "found"),
    [
        ((12.0, 22.0, 23.0, 22.5, 21.5), ["0.png"]),
        ((19.2, 22.0, 22.1, 22.2, 22.3), []),  # far by the spread, but not by 3 dB
        ((12.0, 16.0, 20.0, 24.0, 28.0), []),  # 8 dB under a median of scores that differ as much
        ((10.0, 12.0, *[25.0, 25.5, 26.0, 24.5, 25.2]), ["0.png", "1.png"]),
        ((12.0, 22.0, 23.0), []),  # too few to speak of
        ((12.0, None, 22.0, 23.0, 22.5, float("inf")), ["0.png"]),
    ],
)
def test_views_far_below_the_others(scores: tuple[float | None, ...], found: list[str]) -> None:
    named = outliers_dict(views(*scores))
    assert (named["views"] if named else []) == found


def test_the_mean_without_it_is_said() -> None:
    scored = metrics(12.0, 22.0, 23.0, 22.5, 21.5, protocol={"held_out": "3dgs, test_every=8"})
    assert outliers_dict(scored["per_view"]) == {"views": ["0.png"], "median": 22.0, "psnr_without": 22.25}
    said = outlier_sentence(scored)
    assert said is not None and said.startswith("test view 0.png scores 12.0 dB, 10.0 dB below the median; the mean")
    assert "without it is 22.25 dB instead of 20.20; it is the first photo of the path" in said
    assert said in metrics_table({"run": scored})
    assert outlier_sentence(metrics(21.0, 22.0, 23.0, 22.5)) is None
    inner = outlier_sentence(metrics(22.0, 12.0, 23.0, 22.5, 21.5, protocol={"held_out": "3dgs, test_every=8"}))
    assert inner is not None and "1.png" in inner and "path" not in inner
    two = outlier_sentence(metrics(10.0, 12.0, 25.0, 25.5, 26.0, 24.5, 25.2))
    assert two is not None and two.startswith("2 test views (0.png, 1.png) score down to 10.0 dB")


def test_the_advice_fits_the_reason() -> None:
    common = {"train": {"psnr": 27.0, "cc_psnr": 27.2}, "train_photos": 60, "max_steps": 5000, "num_gaussians": 40_000}
    even = (20.0, 20.5, 21.0, 20.2)

    def said(*scores: float, **more: Any) -> str:
        sentence = gap_sentence(metrics(*scores, **{"cc_psnr": 20.6, **common, **more}))
        assert sentence is not None
        return sentence

    assert "one view alone (0.png)" in said(5.0, 25.0, 25.5, 24.5, 25.2)
    assert "appearance=auto" in said(*even, cc_psnr=25.0) and "it is 2.2 dB" in said(*even, cc_psnr=25.0)
    assert "9 training photos are few" in said(*even, train_photos=9)
    assert "max_steps=2500" in said(*even, train_photos=9)  # 556 steps for each photo
    plain = said(*even)
    assert "What helps most is strategy=mcmc" in plain and "cap_max" not in plain and "few:" not in plain
    assert "What helps most is fewer Gaussians (cap_max=20000)" in said(*even, strategy="mcmc")
    assert gap_sentence(metrics(*even, train={"psnr": 23.0})) is None
    older = gap_sentence({"psnr": 20.0, "train": {"psnr": 27.0}})  # of which nothing more is known
    assert older is not None and "strategy=mcmc" in older

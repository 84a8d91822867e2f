"""What an edit cost that should cost nothing: PSNR before and after, against the photos where they are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from splat.cameras import Camera
from splat.console import count, info, progress
from splat.edit.photos import RunPhotos, TrueView
from splat.gaussians import Gaussians
from splat.images import evenly
from splat.render.scene import SceneRenderer
from splat.run import Run
from splat.train.losses import psnr

VIEWS = 32  # of each kind that are compared, at most, evenly spread


@dataclass(frozen=True)
class Score:
    """PSNR of some views in dB: the mean against photos, of the mean error against the scene before."""

    views: str  # what they are: training, held-out, orbit
    number: int
    after: float
    before: float | None = None  # None: it is compared with the scene before itself

    def __str__(self) -> str:
        change = "" if self.before is None else f"{self.before:.2f} -> "
        return f"{change}{self.after:.2f} dB over {count(self.number, f'{self.views} view')}"

    def record(self) -> dict[str, float | int | None]:
        """For edit.json; JSON knows no infinity, which equal pictures have."""
        after = None if math.isinf(self.after) else round(self.after, 4)
        return {"views": self.number, "before": None if self.before is None else round(self.before, 4), "after": after}


def score_run(run: Run, photos: RunPhotos, renderer: SceneRenderer, after: Gaussians) -> list[Score]:
    """Compare training and held-out views with the photos; where those are gone, with the scene before; and say so.

    Args:
        run: the scene before, of `renderer`.
        photos: of the run.
        renderer: draws it.
        after: the scene after.
    """
    if photos.missing:
        cameras = {"training": run.cameras("train"), "held-out": run.cameras("test")}
        scores = _against_before(cameras, renderer, after)
        info(f"PSNR against the scene before ({photos.missing}): {'; '.join(map(str, scores))}")
        return scores
    views = {"training": evenly(photos.training, VIEWS), "held-out": evenly(photos.held_out, VIEWS)}
    scores = _scores(views, renderer, after, against_itself=False)
    info(f"PSNR against the photos: {'; '.join(map(str, scores))}")
    return scores


def score_file(renderer: SceneRenderer, after: Gaussians) -> list[Score]:
    """Compare a scene with another one, whose cameras are those of the renderer, and say it."""
    scores = _against_before({"orbit": renderer.cameras}, renderer, after)
    info(f"PSNR against the scene before: {'; '.join(map(str, scores))}")
    return scores


def _against_before(cameras: Mapping[str, Sequence[Camera]], renderer: SceneRenderer, after: Gaussians) -> list[Score]:
    def view(camera: Camera) -> TrueView:
        return TrueView(camera, lambda: (renderer.image(camera).clamp(0, 1), None))

    views = {name: [view(one) for one in evenly(some, VIEWS)] for name, some in cameras.items()}
    return _scores(views, renderer, after, against_itself=True)


def _scores(
    views: Mapping[str, list[TrueView]], renderer: SceneRenderer, after: Gaussians, against_itself: bool
) -> list[Score]:
    other, found = renderer.of(after), []
    with progress("comparing", sum(map(len, views.values())), unit="view") as bar:
        for name, some in views.items():
            values: list[tuple[float, float]] = []
            for view in some:
                picture, mask = view.truth()
                before = math.inf if against_itself else psnr(renderer.image(view.camera).clamp(0, 1), picture, mask)
                values.append((before, psnr(other.image(view.camera).clamp(0, 1), picture, mask)))
                bar.advance()
            known = [pair for pair in values if not math.isnan(pair[1])]  # a photo all of which is masked has none
            if known and against_itself:
                found.append(Score(name, len(known), _pooled([after for _, after in known])))
            elif known:
                before, result = (sum(column) / len(known) for column in zip(*known))
                found.append(Score(name, len(known), result, before))
    return found


def _pooled(values: list[float]) -> float:
    """PSNR of the mean squared error of views with these PSNRs: one that is equal would make a mean infinite."""
    mse = sum(10 ** (-value / 10) for value in values) / len(values)
    return math.inf if mse == 0 else -10 * math.log10(mse)

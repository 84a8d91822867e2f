"""Training on photos that people walk through: each photo counts only where it shows what the others do."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from splat.console import warn
from splat.files import atomic_path, safe_name, write_json
from splat.images import area_mean
from splat.train.hooks import HookContext, TrainingHook
from splat.transients.config import TransientsOptions
from splat.transients.consensus import disputed
from splat.transients.differences import Usual, differences, median_of
from splat.transients.pieces import from_grid, pieces_of, shares

if TYPE_CHECKING:
    from splat.train.normalize import Normalization
    from splat.train.state import TrainState
    from splat.train.views import View

MAJORITY = 0.5  # share of a piece that must differ grossly
LOOKS = 8  # times that the photos are asked together
LAST = 0.9  # share of the steps at which they are asked for the last time


class TransientsHook(TrainingHook):
    """Leaves out of the loss what only single photos show; writes RUN/transients.json and the last masks as pictures.

    Opacities are never reset meanwhile: a scene that has just been reset differs from all photos, and what passes
    through would be learned first.
    """

    name = "transients"
    resets_opacities = False

    def __init__(self, context: HookContext, options: TransientsOptions) -> None:
        self.options = options
        self.scene = context.scene
        self.max_steps = context.max_steps
        self.seed = context.seed
        self.densify_from = options.densify_from
        self.usual = Usual(context.scene.views.device)
        self.pieces: dict[int, Tensor] = {}  # by position: [h, w], computed once
        self.differing: dict[int, Tensor] = {}  # by position: [S] bool, at the last visit
        self.disputed: dict[int, Tensor] = {}  # by position: [S] 0..1, see `consensus`
        self.looks = look_steps(len(context.scene), context.max_steps)
        if not self.looks:
            warn(f"transients={options.kind} needs more steps than there are photos: every pixel counts")

    def replanned(self, max_steps: int) -> None:
        """The looks that are still to come are spread over the new length. See `TrainingHook.replanned`."""
        self.max_steps = max_steps
        self.looks = look_steps(len(self.scene), max_steps)

    def counted(
        self, step: int, position: int, view: View, image: Tensor, target: Tensor, mask: Tensor | None
    ) -> Tensor | None:
        """The mask less the pieces that differ, but for those that chance lets count. See `TrainingHook.counted`."""
        pieces = self._pieces(position)
        size = (pieces.shape[0], pieces.shape[1])
        photo = target.float() / 255 if target.dtype == torch.uint8 else target
        found = differences(area_mean(image.detach().clamp(0, 1), size), area_mean(photo, size))
        known = None if mask is None else area_mean(mask[..., None], size)[..., 0] > 0.5
        self.usual.add(found, known)
        usual = max(self.usual.size(), median_of(found, known))  # a photo of another exposure differs everywhere
        gross = found > max(self.options.least, self.options.spread * usual)
        self.differing[position] = shares(gross, pieces, known) > MAJORITY
        passing = self.passing(position)
        if not passing.any():
            return mask
        chance = torch.rand(len(passing), generator=torch.Generator().manual_seed(self.seed * 1_000_003 + step))
        left_out = passing & (chance.to(passing.device) >= self.chance_to_count(step))
        kept = ~from_grid(_grown(left_out[pieces]), view.height, view.width)
        return kept if mask is None else kept & mask

    def passing(self, position: int) -> Tensor:
        """[S] bool: the pieces of a photo that differ where most photos do not; none before these have been asked."""
        differing = self.differing[position]
        if position not in self.disputed:
            return torch.zeros_like(differing)
        return differing & (self.disputed[position] < self.options.consent)

    def after_step(self, step: int, state: TrainState) -> None:
        """Ask the photos together when it is time."""
        if step in self.looks:
            flags = {position: found[self._pieces(position)] for position, found in sorted(self.differing.items())}
            for position, shown in disputed(self.scene, state.params, flags).items():
                pieces = self._pieces(position)
                large = area_mean(shown[..., None], (pieces.shape[0], pieces.shape[1]))[..., 0]
                self.disputed[position] = shares(large, pieces)

    def chance_to_count(self, step: int) -> float:
        """With which a piece that differs counts all the same: 1 at first, then falling to `doubt`.

        Source: SpotLessSplats, which samples its masks as 1 - a + a m with a decaying a.
        """
        options = self.options
        fallen = math.exp(-step / (options.trust * self.max_steps)) if options.trust > 0 else 0.0
        return max(options.doubt, fallen)

    def _pieces(self, position: int) -> Tensor:
        if position not in self.pieces:
            self.pieces[position] = pieces_of(self.scene.photo(position), self.options.segments)
        return self.pieces[position]

    def state(self) -> dict[str, Any]:
        """The histogram and what differed at the last visits."""
        return {
            "usual": self.usual.counts,
            "differing": {str(position): found for position, found in self.differing.items()},
            "disputed": {str(position): found for position, found in self.disputed.items()},
        }

    def restore(self, record: dict[str, Any]) -> None:
        """Go on from what `state` gave; pieces are cut again, which comes out the same."""
        device = self.scene.views.device
        self.usual.counts = record["usual"].to(device)
        self.differing = {int(position): found.to(device) for position, found in record["differing"].items()}
        self.disputed = {int(position): found.to(device) for position, found in record["disputed"].items()}

    def write(self, folder: Path, normalization: Normalization) -> None:
        """RUN/transients.json, and RUN/transients/NAME.png of each photo of which something is left out: black is."""
        left_out = {}
        for position in sorted(self.differing):
            mask = self.last_mask(position)
            camera = self.scene.camera(position)
            left_out[camera.name] = round(float(mask.float().mean()), 4)
            if mask.any():
                path = folder / "transients" / f"{safe_name(camera.name)}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                kept = (~from_grid(mask, camera.height, camera.width)).cpu().numpy().astype(np.uint8) * 255
                with atomic_path(path) as temporary:
                    temporary.write_bytes(cv2.imencode(".png", kept)[1].tobytes())
        record = {"left_out": left_out, "usual_difference": round(self.usual.size(), 5)}
        write_json(folder / "transients.json", record)

    def last_mask(self, position: int) -> Tensor:
        """[h, w] bool on the grid: what differed when the photo was last trained on."""
        return _grown(self.passing(position)[self._pieces(position)])


def look_steps(views: int, max_steps: int) -> frozenset[int]:
    """The steps after which the photos are asked together; the first once nearly all have been visited.

    Args:
        views: number of training photos.
        max_steps: length of the training.
    """
    first, last = max(views, round(0.06 * max_steps)), LAST * max_steps
    return frozenset(round(first + (last - first) * look / (LOOKS - 1)) for look in range(LOOKS) if first <= last)


def _grown(mask: Tensor) -> Tensor:
    """[h, w] bool: a mask by a pixel larger, because the rim of what passes blends with what is behind."""
    return max_pool2d(mask[None, None].float(), 3, 1, 1)[0, 0] > 0.5

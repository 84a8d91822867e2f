"""Asking a field: scores of Gaussians and pixels for texts, and the masks they mean."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from splat.cameras import Camera
from splat.errors import SplatError
from splat.language.config import MaskOptions
from splat.language.field import ROWS, LanguageField
from splat.language.relevancy import against_rivals, normalised, relevancy, smoothed
from splat.render.scene import SceneRenderer

SURE = 20  # the best relevancy is the mean over so many Gaussians, so that no single one decides
SEEN = 0.5  # of a pixel must be known


@dataclass
class Answer3D:
    """Scores of N Gaussians for one text, on the CPU."""

    relevancy: Tensor  # [N] 0..1 at the chosen level; 0 where nothing is known
    level: int
    best: float  # mean relevancy of the SURE best
    selected: Tensor  # [N] bool


@dataclass
class Answer2D:
    """Scores of a view's pixels for one text, on the CPU."""

    relevancy: Tensor  # [H, W] 0..1 at the chosen level
    level: int
    best: float  # at the best place
    place: tuple[int, int]  # x, y of the best pixel of the filtered map
    mask: Tensor  # [H, W] bool


class Asker:
    """Holds a field ready: everything that does not depend on the text is done once.

    Everything runs on the device of the scene; texts may come from any, and answers are on the CPU.
    """

    def __init__(self, renderer: SceneRenderer, field: LanguageField) -> None:
        """
        Args:
            renderer: of the scene that the field belongs to.
            field: on any device.

        Raises:
            SplatError: when the field's teacher knows no words.
        """
        if field.negatives is None:
            raise SplatError(
                "the teacher of this field knows no words; distill with one that does (demo, CLIP, SigLIP)"
            )
        scene = renderer.scene
        if len(scene) != len(field.codes):
            raise SplatError(f"the field has {len(field.codes):,} Gaussians, the scene {len(scene):,}; distill again")
        self.device = renderer.device
        field = field.to(self.device)
        self.renderer, self.scene, self.field = renderer, scene, field
        self.known = field.confidence > 0  # [N, L]
        self._scores = field.compression.scores(field.codes[self.known])
        self.rivals = bool(field.facts.get("rivals"))  # the negatives are names of other things
        self._solid = torch.sigmoid(scene.opacities) > 0.1
        assert field.negatives is not None
        self._negatives = self._scores.cosines(field.inside(field.negatives))

    @torch.no_grad()
    def cosines(self, vectors: Tensor) -> Tensor:
        """[P, T] of all known Gaussian levels with vectors [T, D]."""
        return self._scores.cosines(self.field.inside(vectors.to(self.device)))

    @torch.no_grad()
    def gaussians(self, vectors: Tensor, without: Tensor | None, options: MaskOptions) -> Tensor:
        """Relevancy [T, N, L] of texts [T, D] against the canonical negatives and the texts `without` [W, D]."""
        vectors = vectors.to(self.device)
        extra = self.cosines(without) if without is not None and len(without) else None
        found = torch.zeros(len(vectors), *self.known.shape, device=self.device)
        found[:, self.known] = self._compare(self.cosines(vectors), self._negatives, extra, vectors, options).T
        return found

    @torch.no_grad()
    def rival_cosines(self, indices: Tensor, level: int) -> Tensor:
        """[n] mean cosine of some Gaussians [M] with each of the field's negatives; nan if nothing is known of them."""
        row = torch.full(self.known.shape, -1, dtype=torch.long, device=self.device)
        row[self.known] = torch.arange(int(self.known.sum()), device=self.device)
        own = row[indices.to(self.device), level]
        return self._negatives[own[own >= 0]].mean(0).cpu()

    def _compare(
        self, cosines: Tensor, negatives: Tensor, extra: Tensor | None, vectors: Tensor, options: MaskOptions
    ) -> Tensor:
        """Relevancy [P, T] of cosines [P, T] with texts [T, D], [P, n] with the negatives and [P, W] with others."""
        if extra is not None and not self.rivals:
            negatives = torch.cat([negatives, extra], dim=1)
        if self.rivals:
            assert self.field.negatives is not None
            alike = vectors @ self.field.negatives.T
            found = against_rivals(cosines, negatives, alike, extra, options.temperature)
        else:
            found = relevancy(cosines, negatives, options.temperature)
        if extra is not None and extra.shape[1] > 0:  # what is as near to a word that was excluded is no answer at all
            found = torch.where(cosines > extra.amax(1, keepdim=True), found, 0.0)
        return found

    @torch.no_grad()
    def answer(self, scores: Tensor, level: int | None, options: MaskOptions) -> Answer3D:
        """The level with the best Gaussians (or the one asked for) and the selection there, of scores [N, L]."""
        trusted = torch.where(self._solid[:, None], scores, 0.0)
        best = trusted.topk(min(SURE, len(scores)), dim=0).values.mean(0)
        chosen = int(best.argmax()) if level is None else level
        values, known = scores[:, chosen], self.known[:, chosen]
        selected = apply_rule(values, known, float(best[chosen]), options, self.noise, self.rivals)
        return Answer3D(values.cpu(), chosen, float(best[chosen]), selected.cpu())

    @torch.no_grad()
    def view(
        self, camera: Camera, vectors: Tensor, without: Tensor | None, level: int | None, options: MaskOptions
    ) -> list[Answer2D]:
        """What a camera sees of each text [T, D]: features are rendered, decoded at each pixel and compared."""
        codes, seen = self.field.render(self.renderer, camera, level)
        known = seen > SEEN  # [H, W, L], or [H, W, 1] of the level asked for
        negatives = self.field.negatives
        assert negatives is not None
        vectors = vectors.to(self.device)
        asked = torch.cat([vectors, negatives] + ([] if without is None else [without.to(self.device)]))
        texts, ends = self.field.inside(asked).T, (len(vectors), len(vectors) + len(negatives))
        found = torch.zeros(*known.shape, len(vectors), device=self.device)
        rows = []
        for part in codes[known].split(ROWS):
            cosines = self.field.compression.decode(part) @ texts
            parts = cosines[:, : ends[0]], cosines[:, ends[0] : ends[1]], cosines[:, ends[1] :]
            rows.append(self._compare(*parts, vectors, options))
        if rows:
            found[known] = torch.cat(rows)
        return [self._answer_2d(found[..., i], known, level, options) for i in range(len(vectors))]

    def _answer_2d(self, scores: Tensor, known: Tensor, level: int | None, options: MaskOptions) -> Answer2D:
        maps = scores.permute(2, 0, 1)
        blend = filtered = maps
        if options.window > 0:
            blend, filtered = smoothed(maps, options.window, known.permute(2, 0, 1))
        chosen = int(filtered.flatten(1).amax(1).argmax())  # of one, where a level was asked for
        place = divmod(int(filtered[chosen].argmax()), maps.shape[2])
        best = float(maps[chosen][place])
        # LangSplat cuts the smoothed map; the noise rule knows how far a pixel may be off, and keeps borders sharp
        values = maps[chosen] if options.rule == "noise" else blend[chosen]
        mask = apply_rule(values, known[..., chosen], best, options, self.noise, self.rivals)
        return Answer2D(values.cpu(), chosen if level is None else level, best, (place[1], place[0]), mask.cpu())

    @property
    def noise(self) -> float:
        """By how much a cosine with a text scatters from photo to photo."""
        return float(self.field.facts.get("noise", 0.05))


def apply_rule(
    values: Tensor, known: Tensor, best: float, options: MaskOptions, noise: float, rivals: bool = False
) -> Tensor:
    """Which of the values (relevancy of pixels or Gaussians, any shape) belong to the answer.

    Args:
        known: where there is a value at all.
        best: relevancy at the surest place.
        noise: by how much a cosine scatters from photo to photo (only the rule of that name asks).
        rivals: relevancy is against the names of other things, so that all above 0.5 belongs to the answer as well.
    """
    if options.rule == "langsplat":
        return known & (normalised(values, known) > options.share)
    if options.rule == "otsu":
        return known & (values > otsu(values[known]))
    return known & (values >= torch.sigmoid(torch.tensor(noise_limit(best, options, noise, rivals))))


def noise_limit(best: float, options: MaskOptions, noise: float, rivals: bool = False) -> float:
    """The logit of the relevancy from which the rule `noise` selects; see `apply_rule`."""
    # Relevancy is a logistic function of a difference of cosines: a step of the noise is one of its logit.
    limit = logit(best) - options.temperature * options.deviations * noise
    return min(limit, 0.0) if rivals else limit


def logit(value: float) -> float:
    """log(v / (1 - v)) of a relevancy, finite at 0 and 1."""
    held = min(max(value, 1e-6), 1 - 1e-6)
    return math.log(held / (1 - held))


def otsu(values: Tensor, bins: int = 256) -> float:
    """The threshold between two classes with the largest variance between them (Otsu 1979)."""
    if values.numel() == 0:
        return 1.0
    low, high = float(values.min()), float(values.max())
    if high - low < 1e-9:
        return low
    counts = torch.histc(values, bins, low, high).double()
    centres = low + (torch.arange(bins, device=values.device).double() + 0.5) * (high - low) / bins
    below, total = counts.cumsum(0), counts.sum()
    mass = (counts * centres).cumsum(0)
    above = total - below
    means = mass / below.clamp(min=1), (mass[-1] - mass) / above.clamp(min=1)
    return float(centres[(below * above * (means[0] - means[1]).square()).argmax()] + (high - low) / bins / 2)


def noise_of(agreement: Tensor, weight: Tensor, vectors: Tensor) -> float:
    """By how much the cosine of a text with one photo's feature scatters around that with the mean of all photos.

    Unit vectors whose mean has length a lie off its direction by 1 - a^2 (mean square), spread over as many dimensions
    as the features fill; a text sees one of them.

    Args:
        agreement: [P] of the Gaussians, see `Lifted`.
        weight: [P] the same.
        vectors: [T, R] what the teacher gave; their covariance's participation ratio is the number of dimensions.
    """
    off = ((1 - agreement.square()) * weight).sum() / weight.sum().clamp(min=1e-12)
    centred = vectors - vectors.mean(0)
    squares = torch.linalg.svdvals(centred.T @ centred)
    filled = squares.sum().square() / squares.square().sum().clamp(min=1e-20)
    return float((off / filled.clamp(min=1)).clamp(min=0).sqrt())

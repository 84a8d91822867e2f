"""How two scenes of one place lie to each other, from what both show.

Both are drawn from cameras of their own; features of the pictures (SIFT) are matched, and the depths that are drawn
with them make points of space of the matches. One similarity must explain them: three matches of one pair of pictures
propose it (Fischler and Bolles 1981), all matches of all pairs judge and refine it (Umeyama 1991). Then both are drawn
from the same places, where far more matches and better ones are found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from splat.alignment.similarity import umeyama
from splat.cameras import Camera
from splat.capture.sfm.sift import sift_features
from splat.console import progress
from splat.errors import SplatError
from splat.frame import Agreement, Similarity
from splat.images import luma, to_bytes
from splat.poses.gauge import move_cameras
from splat.render.scene import SceneRenderer

FEATURES = 1500  # of a picture
RATIO = 0.85  # a match is nearer than this share of the second best (Lowe 2004)
DRAWS = 400  # triples of each pair of pictures
NEAR = 0.02  # of the distance to the camera, that a matched point may miss its place
CLOSER = (0.02, 0.01, 0.005, 0.005)  # the same in turn, where both are drawn from the same places
FEWEST = 30  # matches that must agree
SEEN = 0.9  # opacity from which a pixel has a depth


@dataclass(frozen=True)
class FeatureView:
    """What a picture has to match with, N features."""

    name: str
    descriptors: np.ndarray  # [N, 128] float32
    points: np.ndarray  # [N, 3] float64, where the features lie in their scene
    depths: np.ndarray  # [N] float64, from the camera


@dataclass(frozen=True)
class Overlap:
    """Where one scene lies in another one."""

    similarity: Similarity  # from the first scene's coordinates to the second's
    fit: Agreement  # of the matches, distances in the second scene's units


def find_overlap(
    moving: SceneRenderer, still: SceneRenderer, cameras: Sequence[Camera], others: Sequence[Camera], seed: int = 0
) -> Overlap:
    """The similarity that takes what both scenes show from the first one to the second.

    Args:
        moving: the first scene.
        still: the second scene.
        cameras: some that see the first, in its frame.
        others: some that see the second.
        seed: of the triples that are tried.

    Raises:
        SplatError: too little that both show.
    """
    random = np.random.default_rng(seed)
    with progress("Looking for what both show", len(cameras), unit="picture") as bar:
        there = [view for camera in others if (view := seen(still, camera)) is not None]
        pairs = []
        for camera in cameras:
            here = seen(moving, camera)
            pairs += [] if here is None else [matched(here, other) for other in there]
            bar.advance()
    pairs = [pair for pair in pairs if len(pair.source) >= 3]
    if not pairs:
        raise _too_little(0)
    every = Matches.of(pairs)
    best, most = None, 0
    for pair in sorted(pairs, key=lambda pair: -len(pair.source)):
        proposal = pair.consensus(random)
        if proposal is None:
            continue
        agreeing = int(every.agree(proposal).sum())
        if agreeing > most:
            best, most = proposal, agreeing
    if best is None or most < FEWEST:
        raise _too_little(most)
    found = _refined(best, every)
    for near in CLOSER:
        found = _from_same_places(found, moving, still, others, near)
    return found


def _from_same_places(
    found: Overlap, moving: SceneRenderer, still: SceneRenderer, others: Sequence[Camera], near: float
) -> Overlap:
    """A better similarity, by what both scenes show to the cameras of the second one; the same where too few agree."""
    back = torch.from_numpy(np.linalg.inv(found.similarity.matrix))
    pairs = []
    for camera, moved in zip(others, move_cameras(list(others), back)):
        here, there = seen(moving, moved), seen(still, camera)
        pairs += [] if here is None or there is None else [matched(here, there)]
    every = Matches.of(pairs) if pairs else None
    if every is None or int(every.agree(found.similarity, near).sum()) < FEWEST:
        return found
    return _refined(found.similarity, every, near)


def _too_little(count: int) -> SplatError:
    return SplatError(
        f"the scenes show too little in common to place them ({count} matches agree, {FEWEST} are needed); give"
        " transforms="
    )


def seen(renderer: SceneRenderer, camera: Camera) -> FeatureView | None:
    """The features of a camera's picture whose place is known; None where there are hardly any."""
    with torch.no_grad():
        image, alpha, _ = renderer.render(camera, "RGB+ED")
    gray = to_bytes(luma(image[..., :3].clamp(0, 1)))
    features = sift_features(gray, FEATURES, max(gray.shape))
    pixels = torch.from_numpy(features.keypoints[:, :2].astype(np.float64))
    rows, columns = pixels[:, 1].long().clamp(max=camera.height - 1), pixels[:, 0].long().clamp(max=camera.width - 1)
    depth = image[..., 3].cpu()
    steady = _steady(depth.numpy()) & (alpha.cpu().numpy() > SEEN)
    kept = torch.from_numpy(steady)[rows, columns]
    if int(kept.sum()) < 3:
        return None
    depths = depth[rows, columns].double()[kept]
    points = camera.unproject(pixels[kept], depths)
    descriptors = features.descriptors[kept.numpy()].astype(np.float32)
    return FeatureView(camera.name, descriptors, points.numpy(), depths.numpy())


def _steady(depth: np.ndarray) -> np.ndarray:
    """[H, W] bool: pixels about which the depth [H, W] differs little; at edges it is a mean of front and back."""
    window = np.ones((5, 5), np.uint8)
    steady: np.ndarray = cv2.dilate(depth, window) - cv2.erode(depth, window) < 0.05 * depth
    return steady


@dataclass(frozen=True)
class Matches:
    """M pairs of points."""

    source: np.ndarray  # [M, 3]
    target: np.ndarray  # [M, 3]
    depths: np.ndarray  # [M] of the targets from the camera that sees them

    @classmethod
    def of(cls, parts: Sequence[Matches]) -> Matches:
        return cls(*(np.concatenate([getattr(p, name) for p in parts]) for name in ("source", "target", "depths")))

    def distances(self, similarity: Similarity) -> np.ndarray:
        """[M] of the moved points from where they should be."""
        found: np.ndarray = np.linalg.norm(similarity.apply(self.source) - self.target, axis=1)
        return found

    def agree(self, similarity: Similarity, near: float = NEAR) -> np.ndarray:
        """[M] bool: whether a match misses by less than `near` of its distance from the camera."""
        agree: np.ndarray = self.distances(similarity) < near * self.depths
        return agree

    def consensus(self, random: np.random.Generator) -> Similarity | None:
        """The similarity through three of the matches that most of them agree with; None where none is sensible."""
        count = len(self.source)
        best, most = None, 3
        for _ in range(DRAWS):
            three = random.choice(count, 3, replace=False)
            a, b = self.source[three], self.target[three]
            sides = [np.linalg.norm(p - np.roll(p, 1, axis=0), axis=1) for p in (a, b)]
            if min(side.min() for side in sides) <= 0 or (ratio := sides[1] / sides[0]).max() > 1.2 * ratio.min():
                continue  # triangles of other shapes
            proposal = umeyama(a, b)
            agreeing = int(self.agree(proposal).sum())
            if agreeing > most:
                best, most = proposal, agreeing
        return best


def matched(a: FeatureView, b: FeatureView) -> Matches:
    """The features of two pictures that are each other's nearest, and clearly so."""
    matcher = cv2.BFMatcher(cv2.NORM_L2)
    forth = matcher.knnMatch(a.descriptors, b.descriptors, 2)
    back = {match[0].queryIdx: match[0].trainIdx for match in matcher.knnMatch(b.descriptors, a.descriptors, 1)}
    clear = [
        (first.queryIdx, first.trainIdx)
        for first, second in (pair for pair in forth if len(pair) == 2)
        if first.distance < RATIO * second.distance and back.get(first.trainIdx) == first.queryIdx
    ]
    rows = np.array(clear, np.int64).reshape(-1, 2)
    return Matches(a.points[rows[:, 0]], b.points[rows[:, 1]], b.depths[rows[:, 1]])


def _refined(similarity: Similarity, every: Matches, near: float = NEAR) -> Overlap:
    """Least squares over all matches that agree, in units of their distance, in turns until they stay the same."""
    agrees = every.agree(similarity, near)
    for _ in range(10):
        similarity = umeyama(every.source[agrees], every.target[agrees], every.depths[agrees] ** -2)
        now = every.agree(similarity, near)
        if bool((now == agrees).all()) or now.sum() < FEWEST:
            break
        agrees = now
    distances = every.distances(similarity)
    names = [str(number) for number in range(len(distances))]
    return Overlap(similarity, Agreement.of_distances("matches", distances, agrees, names))

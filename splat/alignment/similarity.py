"""Similarities between two sets of corresponding points: closed forms, and one that gross errors do not move.

Umeyama, "Least-squares estimation of transformation parameters between two point patterns" (1991); the least median of
squares over triples of points (Rousseeuw 1984) finds who agrees, and Huber's loss weighs them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from splat.errors import SplatError
from splat.frame import Similarity

FEWEST = 5  # that must agree
FAR = 3.0  # times the accuracy that positions must lie apart to say anything
HEIGHT = 0.5  # weight of a height beside the other two: GPS is worst there
COLLINEAR = 0.05  # second over first singular value of positions that count as a line
TILT = 2.0  # degrees that the vertical may be in doubt before the cameras are asked, too
HELD = 5.0  # degrees by which the vertical of cameras that people hold is wrong
TRIPLES = 500
SIGMA = 1.4826  # standard deviation over the median deviation
ROUNDS = 5

Closed = Callable[[np.ndarray, np.ndarray], Similarity]


@dataclass(frozen=True)
class RobustFit:
    """A similarity and who agrees with it."""

    similarity: Similarity
    agrees: np.ndarray  # [N] bool
    distances: np.ndarray  # [N] of the moved points from where they should be; without heights if there are none
    vertical: Literal["found", "helped", "given"]  # by the positions alone, by both, or it is the one that was given


def umeyama(source: np.ndarray, target: np.ndarray, weights: np.ndarray | None = None) -> Similarity:
    """The similarity with the least squared distances from moved points [N, 3] to others [N, 3]; N is 3 or more.

    About a line on which all points lie the turn is arbitrary, see `is_line`. `weights` [N] are of the squares.
    """
    shares = np.full(len(source), 1 / len(source)) if weights is None else weights / weights.sum()
    here, there = shares @ source, shares @ target
    a, b = source - here, target - there
    U, values, Vt = np.linalg.svd((b * shares[:, None]).T @ a)
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(U) * np.linalg.det(Vt)) or 1.0])
    rotation = (U * signs) @ Vt
    scale = float(values @ signs / max(float(shares @ (a * a).sum(axis=1)), 1e-300))
    return Similarity(scale, rotation, there - scale * rotation @ here)


def level(source: np.ndarray, target: np.ndarray, up: np.ndarray) -> Similarity:
    """The same among those that turn `up` [3] in the source to z: scale and heading come from x and y alone.

    Two points that do not stand above each other determine it.
    """
    standing = turn_to_z(up)
    here, there = source.mean(axis=0), target.mean(axis=0)
    a, b = (source - here) @ standing.T, target - there
    flat_a, flat_b = a[:, 0] + 1j * a[:, 1], b[:, 0] + 1j * b[:, 1]
    turn = (flat_a.conj() @ flat_b) / max(float((np.abs(flat_a) ** 2).sum()), 1e-300)
    heading = Rotation.from_euler("z", float(np.angle(turn))).as_matrix()
    rotation, scale = heading @ standing, float(np.abs(turn))
    return Similarity(scale, rotation, there - scale * rotation @ here)


def turn_to_z(up: np.ndarray) -> np.ndarray:
    """[3, 3] the smallest rotation that takes a direction [3] to z."""
    up = up / np.linalg.norm(up)
    axis = np.cross(up, [0.0, 0.0, 1.0])
    sine = float(np.linalg.norm(axis))
    if sine < 1e-12:
        return np.eye(3) if up[2] > 0 else np.diag([1.0, -1.0, -1.0])
    turn: np.ndarray = Rotation.from_rotvec(axis / sine * np.arctan2(sine, up[2])).as_matrix()
    return turn


def is_line(points: np.ndarray) -> bool:
    """Whether points [N, 3] lie on a line, so that the turn about it is free."""
    values = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
    return bool(values[1] <= COLLINEAR * values[0])  # in one place, too


def robust_similarity(
    source: np.ndarray,
    target: np.ndarray,
    accuracy: float,
    up: np.ndarray | None = None,
    heights: bool = True,
    leveled: bool = False,
    seed: int = 0,
) -> RobustFit:
    """The similarity that most of the points agree on.

    Args:
        source: [N, 3] float64.
        target: [N, 3], z up.
        accuracy: standard deviation of the targets in their unit; heights are half as good.
        up: [3] unit vector, the vertical in the source to within some degrees: it helps where the points do not tell
            (the turn about a line, heights that scatter more than the place is wide); None: such points are refused.
        heights: whether the targets' z is known.
        leveled: `up` is the vertical, whatever the points say.
        seed: of the triples that are tried.

    Raises:
        SplatError: too few that agree, all in one place, or on a line without a vertical.
    """
    if len(source) < FEWEST:
        raise SplatError(f"{len(source)} positions are too few for scale and place; {FEWEST} or more are needed")
    if not heights and up is None:
        raise SplatError("without altitudes the vertical must be known; give up=cameras or up=x,y,z")
    weights = np.array([1.0, 1.0, HEIGHT if heights else 0.0])
    given = leveled or not heights
    fit = _robust(source, target, weights, accuracy, "given" if given else "found", up, seed)
    _refuse_small(source, fit, accuracy)
    line = is_line(source[fit.agrees])
    if not given and (line or _tilt_doubt(source, target, fit) > TILT):
        if up is None:
            where = "stand on a line, so the turn about it is free" if line else "say too little of the vertical"
            raise SplatError(f"the positions {where}; give up=cameras, up=x,y,z or ground=")
        fit = _robust(source, target, weights, accuracy, "helped", up, seed)
        _refuse_small(source, fit, accuracy)
    return fit


def _robust(
    source: np.ndarray,
    target: np.ndarray,
    weights: np.ndarray,
    accuracy: float,
    vertical: Literal["found", "helped", "given"],
    up: np.ndarray | None,
    seed: int,
) -> RobustFit:
    """Least median of squares over triples, then least squares with Huber's loss over who agrees, in turns."""

    def closed(a: np.ndarray, b: np.ndarray) -> Similarity:
        return umeyama(a, b) if vertical == "found" or up is None else level(a, b, up)

    def distances(similarity: Similarity) -> np.ndarray:
        found: np.ndarray = np.linalg.norm((similarity.apply(source) - target) * weights, axis=1)
        return found

    helping = up if vertical == "helped" else None
    best = _best_of_triples(source, target, accuracy, closed, distances, seed)
    for _ in range(ROUNDS):
        found = distances(best)
        agrees = found <= max(3 * float(np.median(found)), accuracy)
        if agrees.sum() < FEWEST:
            raise SplatError(
                f"only {int(agrees.sum())} of {len(source)} positions agree with each other, {FEWEST} are needed; are"
                " they those of these photos?"
            )
        a, b = source[agrees], target[agrees]
        refined = _refined(closed(a, b), a, b, weights, vertical != "given", helping)
        settled, best = np.allclose(refined.matrix, best.matrix, rtol=1e-9, atol=1e-9), refined
        if settled:
            break
    found = distances(best)
    agrees = found <= max(3 * float(np.median(found)), accuracy)
    plain = np.linalg.norm((best.apply(source) - target) * (weights > 0), axis=1)
    return RobustFit(best, agrees, plain, vertical)


def _best_of_triples(
    source: np.ndarray,
    target: np.ndarray,
    accuracy: float,
    closed: Closed,
    distances: Callable[[Similarity], np.ndarray],
    seed: int,
) -> Similarity:
    """Of similarities through three points each, far enough apart to say something, the one of the least median."""
    random = np.random.default_rng(seed)
    best, least = None, np.inf
    for _ in range(TRIPLES):
        chosen = random.choice(len(source), 3, replace=False)
        sides = target[chosen] - target[np.roll(chosen, 1)]
        if np.linalg.norm(sides, axis=1).min() <= FAR * accuracy:
            continue
        similarity = closed(source[chosen], target[chosen])
        median = float(np.median(distances(similarity)))
        if similarity.scale > 0 and median < least:
            best, least = similarity, median
    if best is None:
        raise SplatError(_too_near(float(np.linalg.norm(np.ptp(target, axis=0))), accuracy))
    return best


def _refined(
    start: Similarity,
    source: np.ndarray,
    target: np.ndarray,
    weights: np.ndarray,
    turns: bool,
    helping: np.ndarray | None,
) -> Similarity:
    """Weighted least squares with Huber's loss from `start`; without `turns` only the heading changes.

    Where a vertical helps, each position counts once more as a reading of it: errors of GPS and of how cameras are held
    last, so that many photos are no better a mean of one than of the other.
    """
    centre = target.mean(axis=0)
    moved = start.apply(source) - centre
    unit = max(float(np.sqrt((moved**2).sum(axis=1).mean())), 1e-300)
    moved, wanted = moved / unit, (target - centre) / unit

    def step(values: np.ndarray) -> Similarity:
        rotvec = values[4:] if turns else np.array([0.0, 0.0, values[4]])
        return Similarity(float(np.exp(values[0])), Rotation.from_rotvec(rotvec).as_matrix(), values[1:4])

    def errors(values: np.ndarray) -> np.ndarray:
        taken = step(values)
        apart: np.ndarray = ((taken.apply(moved) - wanted) * weights)[:, weights > 0].ravel()
        if helping is None:
            return apart
        lean = (taken.rotation @ start.rotation @ helping)[:2] * spread / np.sin(np.radians(HELD))
        return np.concatenate([apart, np.tile(lean, len(moved))])

    apart = np.abs((moved - wanted) * weights)[:, weights > 0]
    spread = max(SIGMA * float(np.median(apart)), 1e-12 if helping is None else 1e-4)
    beginning = np.zeros(7 if turns else 5)
    found = step(least_squares(errors, beginning, loss="huber", f_scale=spread, xtol=1e-14, ftol=1e-14, gtol=1e-14).x)
    outer = Similarity(unit, np.eye(3), centre)
    inner = Similarity(1 / unit, np.eye(3), -centre / unit)
    refined = outer.after(found).after(inner).after(start)
    if weights[2] == 0:  # nothing tells how high: the middle stays where it was
        refined = Similarity(refined.scale, refined.rotation, np.array([*refined.translation[:2], 0.0]))
        lift = centre[2] - refined.apply(source.mean(axis=0))[2]
        refined = Similarity(refined.scale, refined.rotation, refined.translation + np.array([0.0, 0.0, lift]))
    return refined


def _refuse_small(source: np.ndarray, fit: RobustFit, accuracy: float) -> None:
    """Refuse positions that, as fitted, lie no farther apart than they are wrong."""
    agreeing = fit.similarity.apply(source[fit.agrees])
    centred = agreeing - agreeing.mean(axis=0)
    along = centred @ np.linalg.svd(centred, full_matrices=False)[2][0]
    if float(np.ptp(along)) < FAR * accuracy:
        raise SplatError(_too_near(float(np.ptp(along)), accuracy))


def _too_near(extent: float, accuracy: float) -> str:
    return (
        f"the positions lie within {extent:.3g} m of each other, too near for an accuracy of {accuracy:g} m (three"
        " times as far is needed); give accuracy= if they are better, or a distance or points"
    )


def _tilt_doubt(source: np.ndarray, target: np.ndarray, fit: RobustFit) -> float:
    """Degrees by which the vertical of a fit may be wrong: how heights scatter over how wide the place is."""
    moved = fit.similarity.apply(source[fit.agrees])
    flat = moved[:, :2] - moved[:, :2].mean(axis=0)
    count = len(moved)
    width = float(np.linalg.svd(flat, compute_uv=False)[1]) / np.sqrt(count)
    scatter = float(np.sqrt(((moved - target[fit.agrees])[:, 2] ** 2).mean()))
    return float(np.degrees(np.arctan2(scatter, width * np.sqrt(count))))

"""Brown's lens model with k4 on r^8 and skew, as photogrammetry programs have it, by the models that are read here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from splat.capture.lens import Lens
from splat.capture.numbers import sized_lens
from splat.errors import SplatError

MOST_ERROR = 1.0  # pixels that a lens may be off from the one that a file describes
SAMPLES = 200  # radii at which a polynomial is fitted
GRID = 25  # places along each side at which a lens is compared
ROUNDS = 6  # of weighting by the denominator that the last one found


@dataclass(frozen=True)
class Brown:
    """A perspective lens: x' = x (1 + k1 r² + k2 r⁴ + k3 r⁶ + k4 r⁸) + 2 p1 x y + p2 (r² + 2 x²), y' likewise.

    p1 and p2 are in OpenCV's order, which is the reverse of Metashape's and RealityCapture's.
    """

    width: float  # pixels
    height: float
    fx: float  # pixels
    fy: float
    cx: float  # pixels from the left edge of the image
    cy: float
    k1: float = 0.0
    k2: float = 0.0
    k3: float = 0.0
    k4: float = 0.0  # of r^8, unlike OpenCV's
    p1: float = 0.0
    p2: float = 0.0
    skew: float = 0.0  # pixels that u grows by with y'
    p3: float = 0.0  # of older files of Metashape: p1 and p2 grow by p3 r² + p4 r⁴
    p4: float = 0.0

    def radial(self, s: np.ndarray) -> np.ndarray:
        """The factor of radii whose squares are `s` [N]."""
        return 1.0 + s * (self.k1 + s * (self.k2 + s * (self.k3 + s * self.k4)))

    def project(self, plane: np.ndarray) -> np.ndarray:
        """[N, 2] pixels of points [N, 2] on the plane z = 1."""
        x, y = plane.T
        s = x * x + y * y
        factor = self.radial(s)
        growth = 1.0 + s * (self.p3 + s * self.p4)
        p1, p2 = self.p1 * growth, self.p2 * growth
        u = x * factor + 2 * p1 * x * y + p2 * (s + 2 * x * x)
        v = y * factor + 2 * p2 * x * y + p1 * (s + 2 * y * y)
        return np.stack([self.fx * u + self.skew * v + self.cx, self.fy * v + self.cy], axis=1)


def brown_lens(brown: Brown, where: str, off: dict[str, float]) -> Lens:
    """The lens as one of COLMAP's models; where it is none of those, the nearest.

    Args:
        brown: the lens.
        where: file and thing, for messages.
        off: takes how many pixels the nearest is off at most, by `where`.

    Raises:
        SplatError: impossible values, or the nearest is more than a pixel off.
    """
    K = (brown.fx, brown.fy, brown.cx, brown.cy)
    size = brown.width, brown.height
    terms = (brown.k1, brown.k2, brown.k3, brown.k4, brown.p1, brown.p2, brown.skew, brown.p3, brown.p4)
    sized_lens("FULL_OPENCV", (*K, *terms), *size, where)
    if brown.k4 or brown.skew or brown.p3 or brown.p4:
        return _nearest(brown, where, off)
    if brown.k3:
        params = (*K, brown.k1, brown.k2, brown.p1, brown.p2, brown.k3, 0.0, 0.0, 0.0)
        return sized_lens("FULL_OPENCV", params, *size, where)
    if brown.k1 or brown.k2 or brown.p1 or brown.p2:
        return sized_lens("OPENCV", (*K, brown.k1, brown.k2, brown.p1, brown.p2), *size, where)
    return sized_lens("PINHOLE", K, *size, where)


def _nearest(brown: Brown, where: str, off: dict[str, float]) -> Lens:
    plane = _seen(brown)
    most = float((plane**2).sum(axis=1).max(initial=0.0))
    above, below = _rational(brown, most) if brown.k4 else (np.array([brown.k1, brown.k2, brown.k3]), np.zeros(3))
    params = (brown.fx, brown.fy, brown.cx, brown.cy, *above[:2], brown.p1, brown.p2, above[2], *below)
    lens = sized_lens("FULL_OPENCV", params, brown.width, brown.height, where)
    rays = np.concatenate([plane, np.ones((len(plane), 1))], axis=1)
    most_off = float(np.abs(np.asarray(lens.colmap().img_from_cam(rays)) - brown.project(plane)).max(initial=0.0))
    has = " and ".join(name for name in ("k4", "skew", "p3", "p4") if getattr(brown, name))
    if not (len(plane) and most_off <= MOST_ERROR):  # false for NaN
        raise SplatError(
            f"{where} has {has}, and no lens model that is read comes nearer than {most_off:.2f} px; calibrate without"
            f" {has}, or export undistorted photos"
        )
    off[where] = most_off
    return lens


def _seen(brown: Brown) -> np.ndarray:
    """[N, 2] points on the plane z = 1 all over the image, as far as the polynomial does not fold back."""
    u, v = np.meshgrid(np.linspace(0.0, brown.width, GRID), np.linspace(0.0, brown.height, GRID))
    wanted = np.stack([(u.ravel() - brown.cx) / brown.fx, (v.ravel() - brown.cy) / brown.fy], axis=1)
    radii = np.linspace(0.0, 4.0 * np.linalg.norm(wanted, axis=1).max(), 4000)
    with np.errstate(all="ignore"):
        distorted = radii * brown.radial(radii**2)
    turning = np.flatnonzero(~(np.diff(distorted) > 0))
    end = int(turning[0]) + 1 if len(turning) else len(radii)
    reach = np.linalg.norm(wanted, axis=1)
    inside = reach <= distorted[end - 1]
    length = np.interp(reach[inside], distorted[:end], radii[:end])
    points: np.ndarray = wanted[inside] * (length / np.maximum(reach[inside], 1e-12))[:, None]
    return points


def _rational(brown: Brown, most: float) -> tuple[np.ndarray, np.ndarray]:
    """Numerator and denominator [3] of the fraction of cubics in r² nearest to the radial factor up to r² = `most`.

    The equation is linear in both; each round weighs it by the last one's denominator (Sanathanan and Koerner 1963).
    """
    t = np.linspace(0.0, 1.0, SAMPLES)[1:]
    factor = brown.radial(t * most)
    powers = np.stack([t, t**2, t**3], axis=1)
    rows = np.concatenate([powers, -factor[:, None] * powers], axis=1)
    found: np.ndarray = np.zeros(6)
    for _ in range(ROUNDS):
        weight = np.sqrt(t) / np.maximum(np.abs(1.0 + powers @ found[3:]), 1e-3)  # a factor's error grows with r
        found = np.linalg.lstsq(rows * weight[:, None], (factor - 1.0) * weight, rcond=1e-12)[0]
    scale = most ** np.arange(1, 4)
    return found[:3] / scale, found[3:] / scale

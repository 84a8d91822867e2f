"""Which photos show the same points, and which should but do not."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import breadth_first_order, connected_components

from splat.capture.colmap.tracks import Tracks
from splat.capture.examine.suspicion import Suspicion
from splat.console import count

# The thresholds hold over the captures in docs/captures.md with much to spare: photos that see the same from less than
# `ALIKE` apart share 8 % of their points there at the least, and the photo with the fewest points has 40.
LINK = 5  # points that two photos must share to hang together
FEWEST = 25  # points of a photo, under which its pose may be chance: 3 already give one
CHANCE = 0.05  # of the usual number of points, which wrong poses may have by chance
ALIKE = 15.0  # degrees between two photos' views of a point, within which both find the same features
FARTHER = 1.4  # times as far from a point, up to which they do
MOSTLY = 0.5  # of the points of both must be within those limits
SHARED = 0.02  # of the points of the photo with fewer, under which two such photos share none
SAMPLE = 20  # points of a photo that are looked at
BORDER = 2.0  # per cent of a photo's keypoints that may lie outside of what counts as its picture


def points_seen(tracks: Tracks) -> np.ndarray:
    """[C] how many points each photo shows."""
    seen: np.ndarray = np.bincount(tracks.photo, minlength=len(tracks.names))
    return seen


def shared_points(tracks: Tracks) -> csr_matrix:
    """[C, C] sparse: how many points two photos share; a photo with itself, how many it shows."""
    seen = csr_matrix(
        (np.ones(len(tracks.photo), np.int32), (tracks.photo, tracks.point)), (len(tracks.names), len(tracks.xyz))
    )
    return csr_matrix(seen @ seen.T)


def photos_with_few_points(tracks: Tracks, poses_given: bool = False) -> list[Suspicion]:
    """Photos whose pose stands on few points; all of them in one where that is usual.

    Args:
        tracks: what is looked at.
        poses_given: they stand on none, the points came after them. Photos that show little have few, right or not;
            those that are wrongly placed have all but none.
    """
    seen = points_seen(tracks)
    few = np.flatnonzero(seen < (min(FEWEST, CHANCE * float(np.median(seen))) if poses_given else FEWEST))
    if not len(few):
        return []
    fewest = f"as few as {seen[few].min():,}" if len(few) > 1 else f"{seen[few[0]]:,}"
    return [Suspicion("few", _names(tracks, few), f"few points ({fewest}, usual are {np.median(seen):,.0f})")]


def photos_apart(tracks: Tracks, shared: csr_matrix) -> list[Suspicion]:
    """Photos that share no points with the largest group of them: nothing says how the two stand to each other.

    Photos with few points are not looked at.
    """
    enough = np.flatnonzero(points_seen(tracks) >= FEWEST)
    if not len(enough):
        return []
    links = shared[enough][:, enough].copy()
    links.data = (links.data >= LINK).astype(np.int32)
    links.eliminate_zeros()
    groups, group_of = connected_components(links, directed=False)
    apart = enough[group_of != np.bincount(group_of).argmax()]
    if not len(apart):
        return []
    others = count(len(enough) - len(apart), "other photo")
    reason = f"no points shared with {others}, so nothing says how these stand to each other"
    reason += f" ({groups - 1:,} groups)" if 2 < groups <= len(apart) else ""
    return [Suspicion("apart", _names(tracks, apart), reason)]


def photos_among_strangers(tracks: Tracks, shared: csr_matrix, without: Collection[str] = ()) -> list[Suspicion]:
    """Photos that stand where others do, look at the same and yet share no points with them.

    Either their pose is wrong, or a walk was folded over itself, or came back to its start beside it. Of two such
    groups the one is named that has no other photos to agree with, else the smaller, or both where they are equal.
    Photos `without` are suspicious by themselves: nobody else is suspected for standing near them.
    """
    seen = np.maximum(points_seen(tracks), 1)
    trusted = ~np.isin(tracks.names, list(without))
    strangers = look_at_the_same(tracks) & trusted & trusted[:, None]
    first, second = np.nonzero(strangers)
    common = np.asarray(shared[first, second]).ravel()
    few = common < np.maximum(SHARED * np.minimum(seen[first], seen[second]), 1)
    graph = csr_matrix((np.ones(few.sum(), np.int32), (first[few], second[few])), strangers.shape)
    agrees = np.zeros(len(seen), bool)
    agrees[first[~few]] = agrees[second[~few]] = True
    groups, group_of = connected_components(graph, directed=False)
    found = []
    for group in range(groups):
        members = np.flatnonzero(group_of == group)
        if len(members) < 2:
            continue
        one, other = _two_sides(graph, members, agrees)
        reason = (
            f"the same view from about the same place as {count(len(other), 'other photo')}, but no points shared:"
            " wrongly placed, or a walk that was folded over itself or whose ends do not meet"
        )
        found.append(Suspicion("astray", _names(tracks, one), reason))
    return found


def look_at_the_same(tracks: Tracks) -> np.ndarray:
    """[C, C] bool, above the diagonal: pairs of photos that see most of each other's points from about the same place.

    Photos with few points are in none. What hides what is not known: it hardly differs from about the same place.
    """
    C = len(tracks.names)
    near = np.zeros((C, C))
    rotations, shifts = tracks.viewmats[:, :3, :3], tracks.viewmats[:, :3, 3]
    positions = -np.einsum("cji,cj->ci", rotations, shifts)
    low, high = _pictures(tracks)
    enough = points_seen(tracks) >= FEWEST
    for index in np.flatnonzero(enough).tolist():
        points = tracks.xyz[_some(tracks.point[tracks.of(index)])]
        local = np.einsum("cij,pj->cpi", rotations, points) + shifts[:, None]
        plane = local[..., :2] / np.where(local[..., 2:] > 0, local[..., 2:], np.nan)
        inside = ((plane >= low[:, None]) & (plane <= high[:, None])).all(axis=2)  # false behind a camera
        rays = points[None] - positions[:, None]
        distance = np.maximum(np.linalg.norm(rays, axis=2), 1e-12)
        cosine = np.einsum("cpi,pi->cp", rays, rays[index]) / (distance * distance[index])
        farther = distance / distance[index]
        alike = (cosine > np.cos(np.radians(ALIKE))) & (farther < FARTHER) & (farther > 1 / FARTHER)
        near[index] = (inside & alike).mean(axis=1)
    found: np.ndarray = np.triu((np.minimum(near, near.T) > MOSTLY) & enough & enough[:, None], 1)
    return found


def _pictures(tracks: Tracks) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest x and y [C, 2] of each photo's picture on the plane z = 1, as far as it has keypoints."""
    low, high = np.full((len(tracks.names), 2), np.inf), np.full((len(tracks.names), 2), -np.inf)
    for index in range(len(tracks.names)):
        plane = tracks.plane[tracks.of(index)]
        plane = plane[np.isfinite(plane).all(axis=1)]
        if len(plane):
            low[index], high[index] = np.percentile(plane, [BORDER, 100 - BORDER], axis=0)
    return low, high


def _some(rows: np.ndarray) -> np.ndarray:
    """A sample of them, evenly picked."""
    chosen: np.ndarray = rows[np.linspace(0, len(rows) - 1, min(SAMPLE, len(rows))).astype(int)]
    return chosen


def _two_sides(graph: csr_matrix, members: np.ndarray, agrees: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The members [M] of a connected graph of strangers: those to be suspected, and those on the other side.

    Args:
        graph: [C, C] which photos are strangers.
        members: of the connected part.
        agrees: [C] bool, photos that share points with some other that looks at the same.
    """
    order, before = breadth_first_order(graph, int(members[0]), directed=False)
    side = np.zeros(graph.shape[0], bool)
    for index in order[1:]:
        side[index] = not side[before[index]]
    one, other = sorted(
        (members[side[members]], members[~side[members]]), key=lambda each: (agrees[each].any(), len(each))
    )
    undecided = len(one) == len(other) and agrees[one].any() == agrees[other].any()
    return (members, other) if undecided else (one, other)


def _names(tracks: Tracks, photos: np.ndarray) -> tuple[str, ...]:
    return tuple(tracks.names[index] for index in photos)

"""Regions by colour and edges, for those who have no SAM: small patches from scikit-image, merged into a tree.

Patches come from the graph segmentation of Felzenszwalb and Huttenlocher (2004). Neighbours are then merged, the most
alike first (as in selective search, Uijlings et al. 2013), and the tree is cut at three numbers of regions. What is
alike is judged by whole colour distributions, so that the patches of one pattern come together: a region is described
by its kernel mean embedding, the mean over its pixels of a feature map whose inner products are a Gaussian kernel of
colours (Smola et al. 2007), and two regions by the distance of their means.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import cv2
import numpy as np

from splat.images import shrunk
from splat.language.regions.painting import numbered


@dataclass(frozen=True)
class SegmentOptions:
    """Fixed numbers of the method; colours in units of CIE Lab."""

    counts: tuple[int, int, int] = (160, 70, 30)  # regions of parts, objects and wholes
    patch_scale: float = 25.0  # larger patches with a larger one
    patch_share: float = 1e-4  # smallest patch, share of the photo
    lightness: float = 0.8  # weight of lightness beside the two colour axes: shading counts less than paint
    kernel: float = 10.0  # width of the kernel of colours
    edge: float = 0.06  # weight of the mean colour step along the common border
    area: float = 0.6  # exponent of the harmonic area: small regions merge first
    enclosed: float = 0.6  # how much easier a region merges that another one surrounds


class Segments:
    """Finds regions at three levels; about half a second for a photo of 640 pixels."""

    def __init__(self, longest: int = 640, options: SegmentOptions | None = None) -> None:
        self.longest, self.options = longest, options or SegmentOptions()
        self.signature = f"segments {longest} {self.options}"

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Labels [3, h, w] int32 of a photo [H, W, 3] uint8, as `Masker` says."""
        small = np.ascontiguousarray(shrunk(image, self.longest))
        patches = _patches(small, self.options)
        parents = _Merger(small, patches, self.options).parents()
        return numbered(np.stack([cut(parents, count)[patches] for count in self.options.counts]).astype(np.int32))


def cut(parents: np.ndarray, count: int) -> np.ndarray:
    """Node of the tree [P] that stands for each of its P leaves when `count` nodes are left.

    Args:
        parents: [2P - 1] parent of each node, -1 for the last; leaves first, then merged nodes in their order.
    """
    nodes = len(parents)
    made_before = nodes - count + 1
    top = np.arange(nodes)
    for node in range(nodes - 1, -1, -1):
        parent = parents[node]
        if 0 <= parent < made_before:
            top[node] = top[parent]
    return top[: (nodes + 1) // 2]


def _patches(image: np.ndarray, options: SegmentOptions) -> np.ndarray:
    from skimage.segmentation import felzenszwalb

    smallest = max(round(options.patch_share * image.shape[0] * image.shape[1]), 4)
    return felzenszwalb(image, scale=options.patch_scale, sigma=0.6, min_size=smallest)


class _Merger:
    """Agglomerative merging of patches with a heap; a step costs as much as the region has neighbours."""

    def __init__(self, image: np.ndarray, patches: np.ndarray, options: SegmentOptions) -> None:
        self.options = options
        lab = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
        count = int(patches.max()) + 1
        share = np.bincount(patches.reshape(-1), minlength=count) / patches.size
        self.area: list[float] = list(share)
        weighted = lab * np.array([options.lightness, 1, 1], np.float32)
        self.mean = list(_embeddings(weighted, patches, share, options.kernel))
        self.borders = _borders(cv2.GaussianBlur(lab, (0, 0), 1.0), patches, count)
        self.perimeter = [sum(length for length, _ in near.values()) for near in self.borders]

    def parents(self) -> np.ndarray:
        """Merge until one region is left; regions that touch nothing are joined at the end."""
        count = len(self.area)
        parents, alive = [-1] * count, [True] * count
        heap = [(self._cost(i, j), i, j) for i in range(count) for j in self.borders[i] if i < j]
        heapq.heapify(heap)
        while heap:
            _, i, j = heapq.heappop(heap)
            if alive[i] and alive[j]:
                new = self._join(i, j)
                alive[i] = alive[j] = False
                parents[i] = parents[j] = new
                parents.append(-1)
                alive.append(True)
                for other in self.borders[new]:
                    heapq.heappush(heap, (self._cost(new, other), new, other))
        return np.array(parents)

    def _cost(self, i: int, j: int) -> float:
        length, step = self.borders[i][j]
        difference = self.mean[i] - self.mean[j]
        unlike = float(np.sqrt(difference @ difference)) + self.options.edge * step / length
        harmonic = self.area[i] * self.area[j] / (self.area[i] + self.area[j])
        around = min(length / min(self.perimeter[i], self.perimeter[j]), 1.0)
        return unlike * float(harmonic**self.options.area) * (1 - self.options.enclosed * around)

    def _join(self, i: int, j: int) -> int:
        """A new region of two; returns its number."""
        new, area = len(self.area), self.area[i] + self.area[j]
        self.mean.append((self.mean[i] * self.area[i] + self.mean[j] * self.area[j]) / area)
        self.area.append(area)
        near: dict[int, tuple[float, float]] = {}
        for old in (i, j):
            for other, (length, step) in self.borders[old].items():
                if other not in (i, j):
                    before = near.get(other, (0.0, 0.0))
                    near[other] = before[0] + length, before[1] + step
        for other, border in near.items():
            self.borders[other].pop(i, None)
            self.borders[other].pop(j, None)
            self.borders[other][new] = border
        self.borders.append(near)
        self.perimeter.append(sum(length for length, _ in near.values()))
        return new


def _embeddings(colors: np.ndarray, patches: np.ndarray, share: np.ndarray, width: float, size: int = 32) -> np.ndarray:
    """Kernel mean embedding [P, size] of each patch's colours [h, w, 3], over a palette of the photo."""
    pixels = colors.reshape(-1, 3)
    sample = pixels[np.random.default_rng(0).integers(len(pixels), size=4000)]
    cv2.setRNGSeed(0)
    criteria = (cv2.TERM_CRITERIA_MAX_ITER + cv2.TERM_CRITERIA_EPS, 12, 0.5)
    _, _, centres = cv2.kmeans(sample, size, np.empty(0, np.int32), criteria, 1, cv2.KMEANS_PP_CENTERS)
    nearest = ((centres**2).sum(1)[None] - 2 * pixels @ centres.T).argmin(1)
    histogram = np.bincount(patches.reshape(-1) * size + nearest, minlength=len(share) * size).reshape(-1, size)
    squared = ((centres[:, None] - centres[None]) ** 2).sum(-1)
    values, vectors = np.linalg.eigh(np.exp(-squared / (2 * width**2)))
    features = vectors * np.sqrt(np.maximum(values, 0))
    return histogram / histogram.sum(1, keepdims=True) @ features


def _borders(lab: np.ndarray, patches: np.ndarray, count: int) -> list[dict[int, tuple[float, float]]]:
    """For each patch its neighbours: length of the common border in pixels, and the sum of colour steps across it."""
    steps = [np.sqrt((np.diff(lab, axis=axis) ** 2).sum(-1)) for axis in (0, 1)]
    first = np.concatenate([patches[:-1].reshape(-1), patches[:, :-1].reshape(-1)])
    second = np.concatenate([patches[1:].reshape(-1), patches[:, 1:].reshape(-1)])
    step = np.concatenate([part.reshape(-1) for part in steps])
    between = first != second
    first, second, step = first[between], second[between], step[between]
    pair = np.minimum(first, second).astype(np.int64) * count + np.maximum(first, second)
    pairs, inverse = np.unique(pair, return_inverse=True)
    lengths, sums = np.bincount(inverse), np.bincount(inverse, weights=step)
    near: list[dict[int, tuple[float, float]]] = [{} for _ in range(count)]
    for number, length, total in zip(pairs.tolist(), lengths.tolist(), sums.tolist()):
        i, j = divmod(number, count)
        near[i][j] = near[j][i] = (float(length), float(total))
    return near

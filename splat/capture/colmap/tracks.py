"""Which photos of a COLMAP model see which of its points, and how far from where they should be seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from splat.capture.colmap import binary, text
from splat.capture.colmap.files import read_views
from splat.capture.colmap.fit import pixel_errors
from splat.capture.lens import Lens
from splat.capture.names import printable
from splat.files import is_file


@dataclass(frozen=True)
class Tracks:
    """O observations of P points in C photos, those of a photo together; no photo sees a point twice.

    All is in the model's own frame and units. An observation takes 20 bytes.
    """

    names: tuple[str, ...]  # of the photos, in name order
    viewmats: np.ndarray  # [C, 4, 4] float64, world to camera, OpenCV axes
    sides: np.ndarray  # [C] pixels of the photos' longer sides, in which errors are counted
    xyz: np.ndarray  # [P, 3] float64
    photo: np.ndarray  # [O] int32 indices into `names`, rising
    point: np.ndarray  # [O] int32 indices into `xyz`, rising within a photo
    plane: np.ndarray  # [O, 2] float32 the keypoint on the camera's plane z = 1; NaN where the lens has no inverse
    error: np.ndarray  # [O] float32 pixels from the keypoint to the point's image; infinite behind the camera

    def of(self, photo: int) -> slice:
        """The observations of one photo."""
        start, stop = np.searchsorted(self.photo, [photo, photo + 1])
        return slice(int(start), int(stop))


def read_tracks(folder: Path, names: Mapping[int, str]) -> Tracks | None:
    """The tracks of a COLMAP model; None where it has no points or no keypoints.

    Args:
        folder: of the model.
        names: of the photos, by the numbers of their images; others have the name in the model.

    Raises:
        SplatError: a missing or damaged file.
    """
    model = read_views(folder)
    suffix = model.files[0].suffix
    kind = binary if suffix == ".bin" else text
    if not is_file(folder / f"points3D{suffix}"):
        return None
    ids, xyz = kind.read_places(folder / f"points3D{suffix}")
    finite = np.isfinite(xyz).all(axis=1)
    order = np.argsort(ids[finite], kind="stable")
    ids, xyz = ids[finite][order], xyz[finite][order]
    keypoints = kind.read_keypoints(folder / f"images{suffix}")
    called = {n: names.get(n, printable(image.name)) for n, image in model.images.items() if image.has_pose}
    numbers = sorted(called, key=lambda number: called[number])
    if not len(ids) or not numbers:
        return None
    photo, point, plane, error = [], [], [], []
    for index, number in enumerate(numbers):
        image = model.images[number]
        lens = model.cameras[image.camera_id]
        rows, xy = _known(ids, *keypoints.get(number, (np.zeros((0, 2)), np.zeros(0, np.int64))))
        photo.append(np.full(len(rows), index, np.int32))
        point.append(rows.astype(np.int32))
        plane.append(_on_plane(lens, xy))
        error.append(pixel_errors(image, lens, xyz[rows], xy).astype(np.float32))
    if not sum(map(len, photo)):
        return None
    return Tracks(
        names=tuple(called[number] for number in numbers),
        viewmats=np.stack([model.images[number].viewmat for number in numbers]),
        sides=np.array([_side(model.cameras[model.images[number].camera_id]) for number in numbers]),
        xyz=xyz,
        photo=np.concatenate(photo),
        point=np.concatenate(point),
        plane=np.concatenate(plane),
        error=np.concatenate(error),
    )


def _known(ids: np.ndarray, xy: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices [O] of the points that keypoints [K] show, each once, and the keypoints' places [O, 2]."""
    rows = np.searchsorted(ids, seen).clip(max=len(ids) - 1)
    known = ids[rows] == seen
    found, first = np.unique(rows[known], return_index=True)
    return found, xy[known][first]


def _on_plane(lens: Lens, xy: np.ndarray) -> np.ndarray:
    """[O, 2] float32 places on the plane z = 1 of keypoints [O, 2] in pixels."""
    if not len(xy):
        return np.zeros((0, 2), np.float32)
    return np.asarray(lens.colmap().cam_from_img(np.ascontiguousarray(xy, np.float64)), np.float32)[:, :2]


def _side(lens: Lens) -> int:
    return max(lens.width, lens.height)

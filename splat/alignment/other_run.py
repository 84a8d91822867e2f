"""The frame from another run of the same place: photos that both have stand in both."""

from __future__ import annotations

import dataclasses
from collections import Counter

import numpy as np
from scipy.spatial.transform import Rotation

from splat.cameras import Camera, stem
from splat.errors import SplatError
from splat.frame import Agreement, SceneFrame, Similarity, read_frame
from splat.run import Run

AGREED = 10.0  # degrees that the turns which single photos tell may differ, the median
FAR_OFF = 0.2  # of how far the cameras are spread, that their distances may be, the median
ROUNDS = 10


def from_run(run: Run, other: Run) -> SceneFrame:
    """The frame of another run, for this one: its coordinates where it has none.

    Raises:
        SplatError: fewer than two photos in common, or photos that stand otherwise in the two.
    """
    pairs = shared(run.cameras(), other.cameras())
    if len(pairs) < 2:
        raise SplatError(f"{run.name} and {other.name} share {len(pairs)} photos (by name); two or more are needed")
    similarity, agrees, distances = between(pairs)
    frame = read_frame(other.path) or SceneFrame(Similarity(1.0, np.eye(3), np.zeros(3)), origin=other.notes.origin)
    fit = Agreement.of_distances(
        "photos", distances * frame.similarity.scale, agrees, [camera.name for camera, _ in pairs]
    )
    return dataclasses.replace(
        frame,
        similarity=frame.similarity.after(similarity),
        scale_from="run" if frame.scale_from else "",
        up_from="run" if frame.up_from else "",
        fit=fit,
    )


def shared(here: list[Camera], there: list[Camera]) -> list[tuple[Camera, Camera]]:
    """Pairs of cameras of the same photo: of the same name, else of the same without folder and suffix."""
    whole = {camera.name: camera for camera in there}
    bare = {stem(camera.name): camera for camera in there}
    unsure = {name for cameras in (here, there) for name, times in _stems(cameras).items() if times > 1}
    pairs = []
    for camera in here:
        name = stem(camera.name)
        found = whole.get(camera.name) or (bare.get(name) if name not in unsure else None)
        if found is not None:
            pairs.append((camera, found))
    return pairs


def between(pairs: list[tuple[Camera, Camera]]) -> tuple[Similarity, np.ndarray, np.ndarray]:
    """The similarity from the first cameras' world to the second's; who agrees [N]; distances [N] of centres there.

    The turn is the mean of what single photos tell, scale and place are from the centres: cameras on a line are enough.

    Raises:
        SplatError: cameras that all stand in one place, or differently in the two worlds.
    """
    turns = Rotation.from_matrix([(b.viewmat[:3, :3].T @ a.viewmat[:3, :3]).numpy() for a, b in pairs])
    source, target = (np.stack([pair[side].position.numpy() for pair in pairs]) for side in (0, 1))
    rotation = turns.mean()
    for _ in range(ROUNDS):
        angles = np.degrees((rotation.inv() * turns).magnitude())
        rotation = turns[angles <= max(3 * float(np.median(angles)), 1e-6)].mean()
    if float(np.median(angles)) > AGREED:
        raise SplatError(
            f"the shared photos look in other directions in the two runs (by {np.median(angles):.0f} degrees); are they"
            " the same photos, and both runs right?"
        )
    turned = rotation.apply(source)
    agrees = np.ones(len(pairs), bool)
    for _ in range(ROUNDS):
        a, b = turned[agrees].mean(axis=0), target[agrees].mean(axis=0)
        spread = float(((turned[agrees] - a) ** 2).sum())
        if spread < 1e-18 * max(1.0, float((turned**2).max())):
            raise SplatError("the shared photos stand in one place, which tells no scale; give a distance")
        scale = float(((turned[agrees] - a) * (target[agrees] - b)).sum()) / spread
        distances = np.linalg.norm(scale * (turned - a) + b - target, axis=1)
        agrees = distances <= max(3 * float(np.median(distances)), 1e-9 * float(np.abs(target).max()))
    radius = float(np.median(np.linalg.norm(target - np.median(target, axis=0), axis=1)))
    if scale <= 0 or float(np.median(distances)) > FAR_OFF * radius:
        raise SplatError("the shared photos stand otherwise in the two runs; one of them has cameras that are wrong")
    return Similarity(scale, rotation.as_matrix(), b - scale * a), agrees, distances


def _stems(cameras: list[Camera]) -> Counter[str]:
    return Counter(stem(camera.name) for camera in cameras)

"""The similarity that cameras have in common: no photo tells it, and refined poses shall not bring it in."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from splat.cameras import Camera
from splat.gaussians import Gaussians
from splat.poses.motion import hat, rotation_vector

ROUNDS = 5


def similarity_between(before: Tensor, after: Tensor) -> Tensor:
    """[4, 4] float64: the similarity of the world that carries cameras [C, 4, 4] (viewmats) onto others best.

    Least squares over centres, in units of their spread, and directions, in radians: directions decide where the
    centres lie on one line. Found by Gauss-Newton, for poses that differ little (less than a radian).
    """
    before, after = before.double(), after.double()
    centres = _centres(after)
    unit = (centres - centres.mean(dim=0)).norm(dim=1).max().clamp_min(1e-9)
    found = torch.eye(4, dtype=torch.float64)
    for _ in range(ROUNDS):
        moved = move_viewmats(before, found)
        found = _small_similarity(moved, after, unit) @ found
    return found


def move_viewmats(viewmats: Tensor, similarity: Tensor) -> Tensor:
    """[C, 4, 4] cameras that see a world moved by a similarity [4, 4] as these see the world; depths scale along."""
    scale = torch.linalg.det(similarity[:3, :3]) ** (1 / 3)
    rotation, shift = similarity[:3, :3] / scale, similarity[:3, 3]
    moved = viewmats.clone()
    moved[:, :3, :3] = viewmats[:, :3, :3] @ rotation.T
    moved[:, :3, 3] = viewmats[:, :3, 3] * scale - (moved[:, :3, :3] @ shift)
    return moved


def move_cameras(cameras: list[Camera], similarity: Tensor) -> list[Camera]:
    """`move_viewmats` for cameras."""
    if not cameras:
        return []
    moved = move_viewmats(torch.stack([camera.viewmat for camera in cameras]), similarity)
    return [replace(camera, viewmat=viewmat) for camera, viewmat in zip(cameras, moved)]


def without_drift(scene: Gaussians, given: Tensor, refined: Tensor) -> tuple[Gaussians, Tensor]:
    """The scene and its cameras moved together so that the cameras, on the whole, stand where they were given.

    Nothing that a camera sees changes.

    Args:
        scene: in the frame of the cameras.
        given: [C, 4, 4] viewmats before training.
        refined: [C, 4, 4] viewmats now.
    """
    back = torch.linalg.inv(similarity_between(given, refined))
    return scene.transformed(back), move_viewmats(refined, back)


def pose_errors(truth: Tensor, found: Tensor) -> tuple[Tensor, Tensor]:
    """Rotations [C] in degrees and distances [C] of centres by which viewmats [C, 4, 4] miss the true ones.

    The similarity that they have in common is none of their errors; distances are shares of the radius of the true
    cameras.
    """
    moved = move_viewmats(found.double(), similarity_between(found, truth))
    turn = rotation_vector(moved[:, :3, :3] @ truth[:, :3, :3].double().mT).norm(dim=1).rad2deg()
    centres = _centres(truth.double())
    radius = (centres - centres.mean(dim=0)).norm(dim=1).max().clamp_min(1e-9)
    return turn, (_centres(moved) - centres).norm(dim=1) / radius


def _centres(viewmats: Tensor) -> Tensor:
    """[C, 3] where cameras stand."""
    return -(viewmats[:, :3, :3].mT @ viewmats[:, :3, 3:])[..., 0]


def _small_similarity(before: Tensor, after: Tensor, unit: Tensor) -> Tensor:
    """[4, 4] one step: log scale s, rotation w and shift d with after = before + s c + w x c + d, turned by w."""
    centres, origin = _centres(before), _centres(before).mean(dim=0)
    count = len(centres)
    arms = centres - origin
    rows = torch.zeros(2 * count, 3, 7, dtype=torch.float64)
    rows[:count, :, 0] = arms / unit
    rows[:count, :, 1:4] = -hat(arms) / unit
    rows[:count, :, 4:] = torch.eye(3, dtype=torch.float64) / unit
    rows[count:, :, 1:4] = torch.eye(3, dtype=torch.float64)
    # The rotation of the world: R' = R exp(-[w]x), so that R^T R' turns by -w.
    turns = -rotation_vector(before[:, :3, :3].mT @ after[:, :3, :3])
    right = torch.cat([(_centres(after) - centres) / unit, turns])
    solution = torch.linalg.lstsq(rows.flatten(0, 1), right.flatten()[:, None], driver="gelsd").solution[:, 0]
    step = torch.eye(4, dtype=torch.float64)
    step[:3, :3] = torch.linalg.matrix_exp(hat(solution[1:4])) * solution[0].exp()
    step[:3, 3] = origin + solution[4:] - step[:3, :3] @ origin
    return step

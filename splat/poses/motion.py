"""Small motions of a camera and what they do to its picture.

A motion is six numbers [rho, phi]: `exp` of it stands left of a world-to-camera matrix V, so that it shifts and turns
in the camera's own frame. To first order dV = [[phi]x V_R, phi x V_t + rho].
"""

from __future__ import annotations

import torch
from torch import Tensor

from splat.cameras import Camera

DAMPING = 0.1  # part of the diagonal that is added to a Hessian before its root is taken (CamP)
SAMPLE = 2000  # points by which a picture's motion is measured
FEWEST = 12  # points that make a measurement
NEAREST = 0.1  # points nearer than this part of the median depth would count for all others


def hat(vectors: Tensor) -> Tensor:
    """[..., 3, 3] matrices of the cross product with vectors [..., 3]."""
    x, y, z = vectors.unbind(-1)
    zero = torch.zeros_like(x)
    return torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*vectors.shape[:-1], 3, 3)


def exponential(motions: Tensor) -> Tensor:
    """[..., 4, 4] rigid motions from [..., 6] rho, phi."""
    generator = motions.new_zeros(*motions.shape[:-1], 4, 4)
    generator[..., :3, :3] = hat(motions[..., 3:])
    generator[..., :3, 3] = motions[..., :3]
    found: Tensor = torch.linalg.matrix_exp(generator)
    return found


def motion_between(before: Tensor, after: Tensor) -> Tensor:
    """[..., 6] shift and rotation vector (radians, below pi) that lead from viewmats [..., 4, 4] to others.

    The shift is that of the matrix, which to first order is rho.
    """
    turn = after[..., :3, :3] @ before[..., :3, :3].mT
    shift = after[..., :3, 3] - (turn @ before[..., :3, 3:])[..., 0]
    return torch.cat([shift, rotation_vector(turn)], -1)


def rotation_vector(rotation: Tensor) -> Tensor:
    """[..., 3] axis times angle, radians below pi, of rotation matrices [..., 3, 3]."""
    skew = (rotation - rotation.mT) / 2
    sines = torch.stack([skew[..., 2, 1], skew[..., 0, 2], skew[..., 1, 0]], -1)
    sine, cosine = sines.norm(dim=-1), (rotation.diagonal(dim1=-2, dim2=-1).sum(-1) - 1) / 2
    angle = torch.atan2(sine, cosine)
    return sines * torch.where(sine > 1e-12, angle / sine.clamp_min(1e-12), 1.0)[..., None]


def motion_gradient(gradient: Tensor, viewmat: Tensor) -> Tensor:
    """[6] the gradient by a motion at zero from that by the entries of a viewmat [4, 4]: the chain rule of dV above."""
    phi = torch.linalg.cross(viewmat[:3], gradient[:3], dim=0).sum(dim=1)
    return torch.cat([gradient[:3, 3], phi])


def whitening(camera: Camera, points: Tensor) -> Tensor:
    """[6, 6] float64 P: motions P u move the picture by about |u|, a share of its longer side, in whatever direction.

    P = (mean of J^T J, damped)^(-1/2) with the Jacobian J of the projected points ("CamP: Camera Preconditioning for
    Neural Radiance Fields", Park et al. 2023): shifts and turns, which move a picture nearly alike, are told apart, and
    one rate suits scenes of any unit.

    Args:
        camera: a pinhole camera.
        points: [P, 3] of the scene; where too few are seen, pixels at one unit's depth stand for them.
    """
    local = _seen(camera, points)
    x, y, z = local.unbind(-1)
    fx, fy = camera.K[0, 0], camera.K[1, 1]
    zero = torch.zeros_like(x)
    project = torch.stack([fx / z, zero, -fx * x / z**2, zero, fy / z, -fy * y / z**2], -1).reshape(-1, 2, 3)
    jacobian = project @ torch.cat([torch.eye(3, dtype=z.dtype).expand(len(z), 3, 3), -hat(local)], -1)
    jacobian = jacobian / max(camera.width, camera.height)
    hessian = (jacobian.mT @ jacobian).mean(dim=0)
    hessian = hessian + DAMPING * torch.diag(hessian.diagonal()) + 1e-8 * torch.eye(6, dtype=z.dtype)
    values, vectors = torch.linalg.eigh(hessian)
    root: Tensor = vectors @ torch.diag(values.clamp_min(1e-12).rsqrt()) @ vectors.T
    return root


def _seen(camera: Camera, points: Tensor) -> Tensor:
    """[M, 3] float64: points in the camera's frame that it sees, at most `SAMPLE`, evenly taken."""
    points = points.detach().cpu().double()
    points = points[camera.sees(points, 1e-6)]
    points = points[:: max(1, len(points) // SAMPLE)]
    local = points @ camera.viewmat[:3, :3].T + camera.viewmat[:3, 3]
    if len(local) >= FEWEST:
        return local[local[:, 2] >= NEAREST * local[:, 2].median()]
    share = (torch.arange(4, dtype=torch.float64) + 0.5) / 4
    pixels = torch.cartesian_prod(share * camera.width, share * camera.height)
    rays = torch.cat([pixels, torch.ones_like(pixels[:, :1])], 1) @ torch.linalg.inv(camera.K).T
    return torch.cat([rays * depth for depth in (0.5, 1.0, 2.0)])

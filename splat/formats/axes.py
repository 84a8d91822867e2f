"""Scenes in the axes of other programs, named by where x, y and z point: RDF is right, down, front, the axes of PLY."""

from __future__ import annotations

import torch

from splat.gaussians import Gaussians
from splat.sh import sh_basis

Signs = tuple[int, int, int]

_OPPOSITE = dict(zip("LRUDFB", "RLDUBF"))
_QUARTER_TURN = torch.tensor([[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]], dtype=torch.float64)


def flipped(gaussians: Gaussians, signs: Signs) -> Gaussians:
    """The scene with some coordinates negated: turned by half, or (with one or three) mirrored. No value is rounded.

    Args:
        gaussians: N Gaussians.
        signs: 1 or -1 for x, y and z.

    Returns:
        New Gaussians: a covariance C becomes S C S with S = diag(signs), and the colour seen along S d is the old one
        seen along d.
    """
    x, y, z = signs
    direction = torch.tensor([0.3, -0.7, 0.5], dtype=torch.float64)  # where no basis function of degree 1 to 3 is zero
    degree = gaussians.sh_degree
    turned = direction * torch.tensor(signs, dtype=torch.float64)
    odd = torch.sign(sh_basis(turned, degree) * sh_basis(direction, degree))[1:]  # [K-1]
    return gaussians.replace(
        means=gaussians.means * torch.tensor(signs).to(gaussians.means),
        quats=gaussians.quats * torch.tensor([1, y * z, x * z, x * y]).to(gaussians.quats),
        shN=gaussians.shN * odd[:, None].to(gaussians.shN),
    )


def to_rdf(gaussians: Gaussians, axes: str) -> Gaussians:
    """A scene in other axes in those of PLY (x right, y down, z front); left-handed axes are mirrored back.

    Args:
        gaussians: N Gaussians.
        axes: three letters, x R or L, then y U or D and z F or B, or y F or B and z U or D.
    """
    x, y, z = tuple(axes)
    if y in "FB":
        gaussians = gaussians.transformed(_QUARTER_TURN)  # the new y is the old z, the new z the old y backwards
        y, z = z, _OPPOSITE[y]
    first, second, third = (1 if letter == wanted else -1 for letter, wanted in zip((x, y, z), "RDF"))
    return flipped(gaussians, (first, second, third))

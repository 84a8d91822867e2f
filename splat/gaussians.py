"""The scene: a set of 3D Gaussians, in the parametrisation that training optimises."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from splat.sh import rotate_sh


@dataclass
class Gaussians:
    """N Gaussians before activation, spelled as gsplat spells them."""

    means: Tensor  # [N, 3] centres in the world
    quats: Tensor  # [N, 4] rotations, wxyz, not necessarily of unit length
    scales: Tensor  # [N, 3] logarithms of the standard deviations
    opacities: Tensor  # [N] logits
    sh0: Tensor  # [N, 1, 3] constant band of the colour (3DGS: f_dc)
    shN: Tensor  # [N, K-1, 3] the other bands (3DGS: f_rest)

    def __len__(self) -> int:
        return self.means.shape[0]

    @property
    def sh_degree(self) -> int:
        """Degree of the spherical harmonics, 0 to 3."""
        return math.isqrt(self.shN.shape[1] + 1) - 1

    def __getitem__(self, index: Tensor | slice) -> Gaussians:
        """The Gaussians that a mask [N], indices [M] or a slice pick."""
        return Gaussians(*(getattr(self, field.name)[index] for field in fields(self)))

    def to(self, device: torch.device | str) -> Gaussians:
        return Gaussians(*(getattr(self, field.name).to(device) for field in fields(self)))

    def detach(self) -> Gaussians:
        return Gaussians(*(getattr(self, field.name).detach() for field in fields(self)))

    def as_dict(self) -> dict[str, Tensor]:
        """The tensors by name, without copying."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_dict(cls, tensors: Mapping[str, Tensor]) -> Gaussians:
        return cls(**{field.name: tensors[field.name] for field in fields(cls)})

    @classmethod
    def cat(cls, parts: Sequence[Gaussians]) -> Gaussians:
        """One scene of several, in their order, on the device of the first; colours as rich as the richest."""
        bands = max(part.shN.shape[1] for part in parts)
        rows = [part.with_bands(bands).as_dict() for part in parts]
        return cls(**{name: torch.cat([row[name].to(value) for row in rows]) for name, value in rows[0].items()})

    def with_bands(self, count: int) -> Gaussians:
        """With `count` bands of directional colour, at least those that it has; the added ones are 0."""
        missing = self.shN.new_zeros(len(self), count - self.shN.shape[1], 3)
        return self.replace(shN=torch.cat([self.shN, missing], dim=1)) if missing.shape[1] else self

    def replace(self, **tensors: Tensor) -> Gaussians:
        """The same Gaussians with some of the tensors exchanged."""
        return dataclasses.replace(self, **tensors)

    def activated(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What `rasterize` takes: means [N, 3], quats [N, 4], standard deviations [N, 3] and opacities [N] in 0..1."""
        return self.means, self.quats, self.scales.exp(), self.opacities.sigmoid()

    def transformed(self, transform: Tensor) -> Gaussians:
        """The scene moved by a similarity (rotation, uniform scale, translation).

        Args:
            transform: [4, 4], x' = transform @ x. Its upper left 3x3 must be a rotation times a positive scale.

        Returns:
            New Gaussians that look from the moved cameras as these look from the old ones: means, scales, rotations and
            the directional colour bands all turn along.
        """
        transform = transform.to(torch.float64)
        scale = torch.linalg.det(transform[:3, :3]) ** (1 / 3)
        rotation = transform[:3, :3] / scale
        dtype, device = self.means.dtype, self.means.device
        means = self.means.double().cpu() @ transform[:3, :3].T + transform[:3, 3]
        quats = quat_multiply(quat_from_matrix(rotation).to(device), self.quats.double())
        return Gaussians(
            means=means.to(device, dtype),
            quats=quats.to(dtype),
            scales=self.scales + math.log(float(scale)),
            opacities=self.opacities.clone(),
            sh0=self.sh0.clone(),
            shN=rotate_sh(self.shN, rotation),
        )


def quat_multiply(a: Tensor, b: Tensor) -> Tensor:
    """Hamilton product of quaternions [..., 4] wxyz; rotation `b` first, then `a`."""
    aw, ax, ay, az = a.unbind(-1)
    bw, bx, by, bz = b.unbind(-1)
    return torch.stack(
        [
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
        ],
        dim=-1,
    )


def quat_from_matrix(rotation: Tensor) -> Tensor:
    """Unit quaternion [4] wxyz of a rotation matrix [3, 3], float64."""
    r = rotation.to(torch.float64)
    # The symmetric 4x4 matrix whose main eigenvector is the quaternion (Bar-Itzhack 2000) has no singular cases.
    k = torch.tensor(
        [
            [r[0, 0] + r[1, 1] + r[2, 2], 0, 0, 0],
            [r[2, 1] - r[1, 2], r[0, 0] - r[1, 1] - r[2, 2], 0, 0],
            [r[0, 2] - r[2, 0], r[0, 1] + r[1, 0], r[1, 1] - r[0, 0] - r[2, 2], 0],
            [r[1, 0] - r[0, 1], r[0, 2] + r[2, 0], r[1, 2] + r[2, 1], r[2, 2] - r[0, 0] - r[1, 1]],
        ],
        dtype=torch.float64,
    )
    quat = torch.linalg.eigh(k, UPLO="L").eigenvectors[:, -1]
    return quat if quat[0] >= 0 else -quat


def quat_to_matrix(quats: Tensor) -> Tensor:
    """Rotation matrices [..., 3, 3] of quaternions [..., 4] wxyz of any length but zero."""
    w, x, y, z = torch.nn.functional.normalize(quats, dim=-1).unbind(-1)
    rows = [
        1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
        2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
        2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
    ]  # fmt: skip
    return torch.stack(rows, dim=-1).reshape(*quats.shape[:-1], 3, 3)

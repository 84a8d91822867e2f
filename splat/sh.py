"""Real spherical harmonics up to degree 3, in the order and with the signs of 3DGS and gsplat."""

import torch
from torch import Tensor

SH_C0 = 0.28209479177387814


def rgb_to_sh0(rgb: Tensor) -> Tensor:
    """Coefficient of the constant band for a colour in [0, 1]; the renderer adds 0.5."""
    return (rgb - 0.5) / SH_C0


def sh0_to_rgb(sh0: Tensor) -> Tensor:
    """Inverse of `rgb_to_sh0`."""
    return sh0 * SH_C0 + 0.5


def sh_basis(directions: Tensor, degree: int) -> Tensor:
    """Values of the basis functions.

    Args:
        directions: [..., 3] unit vectors from the camera to the Gaussian.
        degree: 0 to 3.

    Returns:
        [..., (degree + 1)^2].
    """
    x, y, z = directions.unbind(-1)
    xx, yy, zz = x * x, y * y, z * z
    bands = [torch.full_like(x, SH_C0)]
    if degree >= 1:
        bands += [-0.4886025119029199 * y, 0.4886025119029199 * z, -0.4886025119029199 * x]
    if degree >= 2:
        bands += [
            1.0925484305920792 * x * y,
            -1.0925484305920792 * y * z,
            0.31539156525252005 * (2 * zz - xx - yy),
            -1.0925484305920792 * x * z,
            0.5462742152960396 * (xx - yy),
        ]
    if degree >= 3:
        bands += [
            -0.5900435899266435 * y * (3 * xx - yy),
            2.890611442640554 * x * y * z,
            -0.4570457994644658 * y * (4 * zz - xx - yy),
            0.3731763325901154 * z * (2 * zz - 3 * xx - 3 * yy),
            -0.4570457994644658 * x * (4 * zz - xx - yy),
            1.445305721320277 * z * (xx - yy),
            -0.5900435899266435 * x * (xx - 3 * yy),
        ]
    return torch.stack(bands, dim=-1)


def rotate_sh(shN: Tensor, rotation: Tensor) -> Tensor:
    """Turn directional colour along with the scene.

    Args:
        shN: [N, K-1, 3] coefficients of the bands from 1 up.
        rotation: [3, 3], the rotation that the scene makes.

    Returns:
        [N, K-1, 3]: the new colour seen along R d equals the old colour seen along d.
    """
    count = shN.shape[1]
    if count == 0:
        return shN.clone()
    degree = {3: 1, 8: 2, 15: 3}[count]
    rotation = rotation.to("cpu", torch.float64)
    # Each band is closed under rotation, so a few directions determine its matrix exactly (in the least-squares sense).
    directions = torch.nn.functional.normalize(
        torch.randn(64, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)), dim=-1
    )
    old, new = sh_basis(directions, degree), sh_basis(directions @ rotation.T, degree)
    rotated = []
    for band in range(1, degree + 1):
        columns = slice(band * band, (band + 1) ** 2)
        matrix = torch.linalg.lstsq(new[:, columns], old[:, columns]).solution.to(shN)
        rotated.append(torch.einsum("ij,njc->nic", matrix, shN[:, band * band - 1 : (band + 1) ** 2 - 1]))
    return torch.cat(rotated, dim=1)

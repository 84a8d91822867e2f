"""A renderer that is plain to read and slow: dense, float64, differentiable by autograd. The oracle of the tests.

It follows the definition of the image in gsplat 1.5.3 and shares no code with the package.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from splat.sh import sh_basis

ALPHA_MAX = 0.999
ALPHA_MIN = 1 / 255
TRANSMITTANCE_MIN = 1e-4


@dataclass
class Reference:
    """What `render` returns; one entry a camera in the lists."""

    image: Tensor  # [C, H, W, X]
    alphas: Tensor  # [C, H, W, 1]
    # Pixels whose value does not hang on a comparison that rounding may turn: [C, H, W] bool.
    sure: Tensor
    means2d: list[Tensor]  # [N, 2], part of the graph
    weights: list[Tensor]  # [H * W, N]: alpha times transmittance
    sigmas: list[Tensor]  # [H * W, N], part of the graph
    offsets: list[tuple[Tensor, Tensor]]  # pixel minus centre, each [H * W, N]
    conics: list[Tensor]  # [N, 3]

    def absolute_gradients(self) -> Tensor:
        """[C, N, 2]: sum over the pixels of |dL/dmeans2d|, after backward()."""
        out = []
        for sigma, (dx, dy), conic in zip(self.sigmas, self.offsets, self.conics):
            a, b, c = conic.unbind(-1)
            assert sigma.grad is not None
            along = torch.stack([sigma.grad * (a * dx + b * dy), sigma.grad * (b * dx + c * dy)], dim=-1)
            out.append(along.abs().sum(0))
        return torch.stack(out).detach()


def rotation_matrices(quats: Tensor) -> Tensor:
    """[N, 3, 3] by Rodrigues' formula on the quaternion's axis and angle."""
    q = quats / quats.norm(dim=-1, keepdim=True)
    w, v = q[:, 0], q[:, 1:]
    x, y, z = v.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).reshape(-1, 3, 3)
    eye = torch.eye(3, dtype=q.dtype)
    return eye + 2 * w[:, None, None] * cross + 2 * cross @ cross


def project(
    means: Tensor, quats: Tensor, scales: Tensor, viewmat: Tensor, K: Tensor, width: int, height: int, eps2d: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """means2d [N, 2], conics [N, 3], depths [N] and compensations [N] for one camera."""
    rotation, translation = viewmat[:3, :3], viewmat[:3, 3]
    p = means @ rotation.T + translation
    x, y, z = p.unbind(-1)
    R = rotation_matrices(quats)
    covariance = R @ torch.diag_embed(scales**2) @ R.transpose(1, 2)
    covariance = rotation @ covariance @ rotation.T
    fx, fy, cx, cy = K[0, 0], K[1, 1], K[0, 2], K[1, 2]
    margin_x, margin_y = 0.3 * 0.5 * width / fx, 0.3 * 0.5 * height / fy
    tx = z * torch.minimum(torch.maximum(x / z, -cx / fx - margin_x), (width - cx) / fx + margin_x)
    ty = z * torch.minimum(torch.maximum(y / z, -cy / fy - margin_y), (height - cy) / fy + margin_y)
    zero = torch.zeros_like(z)
    J = torch.stack([fx / z, zero, -fx * tx / z**2, zero, fy / z, -fy * ty / z**2], dim=-1).reshape(-1, 2, 3)
    sharp = J @ covariance @ J.transpose(1, 2)
    blurred = sharp + eps2d * torch.eye(2, dtype=sharp.dtype)
    inverse = torch.linalg.inv(blurred)
    compensation = torch.sqrt(torch.clamp(torch.linalg.det(sharp) / torch.linalg.det(blurred), min=0))
    means2d = torch.stack([fx * x / z + cx, fy * y / z + cy], dim=-1)
    return means2d, torch.stack([inverse[:, 0, 0], inverse[:, 0, 1], inverse[:, 1, 1]], dim=-1), z, compensation


def shade(coefficients: Tensor, means: Tensor, viewmat: Tensor, degree: int) -> Tensor:
    """[N, 3] from coefficients [N, K, 3]."""
    position = torch.linalg.inv(viewmat)[:3, 3]
    directions = torch.nn.functional.normalize(means - position, dim=-1)
    basis = sh_basis(directions, degree)
    return torch.clamp(torch.einsum("nk,nkc->nc", basis, coefficients[:, : basis.shape[1]]) + 0.5, min=0)


def render(
    means: Tensor,
    quats: Tensor,
    scales: Tensor,
    opacities: Tensor,
    colors: Tensor,
    viewmats: Tensor,
    Ks: Tensor,
    width: int,
    height: int,
    *,
    near_plane: float = 0.01,
    far_plane: float = 1e10,
    eps2d: float = 0.3,
    sh_degree: int | None = None,
    backgrounds: Tensor | None = None,
    render_mode: str = "RGB",
    rasterize_mode: str = "classic",
) -> Reference:
    """Renders float64 Gaussians with activated parameters; shapes as in `splat.render.rasterize`."""
    result = Reference(torch.empty(0), torch.empty(0), torch.empty(0), [], [], [], [], [])
    images, alphas, sure = [], [], []
    for c in range(viewmats.shape[0]):
        means2d, conics, depths, compensation = project(means, quats, scales, viewmats[c], Ks[c], width, height, eps2d)
        opacity = opacities * compensation if rasterize_mode == "antialiased" else opacities
        if sh_degree is not None:
            color = shade(colors, means, viewmats[c], sh_degree)
        else:
            color = colors[c] if colors.dim() == 3 else colors
        background = torch.zeros(color.shape[1], dtype=color.dtype) if backgrounds is None else backgrounds[c]
        if render_mode.startswith("RGB+"):
            color = torch.cat([color, depths[:, None]], dim=-1)
            background = torch.nn.functional.pad(background, (0, 1))
        elif render_mode != "RGB":
            color, background = depths[:, None], torch.zeros(1, dtype=color.dtype)
        drawn = (depths >= near_plane) & (depths <= far_plane)
        image, alpha, certain = _composite(
            means2d, conics, opacity, depths, color, background, drawn, width, height, result
        )
        if render_mode.endswith("ED"):
            image = torch.cat([image[..., :-1], image[..., -1:] / alpha.clamp(min=1e-10)], dim=-1)
        images.append(image)
        alphas.append(alpha)
        sure.append(certain)
    result.image, result.alphas, result.sure = torch.stack(images), torch.stack(alphas), torch.stack(sure)
    return result


def _composite(
    means2d: Tensor,
    conics: Tensor,
    opacity: Tensor,
    depths: Tensor,
    color: Tensor,
    background: Tensor,
    drawn: Tensor,
    width: int,
    height: int,
    result: Reference,
) -> tuple[Tensor, Tensor, Tensor]:
    order = torch.argsort(depths.detach(), stable=True)
    back = torch.argsort(order)
    rows, columns = torch.meshgrid(
        torch.arange(height, dtype=torch.float64) + 0.5, torch.arange(width, dtype=torch.float64) + 0.5, indexing="ij"
    )
    dx = columns.reshape(-1, 1) - means2d[:, 0]
    dy = rows.reshape(-1, 1) - means2d[:, 1]
    a, b, c = conics.unbind(-1)
    sigma = 0.5 * (a * dx**2 + c * dy**2) + b * dx * dy
    if sigma.requires_grad:
        sigma.retain_grad()
    raw = torch.where(drawn, opacity * torch.exp(-torch.where(drawn, sigma, 0.0)), 0.0)
    counts = raw >= ALPHA_MIN
    alpha = torch.where(counts, torch.clamp(raw, max=ALPHA_MAX), 0.0)[:, order]
    after = torch.cumprod(1 - alpha, dim=1)
    lasting = after > TRANSMITTANCE_MIN
    alpha = torch.where(lasting, alpha, 0.0)
    through = torch.cumprod(1 - alpha, dim=1)
    before = torch.cat([torch.ones_like(through[:, :1]), through[:, :-1]], dim=1) if len(means2d) else through
    weights = (alpha * before)[:, back]
    final = through[:, -1:] if len(means2d) else torch.ones(height * width, 1, dtype=torch.float64)
    image = weights @ color + final * background
    # Comparisons close to a tie: float32 may decide them the other way.
    reached = (torch.cat([torch.ones_like(after[:, :1]), after[:, :-1]], dim=1) > TRANSMITTANCE_MIN * 0.9)[:, back]
    close = reached & ((raw / ALPHA_MIN).clamp(min=1e-30).log().abs() < 3e-4)
    close |= reached & ((raw / ALPHA_MAX).clamp(min=1e-30).log().abs() < 3e-4)
    close |= ((after / TRANSMITTANCE_MIN).clamp(min=1e-30).log().abs() < 1e-3)[:, back]
    result.means2d.append(means2d)
    result.weights.append(weights)
    result.sigmas.append(sigma)
    result.offsets.append((dx.detach(), dy.detach()))
    result.conics.append(conics.detach())
    shape = (height, width)
    return image.reshape(*shape, -1), (1 - final).reshape(*shape, 1), ~close.any(1).reshape(shape)


@dataclass
class Scene:
    """Random Gaussians, activated, and cameras that look at them; float32."""

    means: Tensor
    quats: Tensor
    scales: Tensor
    opacities: Tensor
    viewmats: Tensor
    Ks: Tensor
    width: int
    height: int

    @property
    def tensors(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.means, self.quats, self.scales, self.opacities

    @property
    def cameras(self) -> tuple[Tensor, Tensor, int, int]:
        return self.viewmats, self.Ks, self.width, self.height


def random_scene(
    N: int = 250,
    C: int = 1,
    width: int = 53,
    height: int = 38,
    *,
    seed: int = 0,
    size: float = 0.12,
    opaque: float = 0.0,
    spread: float = 1.0,
    principal: tuple[float, float] = (0.5, 0.5),
) -> Scene:
    """A cloud in front of C cameras.

    Args:
        size: median standard deviation, where the cloud is about 3 wide and 3.5 away.
        opaque: share of Gaussians with opacity 0.999, which end rays early.
        spread: above 1 the cloud reaches beyond the frustum, where the Jacobian is clamped.
        principal: principal point in image widths and heights.
    """
    g = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=g)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=g)

    means = (uniform(N, 3) - 0.5) * torch.tensor([4.0, 3.0, 4.0]) * spread + torch.tensor([0.0, 0.0, 3.5])
    scales = size * torch.exp(0.6 * normal(N, 3))
    opacities = 0.03 + 0.95 * uniform(N)
    opacities[: int(opaque * N)] = 0.999
    viewmats = torch.eye(4).repeat(C, 1, 1)
    for c in range(1, C):
        angle = 0.2 * c
        viewmats[c, :3, :3] = torch.tensor(
            [
                [math.cos(angle), 0.0, math.sin(angle)],
                [0.0, 1.0, 0.0],
                [-math.sin(angle), 0.0, math.cos(angle)],
            ]
        )
        viewmats[c, :3, 3] = torch.tensor([-0.3 * c, 0.1 * c, 0.2])
    K = torch.tensor([[0.9 * width, 0.0, principal[0] * width], [0.0, 1.1 * height, principal[1] * height], [0, 0, 1]])
    return Scene(means, normal(N, 4), scales, opacities, viewmats, K.repeat(C, 1, 1), width, height)

import torch

from splat.cameras import Camera
from splat.gaussians import Gaussians, quat_to_matrix
from splat.sh import sh_basis
from splat.train.normalize import Normalization


def ring(count: int = 6, radius: float = 3.0, offset: float = 1000.0) -> list[Camera]:
    cameras = []
    for index in range(count):
        angle = torch.tensor(2 * torch.pi * index / count, dtype=torch.float64)
        viewmat = torch.eye(4, dtype=torch.float64)
        position = (
            torch.stack([radius * angle.cos(), radius * angle.sin(), torch.zeros((), dtype=torch.float64)]) + offset
        )
        viewmat[:3, 3] = -position
        K = torch.tensor([[50.0, 0, 16], [0, 50, 12], [0, 0, 1]], dtype=torch.float64)
        cameras.append(Camera(viewmat, K, 32, 24, str(index)))
    return cameras


def random_scene(count: int = 20) -> Gaussians:
    generator = torch.Generator().manual_seed(1)
    return Gaussians(
        means=torch.randn(count, 3, generator=generator),
        quats=torch.randn(count, 4, generator=generator),
        scales=torch.randn(count, 3, generator=generator) - 3,
        opacities=torch.randn(count, generator=generator),
        sh0=torch.randn(count, 1, 3, generator=generator),
        shN=torch.randn(count, 15, 3, generator=generator),
    )


def test_cameras_span_one_and_pixels_stay() -> None:
    cameras = ring()
    normalization = Normalization.from_cameras(cameras)
    moved = [normalization.camera(camera) for camera in cameras]
    positions = torch.stack([camera.position for camera in moved])
    assert torch.allclose(positions.norm(dim=1), torch.ones(6, dtype=torch.float64))
    point = torch.tensor([[1001.0, 1002.0, 1007.0]], dtype=torch.float64)
    for before, after in zip(cameras, moved):
        assert torch.allclose(pixel(before, point), pixel(after, normalization.points(point)), atol=1e-6)


def pixel(camera: Camera, xyz: torch.Tensor) -> torch.Tensor:
    local = xyz @ camera.viewmat[:3, :3].T + camera.viewmat[:3, 3]
    projected = local @ camera.K.T
    return projected[:, :2] / projected[:, 2:]


def test_one_place_keeps_the_scale() -> None:
    camera = ring(1)[0]
    assert Normalization.from_cameras([camera, camera]).scale == 1.0


def test_back_to_the_capture_undoes_it() -> None:
    normalization = Normalization.from_cameras(ring(offset=2.0))
    scene = random_scene()
    there = normalization.to_capture(scene)
    again = normalization.points(there.means)
    assert torch.allclose(again.float(), scene.means, atol=1e-5)
    assert torch.allclose((there.scales - scene.scales).exp(), torch.full((20, 3), 1 / normalization.scale))
    assert torch.allclose(there.shN, scene.shN, atol=1e-5)


def test_a_similarity_turns_shape_and_colour_along() -> None:
    scene = random_scene()
    rotation = quat_to_matrix(torch.tensor([0.3, -0.5, 0.7, 0.2], dtype=torch.float64))
    transform = torch.eye(4, dtype=torch.float64)
    transform[:3, :3] = 2.5 * rotation
    transform[:3, 3] = torch.tensor([1.0, -2.0, 3.0])
    moved = scene.transformed(transform)
    assert torch.allclose(
        covariance(moved), 6.25 * rotation.float() @ covariance(scene) @ rotation.float().T, rtol=1e-3, atol=1e-6
    )
    directions = torch.nn.functional.normalize(torch.randn(20, 3, generator=torch.Generator().manual_seed(3)), dim=-1)
    before = torch.einsum("nk,nkc->nc", sh_basis(directions, 3)[:, 1:], scene.shN)
    after = torch.einsum("nk,nkc->nc", sh_basis(directions @ rotation.float().T, 3)[:, 1:], moved.shN)
    assert torch.allclose(before, after, atol=1e-4)


def covariance(scene: Gaussians) -> torch.Tensor:
    half = quat_to_matrix(scene.quats) * scene.scales.exp()[:, None, :]
    return half @ half.transpose(1, 2)

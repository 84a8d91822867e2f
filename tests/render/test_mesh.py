"""Meshes: the surface of known depths comes out, at its place and in its colour."""

import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from splat.cameras import Camera
from splat.errors import SplatError
from splat.render.config import MeshOptions
from splat.render.mesh import Frame, fuse, reliable, write_mesh

CENTRE, RADIUS = np.array([0.3, -0.2, 0.1]), 0.5


def looking_at_centre(direction: np.ndarray, distance: float = 2.0, size: int = 160) -> Camera:
    forward = -direction / np.linalg.norm(direction)
    right = np.cross(forward, [0.1, 0.9, 0.3])
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward])
    viewmat = np.eye(4)
    viewmat[:3, :3] = rotation
    viewmat[:3, 3] = -rotation @ (CENTRE - forward * distance)
    K = torch.tensor([[200.0, 0, size / 2 + 5], [0, 210.0, size / 2 - 3], [0, 0, 1]], dtype=torch.float64)
    return Camera(torch.from_numpy(viewmat), K, size, size, "view")


def sphere_depth(camera: Camera) -> np.ndarray:
    """[H, W] float32 depth of the sphere along the view, 0 beside it; from the ray's equation."""
    grid = np.stack(np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5), -1)
    rays = np.concatenate([grid, np.ones((*grid.shape[:2], 1))], -1) @ np.linalg.inv(camera.K.numpy()).T
    centre = camera.viewmat.numpy()[:3, :3] @ CENTRE + camera.viewmat.numpy()[:3, 3]
    a, b, c = (rays**2).sum(-1), -2 * rays @ centre, centre @ centre - RADIUS**2
    root = b**2 - 4 * a * c
    with np.errstate(invalid="ignore"):
        z = (-b - np.sqrt(root)) / (2 * a)
    return np.where(root > 0, z, 0).astype(np.float32)


def sphere_frames(count: int = 20) -> list[Frame]:
    rng = np.random.default_rng(0)
    frames = []
    for _ in range(count):
        camera = looking_at_centre(rng.normal(size=3))
        color = np.full((camera.height, camera.width, 3), (200, 80, 40), np.uint8)
        frames.append(Frame(camera, color, sphere_depth(camera)))
    return frames


def test_a_sphere_comes_out_at_its_place_and_in_its_colour() -> None:
    mesh = fuse(sphere_frames(), MeshOptions(voxel_size=0.02))
    vertices = np.asarray(mesh.vertices)
    error = np.linalg.norm(vertices - CENTRE, axis=1) - RADIUS
    assert np.abs(error).mean() < 0.004 and np.abs(error).max() < 0.02
    assert np.linalg.norm(vertices.mean(axis=0) - CENTRE) < 0.02  # all round, not one side
    assert np.allclose(np.asarray(mesh.vertex_colors) * 255, (200, 80, 40), atol=2)
    outward = (np.asarray(mesh.vertex_normals) * (vertices - CENTRE)).sum(axis=1)
    assert (outward > 0).mean() > 0.99


def test_what_too_few_views_see_is_left_out() -> None:
    frames = sphere_frames(1)
    assert len(fuse(frames, MeshOptions(voxel_size=0.02, min_views=1)).triangles) > 100
    with pytest.raises(SplatError, match="agree on no surface"):
        fuse(frames, MeshOptions(voxel_size=0.02, min_views=2))


def test_depth_is_left_out_at_edges_only() -> None:
    depth = np.full((6, 8), 2.0, np.float32)
    depth[:, 4:] = 3.0
    depth[0, 0] = 0.0
    kept = reliable(depth, 0.1)
    assert kept[0, 1] == 0 and kept[1, 0] == 0  # beside nothing
    assert (kept[2:, :3] == 2).all() and (kept[:, 6:] == 3).all() and (kept[:, 3:5] == 0).all()


@pytest.mark.parametrize("suffix", [".ply", ".obj", ".stl", ".off"])
def test_files_are_read_by_open3d_again(tmp_path: Path, suffix: str) -> None:
    import open3d

    mesh = fuse(sphere_frames(), MeshOptions(voxel_size=0.04))
    write_mesh(tmp_path / f"ball{suffix}", mesh)
    again = open3d.io.read_triangle_mesh(str(tmp_path / f"ball{suffix}"))
    assert len(again.triangles) == len(mesh.triangles)
    assert np.allclose(again.get_max_bound(), mesh.get_max_bound(), atol=1e-4)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_glb_is_a_gltf_file_of_the_length_that_it_says(tmp_path: Path) -> None:
    write_mesh(tmp_path / "ball.glb", fuse(sphere_frames(4), MeshOptions(voxel_size=0.05)))
    content = (tmp_path / "ball.glb").read_bytes()
    magic, version, length = struct.unpack("<4sII", content[:12])
    assert (magic, version, length) == (b"glTF", 2, len(content)) and length > 10_000


def test_other_suffixes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SplatError, match="no mesh file"):
        write_mesh(tmp_path / "ball.txt", fuse(sphere_frames(4), MeshOptions(voxel_size=0.05)))

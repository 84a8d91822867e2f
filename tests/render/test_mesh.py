"""Meshes: the surface of known depths comes out, at its place and in its colour."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from splat.cameras import Camera
from splat.errors import SplatError
from splat.formats.mesh import NAMING_ORIGIN, WRITERS
from splat.formats.registry import FORMATS
from splat.formats.scene_file import Notes
from splat.render.config import MeshOptions
from splat.render.mesh import RenderedView, fuse, reliable, write_mesh
from tests.limits import files_of_at_most

open3d = pytest.importorskip("open3d", exc_type=ImportError)  # its wheel needs libraries of the system
TriangleMesh = open3d.geometry.TriangleMesh
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


def sphere_frames(count: int = 20) -> list[RenderedView]:
    rng = np.random.default_rng(0)
    frames = []
    for _ in range(count):
        camera = looking_at_centre(rng.normal(size=3))
        color = np.full((camera.height, camera.width, 3), (200, 80, 40), np.uint8)
        frames.append(RenderedView(camera, color, sphere_depth(camera)))
    return frames


@pytest.fixture(scope="module")
def ball() -> TriangleMesh:
    return fuse(sphere_frames(8), MeshOptions(voxel_size=0.08))


def test_a_sphere_comes_out_at_its_place_and_in_its_color() -> None:
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


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_full_disk_leaves_the_older_mesh(tmp_path: Path, suffix: str, ball: TriangleMesh) -> None:
    path = tmp_path / f"ball{suffix}"
    write_mesh(path, ball)
    whole = path.read_bytes()
    for limit in (0, 1, 5000, len(whole) // 2, len(whole) - 1):
        path.write_bytes(b"older")
        with files_of_at_most(limit), pytest.raises(SplatError, match=f"cannot write .*ball{suffix}: File too large"):
            write_mesh(path, ball)
        assert path.read_bytes() == b"older" and [file.name for file in tmp_path.iterdir()] == [path.name]
    with files_of_at_most(len(whole)):
        write_mesh(path, ball)
    assert path.read_bytes() == whole


@pytest.mark.parametrize("suffix", NAMING_ORIGIN)
def test_the_origin_stands_in_the_file(tmp_path: Path, suffix: str, ball: TriangleMesh) -> None:
    write_mesh(tmp_path / f"ball{suffix}", ball, Notes(origin=(632600.0, 4512300.5, 200.0)))
    data = (tmp_path / f"ball{suffix}").read_bytes()
    assert b"632600.0" in data and b"4512300.5" in data
    write_mesh(tmp_path / f"plain{suffix}", ball)
    assert b"origin" not in (tmp_path / f"plain{suffix}").read_bytes()
    if suffix != ".glb":  # Open3D takes a GLB's colours and normals apart
        plain, noted = (open3d.io.read_triangle_mesh(str(tmp_path / f"{name}{suffix}")) for name in ("plain", "ball"))
        assert np.array_equal(np.asarray(plain.vertices), np.asarray(noted.vertices)) and len(plain.triangles)


def test_a_glb_holds_the_mesh_with_linear_colors(tmp_path: Path, ball: TriangleMesh) -> None:
    write_mesh(tmp_path / "ball.glb", ball)
    content = (tmp_path / "ball.glb").read_bytes()
    (length,) = struct.unpack_from("<I", content, 12)
    document = json.loads(content[20 : 20 + length])
    size, kind = struct.unpack_from("<I4s", content, 20 + length)
    assert kind == b"BIN\0" and size == document["buffers"][0]["byteLength"] == len(content) - 28 - length
    arrays = []
    for accessor, view in zip(document["accessors"], document["bufferViews"]):
        dtype = {5126: "<f4", 5125: "<u4"}[accessor["componentType"]]
        start = 28 + length + view["byteOffset"]
        arrays.append(np.frombuffer(content[start : start + view["byteLength"]], dtype))
        assert len(arrays[-1]) == accessor["count"] * {"VEC3": 3, "SCALAR": 1}[accessor["type"]]
    positions, normals, colors, indices = arrays
    upright = np.array([1, -1, -1], np.float32)  # y is up in glTF, and down in a capture
    assert np.array_equal(positions.reshape(-1, 3), np.asarray(ball.vertices, np.float32) * upright)
    assert np.allclose(normals.reshape(-1, 3), np.asarray(ball.vertex_normals) * upright, atol=1e-6)
    assert np.array_equal(indices.reshape(-1, 3), np.asarray(ball.triangles))
    assert document["accessors"][0]["min"] == pytest.approx(positions.reshape(-1, 3).min(axis=0).tolist())
    # sRGB (200, 80, 40) in linear light, by the standard's formula
    assert colors.reshape(-1, 3).mean(axis=0) == pytest.approx([0.578, 0.080, 0.0212], rel=0.03)


def test_a_glb_of_what_has_z_up_has_y_up(tmp_path: Path, ball: TriangleMesh) -> None:
    write_mesh(tmp_path / "ball.glb", ball, Notes(origin=(10.0, 20.0, 30.0), up="z"))
    content = (tmp_path / "ball.glb").read_bytes()
    (length,) = struct.unpack_from("<I", content, 12)
    document = json.loads(content[20 : 20 + length])
    vertices = np.asarray(ball.vertices, np.float32)
    expected = np.column_stack([vertices[:, 0], vertices[:, 2], -vertices[:, 1]])
    assert np.array_equal(np.frombuffer(content, "<f4", 3 * len(vertices), 28 + length).reshape(-1, 3), expected)
    assert document["asset"]["extras"]["origin"] == [10, 30, -20]


@pytest.mark.parametrize("suffix", [".obj", ".off", ".ply"])
def test_places_colors_and_normals_of_every_corner(tmp_path: Path, suffix: str, ball: TriangleMesh) -> None:
    write_mesh(tmp_path / f"ball{suffix}", ball)
    again = open3d.io.read_triangle_mesh(str(tmp_path / f"ball{suffix}"))  # orders vertices as triangles name them
    for name, tolerance in (("vertices", 1e-6), ("vertex_colors", 0.01), ("vertex_normals", 1e-4)):
        expected, found = (np.asarray(getattr(mesh, name))[np.asarray(mesh.triangles)] for mesh in (ball, again))
        np.testing.assert_allclose(found, expected, atol=tolerance, err_msg=name)


def test_an_stl_has_the_corners_and_outward_normals_of_every_triangle(tmp_path: Path, ball: TriangleMesh) -> None:
    """By its bytes: Open3D computes normals anew."""
    write_mesh(tmp_path / "ball.stl", ball)
    content = (tmp_path / "ball.stl").read_bytes()
    assert struct.unpack_from("<I", content, 80) == (len(ball.triangles),)
    records = np.frombuffer(content[84:], np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("rest", "<u2")]))
    corners = np.asarray(ball.vertices)[np.asarray(ball.triangles)]
    assert np.allclose(records["corners"], corners, atol=1e-6)
    assert np.allclose(np.linalg.norm(records["normal"], axis=1), 1, atol=1e-5)
    outward = (records["normal"] * (corners.mean(axis=1) - CENTRE)).sum(axis=1)
    assert (outward > 0).mean() > 0.95  # a coarse ball has a few slivers


def test_other_suffixes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SplatError, match="no mesh file"):
        write_mesh(tmp_path / "ball.txt", fuse(sphere_frames(4), MeshOptions(voxel_size=0.05)))


def test_the_table_of_formats_names_the_kinds_of_mesh_files_that_are_written() -> None:
    assert FORMATS["mesh"].suffixes == tuple(WRITERS)

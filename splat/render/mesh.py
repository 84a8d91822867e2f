"""A triangle mesh of a scene: the depths of many views fused into one signed distance field."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from splat.errors import SplatError
from splat.files import atomic_path
from splat.formats.mesh import Surface
from splat.formats.registry import format_for_writing
from splat.formats.scene_file import NO_NOTES, Notes
from splat.render.config import MeshOptions
from splat.render.pictures import picture

if TYPE_CHECKING:
    import open3d

    from splat.cameras import Camera
    from splat.render.scene import SceneRenderer


@dataclass(frozen=True)
class RenderedView:
    """One rendered view."""

    camera: Camera
    color: np.ndarray  # [H, W, 3] uint8
    depth: np.ndarray  # [H, W] float32 along the view, 0 where nothing is known


def reliable(depth: np.ndarray, share: float) -> np.ndarray:
    """The depth [H, W], and 0 at the edges of things, where rendered depth is a mean of front and back.

    Args:
        depth: expected depth in world units, 0 where there is none.
        share: of the depth, that two neighbours may differ.
    """
    jump = np.zeros(depth.shape, bool)
    for axis in (0, 1):
        step = np.abs(np.diff(depth, axis=axis)) > share * np.minimum(
            np.delete(depth, -1, axis=axis), np.delete(depth, 0, axis=axis)
        )
        before, after = [slice(None)] * 2, [slice(None)] * 2
        before[axis], after[axis] = slice(None, -1), slice(1, None)
        jump[tuple(before)] |= step
        jump[tuple(after)] |= step
    return np.where(jump, np.float32(0), depth).astype(np.float32)


def frames_of(
    renderer: SceneRenderer, cameras: list[Camera], edge: float, advance: Callable[[], None] = lambda: None
) -> list[RenderedView]:
    """Colour and reliable depth of every camera."""
    frames = []
    for camera in cameras:
        color, depth = picture(renderer, camera, depth=True)
        assert depth is not None
        frames.append(RenderedView(camera, color, reliable(depth, edge)))
        advance()
    return frames


def fuse(
    frames: list[RenderedView], options: MeshOptions, advance: Callable[[], None] = lambda: None
) -> open3d.geometry.TriangleMesh:
    """The surface that the frames agree on (truncated signed distances, Curless and Levoy 1996; Open3D's voxel blocks).

    Returns:
        A mesh with colours and normals in the cameras' world frame; small loose pieces are removed.

    Raises:
        SplatError: when no surface is found.
    """
    import open3d

    medians = [np.median(frame.depth[frame.depth > 0]) for frame in frames if (frame.depth > 0).any()]
    if not medians:
        raise SplatError("no view sees a surface; train longer, or export the Gaussians with format=ply")
    typical = float(np.median(medians))
    voxel = options.voxel_size or typical / 150
    kinds, shapes = (open3d.core.float32,) * 3, [open3d.core.SizeVector([size]) for size in (1, 1, 3)]
    grid = open3d.t.geometry.VoxelBlockGrid(
        ("tsdf", "weight", "color"), kinds, shapes, voxel, 16, 10_000, open3d.core.Device("CPU:0")
    )
    for frame in frames:
        integrate(grid, frame, options.max_depth or 3 * typical, options.truncation)
        advance()
    mesh = grid.extract_triangle_mesh(weight_threshold=options.min_views - 0.5).to_legacy()
    if not len(mesh.triangles):
        raise SplatError(f"the views agree on no surface; try a larger mesh.voxel_size than {voxel:.3g}")
    drop_loose(mesh, options.smallest)
    mesh.compute_vertex_normals()
    return mesh


def integrate(grid: open3d.t.geometry.VoxelBlockGrid, frame: RenderedView, max_depth: float, truncation: float) -> None:
    """Add one view to the field; `truncation` in voxels."""
    import open3d

    K = frame.camera.K.double().numpy().copy()
    K[:2, 2] -= 0.5  # Open3D's pixels have whole numbers at their centres
    intrinsic = open3d.core.Tensor.from_numpy(K)
    extrinsic = open3d.core.Tensor.from_numpy(frame.camera.viewmat.double().numpy())
    depth = open3d.t.geometry.Image(np.ascontiguousarray(frame.depth))
    color = open3d.t.geometry.Image(frame.color.astype(np.float32) / 255.0)
    blocks = grid.compute_unique_block_coordinates(depth, intrinsic, extrinsic, 1.0, max_depth, truncation)
    grid.integrate(blocks, depth, color, intrinsic, extrinsic, 1.0, max_depth, truncation)


def drop_loose(mesh: open3d.geometry.TriangleMesh, share: float) -> None:
    """Remove connected pieces with less than this share of the triangles, in place."""
    piece, triangles, _ = mesh.cluster_connected_triangles()
    counts = np.asarray(triangles)
    small = counts < share * counts.sum()
    mesh.remove_triangles_by_mask(small[np.asarray(piece)])
    mesh.remove_unreferenced_vertices()


def write_mesh(path: Path, mesh: open3d.geometry.TriangleMesh, notes: Notes = NO_NOTES) -> None:
    """Write a mesh atomically; the suffix picks the kind of file.

    Args:
        path: the file, its suffix one of a mesh's.
        mesh: with colours and normals.
        notes: where the scene belongs.

    Raises:
        SplatError: when the suffix is none of them or the disk refuses.
    """
    colors = np.rint(np.asarray(mesh.vertex_colors) * 255).clip(0, 255).astype(np.uint8)
    surface = Surface(
        np.asarray(mesh.vertices, np.float32),
        np.asarray(mesh.vertex_normals, np.float32),
        colors,
        np.asarray(mesh.triangles),
    )
    entry = format_for_writing(path, "mesh", ("mesh",))
    with atomic_path(path) as temporary:
        entry.write(temporary, surface, notes)

"""Options of rendering, shared by every command that renders."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from splat.native import MAX_THREADS
from splat.options import option

PHOTOGRAPHED = ("test", "train")  # paths through the cameras of photos
MOVING = ("orbit", "spiral", "interpolate")  # paths that are made from cameras
PATHS = (*PHOTOGRAPHED, *MOVING)


@dataclass
class RenderOptions:
    """How Gaussians become pixels."""

    backend: str = option("auto", "renderer: gsplat needs CUDA, cpu runs everywhere", choices=("auto", "gsplat", "cpu"))
    antialiased: bool = option(
        False, "keep small Gaussians from gaining weight when they are blurred to a pixel's size"
    )
    near_plane: float = option(0.01, "nearest depth that is drawn, in units where the cameras span about 1", above=0)
    far_plane: float = option(1e10, "farthest depth that is drawn", above=0)
    eps2d: float = option(0.3, "blur in square pixels added to every projected Gaussian", minimum=0)
    num_threads: int | None = option(
        None, "threads of the CPU renderer (null: all cores)", minimum=1, maximum=MAX_THREADS, changeable=True
    )

    def scaled(self, unit: float) -> RenderOptions:
        """The same options in another unit of length.

        Args:
            unit: how many of the new units one of the old ones is.
        """
        return replace(self, near_plane=self.near_plane * unit, far_plane=self.far_plane * unit)

    def arguments(self) -> dict[str, Any]:
        """Arguments of `rasterize`, `render_gaussians` and `lift`."""
        return {
            "near_plane": self.near_plane,
            "far_plane": self.far_plane,
            "eps2d": self.eps2d,
            "rasterize_mode": "antialiased" if self.antialiased else "classic",
            "backend": self.backend,
            "num_threads": self.num_threads,
        }


@dataclass
class MeshOptions:
    """How the surface of a scene is found."""

    voxel_size: float | None = option(
        None, "edge of a voxel in world units; smaller shows more (null: the typical depth / 150)", above=0
    )
    max_depth: float | None = option(
        None,
        "what lies farther from a camera is left out, in world units (null: three times the typical depth)",
        above=0,
    )
    min_views: int = option(2, "views that must see a surface", minimum=1)
    truncation: float = option(5.0, "reach of the distance field to both sides of a surface, in voxels", minimum=1)
    edge: float = option(
        0.05, "pixels whose depth differs from a neighbour's by more than this share are left out", above=0
    )
    smallest: float = option(
        0.005, "connected pieces with a smaller share of the triangles are dropped", minimum=0, maximum=1
    )

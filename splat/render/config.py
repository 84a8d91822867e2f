"""Options of rendering, shared by every command that renders."""

from __future__ import annotations

from dataclasses import dataclass

from splat.options import option


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
    num_threads: int | None = option(None, "threads of the CPU renderer (null: all cores)", minimum=1, changeable=True)

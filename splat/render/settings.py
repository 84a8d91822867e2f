"""The options that `rasterize` and `render_gaussians` share, checked and in one piece."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, TypeAlias

from splat.native import MAX_THREADS

if TYPE_CHECKING:
    from torch import Tensor

Shape: TypeAlias = "tuple[Tensor, Tensor, Tensor, Tensor]"  # means [N, 3], quats [N, 4], scales [N, 3], opacities [N]
Views: TypeAlias = "tuple[Tensor, Tensor]"  # viewmats [C, 4, 4], Ks [C, 3, 3]
RENDER_MODES: tuple[str, ...] = ("RGB", "D", "ED", "RGB+D", "RGB+ED")
RASTERIZE_MODES: tuple[str, ...] = ("classic", "antialiased")
CAMERA_MODELS: tuple[str, ...] = ("pinhole",)  # that every backend draws
MAX_SIDE = 524_272  # pixels: the kernels number tiles of 16 pixels with 16 bits


@dataclass(frozen=True)
class RasterSettings:
    """What defines an image besides the Gaussians and the cameras. Defaults are gsplat's."""

    width: int  # pixels
    height: int
    near_plane: float = 0.01  # depths outside [near_plane, far_plane] are not drawn
    far_plane: float = 1e10
    eps2d: float = 0.3  # square pixels added to each projected variance
    sh_degree: int | None = None  # None: colours are given as they are
    render_mode: str = "RGB"
    rasterize_mode: str = "classic"
    absgrad: bool = False  # also sum |gradient| of the projected centres, into meta["means2d"].absgrad
    tile_size: int = 16  # gsplat only
    radius_clip: float = 0.0  # pixels; Gaussians no larger than this are not drawn
    channel_chunk: int = 32  # gsplat only
    packed: bool = False  # gsplat only
    num_threads: int | None = None  # CPU only; None: all cores
    camera_model: str = "pinhole"

    def __post_init__(self) -> None:
        size = f"{self.width}x{self.height}"
        if not isinstance(self.width, Integral) or not isinstance(self.height, Integral):
            raise ValueError(f"image size must be two whole numbers, got {size}")
        if not 1 <= min(self.width, self.height) <= max(self.width, self.height) <= MAX_SIDE:
            raise ValueError(f"image size must be at least 1x1 and at most {MAX_SIDE} either way, got {size}")
        if self.num_threads is not None and not 1 <= self.num_threads <= MAX_THREADS:
            raise ValueError(f"num_threads must be 1 to {MAX_THREADS}, or None for all cores, got {self.num_threads}")
        if self.render_mode not in RENDER_MODES:
            raise ValueError(f"render_mode must be one of {', '.join(RENDER_MODES)}, got {self.render_mode!r}")
        if self.rasterize_mode not in RASTERIZE_MODES:
            raise ValueError(f"rasterize_mode must be one of {', '.join(RASTERIZE_MODES)}, got {self.rasterize_mode!r}")
        if self.camera_model not in CAMERA_MODELS:
            raise ValueError(f"camera_model must be one of {', '.join(CAMERA_MODELS)}, got {self.camera_model!r}")
        if self.sh_degree is not None and not 0 <= self.sh_degree <= 3:
            raise ValueError(f"sh_degree must be 0 to 3, got {self.sh_degree}")

    @property
    def wants_color(self) -> bool:
        """Whether the image begins with colour channels."""
        return self.render_mode.startswith("RGB")

    @property
    def wants_depth(self) -> bool:
        """Whether the image ends with a depth channel."""
        return self.render_mode != "RGB"

    @property
    def expected_depth(self) -> bool:
        """Whether the depth channel is divided by alpha."""
        return self.render_mode.endswith("ED")

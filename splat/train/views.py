"""Training views: cameras in the training frame with their pixels, kept where the step needs them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from splat.cameras import stack_cameras
from splat.capture.types import Capture
from splat.console import warn
from splat.train.normalize import Normalization

KEEP_BYTES = 256e6  # pixels are kept as tensors on the CPU if all of them fit into this


@dataclass(frozen=True)
class View:
    """One training view, ready for a step."""

    viewmat: Tensor  # [1, 4, 4] float32
    K: Tensor  # [1, 3, 3] float32
    width: int
    height: int
    target: Tensor  # [H, W, 3] uint8
    alpha: Tensor | None  # [H, W, 1] uint8 opacity of the photo
    mask: Tensor | None  # [H, W] bool, True where the pixel counts
    background: Tensor | None = None  # [3] in 0..1, behind the scene at this step, once it is drawn


class TrainingViews:
    """The views of one side of a capture's split, loaded on first use.

    On the CPU pixels stay once loaded if all fit into `KEEP_BYTES`; on a GPU as many stay as fit into a quarter of its
    free memory. The others come from the capture's bounded cache each time.
    """

    def __init__(
        self, capture: Capture, indices: list[int], normalization: Normalization, device: torch.device
    ) -> None:
        self.capture = capture
        self.indices = indices
        self.device = device
        self.cameras = [normalization.camera(capture.frames[index].camera) for index in indices]
        self.viewmats, self.Ks = stack_cameras(self.cameras, device)
        pixels = sum(camera.width * camera.height for camera in self.cameras)
        self._room = math.inf if pixels * 3 < KEEP_BYTES else 0.0  # bytes that may still be kept
        if device.type == "cuda":
            self._room = torch.cuda.mem_get_info(device)[0] / 4
        self._said_hidden = False
        self._pixels: dict[int, tuple[Tensor, Tensor | None, Tensor | None]] = {}

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def keeps_pixels(self) -> bool:
        """Whether pixels stay in memory once loaded."""
        return self._room > 0

    def __getitem__(self, position: int) -> View:
        target, alpha, mask = self._pixels.get(position) or self._load(position)
        camera = self.cameras[position]
        return View(
            viewmat=self.viewmats[position : position + 1],
            K=self.Ks[position : position + 1],
            width=camera.width,
            height=camera.height,
            target=target,
            alpha=alpha,
            mask=mask,
        )

    def move(self, position: int, viewmat: Tensor) -> None:
        """Let a view have another pose [4, 4], for all that looks at it from now on."""
        self.cameras[position] = replace(self.cameras[position], viewmat=viewmat.to("cpu", torch.float64))
        self.viewmats[position] = viewmat.to(self.viewmats)

    def _load(self, position: int) -> tuple[Tensor, Tensor | None, Tensor | None]:
        index, images = self.indices[position], self.capture.images
        # on the CPU these share the memory of the capture's cache
        target = self._moved(images.image(index))
        alpha, mask = images.alpha(index), images.mask(index)
        if any(layer is not None and not layer.any() for layer in (alpha, mask)) and not self._said_hidden:
            self._said_hidden = True
            name = self.cameras[position].name
            warn(f"some photos show nothing (first: {name}): their masks or alpha channels hide all of them")
        loaded = (
            target,
            None if alpha is None else self._moved(alpha)[..., None],
            None if mask is None else self._moved(mask),
        )
        size = sum(tensor.nbytes for tensor in loaded if tensor is not None)
        if size <= self._room:
            self._room -= size
            self._pixels[position] = loaded
        return loaded

    def _moved(self, pixels: np.ndarray) -> Tensor:
        """The array on the device. From pinned memory a GPU fetches it while the CPU goes on."""
        tensor = torch.from_numpy(pixels)
        if self.device.type == "cuda":
            return tensor.pin_memory().to(self.device, non_blocking=True)
        return tensor.to(self.device)

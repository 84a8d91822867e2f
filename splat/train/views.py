"""Training views: cameras in the training frame with their pixels, kept where the step needs them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from splat.cameras import stack_cameras
from splat.capture.types import Capture
from splat.train.normalize import Normalization

KEEP_BYTES = 256e6  # pixels are kept as tensors on the CPU while all of them fit into this


@dataclass(frozen=True)
class View:
    """One training view, ready for a step."""

    viewmat: Tensor  # [1, 4, 4] float32
    K: Tensor  # [1, 3, 3] float32
    width: int
    height: int
    target: Tensor  # [H, W, 3] uint8
    alpha: Tensor | None  # [H, W, 1] float32 opacity of the photo
    mask: Tensor | None  # [H, W] bool, True where the pixel counts


class TrainingViews:
    """The views of one side of a capture's split, loaded on first use.

    Pixels stay on the device once loaded if all fit (a quarter of a GPU's memory, `KEEP_BYTES` on the CPU), else they
    come from the capture's bounded cache each time.
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
        room = torch.cuda.mem_get_info()[0] / 4 if device.type == "cuda" else KEEP_BYTES
        self._keep = pixels * 3 < room
        self._pixels: dict[int, tuple[Tensor, Tensor | None, Tensor | None]] = {}

    def __len__(self) -> int:
        return len(self.indices)

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

    def _load(self, position: int) -> tuple[Tensor, Tensor | None, Tensor | None]:
        index, images = self.indices[position], self.capture.images
        target = torch.from_numpy(images.image(index).copy()).to(self.device)
        alpha, mask = images.alpha(index), images.mask(index)
        loaded = (
            target,
            None if alpha is None else torch.from_numpy(alpha).to(self.device).float().div(255.0)[..., None],
            None if mask is None else torch.from_numpy(mask).to(self.device),
        )
        if self._keep:
            self._pixels[position] = loaded
        return loaded

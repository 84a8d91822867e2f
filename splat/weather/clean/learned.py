"""Restoring photos with a network: our own, TorchScript, or an image-to-image model of transformers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from splat.errors import SplatError
from splat.files import read_json
from splat.hub import find_model, load_pretrained, torch_device
from splat.images import shrunk
from splat.weather.clean.config import LearnedRestorer

SCRIPT_SUFFIXES = (".pt", ".pth", ".ts", ".jit", ".torchscript")
WITHOUT = "restorer=classical and restorer=multiview need no weights"
Network = Callable[["torch.Tensor"], "torch.Tensor"]


@dataclass
class Learned:
    """A network with the normalisation it was trained with."""

    network: Network  # [1, 3, h, w] in its own range to [1, 3, s h, s w]
    device: str
    options: LearnedRestorer
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    size: int | None = None  # longer side in pixels at which larger photos are seen; None: as they are

    def restore(self, image: np.ndarray) -> np.ndarray:
        """[H, W, 3] uint8 restored, in tiles that blend into each other.

        Where the network sees photos smaller than they are, what it changes is enlarged and added: detail stays.

        Raises:
            SplatError: the network fails on a piece or returns no picture.
        """
        small = image if self.size is None else shrunk(image, self.size)
        restored = self._tiled(small)
        if small.shape == image.shape:
            return np.rint(np.clip(restored, 0, 1) * 255).astype(np.uint8)
        change = cv2.resize(restored * 255 - small, image.shape[1::-1], interpolation=cv2.INTER_CUBIC)
        return np.rint(np.clip(image + change, 0, 255)).astype(np.uint8)

    def _tiled(self, image: np.ndarray) -> np.ndarray:
        """[H, W, 3] float32 of [H, W, 3] uint8, not clipped."""
        height, width = image.shape[:2]
        total = np.zeros((height, width, 3), np.float32)
        weights = np.zeros((height, width, 1), np.float32)
        tile, overlap = self.options.tile, min(self.options.overlap, self.options.tile // 2)
        for top in starts(height, tile, overlap):
            for left in starts(width, tile, overlap):
                piece = image[top : top + tile, left : left + tile]
                weight = feather(piece.shape[0], piece.shape[1], overlap)
                place = slice(top, top + piece.shape[0]), slice(left, left + piece.shape[1])
                total[place] += weight * self._piece(piece.astype(np.float32) / 255.0)
                weights[place] += weight
        return total / weights

    def _piece(self, piece: np.ndarray) -> np.ndarray:
        """One piece [h, w, 3] float32 0..1 through the network, at its own size again."""
        height, width = piece.shape[:2]
        multiple = self.options.multiple
        below, right = -height % multiple, -width % multiple
        padded = cv2.copyMakeBorder(piece, 0, below, 0, right, cv2.BORDER_REFLECT)
        normal = (padded - np.array(self.mean, np.float32)) / np.array(self.std, np.float32)
        batch = torch.from_numpy(np.ascontiguousarray(normal.transpose(2, 0, 1)))[None].to(self.device)
        try:
            with torch.inference_mode():
                answer = self.network(batch).float().cpu()
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            line = next((line for line in reversed(str(error).splitlines()) if line.strip()), type(error).__name__)
            raise SplatError(
                f"restorer.model={self.options.model} fails on a picture [1, 3, {padded.shape[0]}, {padded.shape[1]}]"
                f" ({line.strip()[:160]}); it must take and return such pictures"
            ) from error
        result = answer[0].numpy().transpose(1, 2, 0) * np.array(self.std) + np.array(self.mean)
        if result.shape[:2] != padded.shape[:2]:  # super-resolution: back to the photo's size
            result = cv2.resize(result, padded.shape[1::-1], interpolation=cv2.INTER_AREA)
        return np.nan_to_num(result[:height, :width]).astype(np.float32)


def load_learned(options: LearnedRestorer) -> Learned:
    """The network that `restorer.model` names.

    Raises:
        SplatError: nothing named, not there, or not readable.
    """
    if not options.model:
        raise SplatError(f"restorer=learned needs restorer.model=own, FILE, FOLDER or hub name; {WITHOUT}")
    path = Path(options.model).expanduser()
    device = torch_device(options.device)
    if options.model == "own":
        from splat.weather.network import load_own

        network, size = load_own()
        fitting = replace(options, multiple=network.multiple)
        return Learned(network.to(device).both_ways, device, fitting, size=size)
    if path.is_file() or path.suffix in SCRIPT_SUFFIXES:
        return Learned(_script(path, device), device, options)
    folder = find_model(options.model, "restorer.model", options.offline, WITHOUT)
    model = load_pretrained("AutoModelForImageToImage", folder, use_safetensors=True).to(device).eval()
    mean, std = _normalisation(folder)
    return Learned(lambda batch: model(pixel_values=batch).reconstruction, device, options, mean, std)


def _script(path: Path, device: str) -> Network:
    """A TorchScript file; unlike a pickle it holds a program of tensor operations and nothing else."""
    if not path.is_file():
        raise SplatError(f"restorer.model={path} does not exist; save one with torch.jit.save, or {WITHOUT}")
    try:
        module = torch.jit.load(str(path), map_location=device).eval()
    except (RuntimeError, ValueError) as error:
        raise SplatError(
            f"{path} is no TorchScript file (torch.jit.save makes them); plain pickled weights are not read"
        ) from error

    def network(batch: torch.Tensor) -> torch.Tensor:
        return _picture(module(batch))

    return network


def _picture(answer: Any) -> Any:
    """The picture [1, 3, h, w] of what a network returned: itself, or the first of a tuple or list."""
    while isinstance(answer, (tuple, list)) and answer:
        answer = answer[0]
    if not isinstance(answer, torch.Tensor) or answer.ndim != 4 or answer.shape[:2] != (1, 3):
        shape = list(answer.shape) if isinstance(answer, torch.Tensor) else type(answer).__name__
        raise ValueError(f"it returns {shape}")
    return answer


def _normalisation(folder: Path) -> tuple[Any, Any]:
    """Mean and standard deviation that the model's own preprocessing subtracts and divides by, if it does."""
    file = folder / "preprocessor_config.json"
    settings = read_json(file) if file.is_file() else {}
    if not settings.get("do_normalize"):
        return (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    return tuple(settings["image_mean"]), tuple(settings["image_std"])


def starts(length: int, tile: int, overlap: int) -> list[int]:
    """Where pieces begin so that they cover `length`, the last flush with the end."""
    if length <= tile:
        return [0]
    count = -(-(length - overlap) // (tile - overlap))
    return sorted({round(i * (length - tile) / (count - 1)) for i in range(count)})


def feather(height: int, width: int, overlap: int) -> np.ndarray:
    """[height, width, 1] weights of a piece, falling towards its edges so that overlapping pieces blend."""
    ramps = []
    for length in (height, width):
        distance = np.minimum(np.arange(length), np.arange(length)[::-1]) + 1.0
        ramps.append(np.minimum(distance / (overlap + 1), 1.0))
    return (ramps[0][:, None] * ramps[1][None])[..., None].astype(np.float32)

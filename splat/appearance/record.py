"""What a run keeps of the photos' own colours, and pictures in them.

RUN/appearance.json says for people what each photo does to the mean look: its exposure in stops of stored values.
RUN/appearance.safetensors holds all of it: `photos` [F, ...] and `cameras` [C, ...], see `splat.appearance.models`, and
in its header the kind, the photos' names and the camera of each.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from splat.appearance.learning import Corrections
from splat.appearance.models import MODELS
from splat.errors import SplatError
from splat.files import atomic_path, write_json

GREY = 0.5  # of which a photo's exposure is told


def write_looks(folder: Path, corrections: Corrections, names: list[str]) -> None:
    """Write what photos of these names do to the mean look into a run folder.

    Raises:
        SplatError: when the disk refuses.
    """
    with torch.no_grad():
        photos = torch.stack([corrections.own(position)[0] for position in range(len(names))]).cpu()
        cameras = torch.stack(list(corrections.cameras)).detach().cpu()
        grey = torch.full((8, 8, 3), GREY, device=corrections.mean.device)
        shown = [float(corrections.corrected(position, grey).mean()) for position in range(len(names))]
    header = {"kind": corrections.kind, "names": json.dumps(names), "camera_of": json.dumps(corrections.camera_of)}
    with atomic_path(folder / "appearance.safetensors") as temporary:
        save_file({"photos": photos.contiguous(), "cameras": cameras.contiguous()}, temporary, metadata=header)
    stops = {name: round(math.log2(max(value, 1e-3) / GREY), 4) for name, value in zip(names, shown)}
    write_json(folder / "appearance.json", {"kind": corrections.kind, "exposure": stops})


@dataclass(frozen=True)
class Looks:
    """The photos' own colours, as a run keeps them."""

    kind: str
    photos: Tensor  # [F, ...]
    cameras: Tensor  # [C, ...]
    names: list[str]
    camera_of: list[int]

    def look(self, name: str) -> Callable[[Tensor], Tensor] | None:
        """What makes a picture [H, W, 3] in the mean look one in the look of a photo; None for names without one."""
        if name not in self.names:
            return None
        position = self.names.index(name)
        photo, camera = self.photos[position], self.cameras[self.camera_of[position]]
        return lambda image: MODELS[self.kind].apply(image, photo.to(image.device), camera.to(image.device))


def read_looks(folder: Path) -> Looks:
    """The photos' own colours of a run.

    Raises:
        SplatError: it has none, or the file is damaged.
    """
    path = folder / "appearance.safetensors"
    if not path.is_file():
        raise SplatError(f"{folder} has learned no colours of single photos; train with appearance=affine")
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            photos, cameras = file.get_tensor("photos"), file.get_tensor("cameras")
        names, camera_of = json.loads(header["names"]), json.loads(header["camera_of"])
        model = MODELS[header["kind"]]
        if photos.shape != (len(names), *model.photo) or cameras.shape[1:] != model.camera:
            raise ValueError("shapes do not fit")
        if len(camera_of) != len(names) or not all(0 <= index < len(cameras) for index in camera_of):
            raise ValueError("cameras are missing")
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise SplatError(f"cannot read {path}: it is damaged ({error}); train again") from error
    return Looks(header["kind"], photos, cameras, [str(name) for name in names], [int(index) for index in camera_of])

"""A language field: what one teacher said about a scene, on its Gaussians, and on disk."""

from __future__ import annotations

import copy
import functools
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from splat.cameras import Camera
from splat.errors import SplatError
from splat.files import atomic_path, sha256_of, slug, write_json
from splat.language.compress.base import Compression
from splat.language.stored import FORMAT, read_stored
from splat.render.scene import SceneRenderer

ROWS = 2_048  # pixels that are decoded at once: what lies in between stays in the cache


@dataclass
class LanguageField:
    """The features of one teacher on N Gaussians at L levels."""

    teacher: dict[str, Any]  # its options, to load it again for words
    levels: tuple[str, ...]
    compression: Compression
    codes: Tensor  # [N, L, C] float32; zeros where nothing is known
    confidence: Tensor  # [N, L] 0..1; 0 where nothing is known
    basis: Tensor | None  # [R, D] orthonormal rows; None if the features have all D dimensions
    negatives: Tensor | None  # [n, D] unit vectors of the canonical phrases; None where the teacher knows no words
    facts: dict[str, Any] = field(default_factory=dict)  # how it was made and what was measured, for people

    @property
    def dim(self) -> int:
        """D, the dimensions of the teacher's vectors."""
        return self.compression.dim if self.basis is None else self.basis.shape[1]

    def inside(self, vectors: Tensor) -> Tensor:
        """Vectors [..., D] in the basis of the field, [..., R]: cosines with its features stay what they are."""
        return vectors if self.basis is None else vectors @ self.basis.T

    def to(self, device: torch.device | str) -> LanguageField:
        """The field with all its tensors on a device; itself where they are there already."""
        if self.codes.device == torch.empty(0, device=device).device:
            return self
        return replace(
            self,
            compression=copy.deepcopy(self.compression).to(device),
            codes=self.codes.to(device),
            confidence=self.confidence.to(device),
            basis=None if self.basis is None else self.basis.to(device),
            negatives=None if self.negatives is None else self.negatives.to(device),
        )

    def features(self, gaussians: Tensor, level: int) -> Tensor:
        """[M, D] unit features of the Gaussians with these indices [M]."""
        found = self.compression.decode(self.codes[gaussians, level])
        return found if self.basis is None else found @ self.basis

    def render(self, renderer: SceneRenderer, camera: Camera, level: int | None = None) -> tuple[Tensor, Tensor]:
        """Codes as a camera sees them: the mean of the Gaussians' codes by blending weight and confidence.

        Returns:
            codes [H, W, L, C] and known [H, W, L], the weight that they come from (at most alpha); L = 1 where one
            level is asked for.
        """
        levels = slice(None) if level is None else slice(level, level + 1)
        return render_codes(renderer, self.codes[:, levels], self.confidence[:, levels], camera)

    def decode(self, codes: Tensor) -> Tensor:
        """Features [..., R] of rendered codes [..., C], in parts."""
        flat = codes.reshape(-1, codes.shape[-1])
        with torch.no_grad():
            found = torch.cat([self.compression.decode(part) for part in flat.split(ROWS)])
        return found.reshape(*codes.shape[:-1], -1)

    def bytes_per_gaussian(self) -> float:
        """On disk, without what all share."""
        packed = self.compression.pack(self.codes.reshape(-1, self.codes.shape[2])[:1])
        each = sum(tensor.element_size() * tensor.numel() for tensor in packed.values())
        return (each + 1) * len(self.levels)

    def save(self, folder: Path, provenance: list[list[dict[str, Any]]] | None = None) -> None:
        """Write field.safetensors (half precision), then field.json, which makes it count; and provenance.json."""
        tensors = {f"gaussian.{k}": v for k, v in self.compression.pack(self.codes.flatten(0, 1)).items()}
        tensors["gaussian.confidence"] = (self.confidence * 255).round().byte()
        tensors |= {f"shared.{k}": _half(v) for k, v in self.compression.state_dict().items()}
        if self.basis is not None:
            tensors["shared_basis"] = self.basis.half()
        if self.negatives is not None:
            tensors["negatives"] = self.negatives.half()
        with atomic_path(folder / "field.safetensors") as temporary:
            save_file({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, str(temporary))
        if provenance is not None:
            write_json(folder / "provenance.json", provenance)
        record = {
            "format": FORMAT,
            "teacher": self.teacher,
            "levels": list(self.levels),
            "compression": {"kind": self.compression.kind, "dim": self.compression.dim, **self.compression.settings()},
            "facts": self.facts,
        }
        write_json(folder / "field.json", record)

    @classmethod
    def load(cls, folder: Path) -> LanguageField:
        """Read a field.

        Raises:
            SplatError: when it is not there, damaged, or its parts do not fit each other.
        """
        return cls(**read_stored(folder))


def render_codes(renderer: SceneRenderer, codes: Tensor, confidence: Tensor, camera: Camera) -> tuple[Tensor, Tensor]:
    """See `LanguageField.render`; gradients flow to the codes [N, L, C]."""
    N, L, C = codes.shape
    channels = torch.cat([(codes * confidence[..., None]).reshape(N, L * C), confidence], dim=1)
    image = renderer.features(camera, channels)
    known = image[..., L * C :]
    mean = image[..., : L * C].reshape(camera.height, camera.width, L, C) / known[..., None].clamp(min=1e-6)
    return mean, known


def field_folders(run: Path) -> list[Path]:
    """The folders of a run's fields, the newest first."""
    found = [path.parent for path in (run / "language").glob("*/field.json")]
    return sorted(found, key=lambda folder: (folder / "field.json").stat().st_mtime, reverse=True)


def find_field(run: Path, name: str | None) -> Path:
    """The folder of the field that the user means; the newest where none is named.

    Raises:
        SplatError: when there is none; says how one is made, or which there are.
    """
    folders = field_folders(run)
    if not folders:
        raise SplatError(f"{run} has no language field yet; make one with: splat distill {run}")
    if name is None:
        return folders[0]
    for folder in folders:
        if folder.name in (name, slug(name)):
            return folder
    raise SplatError(f"{run} has no field {name!r}; it has {', '.join(folder.name for folder in folders)}")


def scene_digest(scene: Path) -> str:
    """What tells one scene file from another; read once for a state of the file."""
    status = scene.stat()
    return _content(scene, status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=16)
def _content(path: Path, size: int, time: int) -> str:
    return sha256_of(path)[:16]


def load_field(run: Path, name: str | None = None) -> LanguageField:
    """See `open_field`."""
    return open_field(run, name)[1]


def open_field(run: Path, name: str | None = None) -> tuple[Path, LanguageField]:
    """A field of a run with its folder, checked against the scene.

    Raises:
        SplatError: none there, damaged, or made for another scene.
    """
    folder = find_field(run, name)
    loaded = LanguageField.load(folder)
    made_for = loaded.facts.get("scene")
    if made_for is not None and made_for != scene_digest(run / "scene.ply"):
        raise SplatError(f"{folder} was made for another scene than {run / 'scene.ply'}; distill again")
    return folder, loaded


def _half(tensor: Tensor) -> Tensor:
    return tensor.half() if tensor.is_floating_point() else tensor

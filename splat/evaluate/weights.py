"""The ImageNet backbones of LPIPS: where their files lie, whether they are whole, and how they come here.

They lie in torch.hub's own folder, by default ~/.cache/torch/hub/checkpoints, under torchvision's names, so that other
programs find them too.
"""

from __future__ import annotations

import os
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import torch

from splat import console
from splat.evaluate.fetch import MEGABYTE, Bounds, FetchError, fetch
from splat.files import sha256_of

SOURCE = "https://download.pytorch.org/models"
BOUNDS = Bounds()
LICENCE = "torchvision's, BSD-3-Clause; trained on ImageNet, which has terms of its own"
State = Literal["absent", "good", "other", "damaged"]


@dataclass(frozen=True)
class Backbone:
    """A file of weights as torchvision names it; the part after the dash is how its SHA-256 begins."""

    file: str
    megabytes: int  # of 2^20 bytes

    @property
    def sha256(self) -> str:
        """How the file's hash begins."""
        return Path(self.file).stem.rsplit("-", 1)[1]


BACKBONES = {
    "alex": Backbone("alexnet-owt-7be5be79.pth", 233),
    "vgg": Backbone("vgg16-397923af.pth", 528),
    "squeeze": Backbone("squeezenet1_1-b8a52dc0.pth", 5),
}


def checkpoint_path(net: str) -> Path:
    """Where torch.hub keeps the backbone of `net`."""
    return Path(torch.hub.get_dir()) / "checkpoints" / BACKBONES[net].file


def offline() -> bool:
    """Whether the user has said that nothing may be downloaded, as the models' hub understands it."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


def state(path: Path, sha256: str) -> State:
    """Whether a file is there and is the one that its name says.

    Returns:
        good: its SHA-256 begins with `sha256`; other: it does not, yet the checksums inside the file hold (weights that
        somebody has saved anew); damaged: neither.
    """
    if not path.is_file():
        return "absent"
    status = path.stat()
    return _state(path, sha256, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=8)
def _state(path: Path, sha256: str, size: int, changed: int) -> State:
    """`state` of a file of this size and time; reading hundreds of megabytes takes a second."""
    if sha256_of(path).startswith(sha256):
        return "good"
    try:
        with zipfile.ZipFile(path) as archive:
            return "other" if archive.testzip() is None else "damaged"
    except (zipfile.BadZipFile, OSError, EOFError):
        return "damaged"


def missing(net: str, download: bool) -> str | None:
    """Why the weights of `net` cannot be had; None when they are there, fetched if need be.

    A damaged file stays until a whole one takes its place.

    Args:
        net: alex, vgg or squeeze.
        download: whether they may be fetched; HF_HUB_OFFLINE=1 forbids it as well.
    """
    path, backbone = checkpoint_path(net), BACKBONES[net]
    try:
        found = state(path, backbone.sha256)
    except OSError as error:
        return f"the {net} weights in {path} cannot be read ({error.strerror})"
    if found in ("good", "other"):
        return None
    problem = f"the {net} weights are not on this machine ({path.name})"
    if found == "damaged":
        problem = f"the {net} weights in {path} are damaged (their SHA-256 does not begin with {backbone.sha256})"
    if not download:
        return f"{problem}; lpips_download=true fetches them"
    if offline():
        return f"{problem} and HF_HUB_OFFLINE is set; without it they are fetched, or put the file into {path.parent}"
    if found == "damaged":
        console.warn(f"{problem}; they are fetched anew")
    failure = _fetched(net, path, SOURCE)
    if failure is None:
        return None
    return f"{problem} and could not be fetched from {SOURCE} ({failure}); put the file into {path.parent}"


@lru_cache(maxsize=8)
def _fetched(net: str, path: Path, source: str) -> str | None:
    """Fetch the weights; why not, if that fails. Tried once: the next views to score need not wait again."""
    backbone = BACKBONES[net]

    def announce(size: int | None) -> str:
        megabytes = backbone.megabytes if size is None else round(size / MEGABYTE)
        return (
            f"LPIPS: fetching the {net} weights once, {megabytes} MB from {urlsplit(source).netloc} ({LICENCE}) into "
            f"{path.parent}; HF_HUB_OFFLINE=1 or lpips_download=false leaves them out"
        )

    try:
        fetch(f"{source}/{backbone.file}", path, backbone.sha256, 2 * backbone.megabytes * MEGABYTE, announce, BOUNDS)
    except FetchError as error:
        console.warn(f"the {net} weights could not be fetched: {error}; going on without")
        return str(error)
    return None

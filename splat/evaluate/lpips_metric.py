"""LPIPS (Zhang et al. 2018) through the `lpips` package, only ever with the published weights.

The package brings its own linear heads; the ImageNet backbone comes from torch.hub's folder, by default
$TORCH_HOME/hub/checkpoints. Nothing is downloaded unless asked for: a machine without network would otherwise hang, and
528 MB are not fetched unasked. Where weights are missing the value is None with the reason, never a number from random
weights.
"""

from __future__ import annotations

import contextlib
import socket
import urllib.error
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from splat.evaluate.protocols import Protocol

# Files as torchvision names them; the part after the dash is the start of the file's SHA-256.
BACKBONES = {
    "alex": "alexnet-owt-7be5be79.pth",
    "vgg": "vgg16-397923af.pth",
    "squeeze": "squeezenet1_1-b8a52dc0.pth",
}
MIN_SIDE = 64  # pixels; below this the deeper layers of the backbones have no pixels left
_TIMEOUT = 5.0  # seconds without an answer after which a download gives up


@dataclass(frozen=True)
class LpipsChoice:
    """What evaluation uses: a network, or None and why."""

    net: str | None
    reason: str | None  # why there is no value, or why it is not the protocol's network


def checkpoint_path(net: str) -> Path:
    """Where torch.hub keeps the backbone of `net`."""
    return Path(torch.hub.get_dir()) / "checkpoints" / BACKBONES[net]


@contextlib.contextmanager
def _short_timeout() -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_TIMEOUT)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _missing(net: str, download: bool) -> str | None:
    """Why the backbone's weights cannot be had, or None when they are there (downloaded, if allowed)."""
    path = checkpoint_path(net)
    if path.exists():
        return None
    if not download:
        return f"the {net} weights are not on this machine ({path.name}); lpips_download=true fetches them"
    url = f"https://download.pytorch.org/models/{path.name}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _short_timeout():
            torch.hub.download_url_to_file(url, str(path), hash_prefix=path.stem.rsplit("-", 1)[1], progress=False)
    except (OSError, urllib.error.URLError, RuntimeError) as error:
        return f"the {net} weights could not be fetched from {url} ({error}); put the file into {path.parent}"
    return None


@lru_cache(maxsize=1)
def _load(net: str, checkpoint: str, device: str) -> Any:
    """The LPIPS module in evaluation mode. `checkpoint` is part of the key: another TORCH_HOME, another model."""
    import lpips

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package calls torchvision the old way
        model = lpips.LPIPS(net=net, verbose=False)
    return model.to(device).requires_grad_(False)


def _problem(net: str, download: bool, device: str) -> str | None:
    """Why LPIPS with `net` cannot be computed here, or None."""
    absent = [name for name in ("torchvision", "lpips") if find_spec(name) is None]
    if absent:
        return f"LPIPS needs {' and '.join(absent)}; install it with: pip install {' '.join(absent)}"
    missing = _missing(net, download)  # first, because the imports take seconds and 150 MB
    if missing is not None:
        return missing
    try:
        import lpips
        import torchvision
    except Exception as error:  # a torchvision built for another torch fails with more than ImportError
        return f"LPIPS needs torchvision and lpips, which do not load here: {type(error).__name__}: {error}"
    assert lpips and torchvision
    try:
        _load(net, str(checkpoint_path(net)), device)
    except Exception as error:  # torch.load and zipfile raise many kinds for a damaged file
        return f"the {net} weights in {checkpoint_path(net)} do not load ({type(error).__name__}); delete the file"
    return None


def choose_net(requested: str, protocol: Protocol, *, download: bool = False, device: str = "cpu") -> LpipsChoice:
    """The network to use.

    Args:
        requested: alex, vgg, squeeze, none or auto: the protocol's own, else squeeze where its weights are there.
        protocol: says which network is its own.
        download: fetch missing weights of the requested (or the protocol's) network.
        device: where the images are.

    Returns:
        The network, or None with the reason. A fallback also has a reason: its values compare with no other network's.
    """
    if requested == "none":
        return LpipsChoice(None, "LPIPS was not asked for (lpips_net=none)")
    wanted = protocol.lpips_net if requested == "auto" else requested
    problem = _problem(wanted, download, device)
    if problem is None:
        return LpipsChoice(wanted, None)
    if requested == "auto" and wanted != "squeeze" and _problem("squeeze", False, device) is None:
        return LpipsChoice("squeeze", f"{problem}; squeeze instead, comparable only with other squeeze values")
    return LpipsChoice(None, problem)


@torch.no_grad()
def lpips(image: Tensor, target: Tensor, net: str, normalize: bool = True) -> float | None:
    """Perceptual distance of two images; call `choose_net` first.

    Args:
        image: [H, W, 3] or [B, H, W, 3] in [0, 1].
        target: the same shape, in [0, 1].
        net: alex, vgg or squeeze.
        normalize: map [0, 1] to the [-1, 1] that the networks expect; False reproduces 3DGS's metrics.py.

    Returns:
        The distance (mean over a batch), at least 0; None for images smaller than `MIN_SIDE`.
    """
    if min(image.shape[-3:-1]) < MIN_SIDE:
        return None
    model = _load(net, str(checkpoint_path(net)), str(image.device))
    pair = [(x if x.dim() == 4 else x[None]).float().permute(0, 3, 1, 2) for x in (image, target)]
    return float(model(pair[0], pair[1], normalize=normalize).double().mean())

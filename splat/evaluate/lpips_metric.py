"""LPIPS (Zhang et al. 2018) through the `lpips` package, only ever with the published weights.

The package brings its own linear heads; the ImageNet backbone is `splat.evaluate.weights`' concern. Where weights are
missing the value is None with the reason, never a number from random weights.
"""

from __future__ import annotations

import pickle
import warnings
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from splat.evaluate.protocols import Protocol
from splat.evaluate.weights import BACKBONES, checkpoint_path, missing, state

MIN_SIDE = 64  # pixels; below this the deeper layers of the backbones have no pixels left


@dataclass(frozen=True)
class LpipsChoice:
    """What evaluation uses: a network, or None and why."""

    net: str | None
    reason: str | None  # why there is no value, or why it is not the protocol's network


@lru_cache(maxsize=1)
def _load(net: str, checkpoint: str, device: str) -> Any:
    """The LPIPS module in evaluation mode. `checkpoint` is part of the key: another TORCH_HOME, another model."""
    import lpips

    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")  # the package calls torchvision the old way
        model = lpips.LPIPS(net=net, pnet_rand=True, verbose=False)
    # The package would have torchvision read the file, which unpickles whatever it holds.
    weights = torch.load(checkpoint, map_location="cpu", weights_only=True)
    names = {name: "features." + name.split(".", 1)[1] for name in model.net.state_dict()}  # slice3.5.bias
    model.net.load_state_dict({name: weights[source] for name, source in names.items()})
    return model.to(device).requires_grad_(False)


def _problem(net: str, download: bool, device: str) -> str | None:
    """Why LPIPS with `net` cannot be computed here, or None."""
    absent = [name for name in ("torchvision", "lpips") if find_spec(name) is None]
    if absent:
        return f"LPIPS needs {' and '.join(absent)}; install it with: pip install {' '.join(absent)}"
    problem = missing(net, download)  # first, because the imports take seconds and 150 MB
    if problem is not None:
        return problem
    try:
        import lpips
        import torchvision
    except Exception as error:  # a torchvision built for another torch fails with more than ImportError
        return f"LPIPS needs torchvision and lpips, which do not load here: {type(error).__name__}: {error}"
    assert lpips and torchvision
    path = checkpoint_path(net)
    try:
        _load(net, str(path), device)
    except pickle.UnpicklingError:
        return f"the {net} weights in {path} hold more than weights, which could run code; delete the file"
    except Exception as error:  # torch.load and zipfile raise many kinds for a damaged file
        return f"the {net} weights in {path} do not load ({type(error).__name__}); delete the file"
    return None


def _remark(net: str) -> str | None:
    """What must be known of the weights that are used."""
    path, sha256 = checkpoint_path(net), BACKBONES[net].sha256
    if state(path, sha256) == "good":
        return None
    return f"{path.name} was saved anew by somebody: its SHA-256 does not begin with {sha256}"


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
        return LpipsChoice(wanted, _remark(wanted))
    if requested == "auto" and wanted != "squeeze" and _problem("squeeze", False, device) is None:
        reasons = [f"{problem}; squeeze instead, comparable only with other squeeze values", _remark("squeeze")]
        return LpipsChoice("squeeze", "; ".join(filter(None, reasons)))
    return LpipsChoice(None, problem)


@torch.no_grad()
def lpips(image: Tensor, target: Tensor, net: str, normalize: bool = True, mask: Tensor | None = None) -> float | None:
    """Perceptual distance of two images; call `choose_net` first.

    Args:
        image: [H, W, 3] or [B, H, W, 3] in [0, 1].
        target: the same shape, in [0, 1].
        net: alex, vgg or squeeze.
        normalize: map [0, 1] to the [-1, 1] that the networks expect; False reproduces 3DGS's metrics.py.
        mask: [H, W] bool, True where the pixel counts. The mean is then that of the package's map of distances, each
            layer enlarged to the image, over these pixels. Give images that agree elsewhere (`hide_uncounted`).

    Returns:
        The distance (mean over a batch), at least 0; None for images smaller than `MIN_SIDE`, NaN if no pixel counts.
    """
    if min(image.shape[-3:-1]) < MIN_SIDE:
        return None
    if mask is not None and bool(mask.all()):
        mask = None
    model = _load(net, str(checkpoint_path(net)), str(image.device))
    model.spatial = mask is not None
    pair = [(x if x.dim() == 4 else x[None]).float().permute(0, 3, 1, 2) for x in (image, target)]
    distance = model(pair[0], pair[1], normalize=normalize).double()  # [B, 1, 1, 1] or [B, 1, H, W]
    return float((distance if mask is None else distance[:, 0, mask]).mean())

"""Named protocols: every choice that moves a number, so that numbers with the same name can be compared.

All take PSNR as 10 log10(1 / MSE) with the MSE over all counted pixels and channels of a view, and report the mean
over views of each metric. They differ in what happens to the images before, in the border of SSIM and in LPIPS.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from splat.errors import SplatError


@dataclass(frozen=True)
class Protocol:
    """How a pair of images in [0, 1] becomes PSNR, SSIM and LPIPS."""

    name: str
    quantise: bool  # round both images to 8 bits first, as writing and reading PNG files does
    ssim_border: Literal["reflect", "zeros", "valid"]  # see `splat.evaluate.metrics.ssim_map`
    lpips_net: str
    lpips_normalize: bool  # map [0, 1] to the [-1, 1] that LPIPS was trained on
    source: str
    halves: bool = False  # colours are fitted on the left half of each photo, its right half alone is scored


PROTOCOLS: dict[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            name="gsplat",
            quantise=False,
            ssim_border="reflect",
            lpips_net="alex",
            lpips_normalize=True,
            source="gsplat 1.5 examples/simple_trainer.py, eval(): torchmetrics PSNR, SSIM(data_range=1), LPIPS(alex)",
        ),
        Protocol(
            name="3dgs",
            quantise=True,
            ssim_border="zeros",
            lpips_net="vgg",
            lpips_normalize=False,
            source="graphdeco-inria/gaussian-splatting render.py, metrics.py (images in [0, 1] go into LPIPS unscaled)",
        ),
        Protocol(
            name="half",
            quantise=False,
            ssim_border="reflect",
            lpips_net="alex",
            lpips_normalize=True,
            source="NeRF in the Wild (Martin-Brualla et al. 2021): what a photo alone can tell, here its colours, is "
            "taken from its left half, and the right half is scored; else as gsplat",
            halves=True,
        ),
    )
}


def get_protocol(name: str) -> Protocol:
    """The protocol of that name.

    Raises:
        SplatError: when there is none.
    """
    if name not in PROTOCOLS:
        raise SplatError(f"unknown protocol '{name}'; choose one of {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]


def protocol_record(protocol: Protocol, **facts: Any) -> dict[str, Any]:
    """The protocol and the facts of one evaluation (split, resolution, ...) as they stand in metrics.json."""
    return {**asdict(protocol), **facts}

"""Scoring views: render, compare with the photo, average."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from splat.cameras import Camera, radius
from splat.capture.over import photo_over
from splat.capture.types import Capture
from splat.console import progress
from splat.evaluate import metrics, pictures
from splat.evaluate.colors import corrected_affine, fitted_on_the_left, right_half
from splat.evaluate.flip_metric import PPD, flip, why_no_flip
from splat.evaluate.lpips_metric import LpipsChoice, choose_net, lpips
from splat.evaluate.protocols import Protocol, get_protocol, protocol_record
from splat.gaussians import Gaussians
from splat.images import to_bytes, write_image
from splat.render.config import RenderOptions
from splat.render.scene import SceneRenderer

Renderer = Callable[[Camera], Tensor]  # camera -> [H, W, 3] float, not necessarily inside [0, 1]
Color = tuple[float, float, float]
COLORS: dict[str, Color] = {"black": (0.0, 0.0, 0.0), "white": (1.0, 1.0, 1.0)}


@dataclass(frozen=True)
class ViewScore:
    """One view. None stands for a value that cannot be had: no counted pixel, no LPIPS or no FLIP."""

    name: str
    psnr: float | None  # dB
    ssim: float | None
    lpips: float | None
    flip: float | None
    cc_psnr: float | None = None  # dB, after `corrected_affine`
    counted: float = 1.0  # share of the pixels that count
    image: str | None = None  # the render, relative to the run folder


@dataclass(frozen=True)
class EvaluationResult:
    """Scores of some views of one capture under one protocol. Means are over the views that have a value."""

    split: str
    views: list[ViewScore]
    psnr: float | None  # dB
    cc_psnr: float | None  # dB, of renders whose colours are brought to the photo's
    ssim: float | None
    lpips: float | None
    lpips_net: str | None
    lpips_reason: str | None
    flip: float | None
    flip_reason: str | None
    protocol: dict[str, Any]
    seconds: float


@dataclass(frozen=True)
class _Pair:
    """A render and its photo, both [H, W, 3] in [0, 1], ready for the metrics."""

    image: Tensor
    target: Tensor
    mask: Tensor | None  # [H, W] bool


def background_color(capture: Capture, name: str | Color = "auto") -> Color:
    """RGB in [0, 1] behind the scene.

    Args:
        capture: the photos.
        name: a colour; black or white; or auto: what suits the photos, see `Capture.background`.
    """
    if not isinstance(name, str):
        return name
    return capture.background() if name == "auto" else COLORS[name]


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None


def _known(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else value


def score_pair(pair: _Pair, protocol: Protocol, net: str | None, with_flip: bool) -> dict[str, float | None]:
    """PSNR, SSIM, LPIPS and FLIP of one render, each a mean over the pixels that count, and colour-corrected PSNR.

    Both sides show the photo's own pixels where none count, since windows, receptive fields and filters reach there.
    """
    if protocol.halves:
        pair = _right_half(pair)
    image, target = pair.image.clamp(0, 1), pair.target
    if protocol.quantise:
        image, target = metrics.quantise(image), metrics.quantise(target)
    image = metrics.hide_uncounted(image, target, pair.mask)
    return {
        "psnr": _known(metrics.psnr(image, target, pair.mask)),
        "ssim": _known(metrics.ssim(image, target, pair.mask, protocol.ssim_border)),
        "lpips": None if net is None else _known(lpips(image, target, net, protocol.lpips_normalize, pair.mask)),
        "flip": _known(flip(image, target, pair.mask)) if with_flip else None,
        "cc_psnr": _known(metrics.psnr(corrected_affine(image, target, pair.mask), target, pair.mask)),
    }


def _right_half(pair: _Pair) -> _Pair:
    """The right half of a pair, the render in the colours that its left half gives."""
    image = fitted_on_the_left(pair.image.clamp(0, 1), pair.target, pair.mask)
    mask = None if pair.mask is None else right_half(pair.mask)
    return _Pair(right_half(image), right_half(pair.target), mask)


def _write_pictures(folder: Path, stem: str, pair: _Pair) -> None:
    write_image(folder / f"{stem}.png", to_bytes(pair.image))
    write_image(folder / f"{stem}_photo.png", to_bytes(pair.target))
    error = pictures.error_picture(pair.image.clamp(0, 1), pair.target, pair.mask)
    write_image(folder / f"{stem}_error.jpg", error)


@torch.no_grad()
def score_views(
    render: Renderer,
    capture: Capture,
    indices: list[int],
    *,
    split: str,
    protocol: Protocol,
    background: Tensor,  # [3] in [0, 1], on the device of the renders
    choice: LpipsChoice,
    no_flip: str | None = None,
    run_folder: Path | None = None,
    facts: dict[str, Any] | None = None,
) -> EvaluationResult:
    """Score views of a capture, one at a time.

    Args:
        render: camera to image [H, W, 3].
        capture: the photos.
        indices: which frames.
        split: name of these views, for the record and the folder of the pictures.
        protocol: the rules.
        background: colour behind the photos' transparent pixels; the renders have it already.
        choice: the LPIPS network.
        no_flip: why FLIP is left out; None takes it.
        run_folder: pictures go to `run_folder/renders/SPLIT`; None writes none.
        facts: more for the record of the protocol.
    """
    start = time.perf_counter()
    cameras = [capture.frames[index].camera for index in indices]
    stems = pictures.unique_stems([camera.name for camera in cameras])
    views = []
    with progress(f"scoring {split} views", len(indices), unit="view") as bar:
        for index, camera, stem in zip(indices, cameras, stems):
            target, mask = photo_over(capture, index, background)
            pair = _Pair(render(camera).to(target), target, mask)
            image = None
            if run_folder is not None:
                _write_pictures(run_folder / "renders" / split, stem, pair)
                image = f"renders/{split}/{stem}.png"
            counted = 1.0 if mask is None else float(mask.double().mean())
            scores = score_pair(pair, protocol, choice.net, no_flip is None)
            views.append(ViewScore(name=camera.name, counted=counted, image=image, **scores))
            bar.advance()
    sizes = sorted({(camera.width, camera.height) for camera in cameras})
    record = protocol_record(
        protocol,
        split=split,
        held_out=capture.held_out or None,
        views=len(views),
        data_factor=capture.data_factor,
        resolution=[list(size) for size in sizes],
        background=[round(float(value), 4) for value in background],
        lpips_net=choice.net,
        flip_ppd=round(PPD, 2) if no_flip is None else None,
        masked=any(view.counted < 1 for view in views),
        **(facts or {}),
    )
    return EvaluationResult(
        split=split,
        views=views,
        psnr=_mean([view.psnr for view in views]),
        cc_psnr=_mean([view.cc_psnr for view in views]),
        ssim=_mean([view.ssim for view in views]),
        lpips=_mean([view.lpips for view in views]),
        lpips_net=choice.net,
        lpips_reason=choice.reason,
        flip=_mean([view.flip for view in views]),
        flip_reason=no_flip,
        protocol=record,
        seconds=time.perf_counter() - start,
    )


def usual_options(capture: Capture, antialiased: bool = False) -> RenderOptions:
    """How a scene of a capture is rendered unless somebody knows better: as training does it by default."""
    cameras = capture.cameras("train") or capture.cameras()
    return RenderOptions(antialiased=antialiased).scaled(radius(cameras))


def evaluate_views(
    gaussians: Gaussians,
    capture: Capture,
    indices: list[int],
    *,
    split: str = "test",
    protocol: str = "gsplat",
    background: str | Color = "auto",
    options: RenderOptions | None = None,
    lpips_net: str = "auto",
    lpips_download: bool = True,
    with_flip: bool = True,
    run_folder: Path | None = None,
    facts: dict[str, Any] | None = None,
) -> EvaluationResult:
    """Render a scene at views of its capture and score them.

    Args:
        gaussians: the scene, in the capture's frame.
        capture: photos and cameras; the resolution is the capture's.
        indices: frames to score.
        split: their name.
        protocol: a name in `PROTOCOLS`.
        background: auto, black, white or a colour.
        options: how to render, best as trained, planes in the capture's units; None for the defaults of training.
        lpips_net: auto, alex, vgg, squeeze or none.
        lpips_download: fetch missing LPIPS weights.
        run_folder: where pictures go, under `renders/SPLIT`; None writes none.
        facts: more for the record of the protocol.

    Raises:
        SplatError: unknown protocol, or a backend that is not there.
    """
    rules = get_protocol(protocol)
    color = torch.tensor(background_color(capture, background))
    renderer = SceneRenderer(gaussians.detach(), options or usual_options(capture), color)
    return score_views(
        renderer.image,
        capture,
        indices,
        split=split,
        protocol=rules,
        background=renderer.background,
        choice=choose_net(lpips_net, rules, download=lpips_download, device=str(renderer.device)),
        no_flip=why_no_flip(with_flip),
        run_folder=run_folder,
        facts={"renderer": renderer.backend.name, **(facts or {})},
    )

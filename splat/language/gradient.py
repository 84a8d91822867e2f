"""Distillation by gradient: codes are optimised against the teacher's maps; the scene itself stays as it is."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from splat import console
from splat.cameras import Camera
from splat.images import nearest_cells
from splat.language.config import LiftOptions
from splat.language.field import LanguageField, render_codes
from splat.language.types import ViewFeatures
from splat.render.scene import SceneRenderer

CODE_RATE, SHARED_RATE = 5e-3, 5e-4


def polish(
    renderer: SceneRenderer,
    field: LanguageField,
    views: list[tuple[Camera, ViewFeatures]],
    options: LiftOptions,
    seed: int,
) -> None:
    """Optimises the field's codes, and what they share, in place.

    A step renders the codes of one view, decodes some of its pixels at each level and compares them with the teacher's
    vectors by 1 - cos + mean squared error (M3, section 1.3 of its code; for unit vectors both measure the angle).
    Gradients reach codes, projection, code book and decoder, never the Gaussians (in M3 geometry learns the photos
    alone, too). Codes keep the confidence that lifting gave them.
    """
    device = renderer.device
    generator = torch.Generator().manual_seed(seed)
    codes = nn.Parameter(field.codes.to(device).clone())
    compression = field.compression.to(device).requires_grad_(True)
    if getattr(compression, "kernel", "learned") != "learned":
        compression.get_parameter("log_width").requires_grad_(False)
    shared = [p for p in compression.parameters() if p.requires_grad]
    groups: list[dict[str, Any]] = [{"params": [codes], "lr": CODE_RATE}]
    if shared:
        groups.append({"params": shared, "lr": SHARED_RATE})
    optimizer = torch.optim.Adam(groups)
    gate = field.confidence.to(device)
    order: list[int] = []
    with console.progress("Distilling", options.steps) as bar, torch.enable_grad():
        for _ in range(options.steps):
            order = order or torch.randperm(len(views), generator=generator).tolist()
            camera, view = views[order.pop()]
            rendered, seen = render_codes(renderer, codes, gate, camera)
            loss = _loss(field, rendered, seen.detach(), view, options.pixels, generator)
            if loss is not None:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                bar.advance(loss=float(loss))
            else:
                bar.advance()
    known = (gate > 0)[..., None]
    field.codes = torch.where(known, codes.detach(), 0.0).cpu()
    field.codes = _storable(field, field.codes)
    field.compression = compression.cpu().requires_grad_(False)


def _loss(
    field: LanguageField, rendered: Tensor, seen: Tensor, view: ViewFeatures, pixels: int, generator: torch.Generator
) -> Tensor | None:
    """The mean over sampled pixels of all levels; None where the view shows nothing known."""
    vectors = field.inside(torch.from_numpy(view.vectors).float()).to(rendered.device)
    parts = []
    for level in range(rendered.shape[2]):
        labels = torch.from_numpy(nearest_cells(view.labels[level], *rendered.shape[:2])).long().to(rendered.device)
        both = ((labels >= 0) & (seen[..., level] > 0.1)).flatten().nonzero()[:, 0]
        if len(both) == 0:
            continue
        chosen = both[torch.randint(len(both), (pixels,), generator=generator).to(both.device)]
        found = field.compression.decode(rendered[:, :, level].reshape(-1, rendered.shape[3])[chosen])
        target = vectors[labels.flatten()[chosen]]
        parts.append((1 - (found * target).sum(1)).mean() + (found - target).square().mean())
    return torch.stack(parts).mean() if parts else None


def _storable(field: LanguageField, codes: Tensor) -> Tensor:
    """Codes as they come back from disk: a code book keeps only a few coefficients."""
    flat = codes.flatten(0, 1).clamp(min=0) if field.compression.kind == "codebook" else codes.flatten(0, 1)
    return field.compression.unpack(field.compression.pack(flat)).reshape(codes.shape)

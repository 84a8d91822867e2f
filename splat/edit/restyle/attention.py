"""Where a diffusion model looks when it reads a text, carried to the Gaussians.

After GSEditPro (arXiv 2411.10033): the semantic label of a Gaussian is the cross-attention of the text's tokens, by
blending weight over the views, and is looked at again as the edit goes on.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

from splat.cameras import Camera
from splat.edit.restyle.diffusion import Condition, Diffusion
from splat.edit.select.images import LEAST
from splat.errors import SplatError
from splat.gaussians import Gaussians
from splat.language.meaning import SMALL
from splat.render.scene import SceneRenderer

LEVELS = (0.2, 0.4, 0.6)  # noise at which the attention is looked at: outlines are still there, words matter already
ORDERS = frozenset(("make", "turn", "change", "let", "give", "add", "look"))  # say that, not what


class Recorder:
    """Stands before an attention layer's processor and keeps what the queries pay to each token.

    The output is the processor's own, so the model computes what it always does.
    """

    def __init__(self, inner: Any, kept: list[Tensor]) -> None:
        self.inner, self.kept = inner, kept

    def __call__(
        self, attn: Any, hidden_states: Tensor, encoder_hidden_states: Tensor | None = None, *args: Any, **kwargs: Any
    ) -> Any:
        if encoder_hidden_states is not None and hidden_states.ndim == 3:
            query = attn.head_to_batch_dim(attn.to_q(hidden_states)).float()
            key = attn.head_to_batch_dim(attn.to_k(encoder_hidden_states)).float()
            paid = torch.softmax(attn.scale * query @ key.transpose(1, 2), dim=-1)  # [B heads, P, T]
            self.kept.append(paid.unflatten(0, (len(hidden_states), -1)).mean(dim=1))
        return self.inner(attn, hidden_states, encoder_hidden_states, *args, **kwargs)


@contextlib.contextmanager
def recorded(unet: Any) -> Iterator[list[Tensor]]:
    """While it lasts, every cross-attention appends its probabilities [B, P, T], the mean over its heads."""
    kept: list[Tensor] = []
    before = dict(unet.attn_processors)
    unet.set_attn_processor(
        {name: Recorder(one, kept) if name.endswith("attn2.processor") else one for name, one in before.items()}
    )
    try:
        yield kept
    finally:
        unet.set_attn_processor(before)


def token_places(tokenizer: Any, prompt: str, focus: str | None = None) -> list[int]:
    """The places of words among a prompt's tokens, the start token counted.

    Args:
        focus: words of the prompt; None for all but small ones such as "the" and "make" (all, if there are no others).

    Raises:
        SplatError: when the prompt has none of the words, or is empty.
    """
    words = prompt.split()
    pieces = [tokenizer(word, add_special_tokens=False).input_ids for word in words]
    whole = tokenizer(prompt, add_special_tokens=False).input_ids
    wanted = None if focus is None else {_bare(word) for word in focus.split()}
    if wanted is not None and not wanted <= {_bare(word) for word in words}:
        raise SplatError(f"guide.focus={focus}: these must be words of the text, {prompt!r}")
    if not whole:
        raise SplatError("restyle with a model needs a text: what shall it become?")
    if [number for ids in pieces for number in ids] != whole:  # a tokenizer that reads words differently together
        return list(range(1, min(len(whole), tokenizer.model_max_length - 2) + 1))
    chosen = [_bare(word) in wanted if wanted is not None else _bare(word) not in SMALL | ORDERS for word in words]
    chosen = chosen if any(chosen) else [True] * len(words)
    places: list[int] = []
    at = 1
    for ids, take in zip(pieces, chosen):
        places += range(at, at + len(ids)) if take else []
        at += len(ids)
    return [place for place in places if place < tokenizer.model_max_length - 1] or [1]


def _bare(word: str) -> str:
    return word.strip(".,;:!?'\"()").lower()


@torch.no_grad()
def attention_map(
    model: Diffusion, picture: Tensor, condition: Condition, places: list[int], generator: torch.Generator
) -> Tensor:
    """[h, w] 0..1: the attention to tokens at each pixel of a picture [h, w, 3] that has a size for the model.

    The mean over tokens, heads, layers (each scaled to the picture) and three noise levels, then stretched so that the
    least is 0 and the most 1.
    """
    size = (picture.shape[0], picture.shape[1])
    grid = (size[0] // model.factor, size[1] // model.factor)
    total = torch.zeros(size, device=model.device)
    with recorded(model.unet) as kept:
        for level in LEVELS:
            model.look(picture, condition, model.timestep(level), model.draw_noise(size, generator))
    for paid in kept:
        layer = paid[0][:, places].mean(dim=1).reshape(1, 1, *layer_grid(paid.shape[1], grid))
        total += torch.nn.functional.interpolate(layer, size, mode="bilinear", align_corners=False)[0, 0]
    return stretched(total)


def stretched(values: Tensor) -> Tensor:
    """Values scaled so that the least is 0 and the most 1; 0 where all are the same."""
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if float(high - low) > 1e-12 else torch.zeros_like(values)


def layer_grid(count: int, latents: tuple[int, int]) -> tuple[int, int]:
    """Height and width of a layer with `count` positions in a U-Net over latents of a size, halved rounding up.

    Raises:
        SplatError: when no number of halvings fits.
    """
    height, width = latents
    while height * width > count and (height > 1 or width > 1):
        height, width = (height + 1) // 2, (width + 1) // 2
    if height * width != count:
        raise SplatError("this model's attention has another layout than Stable Diffusion's; use guide.localise=false")
    return height, width


def lifted(renderer: SceneRenderer, scene: Gaussians, maps: Iterable[tuple[Camera, Tensor]]) -> tuple[Tensor, Tensor]:
    """Labels of Gaussians from maps of views: label_i = sum_vp w_ip A_v(p) / sum_vp w_ip, w = alpha T.

    Args:
        maps: cameras, and [H, W] 0..1 at their sizes.

    Returns:
        labels [N] 0..1, and [N] bool, whether any view shows the Gaussian; the label of the others is 0.
    """
    inside = torch.zeros(len(scene), device=scene.means.device)
    total = torch.zeros_like(inside)
    for camera, values in maps:
        sums, weights = renderer.of(scene).lift(camera, values[..., None])
        inside += sums[:, 0]
        total += weights
    seen = total > LEAST
    return torch.where(seen, inside / total.clamp(min=LEAST), 0.0), seen


def remembered(old: Tensor, new: Tensor, seen: Tensor, memory: float) -> Tensor:
    """[N] labels after a new look: `memory` of the old ones and the rest of the new; where unseen the old ones."""
    return torch.where(seen, memory * old + (1 - memory) * new, old)

"""What strategies work with, imported when a step first needs it: options are read without torch (see `splat.lazy`)."""

from typing import TYPE_CHECKING

from splat.lazy import lazy

if TYPE_CHECKING:
    import torch

    from splat.train import priors
    from splat.train.strategies import enclosing, gradients, noise, ops, surface, texture, view_scores, visibility
else:
    torch, priors = lazy("torch"), lazy("splat.train.priors")
    enclosing, gradients, noise, ops, surface, texture, view_scores, visibility = (
        lazy(f"splat.train.strategies.{name}")
        for name in ("enclosing", "gradients", "noise", "ops", "surface", "texture", "view_scores", "visibility")
    )

__all__ = [
    "enclosing",
    "gradients",
    "noise",
    "ops",
    "priors",
    "surface",
    "texture",
    "torch",
    "view_scores",
    "visibility",
]

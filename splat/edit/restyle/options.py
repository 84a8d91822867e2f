"""Options `guide.…` of `splat edit RUN restyle`; light to import."""

from __future__ import annotations

from dataclasses import dataclass

from splat.options import option

FILTERS = (
    "stylization", "pencil", "color_pencil", "cartoon", "oil", "edge_preserving", "detail", "sepia", "gray", "invert",
    "posterize", "hue",
)  # fmt: skip
STEPS, MODEL_STEPS = 600, 1500  # 2411.10033 gives none; 1,500 is what editing by pseudo ground truth usually takes


@dataclass
class GuideOptions:
    """How long and how freely the selected Gaussians move, and from `resolution` on how a model guides them."""

    steps: int | None = option(
        None, f"optimisation steps, one view each (null: {STEPS}, with a model {MODEL_STEPS:,})", minimum=1
    )
    views: int = option(24, "training views that guide; those that see the selection, evenly spread", minimum=1)
    amount: float = option(1.0, "filter: how much of it, 0 to 1", minimum=0, maximum=1)
    margin: int | None = option(
        None, "pixels around the selection that may change too (null: 0, with a model 2 % of the picture)", minimum=0
    )
    shape: bool = option(True, "places, sizes and opacities change too, not only colours")
    anchor: float = option(0.05, "pull back to where each Gaussian was; 0 for none", minimum=0)
    anchor_growth: float = option(2.0, "the pull grows by this at each densification but for new Gaussians", minimum=1)
    densify_every: int = option(100, "steps between densifications, in the first half (0: never)", minimum=0)
    densify_share: float = option(0.02, "share of the Gaussians that is cloned or split then", above=0, maximum=1)
    cap: int = option(20_000, "new Gaussians at most", minimum=0)
    seed: int = option(0, "of all random draws; without CUDA the same seed gives the same edit, bit for bit", minimum=0)
    resolution: int = option(512, "shorter side in pixels at which the model sees a view", minimum=16)
    coarse: float = option(0.67, "share of the steps by score distillation, before repainting", minimum=0, maximum=1)
    guidance: float = option(15.0, "pull of the text at the start of the distillation", minimum=1)
    guidance_end: float = option(7.5, "… at its end, and in repainting", minimum=1)
    image_guidance: float = option(1.5, "pull of the picture, for models that follow instructions", minimum=1)
    time_low: float = option(0.02, "least noise in the distillation, 0 to 1", minimum=0, maximum=1)
    time_high: float = option(0.98, "most noise at its start", above=0, maximum=1)
    time_high_end: float = option(0.5, "… and at its end", above=0, maximum=1)
    strength: float = option(0.7, "repainting: how much noise a picture gets before, 0 to 1", above=0, maximum=1)
    inference_steps: int = option(20, "repainting: steps of the model for a picture", minimum=1)
    refresh_every: int = option(10, "steps between two repaintings, of one view each", minimum=1)
    localise: bool = option(True, "the model's attention to the text decides where, within the selection if any")
    focus: str | None = option(None, "words of the text whose attention counts (null: all but small ones)")
    threshold: float = option(0.6, "attention, 0 to 1, from which a Gaussian takes part at the start", above=0, below=1)
    threshold_end: float = option(0.4, "… at the end", above=0, below=1)
    relabel_every: int = option(200, "steps between two looks at the attention (0: only before)", minimum=0)
    label_views: int = option(12, "views for a look at the attention", minimum=1)
    label_memory: float = option(0.5, "share of the earlier looks in a Gaussian's attention", minimum=0, below=1)
    offline: bool = option(False, "never download the model, take what lies on this machine")

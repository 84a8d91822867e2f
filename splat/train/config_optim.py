"""Learning rates as options; importing this needs no torch."""

from __future__ import annotations

from dataclasses import dataclass

from splat.options import option


@dataclass
class LearningRates:
    """Step sizes of Adam, one for each kind of parameter; the defaults are those of 3DGS and gsplat."""

    means: float = option(1.6e-4, "learning rate of the centres, in units of the scene's radius", minimum=0)
    means_final: float = option(0.01, "rate of the centres at the last step, as a part of its start", minimum=0)
    scales: float = option(5e-3, "learning rate of the logarithms of the sizes", minimum=0)
    opacities: float = option(5e-2, "learning rate of the opacity logits", minimum=0)
    quats: float = option(1e-3, "learning rate of the rotations", minimum=0)
    sh0: float = option(2.5e-3, "learning rate of the base colour", minimum=0)
    shN: float = option(2.5e-3 / 20, "learning rate of the view-dependent colour", minimum=0)
    visible_adam: bool = option(False, "update only the Gaussians that the current view saw (faster, other result)")

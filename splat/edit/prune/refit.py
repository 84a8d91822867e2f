"""What stays after a decimation, fitted to the pictures of the scene as it was before."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from splat.cameras import Camera
from splat.console import progress
from splat.edit.prune.options import RefitOptions
from splat.errors import SplatError
from splat.gaussians import Gaussians
from splat.images import evenly
from splat.render.scene import SceneRenderer
from splat.sh import SH_C0

SIDE = 800  # pixels of the longer side of a picture
LEAST = 0.1  # pixels' worth of a Gaussian from which its colour is asked for
RATES = {"sh0": 0.01, "shN": 0.0005, "opacities": 0.05, "scales": 0.02}  # Adam's steps
SHAPE = ("opacities", "scales")


def refit(renderer: SceneRenderer, kept: Gaussians, cameras: list[Camera], options: RefitOptions) -> Gaussians:
    """The same Gaussians in colours, sizes and opacities that show the pictures of `renderer`'s scene best.

    Places and rotations stay. Rendering is linear in the colours, as long as none is clipped: so the first step carries
    what the pictures lack to the Gaussians by blending weight, as a solver would; Adam on the squared error does the
    rest. Repeatable.

    Args:
        renderer: the scene before.
        kept: part of it.
        cameras: of which `options.views` are used, evenly spread.
        options: how many steps, and whether sizes and opacities take part.

    Raises:
        SplatError: numbers ran away.
    """
    if options.steps == 0 or not cameras or len(kept) == 0:
        return kept
    views = [one.scaled(min(1.0, SIDE / max(one.width, one.height))) for one in evenly(cameras, options.views)]
    targets = [renderer.image(camera).half() for camera in views]
    start = kept.replace(sh0=kept.sh0 + _lacking(renderer.of(kept), views, targets)[:, None] / SH_C0)
    names = [name for name in RATES if options.shape or name not in SHAPE]
    fitted = {name: getattr(start, name).clone().requires_grad_() for name in names}
    optimizer = torch.optim.Adam([{"params": [fitted[name]], "lr": RATES[name]} for name in names], eps=1e-15)
    decay = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - 0.9 * step / options.steps)
    random, queue = np.random.default_rng(0), list[int]()
    with progress("fitting the rest", options.steps) as bar:
        for _ in range(options.steps):
            queue = queue or random.permutation(len(views)).tolist()
            index = queue.pop()
            picture = renderer.of(kept.replace(**fitted)).render(views[index]).image
            loss = (picture - targets[index].float()).square().mean()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            decay.step()
            bar.advance(loss=float(loss.detach()))
    result = kept.replace(**{name: value.detach() for name, value in fitted.items()})
    if not all(bool(torch.isfinite(value).all()) for value in result.as_dict().values()):
        raise SplatError("fitting what stays broke down, numbers ran away; give refit.shape=false, or refit.steps=0")
    return result


@torch.no_grad()
def _lacking(renderer: SceneRenderer, views: list[Camera], targets: list[Tensor]) -> Tensor:
    """[N, 3] what the pictures lack, as a mean by the blending weight of each Gaussian; 0 where hardly any shows it."""
    size = len(renderer.scene)
    asked, total = renderer.scene.means.new_zeros(size, 3), renderer.scene.means.new_zeros(size)
    for camera, target in zip(views, targets):
        sums, weights = renderer.lift(camera, target.float() - renderer.image(camera))
        asked += sums
        total += weights
    return torch.where(total[:, None] > LEAST, asked / total.clamp(min=LEAST)[:, None], 0.0)
